"""Stores of the tests. One is migrated and then copied: to migrate each takes longer than most tests."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.store.database import open_database

# Marks for tests of what is the same on both databases, or concerns one of them.
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@contextlib.contextmanager
def opened(broadcaster: Broadcaster, settings: Settings) -> Iterator[None]:
    """Open a broadcaster that is used again and again with these settings, for one test."""
    broadcaster.settings = settings
    broadcaster.meters.clear()
    with broadcaster:
        broadcaster.tasks.huey.storage.read_timeout = 0.2  # seconds; a worker that is stopped waits for it
        yield


def migrate_store(url: str | None, *, sqlite_path: Path) -> None:
    """Create our tables in an empty database."""
    database = open_database(url, sqlite_path=sqlite_path)
    database.migrate()
    database.close()
