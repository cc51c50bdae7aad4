"""Damage of an SQLite store is found at the start, with the way out."""

import contextlib
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import SetupError
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.store.database import open_database
from wabroadcast_core.store.integrity import check_integrity
from wabroadcast_core.testing import senders as null_plugin

PAGE = 4_096
_MANY_ROWS = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000000)
INSERT INTO more SELECT n FROM numbers
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, valkey: EmbeddedValkey) -> Settings:
    """An installation with 500 contacts in an SQLite store, stopped; to copy."""
    directory = tmp_path_factory.mktemp("installed")
    made = Settings(data_dir=directory, redis_url=valkey.url, namespace=f"i{abs(hash(directory))}")
    with Broadcaster(made, plugins=[null_plugin]) as broadcaster:
        for number in range(500):
            broadcaster.contacts.save({"number": f"+62812{number:07}", "name": "Budi" * 20})
    return made


@pytest.fixture
def settings(installed: Settings, tmp_path: Path) -> Settings:
    """A copy of the installation."""
    shutil.copytree(installed.data_dir, tmp_path, dirs_exist_ok=True)
    return installed.model_copy(update={"data_dir": tmp_path})


def _pages(path: Path, table: str) -> list[int]:
    """Return the numbers of the leaf pages of a table or index."""
    with contextlib.closing(sqlite3.connect(path)) as conn:
        try:
            found = conn.execute("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'", (table,)).fetchall()
        except sqlite3.OperationalError:
            pytest.skip("this SQLite has no table dbstat")
    return [number for (number,) in found]


def _overwrite_page(path: Path, number: int) -> None:
    with path.open("r+b") as file:
        file.seek((number - 1) * PAGE)
        file.write(b"\xa5" * PAGE)


def _disagree(path: Path) -> None:
    """Delete rows of a table while its schema has no index, then put the index back as it was."""
    with contextlib.closing(sqlite3.connect(path)) as conn:
        conn.execute("CREATE TABLE more (a)")
        conn.execute("CREATE INDEX ix_more ON more (a)")
        conn.executemany("INSERT INTO more VALUES (?)", [(number,) for number in range(100)])
        conn.commit()
        entry = conn.execute("SELECT * FROM sqlite_schema WHERE name = 'ix_more'").fetchone()
        conn.execute("PRAGMA writable_schema = ON")
        conn.execute("DELETE FROM sqlite_schema WHERE name = 'ix_more'")
        conn.commit()
    with contextlib.closing(sqlite3.connect(path)) as conn:
        conn.execute("DELETE FROM more WHERE a % 2")
        conn.execute("PRAGMA writable_schema = ON")
        conn.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", entry)
        conn.commit()


def test_a_whole_store_passes(settings: Settings) -> None:
    database = open_database(None, sqlite_path=settings.sqlite_path)

    finished = check_integrity(database)
    database.close()

    assert finished


@pytest.mark.parametrize("table", ["contacts", "sqlite_autoindex_contacts_1"])
def test_a_damaged_page_is_found_at_the_start(settings: Settings, table: str) -> None:
    pages = _pages(settings.sqlite_path, table)
    _overwrite_page(settings.sqlite_path, pages[len(pages) // 2])

    with pytest.raises(SetupError, match=r"restore a backup.*recover"):
        Broadcaster(settings, plugins=[null_plugin]).start()


def test_an_index_that_disagrees_with_its_table_is_found_at_the_start(settings: Settings) -> None:
    _disagree(settings.sqlite_path)

    with pytest.raises(SetupError, match=r"disagrees with its table.*REINDEX"):
        Broadcaster(settings, plugins=[null_plugin]).start()


@pytest.mark.timed
def test_the_check_ends_in_time(settings: Settings) -> None:
    with contextlib.closing(sqlite3.connect(settings.sqlite_path)) as conn:
        conn.execute("CREATE TABLE more (a)")
        conn.execute("CREATE INDEX ix_more ON more (a)")
        conn.execute(_MANY_ROWS)
        conn.commit()
    database = open_database(None, sqlite_path=settings.sqlite_path)

    began = time.monotonic()
    finished = check_integrity(database, quick_seconds=0.05, full_seconds=0.05)
    seconds = time.monotonic() - began
    database.close()

    assert not finished
    assert seconds < 1
