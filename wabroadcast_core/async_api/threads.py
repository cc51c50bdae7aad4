"""The threads in which the methods of an asynchronous broadcaster run."""

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, Generic, ParamSpec, TypeVar

from wabroadcast_core.async_api.block_reader import BLOCK_PIECES, BlockReader
from wabroadcast_core.errors import BroadcastError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Piece = TypeVar("Piece")

READERS_SHARE: Final = 4  # one thread more for so many, for calls that read an asynchronous iterable
_END: Final = object()  # of an iterator: a future cannot raise StopIteration


class Threads:
    """A bounded number of threads, for any event loop. There are none before :meth:`open`.

    A cancelled call that waits for a thread is not made. One that is running ends by itself, in its thread, which it
    keeps until then; so there are never more threads than this number, and a quarter as many for :meth:`run_reading`.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._executor: ThreadPoolExecutor | None = None
        self._readers: ThreadPoolExecutor | None = None

    def open(self) -> None:
        """Take calls from now on; a second call does nothing."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._number, thread_name_prefix="wabroadcast-async")
            readers = max(1, self._number // READERS_SHARE)
            self._readers = ThreadPoolExecutor(readers, thread_name_prefix="wabroadcast-reader")

    async def run(
        self, call: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """Run a call in one of the threads, with the context variables of the caller.

        :raises BroadcastError: the broadcaster is not started, or is closed.
        """
        return await _run_in(self._executor, partial(call, *args, **kwargs))

    async def run_reading(
        self,
        call: Callable[[Any], Result],
        pieces: Iterable[Any] | AsyncIterable[Any] | None,
        *,
        block: int = BLOCK_PIECES,
    ) -> Result:
        """Run a call with an iterable that it reads, which may be asynchronous.

        A call that reads an asynchronous iterable has one of a few further threads, since it waits for the iterable,
        which may need a thread itself.

        :param block: the most pieces of an asynchronous iterable that are in memory.
        :raises BroadcastError: the broadcaster is not started, or is closed.
        """
        if isinstance(pieces, Iterable) or not isinstance(pieces, AsyncIterable):
            return await self.run(call, pieces)
        reader = BlockReader(pieces, block=block)
        return await reader.serve(_run_in(self._readers, partial(call, reader)))

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
        readers, self._readers = self._readers, None
        if readers is not None:
            readers.shutdown(cancel_futures=True)  # first: what they read may make calls
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(cancel_futures=True)

    def _close_later(self, pieces: "_LockedIterator[Any]") -> None:
        """Close an iterator after the piece that is being made. A cancelled caller does not wait for that."""
        if self._executor is None:  # no piece is being made any more
            pieces.close()
        else:
            self._executor.submit(pieces.close)


def _run_in(executor: ThreadPoolExecutor | None, call: Callable[[], Result]) -> "asyncio.Future[Result]":
    """Begin a call in a thread, with the context variables of the caller.

    :raises BroadcastError: the broadcaster is not started, or is closed.
    """
    if executor is None:
        raise BroadcastError("the broadcaster is not started: call start() first, or use it in `async with`")
    return asyncio.get_running_loop().run_in_executor(executor, contextvars.copy_context().run, call)


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
