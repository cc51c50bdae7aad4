"""Who this worker is: its number, its lease in Redis, its intents, and what happens when it was taken for dead."""

import logging
import time

from wabroadcast_core.clock import RedisClock
from wabroadcast_core.context import Context
from wabroadcast_core.recovery.intents import Beat, Intents, SealedError
from wabroadcast_core.store import workers as worker_store
from wabroadcast_core.store.group_commit import GroupCommit

log = logging.getLogger(__name__)


class WorkerLease:
    def __init__(
        self,
        context: Context,
        group_commit: GroupCommit,
        intents: Intents,
        clock: RedisClock,
    ) -> None:
        self._context = context
        self._group_commit = group_commit
        self._intents = intents
        self._clock = clock
        self._epoch: float | None = None
        self.worker_id = 0

    async def begin(self) -> None:
        """Take a number and say that we live, before the first claim."""
        self.worker_id = await self._group_commit.run(lambda unit: worker_store.insert_worker(unit.conn, now=unit.now))
        await self._intents.open(self.worker_id)
        await self.beat()

    async def beat(self) -> bool:
        """Say that we live, look at Redis' clock, notice what was lost.

        :returns: whether Redis lost its keys since the last beat.
        """
        asked = time.monotonic()
        beat = await self._intents.beat(self.worker_id, lease_seconds=self._context.settings.lease_seconds)
        self._clock.follow(beat.redis_time, asked_at=asked, answered_at=time.monotonic())
        if beat.sealed:
            await self._begin_anew()
        elif not beat.whole:
            await self.reopen()
        return self._notice_loss(beat)

    async def reopen(self) -> None:
        """Write all intents again after Redis lost them.

        :raises SealedError: the claims of this number were settled meanwhile.
        """
        worker_id = self.worker_id
        if not await self._group_commit.run(lambda unit: worker_store.is_open(unit.conn, worker_id)):
            await self._begin_anew()
            raise SealedError
        await self._intents.open(worker_id)

    async def end(self) -> None:
        """Leave: all that was started is recorded."""
        worker_id = self.worker_id
        await self._group_commit.run(lambda unit: worker_store.end_worker(unit.conn, worker_id, now=unit.now))
        await self._intents.drop(worker_id)

    async def _begin_anew(self) -> None:
        log.warning("worker %d was taken for dead and goes on under a new number", self.worker_id)
        self._intents.forget_all()
        await self.begin()

    def _notice_loss(self, beat: Beat) -> bool:
        lost = self._epoch is not None and beat.epoch != self._epoch
        self._epoch = beat.epoch
        return lost
