"""The store and the limiter of one connection in simulated time: for tests of how turns pace their claims and slots."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.core.fakes import FakeClock, FakeLedger, Parts
from tests.core.rows import START, pending
from wabroadcast_core.delivery.claims import NEVER, DueWork, share_out
from wabroadcast_core.delivery.ready_messages import PendingSend
from wabroadcast_core.pacing.pace import CAUGHT_UP, HORIZON, LEAD, Candidate, SlotReport, Slots, Spacing
from wabroadcast_core.snapshots import BroadcastSnapshot, ConnectionSnapshot


@dataclass
class _Shelf:
    broadcast: BroadcastSnapshot
    waiting: int
    taken: int = 0


class Stock:
    """Due messages of one connection, as a claimer gives them.

    :param seconds: that a claim takes.
    """

    def __init__(
        self, clock: FakeClock, ledger: FakeLedger, connection: ConnectionSnapshot, *, seconds: float = 0.01
    ) -> None:
        self.seconds = seconds
        self.next_due = NEVER  # beside what is due now
        self.claims: list[tuple[float, int]] = []  # when each began, and how many messages it brought
        self._clock = clock
        self._ledger = ledger
        self._connection = connection
        self._shelves: dict[int, _Shelf] = {}
        self._note()

    def add(self, broadcast: BroadcastSnapshot, count: int) -> None:
        """Add due messages of a broadcast."""
        self._shelves[broadcast.id] = _Shelf(broadcast, count)
        self._note()

    @property
    def waiting_of(self) -> dict[int, int]:
        """How many messages are left of each broadcast that has any."""
        return {key: shelf.waiting for key, shelf in self._shelves.items() if shelf.waiting}

    async def claim(
        self, connection: ConnectionSnapshot, amount: int, caps: Mapping[int, int] | None
    ) -> tuple[Sequence[PendingSend], int, DueWork]:
        del connection
        began, due_work = self._clock.now(), self._look()
        taken: list[tuple[BroadcastSnapshot, int]] = []
        if caps is None:
            caps = {one.broadcast_id: amount for one in due_work.candidates if one.rate is None}

        def take(candidate: Candidate, want: int) -> int:
            shelf = self._shelves[candidate.broadcast_id]
            got = min(want, shelf.waiting)
            taken.extend((shelf.broadcast, shelf.taken + place) for place in range(got))
            shelf.waiting -= got
            shelf.taken += got
            return got

        share_out(due_work.candidates, amount, take, caps=caps)
        self.claims.append((began, len(taken)))
        self._note()
        await asyncio.sleep(self.seconds)
        ready_at = self._clock.now()
        ready = [pending(position, of=broadcast, ready_at=ready_at, slot=0.0) for broadcast, position in taken]
        return ready, len(ready), due_work

    def _look(self) -> DueWork:
        shelves = sorted(
            (shelf for shelf in self._shelves.values() if shelf.waiting),
            key=lambda shelf: -shelf.broadcast.draft.priority.rank,
        )
        candidates = [
            Candidate(
                one.broadcast.id, one.broadcast.draft.priority.rank, one.broadcast.draft.rate, fresh=not one.taken
            )
            for one in shelves
        ]
        top_rank = max((one.rank for one in candidates), default=0)
        return DueWork(self._connection, candidates, next_due=self.next_due, top_rank=top_rank)

    def _note(self) -> None:
        self._ledger.due_work = self._look()


@dataclass
class SlotRow:
    """The limiter of one connection, as ``pace.lua`` gives slots for a rate and for the rates of broadcasts.

    :param seconds: that a call takes.
    :param errors: raised by the next calls.
    """

    clock: FakeClock
    seconds: float = 0.001
    errors: list[Exception] = field(default_factory=list)
    next_at: float = START
    calls: list[float] = field(default_factory=list)  # when each began
    unused: list[float] = field(default_factory=list)  # slots that were given and not used
    given: list[float] = field(default_factory=list)
    _own: dict[int, float] = field(default_factory=dict)

    async def reserve(
        self,
        connection: ConnectionSnapshot,
        *,
        count: int,
        candidates: Sequence[Candidate] = (),
        report: SlotReport | None = None,
        lead: float = LEAD,
    ) -> Slots:
        self.calls.append(self.clock.now())
        await asyncio.sleep(self.seconds / 2)
        if self.errors:
            raise self.errors.pop(0)
        if report is not None:
            self._take(report)
        slots = self._give(Spacing.of(connection.limits.rate).interval, count, candidates, lead=lead)
        await asyncio.sleep(self.seconds / 2)
        return slots

    async def report(self, connection: ConnectionSnapshot, report: SlotReport) -> None:
        del connection
        self._take(report)

    def _take(self, report: SlotReport) -> None:
        self.unused += report.unused
        if report.tail is not None and self.given and self.given[-1] == report.tail[1]:
            self.next_at = report.tail[0]

    def _give(self, interval: float, count: int, candidates: Sequence[Candidate], *, lead: float) -> Slots:
        now, times, whose = self.clock.now(), list[float](), list[int | None]()
        given = {one.broadcast_id: 0 for one in candidates}
        nexts = {
            one.broadcast_id: 0.0 if one.rate is None else self._own.get(one.broadcast_id, 0.0) for one in candidates
        }
        at = max(self.next_at, now + lead)
        while len(times) < count and at <= now + lead + HORIZON:
            usable = [one for one in candidates if one.ready is None or given[one.broadcast_id] < one.ready]
            allowed = [one for one in usable if nexts[one.broadcast_id] <= at]
            if candidates and not usable:
                break
            if candidates and not allowed:
                at = min(nexts[one.broadcast_id] for one in usable)
                continue
            chosen: int | None = None
            if allowed:
                one = min(allowed, key=lambda one: (-one.rank, given[one.broadcast_id]))
                chosen, own = one.broadcast_id, Spacing.of(one.rate)
                given[chosen] += 1
                if one.rate is not None:
                    nexts[chosen] = max(nexts[chosen], at - CAUGHT_UP * own.margin) + own.interval
                    self._own[chosen] = nexts[chosen]
            times.append(at)
            whose.append(chosen)
            at += interval
            self.next_at = at
        self.given += times
        return Slots(times, whose, at, 1.0, next_of=nexts)


def stocked(parts: Parts, connection: ConnectionSnapshot, *, seconds: float = 0.01) -> tuple[Stock, SlotRow]:
    """Give these parts a stock and a limiter in simulated time, and return them.

    :param seconds: that a claim takes.
    """
    stock, row = Stock(parts.clock, parts.ledger, connection, seconds=seconds), SlotRow(parts.clock)
    fakes: Any = parts
    fakes.claimer, fakes.pace = stock, row
    return stock, row
