"""One call for all requests that ask for its result at the same time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeAlias, TypeVar

Result = TypeVar("Result")
RunsInThread: TypeAlias = Callable[[Callable[[], Result]], Coroutine[Any, Any, Result]]


class SharedCall(Generic[Result]):
    """A call that runs once at a time: requests for its result while it runs share that result. For one event loop.

    :param run_in_thread: runs a call in a thread.
    """

    def __init__(self, run_in_thread: RunsInThread[Result]) -> None:
        self._run_in_thread = run_in_thread
        self._running: asyncio.Task[Result] | None = None

    async def run(self, call: Callable[[], Result]) -> Result:
        """Return the result of the call that runs, or run this one."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run_in_thread(call))
        return await asyncio.shield(self._running)  # a cancelled request does not end the call for the others
