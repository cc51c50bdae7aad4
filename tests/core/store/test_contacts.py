"""The tables of the contact book, on both stores."""

import pytest
from sqlalchemy import select

from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.store import blacklist as blacklist_store
from wabroadcast_core.store import contacts as contact_store
from wabroadcast_core.store import tags as tag_store
from wabroadcast_core.store.contacts import NewContact
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.tables import acts


@pytest.fixture
def database(shared: Broadcaster) -> Database:
    return shared.context.database


def fill(database: Database, *people: NewContact) -> int:
    with database.write() as conn:
        return contact_store.upsert_contacts(conn, people, source="test", now=1.0)


def number(place: int) -> str:
    return f"+62812{place:08d}"


def listed(database: Database, **options: object) -> tuple[list[str], int]:
    with database.read() as conn:
        rows, total = contact_store.list_contacts(conn, **options)  # type: ignore[arg-type]  # a table of cases
    return [row["number"] for row in rows], total


def test_upsert_counts_only_new_contacts(database: Database) -> None:
    assert fill(database, NewContact(number(1)), NewContact(number(2))) == 2
    assert fill(database, NewContact(number(2)), NewContact(number(3))) == 1
    assert fill(database) == 0


def test_given_fields_replace_the_old_ones_and_others_stay(database: Database) -> None:
    fill(database, NewContact(number(1), "Budi", {"kota": "Bogor", "poin": 7}, ("a",)))
    fill(database, NewContact(number(1), None, {"kota": "Solo", "aktif": True}, ("b", "a")))

    with database.read() as conn:
        row = contact_store.find_contact(conn, number(1))
        assert row is not None
        tags = tag_store.tags_of(conn, [row["id"]])[row["id"]]
    [(_, name, variables)] = [(r.number, r.name, r.variables) for r in contact_store.read_contacts(database, [], "any")]
    assert (name, variables, tags) == ("Budi", {"kota": "Solo", "poin": 7, "aktif": True}, ["a", "b"])
    assert row["created_at"] == 1.0


@pytest.mark.parametrize("name", ["Ani \x00 NUL", "half \ud83d pair", "back\\u0000slash", "😀 ™ 'quoted' \"twice\""])
def test_any_text_can_be_stored(database: Database, name: str) -> None:
    fill(database, NewContact(number(1), name, {"text": name}))

    [row] = contact_store.read_contacts(database, [], "any")
    assert row.name == row.variables["text"]
    if "\x00" not in name and "\ud83d" not in name:
        assert row.name == name


def test_pages_follow_each_other_from_either_end(database: Database) -> None:
    fill(database, *(NewContact(number(place), tags=("all", "odd") if place % 2 else ("all",)) for place in range(25)))

    for tag, expected in ((None, range(25)), ("all", range(25)), ("odd", range(1, 25, 2))):
        everyone = [number(place) for place in expected]
        for size in (1, 7, 12, 50):
            pages = [listed(database, tag=tag, offset=at, limit=size) for at in range(0, 60, size)]
            assert [one for page, _ in pages for one in page] == everyone
            assert {total for _, total in pages} == {len(everyone)}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("budi", [1, 2], id="name-in-any-case"),
        pytest.param("0812-0000 0003", [3], id="number-as-people-write-it"),
        pytest.param("+6281200000002", [2], id="number-as-stored"),
        pytest.param("0000001", [1], id="end-of-a-number"),
        pytest.param("100%", [3], id="percent-is-itself"),
        pytest.param("_", [], id="underscore-is-itself"),
    ],
)
def test_contacts_are_found_by_part_of_name_or_number(database: Database, query: str, found: list[int]) -> None:
    fill(
        database,
        NewContact(number(1), "BUDI", tags=("a",)),
        NewContact(number(2), "Pak Budi", tags=("a",)),
        NewContact(number(3), "100%", tags=("a",)),
    )

    expected = ([number(place) for place in found], len(found))
    assert listed(database, query=query) == expected
    assert listed(database, query=query, tag="a") == expected
    assert listed(database, query=query, tag="none") == ([], 0)


@pytest.mark.parametrize(
    ("names", "match", "without", "found"),
    [
        pytest.param([], "any", [], range(12), id="all"),
        pytest.param(["two"], "any", [], range(0, 12, 2), id="one-tag"),
        pytest.param(["two", "three"], "any", [], [0, 2, 3, 4, 6, 8, 9, 10], id="any"),
        pytest.param(["two", "three"], "all", [], [0, 6], id="both"),
        pytest.param(["two", "two"], "all", [], range(0, 12, 2), id="a-tag-given-twice"),
        pytest.param(["two", "gone"], "all", [], [], id="all-with-a-missing-tag"),
        pytest.param(["gone"], "any", [], [], id="none"),
        pytest.param([], "any", ["two"], range(1, 12, 2), id="all-without-a-tag"),
        pytest.param([], "any", ["two", "three"], [1, 5, 7, 11], id="all-without-any-of-two"),
        pytest.param(["two"], "any", ["three"], [2, 4, 8, 10], id="one-without-another"),
        pytest.param(["two", "three"], "all", ["five"], [6], id="all-without-a-third"),
        pytest.param(["two"], "any", ["two"], [], id="with-and-without"),
        pytest.param(["three"], "any", ["gone"], [0, 3, 6, 9], id="without-a-missing-tag"),
    ],
)
def test_an_audience_by_tags_streams_in_order(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    names: list[str],
    match: str,
    without: list[str],
    found: list[int],
) -> None:
    monkeypatch.setattr(contact_store, "PAGE", 3)
    divisors = {"two": 2, "three": 3, "five": 5}
    fill(
        database,
        *(
            NewContact(number(place), tags=tuple(tag for tag, by in divisors.items() if place % by == 0))
            for place in range(12)
        ),
    )

    read = [row.number for row in contact_store.read_contacts(database, names, match, without)]

    assert read == [number(place) for place in found]


@pytest.mark.parametrize("page", [1, 2, contact_store.PAGE])
def test_the_names_of_variables_are_found(database: Database, page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_store, "PAGE", page)
    fill(
        database,
        NewContact(number(1), "Budi", {"kota": "Bogor", "orderId": 7}, ("a",)),
        NewContact(number(2), "Ani", {"kota": None, "No. Kamar": "A 1"}, ("b",)),
        NewContact(number(3), "Siti"),
    )

    filters = {"all": {}, "tag": {"tag": "a"}, "search": {"query": "ani"}, "both": {"tag": "a", "query": "ani"}}
    names = {name: contact_store.variable_names(database, **options) for name, options in filters.items()}

    assert names == {
        "all": ["kota", "No. Kamar", "orderId"],
        "tag": ["kota", "orderId"],
        "search": ["No. Kamar", "kota"],
        "both": [],
    }


def test_of_very_many_names_of_variables_the_frequent_ones_are_found(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_store, "PAGE", 2)
    monkeypatch.setattr(contact_store, "MOST_NAMES", 4)
    fill(database, *(NewContact(number(place), None, {"kota": "Solo", f"order {place}": "1"}) for place in range(20)))

    names = contact_store.variable_names(database)

    assert names[0] == "kota"
    assert len(names) <= 4


# --- the blacklist ---------------------------------------------------------------------------------------------


def test_listed_numbers_are_found_for_all_connections_or_for_their_own(database: Database) -> None:
    numbers = [number(place) for place in range(5_000)]
    with database.write() as conn:
        assert blacklist_store.listed_reasons(conn, numbers) == {}
        everywhere = [number(place) for place in range(0, 6_000, 2)]
        assert blacklist_store.add_numbers(conn, everywhere, reason="stop", source="test", now=1.0) == 3_000
        added = blacklist_store.add_numbers(
            conn, [number(1), number(1)], reason="here", source="test", now=1.0, connection_id=7
        )
        assert added == 1

        assert blacklist_store.listed_reasons(conn, []) == {}
        assert blacklist_store.listed_reasons(conn, numbers) == dict.fromkeys(everywhere[:2_500], "stop")
        assert blacklist_store.listed_reasons(conn, [number(1)], connection_id=7) == {number(1): "here"}
        assert blacklist_store.listed_reasons(conn, [number(1)], connection_id=8) == {}


def test_opting_out_and_in_again_is_recorded(database: Database) -> None:
    with database.write() as conn:
        for _ in range(2):
            blacklist_store.add_numbers(conn, [number(1)], reason="stop", source="reply", now=2.0)
        assert blacklist_store.remove_number(conn, number(1), source="admin", now=3.0)
        assert not blacklist_store.remove_number(conn, number(1), source="admin", now=4.0)

        recorded = conn.execute(select(acts.c.act, acts.c.actor, acts.c.at, acts.c.detail).order_by(acts.c.id)).all()

    assert [tuple(row) for row in recorded] == [
        ("opt_out", "reply", 2.0, f"{number(1)}: stop"),
        ("opt_in", "admin", 3.0, number(1)),
    ]
