"""The scripted provider, and a broadcaster with a worker around it."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tests.scripted import ScriptedProvider
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.worker import Worker

collect_ignore = ["examples"]  # distributions of their own: test_examples.py installs them

AtWork = Callable[[], contextlib.AbstractContextManager[Broadcaster]]


@pytest.fixture
def provider() -> ScriptedProvider:
    return ScriptedProvider()


@pytest.fixture
def at_work(settings: Settings, provider: ScriptedProvider) -> AtWork:
    """Returns a context of a broadcaster and its worker, with the built-in plugins as the environment sets them."""

    @contextlib.contextmanager
    def run() -> Iterator[Broadcaster]:
        with Broadcaster(settings, plugins=[provider]) as broadcaster:
            broadcaster.tasks.huey.storage.read_timeout = 0.2  # seconds; a worker that is stopped waits for it
            broadcaster.connections.save("main", {"sender": "scripted"})
            worker = Worker(broadcaster)
            worker.start()
            try:
                yield broadcaster
            finally:
                worker.stop()

    return run
