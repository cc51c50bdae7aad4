"""Starts a turn's messages: writes their intents, then starts each on its slot.

Intents are written as early as Redis takes to write them, no earlier: after a crash a written intent may have left. A
message that is too late for its slot gives it up and gets another one.
"""

import asyncio
import logging
from collections.abc import Sequence

import redis

from wabroadcast_core.background import RETRY_SECONDS, BackgroundTasks
from wabroadcast_core.delivery.ready_messages import PendingSend
from wabroadcast_core.delivery.resources import TurnResources
from wabroadcast_core.delivery.slot_queue import SlotQueue
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.models.status import WaitReason
from wabroadcast_core.pacing.pace import Lateness
from wabroadcast_core.recovery.intents import SealedError
from wabroadcast_core.transport.live_senders import LiveConnection

log = logging.getLogger(__name__)

TOGETHER = 0.005  # seconds: messages whose slots lie this close share one writing of intents
MOST_TOGETHER = 1_000  # as many as one reservation gives slots: Redis is called once for them
MOST_GROUPS = 64  # whose intents are being written, or that wait for their slots
STALE = 1.3  # seconds since it became ready, beside what Redis takes, that a message may start: then it goes back


class Dispatcher:
    """The dispatcher of one turn."""

    def __init__(self, resources: TurnResources, queue: SlotQueue) -> None:
        self._resources = resources
        self._queue = queue
        self._last_start = 0.0
        self._groups = BackgroundTasks("starting messages")
        self._free = asyncio.Semaphore(MOST_GROUPS)

    async def dispatch(self) -> None:
        """Start messages until none are left and no more will get slots."""
        try:
            while (slot := await self._queue.first_slot()) is not None:
                early = TOGETHER + self._marking
                await self._sleep_until(slot - early)
                if group := self._next_group(within=early + TOGETHER):
                    await self._free.acquire()
                    self._groups.spawn(self._mark_and_start(group))
        finally:
            await self._groups.wait_all()

    @property
    def _name(self) -> str:
        return "(not read yet)" if self._queue.live is None else self._queue.live.snapshot.name

    @property
    def _marking(self) -> float:
        """Seconds that the writing of intents is expected to take."""
        return 0.0 if self._queue.live is None else self._queue.live.marking.expected

    def _next_group(self, *, within: float) -> list[PendingSend]:
        """Return the next messages that start together; those that must not start any more go back."""
        now = self._now()
        since, worker_id = now - self._longest_wait(now), self._resources.lease.worker_id
        may_start = not self._resources.stopping.is_set()
        group: list[PendingSend] = []
        for pending in self._queue.pop_until(now + within, most=MOST_TOGETHER):
            is_settled = pending.claimed.worker_id != worker_id
            if may_start and not (pending.dropped or is_settled or pending.ready_at < since):
                group.append(pending)
            else:
                self._skip_slot(pending)
        return group

    def _longest_wait(self, now: float) -> float:
        """Return for how many seconds a message that starts may have been ready."""
        live = self._queue.live
        return STALE if live is None else STALE + live.lead(now) + live.reserving.expect(now)

    async def _mark_and_start(self, group: list[PendingSend]) -> None:
        try:
            if await self._mark(group) and (admitted := await self._admit(group)):
                await self._start_group(admitted)
        except Exception:
            log.exception("connection %s: messages could not be started; they return to the queue", self._name)
            for pending in filter(self._queue.holds, group):
                self._skip_slot(pending)
        finally:
            self._free.release()

    async def _mark(self, group: Sequence[PendingSend]) -> bool:
        """Write the intents of a group.

        :returns: whether they are written; otherwise no message of the group may start.
        """
        keys, asked_at = [pending.claimed.key for pending in group], self._now()
        try:
            await self._resources.lease.mark_started(keys)
        except (SealedError, UnavailableError, redis.RedisError):
            self._resources.intents.forget(keys, started=False)
            for pending in group:
                self._skip_slot(pending)
            return False
        if self._queue.live is not None:
            self._queue.live.marking.learn(self._now() - asked_at)
        return True

    async def _admit(self, group: list[PendingSend]) -> list[PendingSend]:
        """Return the messages whose recipient was not messaged too short a time ago; the others go back and wait."""
        live = self._queue.live
        limit = live.snapshot.limits.per_recipient if live is not None else None
        if limit is None:
            return group
        numbers = [pending.claimed.number for pending in group]
        try:
            waits = await self._resources.recipient_gaps.admit(self._queue.connection_id, limit, numbers)
        except redis.RedisError:
            waits = [RETRY_SECONDS] * len(group)
        early = [(pending, wait) for pending, wait in zip(group, waits, strict=True) if wait > 0]
        self._resources.intents.forget((pending.claimed.key for pending, _ in early), started=False)
        for pending, wait in early:
            self._skip_slot(pending, wait=wait, reason=WaitReason.RECIPIENT_GAP)
        return [pending for pending, wait in zip(group, waits, strict=True) if wait <= 0]

    async def _start_group(self, group: Sequence[PendingSend]) -> None:
        live = self._queue.live
        lateness = _lateness_of(live, group, now=self._now()) if live is not None else {}
        unstarted: list[int] = []
        clock, stopping = self._resources.clock, self._resources.stopping
        for pending in group:
            now = clock.now()
            if pending.slot > now:
                await asyncio.sleep(pending.slot - now)
                now = clock.now()
            if pending.dropped or stopping.is_set() or live is None:
                unstarted.append(pending.claimed.key)
                self._skip_slot(pending)
            elif self._is_in_time(pending, lateness[pending.broadcast.id], now):
                self._queue.remove(pending)
                self._resources.sends.start(live, pending)
            else:
                unstarted.append(pending.claimed.key)
                self._queue.give_up_slot(pending)
        self._resources.intents.forget(unstarted, started=False)

    def _is_in_time(self, pending: PendingSend, allowed: Lateness, now: float) -> bool:
        late = now - pending.slot
        if late > allowed.most or (late > allowed.free and now - self._last_start < allowed.gap):
            return False
        self._last_start = now
        return True

    def _skip_slot(self, pending: PendingSend, *, wait: float = 0, reason: str | None = None) -> None:
        """Return a message to the store and release its slot."""
        self._queue.release_slot(pending.slot)
        self._queue.remove(pending)
        self._resources.recorder.give_back(pending.claimed, now=self._now(), wait=wait, reason=reason)

    async def _sleep_until(self, moment: float) -> None:
        wait = moment - self._now()
        if wait > 0:
            await asyncio.sleep(wait)

    def _now(self) -> float:
        return self._resources.clock.now()


def _lateness_of(live: LiveConnection, group: Sequence[PendingSend], *, now: float) -> dict[int, Lateness]:
    """Return how late messages may start, by broadcast."""
    lateness: dict[int, Lateness] = {}
    for pending in group:
        if pending.broadcast.id not in lateness:
            own = pending.broadcast.draft.rate
            lateness[pending.broadcast.id] = Lateness.of(live.snapshot.limits, own, lead=live.lead(now))
    return lateness
