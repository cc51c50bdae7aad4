"""Receipts of providers: late, repeated, in any order, before the outcome is recorded, for unknown messages."""

import itertools
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.core.store.harness import StoreHarness
from tests.scripted import ScriptedProvider, number_of, people, text_to
from tests.waiting import wait_for
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import OutcomeUnknown, Rejected
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.models.receipt import Receipt
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.outcomes.receipts import apply_overtaken, apply_parked, apply_receipts
from wabroadcast_core.store import blacklist as blacklist_store
from wabroadcast_core.store import outcomes as outcome_store
from wabroadcast_core.store.group_commit import UnitOfWork
from wabroadcast_core.store.messages import message_key
from wabroadcast_core.store.outcomes import Outcome
from wabroadcast_core.worker import Worker

UNDELIVERABLE = Rejected("undeliverable", "no such phone")


def _receipt(kind: str, place: int = 0, *, at: float = 7.0, job: str = "job0") -> Receipt:
    error = UNDELIVERABLE if kind == "failed" else None
    return Receipt(kind, at, message_id=f"{job}-{place}", error=error)  # type: ignore[arg-type]  # the table's words


def _apply(harness: StoreHarness, *receipts: Receipt, connection: int = 0) -> None:
    with harness.unit() as unit:
        apply_receipts(unit, harness.connections[connection], receipts)


def _sent(harness: StoreHarness, *, count: int = 1, status: MessageStatus = MessageStatus.SENT) -> int:
    """Add a broadcast whose messages were sent, or ended with another status. Return its key."""
    key = harness.add_broadcast()
    harness.add_messages(key, range(count))
    harness.end_preparing(key)
    outcomes = [
        Outcome(
            message.key,
            status,
            used=True,
            connection_id=harness.connections[0],
            provider_id=f"p{position}" if status is MessageStatus.SENT else None,
            sent_at=5.0 if status is MessageStatus.SENT else None,
            reason=None if status is MessageStatus.SENT else "reason",
        )
        for position, message in enumerate(harness.claim(key, count))
    ]
    harness.record(*outcomes)
    return key


# --- receipts of one message -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "kinds", "status", "delivered", "read"),
    [
        pytest.param("sent", ["delivered"], "sent", 1.0, None, id="delivered"),
        pytest.param("sent", ["delivered", "read"], "sent", 1.0, 2.0, id="delivered-then-read"),
        pytest.param("sent", ["read", "delivered"], "sent", 1.0, 1.0, id="read-first"),
        pytest.param("sent", ["read"], "sent", 1.0, 1.0, id="read-without-delivered"),
        pytest.param("sent", ["delivered", "delivered", "read", "read"], "sent", 1.0, 3.0, id="each-twice"),
        pytest.param("sent", ["sent", "sent"], "sent", None, None, id="sent-changes-nothing"),
        pytest.param("sent", ["failed"], "failed", None, None, id="late-failure"),
        pytest.param("sent", ["failed", "failed"], "failed", None, None, id="failed-twice"),
        pytest.param("sent", ["delivered", "failed"], "sent", 1.0, None, id="failed-after-delivered"),
        pytest.param("sent", ["failed", "delivered"], "sent", 2.0, None, id="delivered-after-failed"),
        pytest.param("sent", ["failed", "sent"], "failed", None, None, id="sent-after-failed"),
        pytest.param("unknown", ["sent"], "sent", None, None, id="sent-settles-unknown"),
        pytest.param("unknown", ["delivered"], "sent", 1.0, None, id="delivered-settles-unknown"),
        pytest.param("unknown", ["failed"], "failed", None, None, id="failed-settles-unknown"),
        pytest.param("failed", ["delivered"], "sent", 1.0, None, id="failed-but-delivered"),
        pytest.param("failed", ["failed"], "failed", None, None, id="failed-again"),
        pytest.param("retry", ["failed"], "retry", None, None, id="failed-while-a-retry-waits"),
        pytest.param("retry", ["delivered"], "sent", 1.0, None, id="delivered-while-a-retry-waits"),
    ],
)
def test_receipts_move_a_message_and_the_counts_follow(
    harness: StoreHarness, before: str, kinds: Sequence[str], status: str, delivered: float | None, read: float | None
) -> None:
    key = _sent(harness, status=MessageStatus(before))

    for at, kind in enumerate(kinds, start=1):
        _apply(harness, _receipt(kind, at=float(at)))

    message = harness.message(message_key(key, 0))
    assert (message["status"], message["delivered_at"], message["read_at"]) == (status, delivered, read)
    harness.check_counters(key)


def test_a_failure_after_the_delivery_is_noted_as_the_detail(harness: StoreHarness) -> None:
    key = _sent(harness)

    _apply(harness, _receipt("delivered"), _receipt("failed"), _receipt("failed"))

    message = harness.message(message_key(key, 0))
    assert (message["status"], message["reason"]) == ("sent", None)
    assert message["detail"] == f"a failure was reported after the delivery: {UNDELIVERABLE.reason}"


def test_receipts_in_any_order_have_the_same_result(harness: StoreHarness) -> None:
    kinds = ["sent", "delivered", "read", "delivered"]
    orders = sorted(set(itertools.permutations(kinds)))
    key = _sent(harness, count=len(orders))

    _apply(harness, *(_receipt(kind, place) for place, order in enumerate(orders) for kind in order))

    row = harness.broadcast(key)
    assert (row["sent"], row["delivered"], row["read"]) == (len(orders),) * 3
    harness.check_counters(key)


def test_receipts_that_several_processes_apply_at_once_count_once(harness: StoreHarness) -> None:
    key = _sent(harness, count=30)

    def apply(worker: int) -> None:
        for place in range(30):
            _apply(
                harness, *(_receipt(kind, place) for kind in (("read", "delivered") if worker % 2 else ("delivered",)))
            )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(apply, range(4)))

    row = harness.broadcast(key)
    assert (row["delivered"], row["read"]) == (30, 30)
    harness.check_counters(key)


def test_a_late_failure_keeps_its_reason_and_the_time_of_the_send(harness: StoreHarness) -> None:
    key = _sent(harness)

    _apply(harness, _receipt("failed"))
    failed = harness.message(message_key(key, 0))
    _apply(harness, _receipt("delivered", at=9.0))
    delivered = harness.message(message_key(key, 0))

    assert (failed["reason"], failed["detail"], failed["sent_at"]) == ("undeliverable", "no such phone", 5.0)
    assert (delivered["reason"], delivered["detail"], delivered["sent_at"]) == (None, None, 5.0)


def test_a_receipt_with_a_provider_id_counts_only_on_the_connection_that_sent(harness: StoreHarness) -> None:
    key = _sent(harness)

    _apply(harness, Receipt("delivered", 7.0, provider_id="p0"), connection=1)
    elsewhere = harness.broadcast(key)["delivered"]
    _apply(harness, Receipt("delivered", 7.0, provider_id="p0"), connection=0)

    assert (elsewhere, harness.broadcast(key)["delivered"]) == (0, 1)


# --- before the outcome is recorded ----------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["our-id", "provider-id"])
def test_a_receipt_before_the_record_waits_for_it(harness: StoreHarness, by: str) -> None:
    key, outcome = _claimed(harness)

    _apply(harness, _early(by))
    waiting = harness.message(outcome.key)
    with harness.unit() as unit:
        _record(unit, outcome)
        apply_parked(unit, {outcome.key: outcome.provider_id}, connection_id=harness.connections[0])

    assert (waiting["status"], waiting["delivered_at"]) == ("processing", None)
    assert harness.message(outcome.key)["delivered_at"] == 7.0
    harness.check_counters(key)


@pytest.mark.parametrize("by", ["our-id", "provider-id"])
def test_a_receipt_that_was_parked_too_late_is_applied_by_recover(harness: StoreHarness, by: str) -> None:
    key, outcome = _claimed(harness)
    _apply(harness, _early(by))

    with harness.unit() as unit:  # the record, by a transaction that saw no parked receipt
        _record(unit, outcome)
    for _ in range(2):
        with harness.unit() as unit:
            apply_overtaken(unit)

    assert harness.message(outcome.key)["delivered_at"] == 7.0
    harness.check_counters(key)


@pytest.mark.parametrize("applied", ["with-the-record", "by-recover"])
def test_an_opt_out_before_the_record_is_stored(harness: StoreHarness, applied: str) -> None:
    _, outcome = _claimed(harness)
    number = str(harness.message(outcome.key)["number"])
    _apply(harness, Receipt("failed", 7.0, provider_id="p0", error=Rejected("131050", "no more", opt_out=True)))

    with harness.unit() as unit:
        _record(unit, outcome)
        if applied == "with-the-record":
            apply_parked(unit, {outcome.key: outcome.provider_id}, connection_id=harness.connections[0])
        opted_out = list(unit.opted_out)
    if applied == "by-recover":
        with harness.unit() as unit:
            apply_overtaken(unit)
            opted_out = list(unit.opted_out)

    with harness.database.read() as conn:
        assert blacklist_store.listed_reasons(conn, [number]) == {number: "131050"}
    assert opted_out == [number]


def _claimed(harness: StoreHarness) -> tuple[int, Outcome]:
    key = harness.add_broadcast()
    harness.add_messages(key, [0])
    harness.end_preparing(key)
    (claimed,) = harness.claim(key, 1)
    connection_id = harness.connections[0]
    return key, Outcome(
        claimed.key, MessageStatus.SENT, used=True, connection_id=connection_id, provider_id="p0", sent_at=5.0
    )


def _early(by: str) -> Receipt:
    return _receipt("delivered") if by == "our-id" else Receipt("delivered", 7.0, provider_id="p0")


def _record(unit: UnitOfWork, outcome: Outcome) -> None:
    outcome_store.record_outcomes(unit.conn, [outcome], worker_id=1, changes=unit.changes)


# --- messages that are not ours --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message_id",
    [
        pytest.param("another-installation-0", id="another-job"),
        pytest.param("job0-1", id="beyond-the-audience"),
        pytest.param(f"job0-{1 << 32}", id="a-message-of-the-next-broadcast"),
        pytest.param("job0-" + "9" * 5_000, id="thousands-of-digits"),
        pytest.param("job0-²", id="a-superscript-digit"),
        pytest.param("job0-", id="no-position"),
        pytest.param("", id="nothing"),
    ],
)
def test_receipts_of_messages_that_are_not_ours_change_nothing(harness: StoreHarness, message_id: str) -> None:
    key = _sent(harness)
    other = _sent(harness)

    _apply(harness, Receipt("read", 7.0, message_id=message_id), Receipt("read", 7.0, provider_id="foreign"))

    assert harness.broadcast(key)["read"] == harness.broadcast(other)["read"] == 0
    harness.check_counters(key)


# --- through the engine ----------------------------------------------------------------------------------------


def test_receipts_that_senders_pass_on_reach_their_messages(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    """0 is delivered; 1 fails late; 2 is read before it is recorded; 3 is unknown, then delivered; 4 stays unknown."""
    broadcaster.connections.save("main", {"sender": "scripted"})

    def decide(connection: str, message: OutgoingMessage) -> Exception | Accepted | None:
        if message.number == number_of(2):
            provider.tell(connection, Receipt("read", time.time(), provider_id="early"))
            return Accepted(provider_id="early")
        return OutcomeUnknown("no_answer") if message.number in {number_of(3), number_of(4)} else None

    provider.decide = decide
    job_id = broadcaster.submit(text_to("main"), people(5)).job_id
    wait_for(lambda: broadcaster.status(job_id).status == "completed", what="completion")
    ids = {start.number: start.message_id for start in provider.starts}
    provider.tell(
        "main",
        Receipt("delivered", time.time(), message_id=ids[number_of(0)]),
        Receipt("failed", time.time(), message_id=ids[number_of(1)], error=UNDELIVERABLE),
        Receipt("delivered", time.time(), message_id=ids[number_of(3)]),
    )
    wait_for(lambda: broadcaster.status(job_id).counts.delivered == 3, what="the receipts")

    views = broadcaster.messages(job_id).items
    assert [view.status for view in views] == ["sent", "failed", "sent", "sent", "unknown"]
    assert [view.reason for view in views] == [None, "undeliverable", None, None, "no_answer"]
    assert broadcaster.status(job_id).counts.read == 1


def test_a_receipt_settles_a_lost_answer_by_the_id_that_the_sender_chose(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    broadcaster.connections.save("main", {"sender": "scripted"})
    provider.decide = lambda _connection, message: OutcomeUnknown("no_answer", provider_id=f"chosen.{message.attempt}")
    job_id = broadcaster.submit(text_to("main"), people(1)).job_id
    wait_for(lambda: broadcaster.status(job_id).counts.unknown == 1, what="the unknown message")

    provider.tell("main", Receipt("delivered", time.time(), provider_id="chosen.1"))

    wait_for(lambda: broadcaster.status(job_id).counts.delivered == 1, what="the receipt")
    assert broadcaster.status(job_id).counts.sent == 1
