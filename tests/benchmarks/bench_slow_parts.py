"""How much of the pace is used where the disk, a blacklist, Redis or the store is slow, and what a message costs.

Each figure is of one worker. The first and the last tenth of the messages are not counted.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.pace_use import DISKS, PaceUse, measure_in_memory, measure_pace
from tests.scripted import SleepyBlacklist
from tests.slow_parts import with_distant_postgresql, with_distant_redis
from tests.stores import ON_POSTGRESQL, ON_SQLITE
from wabroadcast_core import Settings

RATES = pytest.mark.parametrize("rate", [1, 50, 500])


def _with_blacklist(seconds: float) -> Callable[..., PaceUse]:
    def measure(settings: Settings, **options: Any) -> PaceUse:
        return measure_in_memory(settings, SleepyBlacklist(seconds), **options)

    return measure


def _with_redis(round_trip: float) -> Callable[..., PaceUse]:
    def measure(settings: Settings, **options: Any) -> PaceUse:
        with with_distant_redis(settings, round_trip=round_trip) as far:
            return measure_pace(far, **options)

    return measure


SCENARIOS: dict[str, Callable[..., PaceUse]] = {
    **DISKS,
    "blacklist 300 ms": _with_blacklist(0.3),
    "blacklist 1 s": _with_blacklist(1.0),
    "Redis 50 ms": _with_redis(0.05),
    "Redis 200 ms": _with_redis(0.2),
}


@RATES
@pytest.mark.parametrize("scenario", SCENARIOS)
@ON_SQLITE
def test_slow_parts(settings: Settings, scenario: str, rate: int) -> None:
    print(f"\n{scenario}, {rate} a second: {SCENARIOS[scenario](settings, rate=rate)}")


@RATES
@ON_POSTGRESQL
def test_a_distant_postgresql(settings: Settings, rate: int) -> None:
    with with_distant_postgresql(settings, round_trip=0.03) as far:
        print(f"\nPostgreSQL 30 ms, {rate} a second: {measure_pace(far, rate=rate)}")
