"""The threads in which the methods of an asynchronous broadcaster run."""

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, Generic, ParamSpec, TypeVar

from wabroadcast_core.errors import BroadcastError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Piece = TypeVar("Piece")

_END: Final = object()  # of an iterator: a future cannot raise StopIteration


class Threads:
    """A bounded number of threads, for any event loop. There are none before :meth:`open`.

    A cancelled call that waits for a thread is not made. One that is running ends by itself, in its thread, which it
    keeps until then; so there are never more threads than this number.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._executor: ThreadPoolExecutor | None = None

    def open(self) -> None:
        """Take calls from now on; a second call does nothing."""
        self._executor = self._executor or ThreadPoolExecutor(self._number, thread_name_prefix="wabroadcast-async")

    async def run(
        self, call: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """Run a call in one of the threads, with the context variables of the caller.

        :raises BroadcastError: the broadcaster is not started, or is closed.
        """
        if self._executor is None:
            raise BroadcastError("the broadcaster is not started: call start() first, or use it in `async with`")
        in_context = partial(contextvars.copy_context().run, partial(call, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._executor, in_context)

    async def iterate(self, pieces: Iterator[Piece]) -> AsyncIterator[Piece]:
        """Yield what an iterator yields, each piece in one of the threads. The iterator is closed at the end."""
        shared = _LockedIterator(pieces)
        try:
            while (piece := await self.run(shared.next)) is not _END:
                yield piece
        finally:
            self._close_later(shared)

    def close(self) -> None:
        """Wait for the calls that are running; those that wait for a thread are cancelled."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(cancel_futures=True)

    def _close_later(self, pieces: "_LockedIterator[Any]") -> None:
        """Close an iterator after the piece that is being made. A cancelled caller does not wait for that."""
        if self._executor is None:  # no piece is being made any more
            pieces.close()
        else:
            self._executor.submit(pieces.close)


class _LockedIterator(Generic[Piece]):
    """An iterator for several threads: it is closed after the piece that is being made, never during it."""

    def __init__(self, pieces: Iterator[Piece]) -> None:
        self._pieces = pieces
        self._lock = threading.Lock()

    def next(self) -> Any:
        """Return the next piece, or the mark of the end."""
        with self._lock:
            return next(self._pieces, _END)

    def close(self) -> None:
        """Close the iterator, if it is a generator."""
        with self._lock:
            close: Callable[[], object] | None = getattr(self._pieces, "close", None)
            if close is not None:
                close()


async def run_to_end(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine that must not end half way: a cancellation of the caller is raised after its end."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
