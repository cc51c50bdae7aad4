"""Installations of the host for tests, and what is sent to them."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from litestar import Litestar
from litestar.testing import TestClient

from host_litestar.app import create_app
from tests.stores import installation_settings
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.queue.embedded import EmbeddedValkey

Api = TestClient[Litestar]

HERE = "http://127.0.0.1"
PLACES: Final = {"data_dir", "redis_url", "namespace", "database_url"}  # settings that are read when it is opened

_built: list[tuple[dict[str, Any], Broadcaster, Litestar]] = []


@contextlib.contextmanager
def opened_app(settings: Settings, *, base_url: str = HERE, work: bool = False) -> Iterator[Api]:
    """Open an application; one that exists if it was built with the same settings but for their places.

    To build one takes far longer than to open it. What it has in memory but not in the broadcaster's parts, such as
    counts of wrong keys, outlives a test. Do not open two with the same settings at once.
    """
    broadcaster, app = _find_app(settings, work=work)
    broadcaster.settings = settings
    broadcaster.meters.clear()
    with TestClient(app, base_url=base_url, raise_server_exceptions=False) as client:
        yield client


def _find_app(settings: Settings, *, work: bool) -> tuple[Broadcaster, Litestar]:
    kind = {"work": work, **settings.model_dump(exclude=PLACES)}
    for known, broadcaster, app in _built:
        if known == kind:
            return broadcaster, app
    broadcaster = Broadcaster(settings)
    _built.append((kind, broadcaster, app := create_app(broadcaster, work=work)))
    return broadcaster, app


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
