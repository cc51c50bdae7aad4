"""A worker with a plugin that tries to end the process, or holds its event loop."""

import sys
import threading
import time

import pytest

from tests.scripted import ScriptedProvider, number_of, people, text_to
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import WorkerFault
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.worker import Worker

pytestmark = [ON_SQLITE, pytest.mark.slow]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"loop_warn_seconds": 0.3, "loop_restart_seconds": 1.0})


@pytest.fixture(autouse=True)
def connection(broadcaster: Broadcaster) -> None:
    broadcaster.connections.save("main", {"sender": "scripted"})


class Stop(BaseException):
    """An exception of a library of its own."""


@pytest.mark.parametrize("ending", [SystemExit, KeyboardInterrupt, Stop], ids=lambda kind: kind.__name__)
def test_a_sender_that_tries_to_end_the_process_loses_only_its_message(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider, ending: type[BaseException]
) -> None:
    def decide(_: str, message: OutgoingMessage) -> Accepted | None:
        if message.number == number_of(3):
            raise ending
        return None

    provider.decide = decide
    job_id = broadcaster.submit(text_to("main"), people(10)).job_id
    wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the end")

    counts = broadcaster.status(job_id).counts
    [failed] = broadcaster.messages(job_id, status=MessageStatus.FAILED).items
    assert (counts.sent, counts.failed) == (9, 1)
    assert (failed.number, failed.reason, failed.detail) == (number_of(3), "plugin_error", ending.__name__)


def test_an_exit_anywhere_on_the_event_loop_is_logged_and_ends_nothing(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider, caplog: pytest.LogCaptureFixture
) -> None:
    loop = broadcaster.handlers.start()
    for _ in range(3):
        loop._loop.call_soon_threadsafe(sys.exit, "S3CRET")

    job_id = broadcaster.submit(text_to("main"), people(10)).job_id
    wait_for(lambda: broadcaster.status(job_id).counts.sent == 10, what="all messages")

    assert "a plugin tried to end this process (SystemExit at " in caplog.text
    assert "S3CRET" not in caplog.text
    assert loop.fault is None


@pytest.mark.timed
def test_a_worker_whose_event_loop_is_held_for_long_ends_although_the_plugin_goes_on(
    broadcaster: Broadcaster, provider: ScriptedProvider, caplog: pytest.LogCaptureFixture
) -> None:
    released = threading.Event()

    def hold(_: str, __: OutgoingMessage) -> None:
        released.wait(60)

    provider.decide = hold
    broadcaster.submit(text_to("main"), people(1))
    began = time.monotonic()

    try:
        with pytest.raises(WorkerFault, match="has been held for"):
            Worker(broadcaster).run()
        assert time.monotonic() - began < 20
    finally:
        released.set()

    assert "at tests/scripted.py:" in caplog.text  # the plugin, its file and the line
    assert "nothing is sent meanwhile" in caplog.text
