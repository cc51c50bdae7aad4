"""Fixtures for pytest. A ``conftest.py`` names them: ``pytest_plugins = ["wabroadcast_core.testing.fixtures"]``."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.testing.engine import StartsEngine, running_engine
from wabroadcast_core.testing.provider import FakeProvider


@pytest.fixture
def wab_engine(tmp_path: Path) -> Iterator[StartsEngine]:
    """A function that starts an engine with plugins: a broadcaster and a worker on an embedded Valkey and SQLite."""
    with contextlib.ExitStack() as running:

        def start(*plugins: object, **settings: Any) -> Broadcaster:
            return running.enter_context(running_engine(tmp_path / "engine", *plugins, **settings))

        yield start


@pytest.fixture
def wab_provider() -> Iterator[FakeProvider]:
    """A provider on loopback, whose answers the test sets: ``wab_provider.answering = lambda request: …``."""
    with FakeProvider() as provider:
        yield provider
