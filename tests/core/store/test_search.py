"""Search in lists, on both stores: names whatever their case and accents, numbers in any spelling."""

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from tests.scripted import text_to
from wabroadcast_core.audience.prepare import prepare_broadcast
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.store.database import open_database
from wabroadcast_core.store.search import digits_of, fold

NUMBER = "+6281277700071"
NAMES = {
    "Иван Петров": ["иван", "ИВАН", "Иван П", "петров"],
    "Émile Zola": ["émile", "ÉMILE", "emile", "E\u0301mile", "zola"],
    "Ünal Şahin": ["ünal", "UNAL", "şahin", "sahin"],
    "İpek I\u015f\u0131k": ["ipek", "İPEK", "IŞIK", "\u0131\u015f\u0131k", "isik"],
    "Straße": ["strasse", "STRASSE"],
    "Nguyễn Đức": ["nguyen", "đức", "DUC"],
    "Γιώργος": ["γιωργος", "ΓΙΏΡΓΟΣ"],
    "100%_a": ["100%", "%_A"],
}
CASES = [(name, query) for name, queries in NAMES.items() for query in queries]


@pytest.mark.parametrize(("name", "query"), CASES)
def test_a_contact_is_found_by_its_name(shared: Broadcaster, name: str, query: str) -> None:
    shared.contacts.upsert({"number": NUMBER, "name": "Other"})
    shared.contacts.upsert({"number": NUMBER, "name": name})
    shared.contacts.upsert({"number": "+6281277700072", "name": "Budi"})

    assert [contact.name for contact in shared.contacts.list(query=query).items] == [name]


@pytest.mark.parametrize(("name", "query"), CASES)
def test_the_folding_of_a_text_is_that_of_its_query(name: str, query: str) -> None:
    assert fold(query) in fold(name)


def test_a_broadcast_and_its_messages_are_found_by_a_name(shared: Broadcaster) -> None:
    people = [{"number": f"+628127770{place:04}", "name": name} for place, name in enumerate(NAMES)]
    shared.connections.save("main", {"sender": "sandbox"})
    job_id = shared.submit({**text_to("main"), "name": "Été ИВАН"}, people).job_id
    prepare(shared, job_id)

    found = {query: [message.name for message in shared.messages(job_id, query=query).items] for _, query in CASES}

    assert found == {query: [name] for name, query in CASES}
    assert [job.job_id for query in ("été", "ete", "иван") for job in shared.list(query=query).items] == [job_id] * 3


def prepare(broadcaster: Broadcaster, job_id: str) -> None:
    """Read the audience of a broadcast, as a worker does."""
    with broadcaster.context.database.read() as conn:
        key = conn.execute(text("SELECT id FROM broadcasts WHERE job_id = :job"), {"job": job_id}).scalar_one()
    prepare_broadcast(broadcaster.context, key)


@pytest.mark.parametrize(
    "query",
    [
        "+62 812 7770 0071",
        "+6281277700071",
        "0812-7770-0071",
        "0062 812 7770 0071",
        "+62 (0)812 7770 0071",
        "(0812) 7770.0071",
        "0812/77700071",
        "0812\u00a07770\u00a00071",
        "0812\u20137770\u20110071",
        " 812 7770 ",
        "\uff10\uff18\uff11\uff12\uff17\uff17\uff17\uff10\uff10\uff10\uff17\uff11",
        "0071",
    ],
)
def test_a_number_is_found_in_any_spelling(shared: Broadcaster, query: str) -> None:
    shared.contacts.upsert({"number": NUMBER})
    shared.contacts.upsert({"number": "+6281311112222"})
    shared.blacklist.add(NUMBER)
    shared.blacklist.add("+6281311112222")

    assert [contact.number for contact in shared.contacts.list(query=query).items] == [NUMBER]
    assert [entry.number for entry in shared.blacklist.list(query=query).items] == [NUMBER]


@pytest.mark.parametrize("query", ["", "+", "-", "a1", "08x", "12 monkeys", "%"])
def test_other_texts_are_no_numbers(query: str) -> None:
    assert digits_of(query) is None


def test_the_migration_folds_the_names_that_are_there(tmp_path: Path) -> None:
    database = open_database(None, sqlite_path=tmp_path / "old.db")
    config = Config()
    config.set_main_option("script_location", "wabroadcast_core.store:migrations")
    config.set_main_option("path_separator", "os")
    with database.write() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, "0005")
    names = ["Иван", "BUDI", None, *["É"] * 6_000]
    with contextlib.closing(sqlite3.connect(tmp_path / "old.db")) as driver, driver:
        driver.executemany(
            "INSERT INTO contacts (number, name, created_at, updated_at) VALUES (?, ?, 1, 1)",
            [(f"+62812{place:08}", name) for place, name in enumerate(names)],
        )

    database.migrate()

    with database.read() as conn:
        folded = conn.execute(text("SELECT folded_name FROM contacts ORDER BY id")).scalars().all()
    database.close()
    assert json.dumps(folded) == json.dumps(["иван", "budi", None, *["e"] * 6_000])
