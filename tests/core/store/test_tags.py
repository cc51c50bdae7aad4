"""Tags and the counts of their contacts, on both stores, also in concurrent transactions."""

import random
import threading
from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import NotFoundError
from wabroadcast_core.store import contacts as contact_store
from wabroadcast_core.store import tags as tag_store
from wabroadcast_core.store.contacts import NewContact
from wabroadcast_core.store.database import Database

PEOPLE = 12
TAGS = ("a", "b", "c")


@pytest.fixture
def database(shared: Broadcaster) -> Database:
    return shared.context.database


def number(place: int) -> str:
    return f"+62812{place:08d}"


def fill(database: Database, *tags_of_each: Sequence[str]) -> None:
    people = [NewContact(number(place), tags=tuple(tags)) for place, tags in enumerate(tags_of_each)]
    with database.write() as conn:
        contact_store.upsert_contacts(conn, people, source="test", now=1.0)


def counts(database: Database) -> dict[str, int]:
    """Return the stored count of each tag, and check that it is right."""
    with database.read() as conn:
        stored = dict(tag_store.list_tags(conn))
        true = "SELECT name, (SELECT count(*) FROM contact_tags WHERE tag_id = tags.id) FROM tags"
        assert stored == dict(conn.execute(text(true)).all())
        orphans = "SELECT count(*) FROM contact_tags WHERE contact_id NOT IN (SELECT id FROM contacts)"
        assert conn.execute(text(orphans)).scalar() == 0
    return stored


def tagged(database: Database, tag: str) -> list[str]:
    return [row.number for row in contact_store.read_contacts(database, [tag], "any")]


def test_tags_count_their_contacts_through_every_change(database: Database) -> None:
    fill(database, ["a", "b"], ["a"])
    fill(database, ["a", "c"])
    with database.write() as conn:
        row = contact_store.find_contact(conn, number(1))
        assert row is not None
        contact_store.replace_tags(conn, row, ["b", "d"])
        assert contact_store.delete_contact(conn, number(0))
        assert not contact_store.delete_contact(conn, number(0))

    assert counts(database) == {"a": 0, "b": 1, "c": 0, "d": 1}


def test_adding_and_removing_return_the_number_of_changes(database: Database) -> None:
    fill(database, ["a"], ["a"], [])
    everyone = [number(place) for place in range(4)]  # the last one is not in the contact book

    with database.write() as conn:
        ids = contact_store.ids_of(conn, everyone)
        first_two = [ids[number(0)], ids[number(1)]]
        added = tag_store.add_tags(conn, {("a", "new"): ids.values()})
        removed = tag_store.remove_tags(conn, ["a", "gone"], first_two)
        again = tag_store.remove_tags(conn, ["a"], first_two)

    assert (added, removed, again) == (4, 2, 0)
    assert counts(database) == {"a": 1, "new": 3}


def test_a_renamed_tag_keeps_its_contacts(database: Database) -> None:
    fill(database, ["a"], ["a", "b"])

    with database.write() as conn:
        assert tag_store.rename_tag(conn, "a", to="x")
        assert not tag_store.rename_tag(conn, "a", to="y")
    with pytest.raises(IntegrityError), database.write() as conn:
        tag_store.rename_tag(conn, "x", to="b")

    assert counts(database) == {"b": 1, "x": 2}


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_a_tag_is_dissolved_in_steps(database: Database, limit: int) -> None:
    fill(database, ["a", "b"], ["a"], ["b"], ["a"])

    dissolve(database, "a", into="b", limit=limit)
    assert (counts(database), tagged(database, "b")) == ({"b": 4}, [number(place) for place in range(4)])

    dissolve(database, "b", limit=limit)
    assert counts(database) == {}


def dissolve(database: Database, name: str, *, into: str | None = None, limit: int) -> None:
    while database.transact(lambda connection: tag_store.dissolve_tag(connection, name, into=into, limit=limit)):
        counts(database)


def test_a_tag_is_not_dissolved_into_a_missing_one(database: Database) -> None:
    fill(database, ["a"])

    with pytest.raises(NotFoundError):
        dissolve(database, "a", into="gone", limit=10)

    assert counts(database) == {"a": 1}


# --- concurrent transactions -----------------------------------------------------------------------------------


def _upsert(conn: Connection, chance: random.Random) -> None:
    people = chance.sample(range(PEOPLE), 4)
    contact_store.upsert_contacts(
        conn,
        [NewContact(number(place), tags=tuple(chance.sample(TAGS, 2))) for place in people],
        source="",
        now=1,
    )


def _replace(conn: Connection, chance: random.Random) -> None:
    row = contact_store.find_contact(conn, number(chance.randrange(PEOPLE)), lock=True)
    if row is not None:
        contact_store.replace_tags(conn, row, chance.sample(TAGS, 1))


def _delete(conn: Connection, chance: random.Random) -> None:
    contact_store.delete_contact(conn, number(chance.randrange(PEOPLE)))


def _tag(conn: Connection, chance: random.Random) -> None:
    numbers = [number(place) for place in chance.sample(range(PEOPLE), 6)]
    people = list(contact_store.ids_of(conn, numbers).values())
    tag_store.add_tags(conn, {tuple(chance.sample(TAGS, 2)): people})
    tag_store.remove_tags(conn, chance.sample(TAGS, 1), people[:3])


def _dissolve(conn: Connection, chance: random.Random) -> None:
    name, other = chance.sample(TAGS, 2)
    tag_store.dissolve_tag(conn, name, into=chance.choice([None, other]), limit=3)


ACTS: tuple[Callable[[Connection, random.Random], None], ...] = (_upsert, _upsert, _replace, _delete, _tag, _dissolve)


@pytest.fixture
def crowded(database: Database) -> Database:
    """Return a store that detects deadlocks at once, because they are frequent here."""
    if not database.is_sqlite:
        with database.write() as conn:
            name = conn.execute(text("SELECT current_database()")).scalar_one()
            conn.execute(text(f"ALTER DATABASE {name} SET deadlock_timeout = '10ms'"))
        database.db_engine.dispose()
    return database


@pytest.mark.parametrize("seed", range(3))
def test_the_counts_are_right_after_concurrent_changes(crowded: Database, seed: int) -> None:
    database = crowded
    fill(database, *[TAGS] * PEOPLE)
    failures: list[BaseException] = []

    def act(worker: int) -> None:
        chance = random.Random(f"{seed}-{worker}")
        try:
            for _ in range(25):
                doing = chance.choice(ACTS)
                try:
                    database.transact(lambda connection, doing=doing: doing(connection, chance))  # type: ignore[misc]
                except NotFoundError:  # another thread dissolved the target tag
                    continue
        except BaseException as error:  # noqa: BLE001 - the test's own thread checks it
            failures.append(error)

    threads = [threading.Thread(target=act, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    counts(database)


@pytest.mark.parametrize("started", ["postgresql"], indirect=True)  # SQLite allows one writer at a time
def test_a_contact_that_is_tagged_just_before_a_merge_is_merged_too(database: Database) -> None:
    fill(database, ["a", "b"], [])
    began = threading.Event()

    def merge() -> None:
        began.set()
        dissolve(database, "a", into="b", limit=100)

    with database.write() as conn:
        tag_store.add_tags(conn, {("a",): contact_store.ids_of(conn, [number(1)]).values()})
        merging = threading.Thread(target=merge)
        merging.start()
        began.wait()
    merging.join()

    assert (counts(database), tagged(database, "b")) == ({"b": 2}, [number(0), number(1)])
