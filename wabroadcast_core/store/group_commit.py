"""Store work of the event loop: short pieces on a few threads, and what waits at one moment is committed together."""

import asyncio
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection

from wabroadcast_core.clock import Clock
from wabroadcast_core.store.broadcasts import apply_changes
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.messages import Changes

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Item = TypeVar("Item", int, str)
MOST_TOGETHER = 64
PATIENCE = 0.01  # seconds that work which can wait does so, for other work to share a transaction with


@dataclass(slots=True)
class UnitOfWork:
    """One transaction: pieces of work share it, and its counter changes are applied once at its end."""

    conn: Connection
    now: float
    changes: Changes = field(default_factory=Counter)
    opted_out: list[str] = field(default_factory=list)
    """Numbers that must not be messaged any more: turns that run are told after the commit."""


@dataclass(slots=True)
class _Piece:
    work: Callable[[UnitOfWork], Any]
    future: asyncio.Future[Any]
    result: Any = None


class GroupCommit:
    """Runs pieces of work for one event loop.

    :param completed: told from a store thread which broadcasts were completed by a transaction, after its commit.
    :param opted_out: told likewise which numbers must not be messaged any more, before anybody's work counts as done.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        threads: int,
        completed: Callable[[list[int]], None],
        opted_out: Callable[[list[str]], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._completed = completed
        self._opted_out = opted_out
        self._waiting: deque[_Piece] = deque()
        self._patient: deque[_Piece] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f"wabroadcast-store-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, work: Callable[[UnitOfWork], Result], *, patient: bool = False) -> Result:
        """Run ``work`` in a transaction, maybe with others'; it may be run again after a failure of theirs.

        :param patient: it waits a moment for others, as each transaction waits for the disk.
        :raises UnavailableError: the store cannot be reached; nothing was stored.
        """
        piece = _Piece(work, asyncio.get_running_loop().create_future())
        with self._changed:
            (self._patient if patient else self._waiting).append(piece)
            self._changed.notify()
        result: Result = await piece.future
        return result

    def close(self) -> None:
        """Finish what waits, then end the threads."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while pieces := self._next_pieces():
            try:
                self._commit(pieces)
            except Exception as error:  # noqa: BLE001 - it is raised to the callers of these pieces
                if len(pieces) == 1:
                    _fail(pieces[0], error)
                else:
                    self._commit_singly(pieces)

    def _next_pieces(self) -> list[_Piece]:
        with self._changed:
            due_at: float | None = None  # when what can wait has waited long enough
            while not self._stopping and not self._waiting:
                now = time.monotonic()
                if not self._patient:
                    due_at = None
                elif due_at is None:
                    due_at = now + PATIENCE
                elif now >= due_at:
                    break
                self._changed.wait(None if due_at is None else max(0.0, due_at - now))
            pieces = [self._patient.popleft() for _ in range(min(MOST_TOGETHER, len(self._patient)))]
            return pieces + [self._waiting.popleft() for _ in range(min(MOST_TOGETHER, len(self._waiting)))]

    def _commit_singly(self, pieces: list[_Piece]) -> None:
        for piece in pieces:
            try:
                self._commit([piece])
            except Exception as error:  # noqa: BLE001 - it is raised to the caller of this piece
                _fail(piece, error)

    def _commit(self, pieces: list[_Piece]) -> None:
        def transaction(conn: Connection) -> tuple[list[int], list[str]]:
            unit = UnitOfWork(conn, now=self._clock.now())
            for piece in pieces:
                piece.result = piece.work(unit)
            return apply_changes(conn, unit.changes, now=unit.now), unit.opted_out

        completed, opted_out = self._database.transact(transaction)
        if opted_out:
            _notify(self._opted_out, opted_out)
        for loop in {piece.future.get_loop() for piece in pieces}:
            _call(loop, _resolve, [piece for piece in pieces if piece.future.get_loop() is loop])
        if completed:
            _notify(self._completed, completed)


def _notify(callback: Callable[[list[Item]], None], items: list[Item]) -> None:
    """Call the callback after a commit. Its failure is logged: it must not make the pieces run again."""
    try:
        callback(items)
    except Exception:
        log.exception("the callback for %d committed changes failed: workers see them at their next claim", len(items))


def _resolve(pieces: list[_Piece]) -> None:
    for piece in pieces:
        if not piece.future.done():
            piece.future.set_result(piece.result)


def _fail(piece: _Piece, error: Exception) -> None:
    def fail() -> None:
        if not piece.future.done():
            piece.future.set_exception(error)

    _call(piece.future.get_loop(), fail)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: Any) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(function, *arguments)
