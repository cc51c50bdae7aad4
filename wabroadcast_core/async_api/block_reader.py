"""Asynchronous iterables for calls in threads: read on the event loop, in blocks, when the thread needs them."""

import asyncio
import threading
from collections.abc import AsyncIterable, Iterator
from concurrent.futures import Future
from typing import Final, Generic, TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")

BLOCK_PIECES: Final = 100  # one change of threads for so many pieces
BLOCK_SECONDS: Final = 0.01  # an iterable that never waits leaves the loop to others after this time


class BlockReader(Generic[Piece]):
    """An asynchronous iterable that one call in a thread iterates over.

    The task that serves the call reads the iterable, so that a cancellation, a time limit and the context variables of
    this task hold inside it. A block is read when the thread needs it, so at most one block is in memory.

    :param pieces: what is read. If it is a generator, it is closed at the end.
    :param block: the most pieces of a block.
    """

    def __init__(self, pieces: AsyncIterable[Piece], *, block: int = BLOCK_PIECES) -> None:
        self._pieces = aiter(pieces)
        self._block = block
        self._is_read = False
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()  # the thread needs a block, or its call has ended
        self._lock = threading.Lock()
        self._request: Future[list[Piece]] | None = None
        self._is_closed = False

    # --- in the thread -----------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Piece]:
        """Yield the pieces.

        :raises Exception: what the iterable has raised.
        :raises concurrent.futures.CancelledError: the task that serves this call was cancelled.
        """
        while block := self._request_block().result():
            yield from block

    def _request_block(self) -> "Future[list[Piece]]":
        request: Future[list[Piece]] = Future()
        with self._lock:
            if self._is_closed:
                request.cancel()
            else:
                self._request = request
                self._loop.call_soon_threadsafe(self._news.set)
        return request

    # --- on the event loop -------------------------------------------------------------------------------------

    async def serve(self, call: "asyncio.Future[Result]") -> Result:
        """Read what a call needs until it ends, and return its result.

        :raises Exception: what the call has raised, such as an exception of the iterable.
        """
        call.add_done_callback(lambda _: self._news.set())
        try:
            while not call.done():
                await self._news.wait()
                self._news.clear()
                await self._answer()
            return await call
        finally:
            call.cancel()
            self._refuse_requests()
            await self._close_pieces()

    async def _answer(self) -> None:
        with self._lock:
            request, self._request = self._request, None
        if request is None:
            return
        try:
            request.set_result(await self._read_block())
        except Exception as error:  # noqa: BLE001 - the call raises it
            request.set_exception(error)
        except BaseException:
            request.cancel()
            raise

    async def _read_block(self) -> list[Piece]:
        """Return the next pieces; none after the end."""
        block: list[Piece] = []
        if self._is_read:
            return block
        until = self._loop.time() + BLOCK_SECONDS
        async for piece in self._pieces:
            block.append(piece)
            if len(block) >= self._block or self._loop.time() >= until:
                return block
        self._is_read = True
        return block

    def _refuse_requests(self) -> None:
        with self._lock:
            self._is_closed = True
            if self._request is not None:
                self._request.cancel()

    async def _close_pieces(self) -> None:
        close = getattr(self._pieces, "aclose", None)
        if close is not None:
            await close()
