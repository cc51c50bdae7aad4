"""Stores of the tests. One is migrated and then copied: to migrate each takes longer than most tests."""

import contextlib
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, Dialect, Engine, event
from sqlalchemy.util import LRUCache

from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.store.database import open_database

# Marks for tests of what is the same on both databases, or concerns one of them.
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def installation_settings(
    directory: Path, *, redis_url: str, namespace: str, database_url: str | None = None
) -> Settings:
    """Return the settings of an installation whose data is in this directory."""
    environment = frozenset(pair for pair in os.environ.items() if pair[0].startswith("WABROADCAST_"))
    places = {"data_dir": directory, "redis_url": SecretStr(redis_url), "namespace": namespace}
    store = {"database_url": SecretStr(database_url)} if database_url else {}
    return _read_settings(environment).model_copy(update={**places, **store})


@functools.cache
def _read_settings(environment: frozenset[tuple[str, str]]) -> Settings:
    """Return the settings of an environment, which is read once: that takes as long as many a test."""
    del environment
    return Settings()


@contextlib.contextmanager
def shared_statements() -> Iterator[None]:
    """Let all databases of one kind use the SQL that one of them has compiled.

    Each test has a database of its own, and to compile its statements takes longer than to run them.
    """
    compiled: dict[type[Dialect], tuple[Dialect, LRUCache[Any, Any]]] = {}

    def share(conn: Connection) -> None:
        kind = type(conn.dialect)
        conn.dialect, statements = compiled.setdefault(kind, (conn.dialect, LRUCache(2_000)))  # the key has the dialect
        conn.execution_options(compiled_cache=statements)

    event.listen(Engine, "engine_connect", share)
    yield
    event.remove(Engine, "engine_connect", share)


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
