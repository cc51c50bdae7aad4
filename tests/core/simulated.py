"""Simulated time for async tests: a test of minutes takes no time, and each run is the same."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, ParamSpec, TypeVar, TypeVarTuple

import pytest

Parameters = ParamSpec("Parameters")
Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


class _JumpingSelector(selectors.DefaultSelector):
    elapsed = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            pytest.fail("every task waits, and no timer is left that could wake one")
        self.elapsed += max(0.0, timeout)
        return super().select(0)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still while code runs and jumps to the next timer when all tasks wait.

    If all tasks wait and there is no timer, the test fails. Functions for threads run on the loop.
    """

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.elapsed

    def hold(self, seconds: float) -> None:
        """Let time pass while the calling code runs, as code does that holds the loop."""
        self._jumping.elapsed += seconds

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Arguments], Result], *args: *Arguments
    ) -> asyncio.Future[Result]:
        del executor

        async def work() -> Result:
            await asyncio.sleep(0)
            return func(*args)

        return self.create_task(work())


def simulated(test: Callable[Parameters, Coroutine[Any, Any, None]]) -> Callable[Parameters, None]:
    """Run an async test on a :class:`SimulatedLoop`."""

    @functools.wraps(test)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


async def settle() -> None:
    """Let all tasks run until each waits for a timer or an event."""
    for _ in range(50):
        await asyncio.sleep(0)
