"""The rate and the end that a status and a preview promise are those that limits, windows and batches allow."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.scripted import ScriptedProvider, people, text_to
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import Temporary
from wabroadcast_core.models.broadcast import BroadcastProgress
from wabroadcast_core.worker import Worker

HOUR, DAY = 3_600.0, 86_400.0


def _window_in(hours: int) -> dict[str, str]:
    opens = datetime.now(UTC) + timedelta(hours=hours)
    return {"from": f"{opens:%H:%M}", "to": f"{opens + timedelta(hours=2):%H:%M}", "timezone": "UTC"}


def _await_cause(broadcaster: Broadcaster, job_id: str, code: str) -> BroadcastProgress:
    def look() -> BroadcastProgress | None:
        progress = broadcaster.status(job_id)
        cause = progress.waiting_for
        is_settled = progress.prepared and not progress.counts.processing
        return progress if is_settled and cause is not None and cause.code == code else None

    found = wait_for(look, what=code, seconds=10)
    assert found is not None
    return found


def _seconds_from_now(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp() - time.time()


# --- status ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "code", "ends_in"),
    [
        pytest.param({"quotas": [{"messages": 5, "perSeconds": HOUR}]}, "quota", 3 * HOUR, id="quota"),
        pytest.param({"warmUp": {"steps": [{"fromDay": 0, "messages": 10}]}}, "warm_up", DAY, id="warm-up"),
    ],
)
@ON_SQLITE
def test_the_end_counts_in_a_used_quota_and_the_rate_is_0(
    broadcaster: Broadcaster, worker: Worker, limits: dict[str, Any], code: str, ends_in: float
) -> None:
    broadcaster.connections.save("main", {"sender": "scripted", **limits})
    job_id = broadcaster.submit(text_to("main"), people(20)).job_id

    progress = _await_cause(broadcaster, job_id, code)

    assert progress.rate == 0.0
    wait_for(  # a message whose outcome is being recorded counts as one that is left
        lambda: _seconds_from_now(broadcaster.status(job_id).eta) == pytest.approx(ends_in, rel=0.03),
        seconds=5,
        what="the end",
    )


@ON_SQLITE
def test_the_end_counts_in_a_closed_window(broadcaster: Broadcaster, worker: Worker) -> None:
    broadcaster.connections.save("main", {"sender": "scripted", "rate": {"messages": 1, "perSeconds": 60}})
    job_id = broadcaster.submit(text_to("main", sendWindow=_window_in(3)), people(20)).job_id

    progress = _await_cause(broadcaster, job_id, "send_window")

    assert _seconds_from_now(progress.eta) == pytest.approx(3 * HOUR + 20 * 60, abs=61)


@ON_SQLITE
def test_the_end_counts_in_the_batches_that_are_left(broadcaster: Broadcaster, worker: Worker) -> None:
    broadcaster.connections.save("main", {"sender": "scripted"})
    batching = {"size": 2, "intervalSeconds": 600}
    job_id = broadcaster.submit(text_to("main", batching=batching), people(8)).job_id

    progress = _await_cause(broadcaster, job_id, "batch_interval")

    assert _seconds_from_now(progress.eta) == pytest.approx(3 * 600, abs=10)


@ON_SQLITE
def test_the_end_is_not_before_the_next_attempt(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    provider.decide = lambda _connection, _message: Temporary("busy", retry_after=500.0)
    broadcaster.connections.save("main", {"sender": "scripted", "rate": {"messages": 50, "perSeconds": 1}})
    job_id = broadcaster.submit(text_to("main"), people(1)).job_id

    progress = _await_cause(broadcaster, job_id, "retry")

    assert _seconds_from_now(progress.eta) == pytest.approx(500, abs=10)


@ON_SQLITE
def test_the_end_under_a_rate_is_that_of_the_rate(broadcaster: Broadcaster, worker: Worker) -> None:
    broadcaster.connections.save("main", {"sender": "scripted", "rate": {"messages": 10, "perSeconds": 1}})
    job_id = broadcaster.submit(text_to("main"), people(600)).job_id
    wait_for(lambda: broadcaster.status(job_id).counts.sent >= 30, what="the first messages")

    progress = broadcaster.status(job_id)

    assert progress.rate == pytest.approx(10, rel=0.3)
    assert _seconds_from_now(progress.eta) == pytest.approx(57, rel=0.4)


@ON_SQLITE
def test_there_is_no_end_while_the_only_connection_is_paused(broadcaster: Broadcaster, worker: Worker) -> None:
    broadcaster.connections.save("main", {"sender": "scripted", "rate": {"messages": 10, "perSeconds": 1}})
    job_id = broadcaster.submit(text_to("main"), people(600)).job_id
    wait_for(lambda: broadcaster.status(job_id).counts.sent >= 10, what="the first messages")

    broadcaster.connections.pause("main")

    progress = _await_cause(broadcaster, job_id, "connection_paused")
    assert (progress.eta, progress.rate) == (None, 0.0)


# --- preview -----------------------------------------------------------------------------------------------------


@ON_SQLITE
def test_a_preview_starts_when_the_window_opens(broadcaster: Broadcaster) -> None:
    broadcaster.connections.save("main", {"sender": "scripted", "rate": {"messages": 1, "perSeconds": 60}})

    preview = broadcaster.preview(text_to("main", sendWindow=_window_in(3)), people(10))

    assert _seconds_from_now(preview.starts_at) == pytest.approx(3 * HOUR, abs=61)
    assert _seconds_from_now(preview.finishes_at) == pytest.approx(3 * HOUR + 600, abs=61)


@ON_SQLITE
def test_a_preview_counts_in_what_is_used_of_a_quota(broadcaster: Broadcaster, worker: Worker) -> None:
    broadcaster.connections.save("main", {"sender": "scripted", "quotas": [{"messages": 3, "perSeconds": HOUR}]})
    _await_cause(broadcaster, broadcaster.submit(text_to("main"), people(4)).job_id, "quota")

    preview = broadcaster.preview(text_to("main"), people(4))

    assert _seconds_from_now(preview.starts_at) == pytest.approx(HOUR, rel=0.03)
    assert _seconds_from_now(preview.finishes_at) == pytest.approx(2 * HOUR, rel=0.03)


@pytest.mark.timed
@ON_SQLITE
def test_a_preview_without_a_rate_has_an_end_where_batches_decide_it(broadcaster: Broadcaster) -> None:
    broadcaster.connections.save("main", {"sender": "scripted"})

    whole = broadcaster.preview(text_to("main"), people(10))
    batches = broadcaster.preview(text_to("main", batching={"size": 4, "intervalSeconds": 600}), people(10))

    assert whole.finishes_at is None
    assert _seconds_from_now(whole.starts_at) == pytest.approx(0, abs=2)
    assert _seconds_from_now(batches.finishes_at) == pytest.approx(1_200, abs=2)


@ON_SQLITE
def test_a_preview_on_a_paused_connection_has_no_times(broadcaster: Broadcaster) -> None:
    broadcaster.connections.save("main", {"sender": "scripted", "rate": {"messages": 1, "perSeconds": 60}})
    broadcaster.connections.pause("main")

    preview = broadcaster.preview(text_to("main"), people(10))

    assert (preview.starts_at, preview.finishes_at) == (None, None)
