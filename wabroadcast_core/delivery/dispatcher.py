"""Empties a turn's line: writes the intents of messages, and starts each on its slot.

A message that comes too late for its slot gives it up and is given another one.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import redis

from wabroadcast_core.delivery.planner import REDIS_RETRY
from wabroadcast_core.delivery.slot_queue import PendingSend, SlotQueue
from wabroadcast_core.pacing.pace import Lateness
from wabroadcast_core.recovery.intents import SealedError
from wabroadcast_core.transport.live_senders import LiveConnection

if TYPE_CHECKING:
    from wabroadcast_core.engine.engine import Engine

TOGETHER = 0.005  # seconds: messages whose slots lie this close share one writing of intents
MOST_TOGETHER = 512
LONGEST_HOLD = 1.0  # seconds that a claimed message may wait for its start before it is claimed anew


class Dispatcher:
    def __init__(self, engine: "Engine", line: SlotQueue) -> None:
        self._engine = engine
        self._line = line
        self._last_start = 0.0

    async def run(self) -> None:
        """Work until the line is empty and will not be filled any more."""
        while (slot := await self._line.first_slot()) is not None:
            await self._sleep_until(slot - TOGETHER)
            group = self._next_group()
            if group and await self._mark(group) and (group := await self._admit(group)):
                await self._start_group(group)
        for ready in self._line.late:
            self._give_back(ready)

    def _next_group(self) -> list[PendingSend]:
        now = self._now()
        group: list[PendingSend] = []
        for ready in self._line.pop_until(now + 2 * TOGETHER, most=MOST_TOGETHER):
            if ready.dropped or self._engine.stopping or self._is_stale(ready, now):
                self._skip_slot(ready)
            else:
                group.append(ready)
        return group

    def _is_stale(self, ready: PendingSend, now: float) -> bool:
        """Claimed too long ago, or under a number that was settled meanwhile."""
        return now - ready.claimed_at > LONGEST_HOLD or ready.claimed.worker_id != self._engine.worker_id

    async def _mark(self, group: Sequence[PendingSend]) -> bool:
        """Write the intents of a group. :returns: whether they stand; otherwise nothing of it may start."""
        keys = [ready.claimed.key for ready in group]
        try:
            await self._engine.mark_intents(keys)
        except (SealedError, redis.RedisError):
            self._engine.intents.forget(keys, started=False)
            for ready in group:
                self._skip_slot(ready)
            return False
        return True

    async def _admit(self, group: list[PendingSend]) -> list[PendingSend]:
        """Those of a group whose person was not messaged too short a time ago; the others wait for that."""
        live = self._line.live
        limit = live.snapshot.limits.per_recipient if live is not None else None
        if limit is None:
            return group
        numbers = [ready.claimed.number for ready in group]
        try:
            waits = await self._engine.pairs.admit(self._line.connection_id, limit, numbers)
        except redis.RedisError:
            waits = [REDIS_RETRY] * len(group)
        early = [(ready, wait) for ready, wait in zip(group, waits, strict=True) if wait > 0]
        self._engine.intents.forget((ready.claimed.key for ready, _ in early), started=False)
        for ready, wait in early:
            self._skip_slot(ready, wait=wait, reason="recipient_pace")
        return [ready for ready, wait in zip(group, waits, strict=True) if wait <= 0]

    async def _start_group(self, group: Sequence[PendingSend]) -> None:
        live = self._line.live
        lateness = _lateness_of(live, group) if live is not None else {}
        unstarted: list[int] = []
        for ready in group:
            now = self._now()
            if ready.slot > now:
                await asyncio.sleep(ready.slot - now)
                now = self._now()
            if not ready.dropped and live is not None and self._may_start(ready, lateness[ready.snapshot.id], now):
                self._line.remove(ready)
                self._engine.sending.start(live, ready)
                continue
            unstarted.append(ready.claimed.key)
            if ready.dropped or live is None or ready.snapshot.draft.rate is not None:  # a rate's slots are its own
                self._skip_slot(ready)
            else:
                self._line.be_late(ready)
        self._engine.intents.forget(unstarted, started=False)

    def _may_start(self, ready: PendingSend, lateness: Lateness, now: float) -> bool:
        late = now - ready.slot
        if late > lateness.most or (late > lateness.free and now - self._last_start < lateness.gap):
            return False
        self._last_start = now
        return True

    def _skip_slot(self, ready: PendingSend, *, wait: float = 0, reason: str | None = None) -> None:
        """It does not start at its slot, and goes back."""
        self._line.free_slot(ready.slot)
        self._give_back(ready, wait=wait, reason=reason)

    def _give_back(self, ready: PendingSend, *, wait: float = 0, reason: str | None = None) -> None:
        self._line.remove(ready)
        self._engine.give_back(ready, wait=wait, reason=reason)

    async def _sleep_until(self, moment: float) -> None:
        wait = moment - self._now()
        if wait > 0:
            await asyncio.sleep(wait)

    def _now(self) -> float:
        return self._engine.clock.now()


def _lateness_of(live: LiveConnection, group: Sequence[PendingSend]) -> dict[int, Lateness]:
    """How late messages may start, by broadcast."""
    lateness: dict[int, Lateness] = {}
    for ready in group:
        if ready.snapshot.id not in lateness:
            lateness[ready.snapshot.id] = Lateness.of(live.snapshot.limits, ready.snapshot.draft.rate)
    return lateness
