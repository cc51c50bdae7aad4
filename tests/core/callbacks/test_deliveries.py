"""Callbacks from the change to the receiver: in order, at least once, for a day, to allowed addresses only."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import select, text

from tests.core.callbacks.harness import CallbackHarness, settings_for
from tests.core.store.harness import StoreHarness
from tests.receivers import OLD_SECRET, SECRET, Receiver, Script, answering
from tests.stores import ON_SQLITE
from wabroadcast_core.callbacks.deliveries import FIRST_WAIT, LONGEST_WAIT, SPARE_SECONDS
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.store import erased
from wabroadcast_core.store.broadcasts import apply_changes
from wabroadcast_core.store.callbacks import (
    GATHER_SECONDS,
    LONGEST_SECONDS,
    MOST_RESULTS,
    add_results,
    forget_events,
    send_again,
)
from wabroadcast_core.store.messages import message_key
from wabroadcast_core.store.outcomes import Outcome, Sent, record_sent
from wabroadcast_core.store.tables import callback_events, messages

DAY = LONGEST_SECONDS


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def callbacks(harness: StoreHarness, receiver: Receiver) -> CallbackHarness:
    return CallbackHarness(harness, settings_for(receiver))


def test_changes_and_results_arrive_signed_and_in_their_order(callbacks: CallbackHarness, receiver: Receiver) -> None:
    key = callbacks.add_broadcast(3)
    callbacks.set_status(key, "paused", "processing")
    callbacks.send(key, 2)
    callbacks.send(key, 1, status=MessageStatus.FAILED)

    callbacks.deliver()

    assert [call.document["type"] for call in receiver.calls] == [
        *("broadcast.changed", "broadcast.changed", "message.results", "broadcast.changed")
    ]
    *_, paused, going_on, results, completed = receiver.calls
    assert [call.status for call in (paused, going_on, completed)] == ["paused", "processing", "completed"]
    assert [
        (item["messageId"], item["number"], item["status"], item["connection"])
        for item in results.document["data"]["messages"]
    ] == [
        ("job0-0", "+6281200000000", "sent", "c0"),
        ("job0-1", "+6281200000001", "sent", "c0"),
        ("job0-2", "+6281200000002", "failed", "c0"),
    ]
    assert len({call.event_id for call in receiver.calls}) == 4
    assert all(call.is_signed_with(SECRET) for call in receiver.calls)
    assert {event["state"] for event in callbacks.events()} == {"delivered"}


def test_a_broadcast_without_callbacks_stores_no_event(callbacks: CallbackHarness) -> None:
    key = callbacks.add_broadcast(2, changes=False, results=False)
    callbacks.set_status(key, "paused", "processing")
    callbacks.send(key, 2)

    assert callbacks.events() == []


def test_results_of_a_busy_broadcast_are_gathered(callbacks: CallbackHarness, receiver: Receiver) -> None:
    key = callbacks.add_broadcast(6, changes=False)
    for _ in range(3):
        callbacks.deliver()
        callbacks.send(key, 2)
        callbacks.store.now -= 1.5  # of the two seconds: the next results come half a second later

    assert len(receiver.calls) == 0
    callbacks.store.now += 1
    callbacks.deliver()

    assert [len(call.document["data"]["messages"]) for call in receiver.calls] == [6]


def test_an_event_is_stored_with_its_change_or_not_at_all(callbacks: CallbackHarness) -> None:
    key = callbacks.add_broadcast(1)
    [claimed] = callbacks.store.claim(key, 1)

    def record_and_break_off() -> None:
        with callbacks.store.unit() as unit:
            sent = Sent.of([claimed.key], provider_ids=[None], times=[unit.now])
            record_sent(unit.conn, sent, worker_id=1, changes=unit.changes)
            apply_changes(unit.conn, unit.changes, now=unit.now)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        record_and_break_off()
    assert callbacks.events() == []

    callbacks.store.record(Outcome(claimed.key, MessageStatus.SENT, used=True, sent_at=1.0))
    assert [(event["results"], event["status"]) for event in callbacks.events()] == [("[0]", None), (None, "completed")]


def test_a_receiver_that_fails_for_a_day_is_tried_ever_more_rarely_then_given_up(
    callbacks: CallbackHarness, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.script(answering(500))
    key = callbacks.add_broadcast()
    began = callbacks.store.now
    callbacks.set_status(key, "paused", "processing")

    waits = []
    while callbacks.events()[0]["state"] == "pending":
        callbacks.deliver()
        waits.append(callbacks.events()[0]["due_at"] - callbacks.store.now)
        callbacks.store.now = callbacks.events()[0]["due_at"]

    assert waits[:4] == [FIRST_WAIT, 15, 45, 135]
    assert max(waits) == LONGEST_WAIT
    assert 25 <= len(receiver.calls) <= 32
    assert len({call.event_id for call in receiver.calls}) == 1  # the second event waits behind the first
    assert [event["state"] for event in callbacks.events()] == ["failed", "failed"]
    assert {event["ended_at"] - began for event in callbacks.events()} == {DAY}
    assert "2 callbacks were given up after a day (HTTP 500)" in caplog.text
    assert "hidden" not in caplog.text  # the token in the address


def test_a_callback_that_was_given_up_is_sent_again_by_hand_with_what_is_true_then(
    callbacks: CallbackHarness, receiver: Receiver
) -> None:
    key = callbacks.add_broadcast(1, changes=False)
    callbacks.send(key, 1)
    receiver.script(answering(500))
    callbacks.deliver()
    callbacks.store.now += DAY
    callbacks.deliver()
    [event] = callbacks.events()
    assert event["state"] == "failed"

    receiver.script(answering(200))
    with callbacks.store.database.write() as conn:
        conn.execute(messages.update().values(status="failed", reason="gone"))
        send_again(conn, event, now=callbacks.store.now)
    callbacks.deliver()

    [event] = callbacks.events()
    assert (event["state"], event["tries"], event["problem"]) == ("delivered", 3, None)
    assert {call.event_id for call in receiver.calls} == {receiver.calls[0].event_id}
    assert receiver.calls[-1].document["data"]["messages"][0]["reason"] == "gone"


def test_sending_one_again_by_hand_wakes_those_before_it(callbacks: CallbackHarness, receiver: Receiver) -> None:
    key = callbacks.add_broadcast()
    callbacks.set_status(key, "paused", "processing")
    receiver.script(answering(503))
    callbacks.deliver()

    receiver.script(answering(200))
    with callbacks.store.database.write() as conn:
        send_again(conn, callbacks.events()[1], now=callbacks.store.now)
    callbacks.deliver()

    assert [call.status for call in receiver.calls] == ["paused", "paused", "processing"]


def test_what_a_killed_worker_had_begun_is_sent_again_under_the_same_id(
    callbacks: CallbackHarness, receiver: Receiver
) -> None:
    receiver.script(receiver.hang, answering(200))
    key = callbacks.add_broadcast()
    callbacks.set_status(key, "paused", "processing")

    callbacks.deliver(until=lambda: bool(receiver.calls))
    callbacks.deliver()  # another worker: the try may still be under way
    callbacks.store.now += callbacks.settings.callback_seconds + SPARE_SECONDS
    callbacks.deliver()

    assert [call.status for call in receiver.calls] == ["paused", "paused", "processing"]
    assert receiver.calls[0].event_id == receiver.calls[1].event_id


def test_a_task_that_was_lost_in_the_queue_is_queued_again(callbacks: CallbackHarness, receiver: Receiver) -> None:
    key = callbacks.add_broadcast()
    callbacks.set_status(key, "paused")
    with callbacks.store.database.write() as conn:
        conn.execute(callback_events.update().values(queued_at=callbacks.store.now))

    callbacks.deliver()
    assert receiver.calls == []

    callbacks.store.now += 31
    callbacks.deliver()
    assert len(receiver.calls) == 1


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        pytest.param(answering(302, Location="http://127.0.0.1:9/"), "HTTP 302: redirects", id="redirect"),
        pytest.param(answering(307, Location="/events"), "HTTP 307: redirects", id="redirect-to-itself"),
        pytest.param("hang", "did not answer within 0.3 s", id="silent"),
        pytest.param("drip", "did not answer within 0.3 s", id="a-byte-at-a-time"),
        pytest.param("pour_head", "the receiver did not answer", id="endless-head"),
        pytest.param(answering(404), "HTTP 404", id="not-found"),
    ],
)
@ON_SQLITE
def test_an_answer_that_is_no_success_is_a_failed_try(
    harness: StoreHarness, script: Script | str, problem: str
) -> None:
    with Receiver() as receiver:
        receiver.script(getattr(receiver, script) if isinstance(script, str) else script)
        callbacks = CallbackHarness(harness, settings_for(receiver, callback_seconds=0.3))
        callbacks.set_status(callbacks.add_broadcast(), "paused")

        callbacks.deliver()

        assert len(receiver.calls) == 1
        [event] = callbacks.events()
        assert event["state"] == "pending"
        assert problem in event["problem"]


@ON_SQLITE
def test_an_endless_answer_is_not_read(callbacks: CallbackHarness, receiver: Receiver) -> None:
    receiver.script(receiver.pour)
    callbacks.set_status(callbacks.add_broadcast(), "paused", "processing")

    callbacks.deliver()

    assert [event["state"] for event in callbacks.events()] == ["delivered", "delivered"]


@ON_SQLITE
def test_an_address_that_no_client_takes_is_a_failed_try(harness: StoreHarness) -> None:
    callbacks = CallbackHarness(harness, settings_for(None, callback_url="https://a..b/"))
    callbacks.set_status(callbacks.add_broadcast(), "paused")

    callbacks.deliver()

    [event] = callbacks.events()
    assert (event["state"], event["tries"]) == ("pending", 1)
    assert "correct callbackUrl" in event["problem"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "169.254.169.254", "2130706433"])
@ON_SQLITE
def test_no_callback_goes_to_a_private_address(harness: StoreHarness, receiver: Receiver, host: str) -> None:
    url = f"http://{host}:{receiver.port}/events"
    callbacks = CallbackHarness(harness, settings_for(None, callback_url=url, callback_networks=""))
    callbacks.set_status(callbacks.add_broadcast(), "paused")

    callbacks.deliver()

    assert receiver.calls == []
    [event] = callbacks.events()
    assert "WABROADCAST_CALLBACK_NETWORKS" in event["problem"]


def test_a_receiver_that_is_gone_gets_no_more_of_this_broadcast(callbacks: CallbackHarness, receiver: Receiver) -> None:
    gone, other = callbacks.add_broadcast(1), callbacks.add_broadcast()
    callbacks.set_status(gone, "paused", "processing")
    receiver.script(answering(410), answering(200))

    callbacks.deliver()
    callbacks.send(gone, 1)
    callbacks.set_status(other, "paused")
    callbacks.deliver()

    assert [(event["broadcast_id"], event["state"]) for event in callbacks.events()] == [
        *[(gone, "failed"), (gone, "failed"), (other, "delivered")]
    ]
    assert len(receiver.calls) == 2


def test_a_receiver_is_left_alone_for_the_time_that_it_asks_for(callbacks: CallbackHarness, receiver: Receiver) -> None:
    receiver.script(answering(429, Retry_After="700"), answering(200))
    callbacks.set_status(callbacks.add_broadcast(), "paused")

    callbacks.deliver()
    callbacks.store.now += 699
    callbacks.deliver()
    assert len(receiver.calls) == 1

    callbacks.store.now += 1
    callbacks.deliver()
    assert [event["state"] for event in callbacks.events()] == ["delivered"]


@ON_SQLITE
def test_a_receiver_may_know_the_old_or_the_new_secret_while_it_is_changed(
    harness: StoreHarness, receiver: Receiver
) -> None:
    callbacks = CallbackHarness(harness, settings_for(receiver, callback_secret=f"{SECRET},{OLD_SECRET}"))
    callbacks.set_status(callbacks.add_broadcast(), "paused")

    callbacks.deliver()

    [call] = receiver.calls
    assert call.is_signed_with(SECRET)
    assert call.is_signed_with(OLD_SECRET)
    assert SECRET not in repr(callbacks.settings)


@ON_SQLITE
def test_without_a_secret_nothing_is_sent_and_the_cause_is_shown(harness: StoreHarness, receiver: Receiver) -> None:
    callbacks = CallbackHarness(harness, settings_for(receiver, callback_secret=None))
    callbacks.set_status(callbacks.add_broadcast(), "paused")

    callbacks.deliver()

    assert receiver.calls == []
    [event] = callbacks.events()
    assert "WABROADCAST_CALLBACK_SECRET" in event["problem"]


def test_results_that_wait_are_few_rows_and_each_message_is_reported(
    callbacks: CallbackHarness, receiver: Receiver
) -> None:
    key = callbacks.add_broadcast(1_200, changes=False)
    receiver.script(answering(500))
    for first in range(0, 1_200, 8):
        with callbacks.store.database.write() as conn:
            keys = [message_key(key, position) for position in range(first, first + 8)]
            add_results(conn, [*keys, *keys], among=[key], now=callbacks.store.now)
        if first in {0, 1_192}:
            callbacks.store.now += GATHER_SECONDS
            callbacks.deliver()

    assert len(callbacks.events()) == 1 + 3  # the one that was tried, and the others in full events

    receiver.script(answering(200))
    receiver.calls.clear()
    callbacks.store.now += FIRST_WAIT
    callbacks.deliver()

    reported = [[item["messageId"] for item in call.document["data"]["messages"]] for call in receiver.calls]
    assert [len(part) for part in reported] == [8, MOST_RESULTS, MOST_RESULTS, 192]
    assert {each for part in reported for each in part} == {f"job0-{position}" for position in range(1_200)}


def test_a_later_result_never_comes_before_an_earlier_one(callbacks: CallbackHarness, receiver: Receiver) -> None:
    key = callbacks.add_broadcast(1, changes=False)
    callbacks.send(key, 1)
    receiver.script(answering(500))
    callbacks.deliver()
    with callbacks.store.unit() as unit:
        unit.conn.execute(messages.update().values(delivered_at=callbacks.store.now))
        unit.changes[key, "delivered"] += 1
        unit.changes.results.append(message_key(key, 0))

    receiver.script(answering(200))
    callbacks.store.now += FIRST_WAIT + GATHER_SECONDS
    callbacks.deliver()

    assert [bool(call.document["data"]["messages"][0]["deliveredAt"]) for call in receiver.calls] == [
        *(False, True, True)  # an event shows what is true when it is sent
    ]
    assert receiver.calls[1].event_id != receiver.calls[2].event_id


def test_an_erasure_reaches_the_events_that_wait(callbacks: CallbackHarness, receiver: Receiver) -> None:
    key = callbacks.add_broadcast(1)
    callbacks.send(key, 1)
    with callbacks.store.unit() as unit:
        erased.blank_messages(unit.conn, [message_key(key, 0)], changes=unit.changes)

    callbacks.deliver()

    assert b"6281200000000" not in b"".join(call.body for call in receiver.calls)
    with callbacks.store.database.read() as conn:
        rows = conn.execute(select(text("*")).select_from(callback_events)).all()
    assert "6281200000000" not in repr(rows)


def test_a_silent_receiver_does_not_delay_another(harness: StoreHarness, receiver: Receiver) -> None:
    with Receiver() as silent:
        silent.script(silent.hang)
        callbacks = CallbackHarness(harness, settings_for(silent))
        for _ in range(30):
            callbacks.set_status(callbacks.add_broadcast(), "paused")
        quick = callbacks.add_broadcast(url=receiver.url)
        callbacks.set_status(quick, "paused")

        callbacks.deliver(until=lambda: bool(receiver.calls) and len(silent.calls) >= 4)

        assert len(silent.calls) == 4


@ON_SQLITE
def test_name_servers_that_hang_take_no_thread_of_sending(
    harness: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    callbacks = CallbackHarness(harness, settings_for(None, callback_seconds=30))
    for place in range(16):
        key = callbacks.add_broadcast(url=f"http://host{place}.example/")
        callbacks.set_status(key, "paused")
    hanging, other = threading.Event(), threading.Event()
    began = time.monotonic()

    def look_up(*_: object, **__: object) -> None:
        hanging.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    def other_work_is_done() -> bool:
        if time.monotonic() > began + 0.5 and not other.is_set():
            asyncio.get_running_loop().run_in_executor(None, other.set)
        return other.is_set()

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    end = threading.Timer(10, hanging.set)  # of the test, if all threads hang
    end.start()
    callbacks.deliver(until=other_work_is_done)
    is_held = hanging.is_set()
    end.cancel()
    hanging.set()

    assert not is_held


def test_events_that_ended_are_deleted_after_their_time(callbacks: CallbackHarness) -> None:
    key = callbacks.add_broadcast()
    callbacks.set_status(key, "paused")
    callbacks.deliver()
    callbacks.set_status(key, "processing")

    with callbacks.store.database.write() as conn:
        assert forget_events(conn, before=callbacks.store.now, limit=10) == 0
        assert forget_events(conn, before=callbacks.store.now + 1, limit=10) == 1
    assert [event["status"] for event in callbacks.events()] == ["processing"]
