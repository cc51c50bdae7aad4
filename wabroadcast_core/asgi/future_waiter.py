"""Waiting on an event loop for futures that other threads complete."""

import asyncio
import threading
from concurrent.futures import Future
from typing import ClassVar
from weakref import WeakKeyDictionary


class FutureWaiter:
    """Waits on an event loop for futures of other threads, with one wake-up of the loop for all that are done together.

    ``asyncio.wrap_future`` would wake the loop once for each future.
    """

    _of_loops: ClassVar["WeakKeyDictionary[asyncio.AbstractEventLoop, FutureWaiter]"] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._done: list[tuple[asyncio.Future[str | None], Future[str | None]]] = []

    @classmethod
    def of_loop(cls) -> "FutureWaiter":
        """Return the instance of the running event loop."""
        loop = asyncio.get_running_loop()
        if loop not in cls._of_loops:
            cls._of_loops[loop] = cls(loop)
        return cls._of_loops[loop]

    async def wait_for(self, future: "Future[str | None]") -> str | None:
        """Wait for a future, and return its result or raise its exception."""
        waiting: asyncio.Future[str | None] = self._loop.create_future()
        future.add_done_callback(lambda done: self._add_done(waiting, done))
        return await waiting

    def _add_done(self, waiting: "asyncio.Future[str | None]", done: "Future[str | None]") -> None:
        """Queue a future that is done. Called from any thread."""
        with self._lock:
            self._done.append((waiting, done))
            is_first = len(self._done) == 1
        if is_first and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._resolve_done)

    def _resolve_done(self) -> None:
        with self._lock:
            batch, self._done = self._done, []
        for waiting, done in batch:
            if waiting.done():  # cancelled: the client has disconnected
                continue
            error = done.exception()
            if error is None:
                waiting.set_result(done.result())
            else:
                waiting.set_exception(error)
