"""Tests and rehearsals with a worker: they are sent as every message, and nothing counts or follows from them."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.scripted import ScriptedProvider, number_of, people, text_to
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import BroadcastSummary, FinishedMessage, Settings, hookimpl
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import BadMessage, Rejected, Temporary
from wabroadcast_core.metrics.catalogue import BROADCASTS, MESSAGES, WAITING
from wabroadcast_core.metrics.shared_totals import MeterSharing, SharedTotals
from wabroadcast_core.models.message_detail import MessageDetail
from wabroadcast_core.models.receipt import Receipt
from wabroadcast_core.services.metrics import Metrics
from wabroadcast_core.store.tables import connection_starts, minute_counts
from wabroadcast_core.worker import Worker

pytestmark = [ON_SQLITE, pytest.mark.slow]

MINE = "+6281299990000"


class Watching:
    """A plugin that keeps what it is notified of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.finished: list[FinishedMessage] = []
        self.changed: list[BroadcastSummary] = []

    @hookimpl
    def wab_messages_finished(self, results: Sequence[FinishedMessage]) -> None:
        with self._lock:
            self.finished += results

    @hookimpl
    def wab_broadcast_changed(self, broadcast: BroadcastSummary) -> None:
        with self._lock:
            self.changed.append(broadcast)


@pytest.fixture
def watching() -> Watching:
    return Watching()


@pytest.fixture
def broadcaster(settings: Settings, provider: ScriptedProvider, watching: Watching) -> Iterator[Broadcaster]:
    with Broadcaster(settings, plugins=[provider, watching]) as started:
        started.tasks.huey.storage.read_timeout = 0.2
        started.connections.save("a", {"sender": "scripted"})
        yield started


def send_test(broadcaster: Broadcaster, **fields: Any) -> str:
    return broadcaster.send_test(text_to("a", **fields), people(1), test={"number": MINE}).job_id


def wait_until(broadcaster: Broadcaster, test_id: str, check: Callable[[MessageDetail], object]) -> MessageDetail:
    def found() -> MessageDetail | None:
        result = broadcaster.test_result(test_id)
        return result if check(result) else None

    return wait_for(found, what="the result of the test")  # type: ignore[return-value]  # it is not None


def metrics_of(broadcaster: Broadcaster) -> dict[Any, Any]:
    context = broadcaster.context
    totals = SharedTotals(context.redis, context.keys)
    MeterSharing(broadcaster.meters, totals).share()
    return {family.metric: family.samples for family in Metrics(context, totals, broadcaster.tasks.huey).read()}


def test_a_test_takes_a_slot_and_is_in_no_count_nor_are_its_receipts(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider, watching: Watching
) -> None:
    test_id = send_test(broadcaster)
    result = wait_until(broadcaster, test_id, lambda result: result.status == "sent")
    provider.tell("a", *(Receipt(kind, at=2e9, message_id=result.message_id) for kind in ("delivered", "read")))
    result = wait_until(broadcaster, test_id, lambda result: result.read_at)

    job_id = broadcaster.submit(text_to("a"), people(3)).job_id
    wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the broadcast")
    wait_for(lambda: len(watching.finished) == 3, what="the notices of its messages")

    assert [start.number for start in provider.starts] == [MINE, *map(number_of, range(3))]
    assert result.delivered_at is not None
    assert {message.job_id for message in watching.finished} == {job_id}
    assert {broadcast.job_id for broadcast in watching.changed} == {job_id}
    found = metrics_of(broadcaster)
    assert found[MESSAGES]["a", "sent"] == 3
    with broadcaster.context.database.read() as conn:
        assert conn.execute(select(func.sum(minute_counts.c.sent))).scalar_one() == 3
        assert conn.execute(select(func.sum(connection_starts.c.messages))).scalar_one() == 4  # the limit has them all


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(Rejected("not_there", "no such account"), "failed", id="rejected"),
        pytest.param(BadMessage("bad_template", "the template is paused"), "failed", id="bad-for-all"),
        pytest.param(Temporary("busy", "come again"), "retry", id="temporary"),
    ],
)
def test_a_test_that_is_not_sent_says_why(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider, error: Exception, status: str
) -> None:
    provider.decide = lambda _connection, _message: error

    test_id = send_test(broadcaster)

    result = wait_until(broadcaster, test_id, lambda result: result.reason)
    assert (result.status, result.reason, result.detail) == (status, *error.args[0].split(": ", 1))
    assert result.explanation is not None
    assert broadcaster.connections.get("a").state == "active"


def test_a_test_that_waits_is_in_no_gauge(broadcaster: Broadcaster) -> None:
    send_test(broadcaster)

    found = metrics_of(broadcaster)

    assert found[WAITING]["a", "queued"] == 0
    assert set(found[BROADCASTS].values()) == {0}


def test_a_test_is_not_named_as_what_a_broadcast_waits_for(broadcaster: Broadcaster, worker: Worker) -> None:
    broadcaster.connections.save("a", {"sender": "scripted", "rate": {"messages": 1, "perSeconds": 3600}})
    send_test(broadcaster)
    send_test(broadcaster)
    job_id = broadcaster.submit(text_to("a"), people(1)).job_id
    wait_for(lambda: broadcaster.status(job_id).prepared, what="the preparation")

    cause = broadcaster.status(job_id).waiting_for

    assert cause is not None
    assert cause.code == "rate"


def test_a_number_that_opts_out_before_the_send_gets_no_test(
    broadcaster: Broadcaster, provider: ScriptedProvider
) -> None:
    test_id = send_test(broadcaster)
    broadcaster.blacklist.add(MINE)
    running = Worker(broadcaster)
    running.start()
    try:
        result = wait_until(broadcaster, test_id, lambda result: result.status == "skipped")
    finally:
        running.stop()

    assert result.reason == "blacklisted"
    assert provider.starts == []


def test_a_rehearsal_plays_the_special_endings_and_opts_no_person_out(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider, watching: Watching
) -> None:
    broadcaster.blacklist.add(number_of(0))
    numbers = ["+18675550103", "+18675550104", number_of(0), number_of(1)]
    audience = [{"number": number} for number in numbers]

    job_id = broadcaster.rehearse(text_to("a"), audience).job_id
    wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the rehearsal")
    wait_for(lambda: len(watching.finished) == 3, what="the notices of its messages")

    progress = broadcaster.status(job_id)
    assert (progress.counts.sent, progress.failed_by) == (1, {"sandbox_rejected": 1, "sandbox_opt_out": 1})
    assert progress.skipped_by == {"blacklisted": 1}
    assert [entry.number for entry in broadcaster.blacklist.list().items] == [number_of(0)]
    assert provider.starts == []
    assert all(message.is_rehearsal for message in watching.finished)
    assert {broadcast.purpose for broadcast in watching.changed} == {"rehearsal"}


def test_a_rehearsal_never_leaves_through_a_connection_that_became_real(
    broadcaster: Broadcaster, provider: ScriptedProvider
) -> None:
    job_id = broadcaster.rehearse(text_to("a"), people(2)).job_id
    broadcaster.connections.save("sandbox", {"sender": "scripted"})
    running = Worker(broadcaster)
    running.start()
    try:
        wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the rehearsal")
    finally:
        running.stop()

    assert broadcaster.status(job_id).failed_by == {"rehearsal_not_simulated": 2}
    assert provider.starts == []
