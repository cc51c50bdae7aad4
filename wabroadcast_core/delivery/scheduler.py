"""Gives ready messages their slots: reserves them in Redis as late as it can be done in time.

This lets priority be decided late: slots go to the highest priority that is ready.
"""

import asyncio
import contextlib
import logging

import redis

from wabroadcast_core.background import RETRY_SECONDS
from wabroadcast_core.delivery.pace_forecast import PaceForecast
from wabroadcast_core.delivery.ready_messages import PendingSend
from wabroadcast_core.delivery.resources import TurnResources
from wabroadcast_core.delivery.slot_queue import SlotQueue
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.pacing.pace import LONGEST_LEAD, Candidate, Slots

log = logging.getLogger(__name__)

EARLY = 0.12  # seconds: more slots are reserved when the next one is nearer than this and the lead
LONGEST_HOLD = 1.0  # seconds that a ready message may wait for its slot before it is claimed anew
MOST_AT_ONCE = 1_000  # slots in one reservation
PURGE_SECONDS = 0.25  # from one look for messages that must go back to the next


class Scheduler:
    """The scheduler of one turn."""

    def __init__(self, resources: TurnResources, queue: SlotQueue, pace: PaceForecast) -> None:
        self._resources = resources
        self._queue = queue
        self._pace = pace
        self._alarm = queue.new_alarm()
        self._granted: set[int] = set()  # broadcasts that got slots here: they are not fresh any more

    async def schedule(self) -> None:
        """Give slots to ready messages until none are left and no more will come."""
        try:
            while self._queue.is_claiming or self._queue.load:  # scheduled ones may give up their slots
                self._give_back_unwanted()
                wait = self._seconds_to_wait()
                if wait > 0:
                    await self._rest(wait)
                else:
                    await self._reserve()
        finally:
            self._queue.end_schedule()

    def _seconds_to_wait(self) -> float:
        """Return how long no reservation is worth it; at most until messages may have to go back."""
        ready = self._queue.ready.broadcasts()
        if not ready:
            return PURGE_SECONDS
        now = self._now()
        own = min(self._queue.next_of.get(broadcast.id, 0.0) for broadcast, _ in ready)
        until_slot = max(self._queue.next_slot, own) - now - self._lead(now) - EARLY
        return min(max(until_slot, self._queue.retry_at - now), PURGE_SECONDS)

    async def _reserve(self) -> None:
        live = self._queue.live
        if live is None:  # nothing was claimed through it yet
            await self._rest(PURGE_SECONDS)
            return
        requested, asked_at = min(len(self._queue.ready), MOST_AT_ONCE), self._now()
        candidates = self._candidates()
        try:
            slots = await self._resources.pace.reserve(
                live.snapshot,
                count=requested,
                candidates=candidates,
                report=self._queue.take_report(),
                lead=self._lead(asked_at),
            )
        except (redis.RedisError, UnavailableError) as error:
            log.warning("connection %s: no slots (%s); nothing is sent until there are", live.snapshot.name, error)
            self._queue.retry_at = self._now() + RETRY_SECONDS
            return
        now = self._now()
        live.reserving.learn(now - asked_at, now=now)
        live.is_probing = live.is_probing or slots.is_probe
        self._pace.learn(slots, requested=requested, now=now)
        self._queue.next_of |= slots.next_of
        if not candidates or any(
            one.rate is None or slots.next_of[one.broadcast_id] < slots.next_at for one in candidates
        ):
            self._queue.next_slot = slots.next_at  # otherwise it is the broadcasts' own rates that say no
        self._assign(slots)
        self._give_back_far(now)
        self._queue.wake(but=self._alarm)

    def _assign(self, slots: Slots) -> None:
        if not slots.times:
            return
        self._queue.note_reserved(slots.times)
        if any(slots.candidates):
            for slot, broadcast_id in zip(slots.times, slots.candidates, strict=True):
                self._assign_to(broadcast_id, slot, shift=slots.shift)
            return
        # those with a rate of their own became ready after the request: these slots do not keep to their rates
        taken = self._queue.ready.take(len(slots.times), rated=False)
        self._queue.schedule(taken, slots.times, shift=slots.shift)
        for slot in slots.times[len(taken) :]:  # their messages were dropped meanwhile
            self._queue.release_slot(slot)

    def _assign_to(self, broadcast_id: int | None, slot: float, *, shift: float) -> None:
        if broadcast_id is not None and self._queue.ready.count_of(broadcast_id):
            self._granted.add(broadcast_id)
            self._queue.schedule([self._queue.ready.take_of(broadcast_id)], [slot], shift=shift)
        else:
            self._queue.release_slot(slot)

    def _candidates(self) -> list[Candidate]:
        """Return the broadcasts that compete for slots; none where the order of the ready messages decides."""
        ready = self._queue.ready.broadcasts()
        if all(broadcast.draft.rate is None for broadcast, _ in ready):
            return []
        return [
            Candidate(
                broadcast.id,
                broadcast.draft.priority.rank,
                broadcast.draft.rate,
                fresh=broadcast.id in self._queue.fresh and broadcast.id not in self._granted,
                ready=count,
            )
            for broadcast, count in ready
        ]

    # --- what goes back ----------------------------------------------------------------------------------------

    def _give_back_unwanted(self) -> None:
        """Return ready messages that were dropped, that waited too long, or that must not start any more."""
        if self._resources.stopping.is_set():
            self._give_back(self._queue.ready.take(len(self._queue.ready)))
            return
        since, worker_id = self._now() - LONGEST_HOLD, self._resources.lease.worker_id
        self._give_back(
            self._queue.ready.remove_if(
                lambda one: one.dropped or one.ready_at < since or one.claimed.worker_id != worker_id
            )
        )

    def _give_back_far(self, now: float) -> None:
        """Return the ready messages of broadcasts whose next slot is far."""
        soon, next_of = now + LONGEST_HOLD, self._queue.next_of
        ready = [broadcast.id for broadcast, _ in self._queue.ready.broadcasts()]
        far = {key for key in ready if max(self._queue.next_slot, next_of.get(key, 0.0)) > soon}
        if far:
            self._give_back(self._queue.ready.remove_if(lambda one: one.broadcast.id in far))

    def _give_back(self, messages: list[PendingSend]) -> None:
        now = self._now()
        for pending in messages:
            self._resources.recorder.give_back(pending.claimed, now=now)

    def _lead(self, now: float) -> float:
        live = self._queue.live
        return 0.0 if live is None else min(live.lead(now), LONGEST_LEAD)

    async def _rest(self, seconds: float) -> None:
        """Sleep until woken, at most so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._alarm.wait()
        self._alarm.clear()

    def _now(self) -> float:
        return self._resources.clock.now()
