"""The limiter, primed from the store whenever it knows nothing of a connection."""

from typing import Any

import pytest
import redis

from tests.core.fakes import FakeClock, FakeLedger, FakeLimiter
from tests.core.rows import START, connection
from tests.core.simulated import simulated
from wabroadcast_core.delivery.primed_pace import MOST_PRIMINGS, PrimedPace
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.pacing.pace import ColdPaceError, RecentStarts, SlotReport

REPORT = SlotReport(unused=[START - 1])


class Priming:
    def __init__(self, limiter: FakeLimiter) -> None:
        self.limiter = limiter
        self.ledger = FakeLedger()
        self.ledger.starts = RecentStarts(START - 2, {START - 2: 5})
        pace: Any = limiter
        ledger: Any = self.ledger
        clock: Any = FakeClock()
        self.pace = PrimedPace(pace, ledger=ledger, clock=clock)


@simulated
async def test_a_limiter_that_knows_the_connection_is_not_primed() -> None:
    priming = Priming(FakeLimiter())

    slots = await priming.pace.reserve(connection(), count=3, report=REPORT)

    assert len(slots.times) == 3
    assert priming.limiter.reports == [REPORT]
    assert priming.limiter.primed == []
    assert priming.ledger.calls == []


@simulated
async def test_a_cold_limiter_is_primed_with_the_recent_starts_before_it_gives_slots() -> None:
    priming = Priming(FakeLimiter(cold=True))

    slots = await priming.pace.reserve(connection(), count=3, report=REPORT)

    assert len(slots.times) == 3
    assert priming.limiter.primed == [(1, priming.ledger.starts, START)]


@simulated
async def test_a_limiter_that_another_worker_primed_for_earlier_limits_is_primed_again() -> None:
    limiter = FakeLimiter(error=ColdPaceError(START))
    priming, primed = Priming(limiter), list[float]()

    async def prime(connection_id: int, limits: Limits, recent: RecentStarts, *, now: float) -> None:
        del connection_id, limits, now
        primed.append(recent.asked_at)
        limiter.error = ColdPaceError(START + len(primed)) if len(primed) < 2 else None

    limiter.prime = prime  # type: ignore[method-assign]  # another worker is faster once

    slots = await priming.pace.reserve(connection(), count=3)

    assert len(slots.times) == 3
    assert primed == [START, START + 1]  # each read follows the answer for which it is


@simulated
async def test_a_limiter_that_stays_cold_gives_no_slots() -> None:
    priming = Priming(FakeLimiter(error=ColdPaceError(START)))

    with pytest.raises(ColdPaceError):
        await priming.pace.reserve(connection(), count=3)
    assert len(priming.limiter.primed) == MOST_PRIMINGS


@simulated
async def test_a_primed_limiter_gets_no_report_of_slots_that_it_does_not_know() -> None:
    priming = Priming(FakeLimiter(cold=True))

    await priming.pace.reserve(connection(), count=3, report=REPORT)

    assert priming.limiter.reports == [None]


@simulated
async def test_a_cold_limiter_gives_no_slots_while_the_store_is_away() -> None:
    priming = Priming(FakeLimiter(cold=True))
    priming.ledger.raises["recent_starts"].append(UnavailableError("away"))

    with pytest.raises(UnavailableError):
        await priming.pace.reserve(connection(), count=3)
    assert priming.limiter.primed == []


@simulated
async def test_without_redis_there_are_no_slots() -> None:
    with pytest.raises(redis.ConnectionError):
        await Priming(FakeLimiter(error=redis.ConnectionError())).pace.reserve(connection(), count=3)


@simulated
async def test_a_report_reaches_the_limiter_unless_it_lost_its_keys() -> None:
    warm, cold = Priming(FakeLimiter()), Priming(FakeLimiter(cold=True))

    await warm.pace.report(connection(), REPORT)
    await cold.pace.report(connection(), REPORT)

    assert warm.limiter.reports == [REPORT]
    assert (cold.limiter.reports, cold.limiter.primed) == ([], [])


@simulated
async def test_a_late_start_whose_report_failed_is_reported_with_the_next_slots() -> None:
    limiter = FakeLimiter(error=redis.ConnectionError())
    priming, late = Priming(limiter), (START, 0.2)
    for report in (SlotReport(late=late), SlotReport(late=(START - 1, 0.1)), None):
        with pytest.raises(redis.ConnectionError):
            await priming.pace.reserve(connection(), count=3, report=report)
    limiter.error = None

    await priming.pace.reserve(connection(), count=3)
    await priming.pace.reserve(connection(), count=3)

    assert [report.late for report in limiter.reports if report is not None] == [late, None]


@simulated
async def test_unused_slots_whose_report_failed_are_not_reported_again() -> None:
    """They may have been returned to the quotas, although the answer did not arrive."""
    limiter = FakeLimiter(error=redis.ConnectionError())
    priming = Priming(limiter)
    with pytest.raises(redis.ConnectionError):
        await priming.pace.reserve(connection(), count=3, report=SlotReport(unused=[START], late=(START, 0.2)))
    limiter.error = None

    await priming.pace.reserve(connection(), count=3)

    assert [report.unused for report in limiter.reports if report is not None] == [[]]


@simulated
async def test_slowing_down_reaches_the_limiter_and_does_nothing_while_redis_is_away() -> None:
    warm, away = Priming(FakeLimiter()), Priming(FakeLimiter(error=redis.ConnectionError()))

    await warm.pace.slow_down(1, slot=START, wait=9.0)
    await away.pace.slow_down(1, slot=START, wait=9.0)

    assert warm.limiter.slowed == [(1, START, 9.0)]
