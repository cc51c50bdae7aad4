"""How many turns a process runs at once while its event loop falls behind."""

import asyncio
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.simulated import SimulatedLoop, settle, simulated
from wabroadcast_core.engine.turn_limit import FIRST, IDLE_PERIOD, LAGGING, LEAST, PERIOD, TurnLimit


def test_a_loop_that_lags_gets_fewer_turns() -> None:
    limit = TurnLimit(500)
    limit.learn(60, lag=2 * LAGGING)

    assert limit.value == 42


def test_the_limit_does_not_fall_below_a_few_turns() -> None:
    limit = TurnLimit(500)
    for _ in range(50):
        limit.learn(limit.value, lag=1.0)

    assert limit.value == LEAST


def test_a_loop_that_keeps_up_gets_more_turns_one_by_one() -> None:
    limit = TurnLimit(500)
    for _ in range(10):
        limit.learn(limit.value, lag=0.0)

    assert limit.value == FIRST + 10


def test_a_limit_that_is_not_reached_does_not_rise() -> None:
    limit = TurnLimit(500)
    limit.learn(FIRST - 1, lag=0.0)

    assert limit.value == FIRST


@given(most=st.integers(1, 600), measured=st.lists(st.tuples(st.integers(0, 600), st.floats(0, 2))))
def test_the_limit_is_never_above_the_setting(most: int, measured: list[tuple[int, float]]) -> None:
    limit = TurnLimit(most)
    for turns, lag in measured:
        limit.learn(turns, lag=lag)

        assert 1 <= limit.value <= most


@simulated
async def test_the_lag_of_the_loop_is_measured() -> None:
    limit = TurnLimit(500)
    following = asyncio.create_task(limit.follow(lambda: FIRST - 1))
    await asyncio.sleep(10 * PERIOD)
    calm = limit.value
    cast("SimulatedLoop", asyncio.get_running_loop()).hold(LAGGING + 2 * PERIOD)
    await settle()

    assert (calm, limit.value) == (FIRST, int(0.7 * (FIRST - 1)))
    following.cancel()


@pytest.mark.parametrize(("turns", "period"), [(0, IDLE_PERIOD), (1, PERIOD)], ids=["idle", "at-work"])
@simulated
async def test_an_idle_loop_is_measured_seldom(turns: int, period: float) -> None:
    measured: list[float] = []
    following = asyncio.create_task(TurnLimit(500, on_lag=measured.append).follow(lambda: turns))
    await asyncio.sleep(10.5 * period)

    assert len(measured) == 10
    following.cancel()
