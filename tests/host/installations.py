"""Installations of the host for tests, and what is sent to them."""

import shutil
from pathlib import Path
from typing import Any

from litestar import Litestar
from litestar.testing import TestClient

from tests.stores import installation_settings
from wabroadcast_core import Settings
from wabroadcast_core.queue.embedded import EmbeddedValkey

Api = TestClient[Litestar]

HERE = "http://127.0.0.1"


def install(directory: Path, valkey: EmbeddedValkey, sqlite_store: Path) -> Settings:
    """Create a data directory with an empty store, and return the settings of an installation there."""
    made = installation_settings(directory, redis_url=valkey.url, namespace=f"h{abs(hash(directory))}")
    directory.mkdir()
    shutil.copyfile(sqlite_store, made.sqlite_path)
    return made


def draft(**fields: Any) -> dict[str, Any]:
    """Return a valid body of a submit."""
    return {"name": "Promo", "message": {"type": "text", "text": "Halo {{ name }}"}, **fields}


def bearer(key: str) -> dict[str, str]:
    """Return the header of a request with an API key."""
    return {"Authorization": f"Bearer {key}"}
