"""The hook for finished messages names the connection that each message went through."""

import threading
from collections.abc import Iterator, Sequence

import pytest

from tests.scripted import ScriptedProvider, number_of, people, text_to
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import FinishedMessage, Settings, hookimpl
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import Rejected
from wabroadcast_core.worker import Worker

pytestmark = [ON_SQLITE, pytest.mark.slow]


class Watching:
    """A plugin that keeps what it is notified of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.seen: list[FinishedMessage] = []

    @hookimpl
    def wab_messages_finished(self, results: Sequence[FinishedMessage]) -> None:
        with self._lock:
            self.seen += results


@pytest.fixture
def watching() -> Watching:
    return Watching()


@pytest.fixture
def broadcaster(settings: Settings, provider: ScriptedProvider, watching: Watching) -> Iterator[Broadcaster]:
    with Broadcaster(settings, plugins=[provider, watching]) as started:
        started.tasks.huey.storage.read_timeout = 0.2
        yield started


def test_each_finished_message_names_its_connection(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider, watching: Watching
) -> None:
    for name in ("a", "b"):
        broadcaster.connections.save(name, {"sender": "scripted"})
    provider.decide = lambda _, message: Rejected("no") if message.number == number_of(3) else None

    draft = text_to("a")
    broadcaster.submit({**draft, "connection": ["a", "b"]}, people(20))
    wait_for(lambda: len(watching.seen) == 20, what="all messages")

    went_through = {start.number: start.connection for start in provider.starts}
    assert {message.number: message.connection for message in watching.seen} == went_through
