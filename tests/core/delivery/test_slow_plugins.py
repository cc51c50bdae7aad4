"""A blacklist that takes its time to answer costs time, and nobody's share of it."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.scripted import ScriptedProvider, SleepyBlacklist, Start, people, text_to
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.pacing.pace import Pace, Slots
from wabroadcast_core.testing.gateway import most_in_window
from wabroadcast_core.worker import Worker

pytestmark = [pytest.mark.slow, pytest.mark.timed]  # judges how fast a broadcast is sent


@contextlib.contextmanager
def at_work(settings: Settings, *plugins: object) -> Iterator[Broadcaster]:
    with Broadcaster(settings, plugins=plugins) as broadcaster:
        worker = Worker(broadcaster)
        worker.start()
        try:
            yield broadcaster
        finally:
            worker.stop()


def of_job(provider: ScriptedProvider, job_id: str) -> list[Start]:
    return [start for start in list(provider.starts) if start.message_id.startswith(job_id)]


@ON_SQLITE
@pytest.mark.parametrize("seconds", [0.06, 0.3])
def test_a_broadcast_with_a_rate_of_its_own_gets_its_slots_beside_one_without(
    settings: Settings, provider: ScriptedProvider, seconds: float
) -> None:
    small_claims = settings.model_copy(update={"claim_size": 50})
    with at_work(small_claims, provider, SleepyBlacklist(seconds)) as broadcaster:
        broadcaster.connections.save("main", {"sender": "scripted"})
        unrated = broadcaster.submit(text_to("main"), people(20_000)).job_id
        wait_for(lambda: of_job(provider, unrated), what="the first messages")
        rated = broadcaster.submit(text_to("main", rate={"messages": 20}), people(30)).job_id
        wait_for(lambda: broadcaster.status(rated).status == "completed", what="the end of the rated one", seconds=90)
        other = broadcaster.status(unrated)
        broadcaster.cancel(unrated)

    assert other.status == "processing"
    assert other.counts.sent > 0
    assert most_in_window([start.moment for start in of_job(provider, rated)], 1.0) <= 20


@ON_SQLITE
@pytest.mark.timed
def test_a_pace_is_used_whole_where_the_blacklist_is_slow(settings: Settings, provider: ScriptedProvider) -> None:
    rate, amount = 100, 300  # in two seconds
    with at_work(settings, provider, SleepyBlacklist(0.3)) as broadcaster:
        broadcaster.connections.save("main", {"sender": "scripted", "rate": {"messages": rate, "perSeconds": 2}})
        job_id = broadcaster.submit(text_to("main"), people(amount)).job_id
        wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the end")

    moments = sorted(start.moment for start in provider.starts)[50:]  # the first second is for learning
    assert len(moments) - 1 >= 0.97 * rate / 2 * (moments[-1] - moments[0])
    assert most_in_window(moments, 2.0) <= rate


@ON_SQLITE
def test_messages_that_come_too_late_do_not_have_the_limiter_asked_over_and_over(
    settings: Settings, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each third answer is too slow for any lead: its messages need other slots, and these lie behind those taken."""
    asked: list[float] = []
    reserve = Pace.reserve

    async def note(pace: Pace, *arguments: Any, **options: Any) -> Slots:
        asked.append(time.monotonic())
        return await reserve(pace, *arguments, **options)

    monkeypatch.setattr(Pace, "reserve", note)
    with at_work(settings, provider, SleepyBlacklist(0.3, 0.3, 0.8)) as broadcaster:
        connection = {"sender": "scripted", "rate": {"messages": 20}, "quotas": [{"messages": 60, "perSeconds": 3_600}]}
        broadcaster.connections.save("main", connection)
        job_id = broadcaster.submit(text_to("main"), people(100)).job_id
        wait_for(lambda: len(provider.starts) >= 55, what="nearly the whole quota, late ones or not")
        broadcaster.cancel(job_id)

    assert len(asked) < 10 * (asked[-1] - asked[0] + 1)
