"""The machine's facts, once, above the figures."""

import os
import platform
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from wabroadcast_core import Settings
from wabroadcast_core.queue.embedded import EmbeddedValkey


def pytest_report_header() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    facts = f"{model}, {os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}"
    return f"{facts}, SQLite {sqlite3.sqlite_version}, load {os.getloadavg()[0]:.1f}"


@pytest.fixture(scope="session", autouse=True)
def statements() -> None:
    """Compile statements as a server does, for each store anew."""


@pytest.fixture
def settings(tmp_path: Path, valkey: EmbeddedValkey, database_url: str | None) -> Settings:
    """An installation with the default patience: what runs in production."""
    if database_url is not None:
        engine = create_engine(database_url)
        with engine.connect() as conn:
            print("\n" + str(conn.execute(text("SHOW server_version")).scalar()), "PostgreSQL")
        engine.dispose()
    return Settings(
        data_dir=tmp_path, redis_url=valkey.url, namespace=f"b{abs(hash(tmp_path))}", database_url=database_url
    )
