"""A store of its own for tests that need no engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.store.bench import Bench
from wabroadcast_core.store.database import open_database


@pytest.fixture
def bench(database_url: str | None, tmp_path: Path) -> Iterator[Bench]:
    database = open_database(database_url, sqlite_path=tmp_path / "bench.db")
    database.migrate()
    made = Bench(database)
    made.clear()
    yield made
    database.close()
