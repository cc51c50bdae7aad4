"""Group commit: pieces of store work run on a few threads, and those that wait at one moment share a transaction.

Where the database lets transactions run beside each other, one thread is for urgent pieces only: a claim never waits
behind a record.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection

from wabroadcast_core.clock import Clock
from wabroadcast_core.metrics.catalogue import COMMIT_DURATION
from wabroadcast_core.metrics.meters import Meters
from wabroadcast_core.plugin_faults import PLUGIN_FAULTS
from wabroadcast_core.store.broadcasts import apply_changes
from wabroadcast_core.store.changes import Changes
from wabroadcast_core.store.claims import StaleClaimError, check_claimed
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.minute_counts import MinuteCounts, add_minutes
from wabroadcast_core.store.receipts import AppliedReceipt

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Item = TypeVar("Item", int, str, AppliedReceipt)
MOST_TOGETHER = 64
FOLLOWED = 0.2  # of what the last commit took


@dataclass(slots=True)
class UnitOfWork:
    """One transaction: pieces of work share it, and its counter changes are applied once at its end."""

    conn: Connection
    now: float
    changes: Changes = field(default_factory=Changes)
    minutes: MinuteCounts = field(default_factory=Counter)
    receipts: list[AppliedReceipt] = field(default_factory=list)
    """What receipts have added to messages: the plugins are notified after the commit."""
    opted_out: list[str] = field(default_factory=list)
    """Numbers that must not be messaged any more: turns that run are told after the commit."""
    claimed_from: set[int] = field(default_factory=set)
    """Broadcasts whose messages are claimed: if one was stopped meanwhile, nothing of the transaction is stored."""


@dataclass(slots=True)
class _Piece:
    work: Callable[[UnitOfWork], Any]
    future: asyncio.Future[Any]
    result: Any = None


class GroupCommit:
    """Runs pieces of work for one event loop.

    :param threads: with more than one, the first takes urgent work only.
    :param completed: called in a store thread with the broadcasts that a transaction completed, after its commit.
    :param opted_out: called likewise with numbers that must not be messaged any more, before the pieces are resolved.
    :param applied: called likewise with what receipts have added to messages.
    :param meters: gets the duration of each transaction.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        threads: int,
        completed: Callable[[list[int]], None],
        opted_out: Callable[[list[str]], None],
        applied: Callable[[list[AppliedReceipt]], None] = lambda _: None,
        meters: Meters | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._completed = completed
        self._opted_out = opted_out
        self._applied = applied
        self._meters = meters or Meters()
        self._urgent: deque[_Piece] = deque()
        self._others: deque[_Piece] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self.commit_seconds = 0.0  # what a transaction takes, smoothed
        self._threads = [
            threading.Thread(
                target=self._work, args=(threads > 1 and number == 0,), name=f"wabroadcast-store-{number}", daemon=True
            )
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, work: Callable[[UnitOfWork], Result], *, urgent: bool = True) -> Result:
        """Run ``work`` in a transaction, which it may share; it may run again after another piece failed.

        :param urgent: others must not delay it.
        :raises UnavailableError: the store cannot be reached; nothing was stored.
        """
        piece = _Piece(work, asyncio.get_running_loop().create_future())
        with self._changed:
            (self._urgent if urgent else self._others).append(piece)
            self._changed.notify_all()
        result: Result = await piece.future
        return result

    def close(self) -> None:
        """Finish what waits, then end the threads."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self, urgent_only: bool) -> None:  # noqa: FBT001 - a thread's argument
        while pieces := self._next_pieces(urgent_only=urgent_only):
            try:
                self._commit(pieces)
            except PLUGIN_FAULTS as error:  # raised to the callers of these pieces; the thread must live
                if len(pieces) == 1:
                    _fail(pieces[0], error)
                else:
                    self._commit_singly(pieces)

    def _next_pieces(self, *, urgent_only: bool) -> list[_Piece]:
        """Wait for pieces that share the next transaction; none: the work is over."""
        with self._changed:
            if urgent_only:
                self._changed.wait_for(lambda: self._urgent or self._stopping)
                return _pop(self._urgent)
            self._changed.wait_for(lambda: self._urgent or self._others or self._stopping)
            if len(self._threads) == 1:  # they share the commit
                return _pop(self._urgent) + _pop(self._others)
            return _pop(self._others) or _pop(self._urgent)

    def _commit_singly(self, pieces: list[_Piece]) -> None:
        for piece in pieces:
            try:
                self._commit([piece])
            except PLUGIN_FAULTS as error:  # raised to the caller of this piece
                _fail(piece, error)

    def _commit(self, pieces: list[_Piece]) -> None:
        def transaction(conn: Connection) -> tuple[list[int], UnitOfWork]:
            unit = UnitOfWork(conn, now=self._clock.now())
            for piece in pieces:
                piece.result = piece.work(unit)
            completed = apply_changes(conn, unit.changes, now=unit.now)
            check_claimed(conn, unit.claimed_from)
            add_minutes(conn, unit.minutes, tests=unit.changes.tests)
            return completed, unit

        began = time.monotonic()
        completed, unit = self._transact(transaction)
        took = time.monotonic() - began
        self.commit_seconds += FOLLOWED * (took - self.commit_seconds)
        self._meters.observe(COMMIT_DURATION, took)
        if unit.opted_out:
            _notify(self._opted_out, unit.opted_out)
        for loop in {piece.future.get_loop() for piece in pieces}:
            _call(loop, _resolve, [piece for piece in pieces if piece.future.get_loop() is loop])
        if completed:
            _notify(self._completed, completed)
        if unit.receipts:
            _notify(self._applied, unit.receipts)

    def _transact(self, transaction: Callable[[Connection], Result]) -> Result:
        """Run a transaction, and again if a broadcast whose messages it claimed was stopped at the same time."""
        while True:
            with contextlib.suppress(StaleClaimError):
                return self._database.transact(transaction)


def _pop(pieces: deque[_Piece]) -> list[_Piece]:
    return [pieces.popleft() for _ in range(min(MOST_TOGETHER, len(pieces)))]


def _notify(callback: Callable[[list[Item]], None], items: list[Item]) -> None:
    """Call the callback after a commit. Its failure is logged: it must not make the pieces run again."""
    try:
        callback(items)
    except PLUGIN_FAULTS:
        log.exception("the callback for %d committed changes failed: workers see them at their next claim", len(items))


def _resolve(pieces: list[_Piece]) -> None:
    for piece in pieces:
        if not piece.future.done():
            piece.future.set_result(piece.result)


def _fail(piece: _Piece, error: BaseException) -> None:
    def fail() -> None:
        if not piece.future.done():
            piece.future.set_exception(error)

    _call(piece.future.get_loop(), fail)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: Any) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(function, *arguments)
