"""Where the store, a blacklist or Redis is slow, each recipient gets the message once, in time, and control is felt.

What is judged is when messages start, so each test first looks whether this machine was able to measure it.
"""

import contextlib
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.scripted import ScriptedProvider, SleepyBlacklist, people, text_to
from tests.slow_parts import PRODUCTION, SlowCommits, with_distant_postgresql, with_distant_redis
from tests.stalls import StallWatch
from tests.stores import ON_POSTGRESQL, ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import Temporary
from wabroadcast_core.models.message import OutgoingMessage
from wabroadcast_core.testing.gateway import most_in_window
from wabroadcast_core.worker import Worker

pytestmark = [pytest.mark.slow, pytest.mark.timed]

RATE = 50
SECONDS = 5


@contextlib.contextmanager
def at_work(settings: Settings, *plugins: object) -> Iterator[Broadcaster]:
    with Broadcaster(settings, plugins=plugins) as broadcaster:
        broadcaster.connections.save("main", {"sender": "scripted", "rate": {"messages": RATE}})
        worker = Worker(broadcaster)
        worker.start()
        try:
            yield broadcaster
        finally:
            worker.stop()


def send_all(broadcaster: Broadcaster, provider: ScriptedProvider) -> bool:
    """Send a broadcast of some seconds to its end, and judge that none is missing or doubled and none too early.

    :returns: whether the machine was calm.
    """
    amount = RATE * SECONDS
    with StallWatch() as stalls:
        job_id = broadcaster.submit(text_to("main"), people(amount)).job_id
        wait_for(lambda: broadcaster.status(job_id).status == "completed", seconds=60, what="the end")

    starts = sorted(start.moment for start in provider.starts)
    assert provider.counts() == {one["number"]: 1 for one in people(amount)}
    assert broadcaster.status(job_id).counts.sent == amount
    assert most_in_window(starts, 1.0) <= RATE
    late = [after - before for before, after in pairwise(starts[RATE:])]
    assert max(late) < 0.4 or not stalls.is_calm  # no tail, and no pause between two turns
    return stalls.is_calm


@ON_SQLITE
def test_a_store_whose_commits_are_slow_does_not_cost_the_pace(settings: Settings, provider: ScriptedProvider) -> None:
    with at_work(settings.model_copy(update=PRODUCTION), provider) as broadcaster:
        slow = SlowCommits(broadcaster.context.database.db_engine)
        is_calm = send_all(broadcaster, provider)

    assert slow.commits <= RATE * SECONDS / 2 or not is_calm


@ON_SQLITE
def test_at_one_a_second_a_message_costs_three_commits_at_most(settings: Settings, provider: ScriptedProvider) -> None:
    with at_work(settings.model_copy(update=PRODUCTION), provider) as broadcaster:
        broadcaster.connections.save("slow", {"sender": "scripted", "rate": {"messages": 1}})
        counted = SlowCommits(broadcaster.context.database.db_engine, base=0, spike=0)
        broadcaster.submit(text_to("slow"), people(20))
        wait_for(lambda: provider.starts, what="the first message")
        before = counted.commits
        wait_for(lambda: len(provider.starts) == 9, what="eight more messages")

    assert counted.commits - before <= 3 * 8


@ON_SQLITE
@pytest.mark.parametrize("seconds", [0.3, 1.0])
def test_a_slow_blacklist_does_not_cost_the_pace(
    settings: Settings, provider: ScriptedProvider, seconds: float
) -> None:
    with at_work(settings, provider, SleepyBlacklist(seconds)) as broadcaster:
        send_all(broadcaster, provider)


@ON_SQLITE
def test_a_distant_redis_does_not_cost_the_pace(settings: Settings, provider: ScriptedProvider) -> None:
    with with_distant_redis(settings, round_trip=0.05) as far, at_work(far, provider) as broadcaster:
        send_all(broadcaster, provider)


@ON_POSTGRESQL
def test_a_distant_postgresql_does_not_cost_the_pace(settings: Settings, provider: ScriptedProvider) -> None:
    with with_distant_postgresql(settings, round_trip=0.03) as far, at_work(far, provider) as broadcaster:
        send_all(broadcaster, provider)


# --- control -----------------------------------------------------------------------------------------------------


@ON_SQLITE
def test_a_pause_is_felt_at_once_although_commits_are_slow(settings: Settings, provider: ScriptedProvider) -> None:
    with at_work(settings, provider) as broadcaster:
        SlowCommits(broadcaster.context.database.db_engine, base=0.02, spike=0.3, every=5)
        job_id = broadcaster.submit(text_to("main"), people(2_000)).job_id
        wait_for(lambda: len(provider.starts) > RATE, what="the first second of sending")

        broadcaster.pause(job_id)
        paused_at = time.monotonic()
        wait_for(lambda: broadcaster.status(job_id).counts.processing == 0, what="the return of what was ready")

    assert max(start.moment for start in provider.starts) < paused_at + 1.0


@ON_SQLITE
def test_a_higher_priority_takes_over_within_a_second_although_commits_are_slow(
    settings: Settings, provider: ScriptedProvider
) -> None:
    with at_work(settings, provider) as broadcaster, StallWatch() as stalls:
        SlowCommits(broadcaster.context.database.db_engine)
        broadcaster.submit(text_to("main", priority="low"), people(2_000))
        wait_for(lambda: len(provider.starts) > RATE, what="the first second of sending")

        urgent = broadcaster.submit(text_to("main", priority="high"), people(RATE)).job_id
        submitted_at = time.monotonic()
        wait_for(lambda: broadcaster.status(urgent).status == "completed", what="the urgent ones")

    first = min(start.moment for start in provider.starts if start.message_id.startswith(urgent))
    assert first - submitted_at < 1.0 or not stalls.is_calm


# --- what is due later -------------------------------------------------------------------------------------------


@ON_SQLITE
def test_a_batch_starts_when_it_is_due(settings: Settings, provider: ScriptedProvider) -> None:
    with at_work(settings, provider) as broadcaster, StallWatch() as stalls:
        draft = text_to("main", batching={"size": 10, "intervalSeconds": 7})
        job_id = broadcaster.submit(draft, people(20)).job_id
        wait_for(lambda: broadcaster.status(job_id).status == "completed", seconds=30, what="both batches")

    starts = sorted(start.moment for start in provider.starts)
    assert starts[10] - starts[0] < 7.3 or not stalls.is_calm
    assert starts[-1] - starts[10] < 0.5 or not stalls.is_calm


@ON_SQLITE
def test_a_retry_starts_when_it_is_due(settings: Settings, provider: ScriptedProvider) -> None:
    tried: set[str] = set()

    def fail_once(_connection: str, message: OutgoingMessage) -> Temporary | None:
        if message.number in tried:
            return None
        tried.add(message.number)
        return Temporary("busy", retry_after=6.0)

    provider.decide = fail_once
    with at_work(settings, provider) as broadcaster, StallWatch() as stalls:
        retry = {"maxAttempts": 2, "intervalSeconds": 1}
        job_id = broadcaster.submit(text_to("main", retry=retry), people(3)).job_id
        wait_for(lambda: broadcaster.status(job_id).status == "completed", seconds=30, what="the second attempts")

    by_number = [[one.moment for one in provider.starts if one.number == number] for number in tried]
    waits = [second - first for first, second in by_number]
    assert min(waits) >= 6.0
    assert max(waits) < 6.3 or not stalls.is_calm
