"""Fills a turn's line: takes the slots of the next moment, and claims just as many messages for them.

Priority is decided as late as possible so. How long it takes from asking to having messages ready, a slow blacklist
included, is learned: slots are taken so far ahead that they are not missed.
"""

import asyncio
import contextlib
import itertools
import logging
from collections import Counter, deque
from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

import redis

from wabroadcast_core.delivery.claims import NEVER, DueWork
from wabroadcast_core.delivery.preflight import Prepared
from wabroadcast_core.delivery.slot_queue import PendingSend, SlotQueue
from wabroadcast_core.errors import ConnectionDown, UnavailableError
from wabroadcast_core.pacing.pace import LEAD, ColdPaceError, SlotReport, Slots

if TYPE_CHECKING:
    from wabroadcast_core.engine.engine import Engine

log = logging.getLogger(__name__)

AHEAD = 0.15  # seconds: more slots are taken when the next one is nearer than this, or than the lead
LEAST_ROOM = 8  # an eighth of the room must be free before more is claimed: a claim of few costs what one of many does
NEAR = 5.0  # seconds: for work that is due sooner the turn waits, otherwise it comes back by the queue
IDLE_LOOK = 0.2  # seconds before looking again where work was seen but could not be claimed
REDIS_RETRY = 0.5


class Planner:
    """One of a turn's planners. Where a pace is to be kept there is but one: slots come in their order."""

    def __init__(self, engine: "Engine", line: SlotQueue) -> None:
        self._engine = engine
        self._line = line
        self._bell = line.bell()
        self._next_slot = 0.0  # not worth asking for one before
        self.far_slot = 0.0  # the next one, where it is too far away to wait for

    async def run(self, due_work: DueWork) -> DueWork:
        """Work until the turn's time is up or nothing is due soon. :returns: the last due_work."""
        ends_at = self._now() + self._engine.settings.turn_seconds
        while self._now() < ends_at and not self._engine.stopping:
            connection = due_work.connection
            if connection is None or not connection.active:
                break
            if not due_work.candidates and not self._line.late:
                if due_work.next_due > self._now() + NEAR:
                    break
                await self._rest(due_work.next_due - self._now())
                due_work = await self._engine.look(connection.id)
                continue
            try:
                self._line.live = self._engine.senders.of(connection)
            except ConnectionDown as error:
                await self._engine.pause_connection(connection.id, error)
                break
            due_work = await self._step(due_work)
            if self.far_slot:
                break
        return due_work

    async def _step(self, due_work: DueWork) -> DueWork:
        """Take the next slots and fill them, or find that the next one is far away. :returns: the new due_work."""
        await self._engine.recorder.has_room()
        if self._next_slot - self._now() > NEAR:
            self.far_slot = self._next_slot
            return due_work
        await self._rest(self._next_slot - max(AHEAD, self._lead) - self._now())
        count = min(self._engine.settings.claim_size, await self._room())
        with self._line.asking(count):
            return await self._take(due_work, count)

    async def _room(self) -> int:
        """How many more requests this connection may have under way here; waits until there are some.

        Those that gave up their slots are counted already, and wait for nothing but other slots.
        """
        line, most = self._line, self._engine.settings.in_flight
        while not line.late:
            room = most - line.load - (line.live.in_flight if line.live else 0)
            if room >= max(1, most // LEAST_ROOM):
                return room
            await self._engine.finished_some(line.connection_id)
        return len(line.late)

    async def _take(self, due_work: DueWork, count: int) -> DueWork:
        asked_at = self._now()
        try:
            slots = await self._reserve(due_work, count)
        except redis.RedisError as error:
            log.warning("nothing is sent while Redis cannot be asked: %s", error)
            await self._rest(REDIS_RETRY)
            return await self._engine.look(self._line.connection_id)
        self._next_slot = slots.next_at
        if not slots.times:
            return due_work
        self._line.took(slots.times)
        return await self._fill(due_work, slots, asked_at=asked_at)

    async def _reserve(self, due_work: DueWork, count: int) -> Slots:
        connection, late = due_work.connection, self._line.late
        if connection is None:
            return Slots([], [], NEVER, 1)
        candidates = due_work.candidates if due_work.has_rates and not late else ()
        count = min(count, len(late)) if late else count
        report = self._line.take_report()
        lead, pace = self._lead, self._engine.pace
        try:
            return await pace.reserve(
                connection.id, connection.limits, count=count, candidates=candidates, report=report, lead=lead
            )
        except ColdPaceError:
            await self._engine.prime_pace(connection)
            return await pace.reserve(connection.id, connection.limits, count=count, candidates=candidates, lead=lead)

    async def _fill(self, due_work: DueWork, slots: Slots, *, asked_at: float) -> DueWork:
        times, late = deque(slots.times), self._line.late
        while late and times and not any(slots.candidates):  # slots given to a broadcast are for its own
            self._line.enqueue(late.popleft(), times.popleft(), shift=slots.shift)
        connection = due_work.connection
        if not times or connection is None:
            return due_work
        caps = Counter(filter(None, slots.candidates)) if any(slots.candidates) else None
        with self._line.listening() as heard:
            try:
                claimed, taken, due_work = await self._engine.claim(connection, len(times), caps)
            except UnavailableError:
                report = SlotReport(list(times), (times[0], times[-1]))
                await self._engine.pace.tell(connection.id, connection.limits, report)
                raise
            self._line.obey(heard, self._seat(claimed, times, slots, asked_at=asked_at))
        if not taken:
            await self._rest(IDLE_LOOK)
        return due_work

    def _seat(
        self, claimed: Sequence[Prepared], times: deque[float], slots: Slots, *, asked_at: float
    ) -> list[PendingSend]:
        """Give messages their slots, and back those that are left."""
        now = self._now()
        if self._line.live is not None:
            self._line.live.learn_lead(now - asked_at)
        if any(slots.candidates):
            by_candidate = _slots_by_candidate(times, slots.candidates)
            filled = [PendingSend(by_candidate[one[0].broadcast_id].popleft(), now, *one) for one in claimed]
            filled.sort(key=attrgetter("slot"))
            self._line.free_slots(itertools.chain.from_iterable(by_candidate.values()))
        else:
            filled = [PendingSend(times.popleft(), now, *one) for one in claimed]
            if times:
                self._line.free_tail(times)
        for ready in filled:
            self._line.enqueue(ready, ready.slot, shift=slots.shift)
        return filled

    @property
    def _lead(self) -> float:
        """How far ahead slots are asked for: those that gave theirs up are ready for others."""
        return LEAD if self._line.late or self._line.live is None else self._line.live.lead

    async def _rest(self, seconds: float) -> None:
        """Sleep, but wake when there is reason to look again."""
        if seconds <= 0:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        self._bell.clear()

    def _now(self) -> float:
        return self._engine.clock.now()


def _slots_by_candidate(times: Sequence[float], candidates: Sequence[int | None]) -> dict[int, deque[float]]:
    slots: dict[int, deque[float]] = {}
    for time, candidate in zip(times, candidates[-len(times) :], strict=True):
        if candidate is not None:
            slots.setdefault(candidate, deque()).append(time)
    return slots
