"""How far the event loop falls behind, and what that means for further turns."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import pytest

from tests.core.simulated import SimulatedLoop, settle, simulated
from wabroadcast_core.engine.engine import FEW_TURNS, Engine
from wabroadcast_core.engine.loop_lag import LAGGING, PERIOD, LoopLag


@contextlib.asynccontextmanager
async def watched() -> AsyncIterator[LoopLag]:
    lag = LoopLag()
    watch = asyncio.create_task(lag.watch())
    await settle()
    yield lag
    watch.cancel()


@simulated
async def test_a_loop_that_keeps_up_does_not_lag() -> None:
    async with watched() as lag:
        await asyncio.sleep(10 * PERIOD)

        assert lag.seconds == pytest.approx(0)
        assert not lag.is_high


@simulated
async def test_a_loop_that_is_held_lags_at_once() -> None:
    async with watched() as lag:
        cast("SimulatedLoop", asyncio.get_running_loop()).hold(0.2)
        await settle()

        assert lag.seconds == pytest.approx(0.2 - PERIOD)
        assert lag.is_high


@simulated
async def test_the_lag_falls_within_a_second_once_the_loop_keeps_up() -> None:
    async with watched() as lag:
        lag.seconds = 5.0

        await asyncio.sleep(1.0)

        assert 0 < lag.seconds < LAGGING


@pytest.mark.parametrize(
    ("turns", "lag", "crowded"), [(FEW_TURNS, 1.0, True), (FEW_TURNS - 1, 1.0, False), (500, 0.0, False)]
)
def test_a_process_is_crowded_by_many_turns_on_a_loop_that_lags(turns: int, lag: float, *, crowded: bool) -> None:
    engine = Engine.__new__(Engine)
    engine._lag = LoopLag()
    engine._lag.seconds = lag
    engine._parts = SimpleNamespace(turns=range(turns))  # type: ignore[assignment]  # only their number counts

    assert engine.is_crowded == crowded
