"""Callbacks of a worker at work, on both stores: all that happened arrives, and a silent receiver delays no message."""

import time
from collections.abc import Iterator

import pytest

from tests.core.callbacks.harness import settings_for
from tests.receivers import Receiver, answering
from tests.scripted import people, text_to
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.callback import CallbackEvent, CallbackState
from wabroadcast_core.models.status import BroadcastStatus
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
    wait_for(lambda: _pending(broadcaster) == 0, what="the delivery of all events")

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


def _pending(broadcaster: Broadcaster) -> int:
    page = broadcaster.callbacks.list(status=CallbackState.PENDING)
    for item in page.items[-1:]:  # at once instead of after the first wait
        broadcaster.callbacks.retry(item.id)
    return page.total
