"""Callbacks of a worker at work, on both stores: all that happened arrives, and a silent receiver delays no message."""

import time
from collections.abc import Iterator, Sequence

import pytest

from tests.core.callbacks.harness import settings_for
from tests.processes import start_worker
from tests.receivers import Receiver, answering
from tests.scripted import people, text_to
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.callback import CallbackDelivery, CallbackEvent, CallbackState
from wabroadcast_core.models.status import BroadcastStatus
from wabroadcast_core.store.tables import callback_events
from wabroadcast_core.worker import Worker

PEOPLE = 300


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def settings(settings: Settings, receiver: Receiver) -> Settings:
    calling = settings_for(receiver, callback_events=list(CallbackEvent), callback_seconds=2)
    names = ("callback_url", "callback_secret", "callback_events", "callback_networks", "callback_seconds")
    return settings.model_copy(update={name: getattr(calling, name) for name in names})


def test_a_silent_receiver_delays_no_message_and_gets_all_later(
    broadcaster: Broadcaster, worker: Worker, receiver: Receiver
) -> None:
    receiver.script(receiver.hang, answering(200))
    broadcaster.connections.save("main", {"sender": "null"})

    job = broadcaster.submit(text_to("main"), people(PEOPLE)).job_id
    wait_for(lambda: broadcaster.status(job).status is BroadcastStatus.COMPLETED, what="the end of the broadcast")
    delivered_by_then = broadcaster.callbacks.list(status=CallbackState.DELIVERED).total
    receiver.ends.set()
    failed = wait_for(lambda: _failed(broadcaster), what="the end of the first try")
    assert failed is not None
    broadcaster.callbacks.retry(failed.id)  # at once instead of after the first wait
    wait_for(lambda: not _pending(broadcaster), what="the delivery of all events")

    sent = [
        item["messageId"]
        for call in receiver.calls
        for item in call.document["data"].get("messages", [])
        if item["status"] == "sent"
    ]
    assert delivered_by_then == 0
    assert set(sent) == {f"{job}-{position}" for position in range(PEOPLE)}
    assert receiver.calls[0].event_id == receiver.calls[1].event_id
    assert receiver.calls[-1].status == "completed"
    assert abs(float(receiver.calls[-1].headers["webhook-timestamp"]) - time.time()) < 60
    assert worker is not None


@pytest.mark.slow
def test_a_worker_that_is_killed_in_a_callback_loses_none(
    settings: Settings, broadcaster: Broadcaster, receiver: Receiver
) -> None:
    receiver.script(receiver.hang, answering(200))
    broadcaster.connections.save("main", {"sender": "null"})

    job = broadcaster.submit(text_to("main"), people(20)).job_id
    with start_worker(settings) as killed:
        wait_for(lambda: broadcaster.status(job).status is BroadcastStatus.COMPLETED and receiver.calls)
        killed.kill()
    with broadcaster.context.database.write() as conn:
        conn.execute(callback_events.update().values(due_at=0))  # as if the time of its call were over
    with start_worker(settings):
        wait_for(lambda: not _pending(broadcaster), what="the delivery of all events")

    assert [call.status for call in receiver.calls if "status" in call.document["data"]] == [
        *("queued", "queued", "processing", "completed")
    ]
    assert receiver.calls[0].event_id == receiver.calls[1].event_id
    sent = {item["messageId"] for call in receiver.calls for item in call.document["data"].get("messages", [])}
    assert sent == {f"{job}-{position}" for position in range(20)}


def _pending(broadcaster: Broadcaster) -> Sequence[CallbackDelivery]:
    return broadcaster.callbacks.list(status=CallbackState.PENDING).items


def _failed(broadcaster: Broadcaster) -> CallbackDelivery | None:
    """Return the first event, once its first try has failed."""
    first = _pending(broadcaster)[-1]
    return first if first.problem else None
