"""Fills a turn's slot queue: reserves the slots of the next moment and claims as many messages for them.

This lets priority be decided as late as possible. The time from the request to ready messages, a slow blacklist
included, is learned: slots are reserved so far ahead that they are not missed.
"""

import asyncio
import contextlib
import itertools
import logging
from collections import Counter, deque
from collections.abc import Sequence
from operator import attrgetter

import redis

from wabroadcast_core.background import RETRY_SECONDS
from wabroadcast_core.delivery.claims import NEVER, DueWork
from wabroadcast_core.delivery.resources import TurnResources
from wabroadcast_core.delivery.slot_queue import PendingSend, SlotQueue
from wabroadcast_core.errors import ConnectionDown, UnavailableError
from wabroadcast_core.pacing.pace import LEAD, SlotReport, Slots

log = logging.getLogger(__name__)

AHEAD = 0.15  # seconds: more slots are reserved when the next one is nearer than this, or than the lead
LEAST_ROOM = 8  # an eighth of the room must be free before more is claimed: a claim of few costs what one of many does
NEAR = 5.0  # seconds: for work that is due sooner the turn waits, otherwise it comes back by the queue
IDLE_LOOK = 0.2  # seconds before looking again where work was seen but could not be claimed


class Planner:
    """One of a turn's planners. Where a pace is to be kept there is but one: slots come in their order."""

    def __init__(self, resources: TurnResources, queue: SlotQueue) -> None:
        self._resources = resources
        self._queue = queue
        self._alarm = queue.new_alarm()
        self._next_slot = 0.0  # no request for slots is worth making before
        self.far_slot = 0.0  # the next slot, where it is too far away to wait for

    async def plan(self, due_work: DueWork) -> DueWork:
        """Fill the queue until the turn's time is up or nothing is due soon.

        :returns: the due work as it was last seen.
        """
        ends_at = self._now() + self._resources.settings.turn_seconds
        while self._now() < ends_at and not self._resources.stopping.is_set():
            connection = due_work.connection
            if connection is None or not connection.active:
                break
            if not due_work.candidates and not self._queue.late:
                if due_work.next_due > self._now() + NEAR:
                    break
                await self._rest(due_work.next_due - self._now())
                due_work = await self._resources.ledger.look(connection.id)
                continue
            try:
                self._queue.live = self._resources.live_senders.of(connection)
            except ConnectionDown as error:
                await self._resources.ledger.pause_connection(connection.id, error)
                break
            due_work = await self._step(due_work)
            if self.far_slot:
                break
        return due_work

    async def _step(self, due_work: DueWork) -> DueWork:
        """Reserve the next slots and fill them, or find that the next one is far away.

        :returns: the new due work.
        """
        await self._resources.recorder.has_room()
        if self._next_slot - self._now() > NEAR:
            self.far_slot = self._next_slot
            return due_work
        await self._rest(self._next_slot - max(AHEAD, self._lead) - self._now())
        count = min(self._resources.settings.claim_size, await self._room())
        with self._queue.requesting(count):
            return await self._reserve_and_fill(due_work, count)

    async def _room(self) -> int:
        """Wait until the connection may have more requests under way here, and return how many.

        Messages that gave up their slots are counted already, and wait for nothing but other slots.
        """
        queue, most = self._queue, self._resources.settings.in_flight
        while not queue.late:
            room = most - queue.load - (queue.live.in_flight if queue.live else 0)
            if room >= max(1, most // LEAST_ROOM):
                return room
            await self._resources.sends.wait_for_end(queue.connection_id)
        return len(queue.late)

    async def _reserve_and_fill(self, due_work: DueWork, count: int) -> DueWork:
        requested_at = self._now()
        try:
            slots = await self._reserve(due_work, count)
        except redis.RedisError as error:
            log.warning("nothing is sent until Redis can be reached again: %s", error)
            await self._rest(RETRY_SECONDS)
            return await self._resources.ledger.look(self._queue.connection_id)
        self._next_slot = slots.next_at
        if not slots.times:
            return due_work
        self._queue.note_reserved(slots.times)
        return await self._fill(due_work, slots, requested_at=requested_at)

    async def _reserve(self, due_work: DueWork, count: int) -> Slots:
        connection, late = due_work.connection, self._queue.late
        if connection is None:
            return Slots([], [], NEVER, 1)
        return await self._resources.pace.reserve(
            connection,
            count=min(count, len(late)) if late else count,
            candidates=due_work.candidates if due_work.has_rates and not late else (),
            report=self._queue.take_report(),
            lead=self._lead,
        )

    async def _fill(self, due_work: DueWork, slots: Slots, *, requested_at: float) -> DueWork:
        times, late = deque(slots.times), self._queue.late
        while late and times and not any(slots.candidates):  # slots of a broadcast with a rate are its own
            self._queue.enqueue(late.popleft(), times.popleft(), shift=slots.shift)
        connection = due_work.connection
        if not times or connection is None:
            return due_work
        caps = Counter(filter(None, slots.candidates)) if any(slots.candidates) else None
        with self._queue.collecting_announcements() as announced:
            try:
                ready, claimed, due_work = await self._resources.claimer.claim(connection, len(times), caps)
            except UnavailableError:
                await self._resources.pace.report(connection, SlotReport(list(times), (times[0], times[-1])))
                raise
            self._queue.drop_concerned(announced, self._give_slots(ready, times, slots, requested_at=requested_at))
        if not claimed:
            await self._rest(IDLE_LOOK)
        return due_work

    def _give_slots(
        self, ready: Sequence[PendingSend], times: deque[float], slots: Slots, *, requested_at: float
    ) -> list[PendingSend]:
        """Put messages at their slots into the queue, and release the slots that are left."""
        if self._queue.live is not None:
            self._queue.live.update_lead(self._now() - requested_at)
        if any(slots.candidates):
            by_candidate = _slots_by_candidate(times, slots.candidates)
            for pending in ready:
                pending.slot = by_candidate[pending.claimed.broadcast_id].popleft()
            self._queue.release_scattered(itertools.chain.from_iterable(by_candidate.values()))
        else:
            for pending in ready:
                pending.slot = times.popleft()
            if times:
                self._queue.release_tail(times)
        in_order = sorted(ready, key=attrgetter("slot"))
        for pending in in_order:
            self._queue.enqueue(pending, pending.slot, shift=slots.shift)
        return in_order

    @property
    def _lead(self) -> float:
        """How far ahead slots are reserved, in seconds; late messages are ready already."""
        return LEAD if self._queue.late or self._queue.live is None else self._queue.live.lead

    async def _rest(self, seconds: float) -> None:
        """Sleep, until woken at the latest."""
        if seconds <= 0:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._alarm.wait()
        self._alarm.clear()

    def _now(self) -> float:
        return self._resources.clock.now()


def _slots_by_candidate(times: Sequence[float], candidates: Sequence[int | None]) -> dict[int, deque[float]]:
    slots: dict[int, deque[float]] = {}
    for time, candidate in zip(times, candidates[-len(times) :], strict=True):
        if candidate is not None:
            slots.setdefault(candidate, deque()).append(time)
    return slots
