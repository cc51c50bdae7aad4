"""The lease of a worker: its id, its heartbeat in Redis, and what happens when others took it for dead."""

import logging
import time
from collections.abc import Sequence

from wabroadcast_core.clock import RedisClock
from wabroadcast_core.context import Context
from wabroadcast_core.recovery.intents import Beat, Intents, LostError, SealedError
from wabroadcast_core.store import workers as worker_store
from wabroadcast_core.store.group_commit import GroupCommit

log = logging.getLogger(__name__)


class WorkerLease:
    """The lease of the worker in this process."""

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
        self.worker_id = 0  # until :meth:`begin`

    async def begin(self) -> None:
        """Take a worker id and make the first heartbeat, before the first claim.

        :raises UnavailableError: the store cannot be reached.
        :raises redis.RedisError: Redis cannot be reached.
        """
        self.worker_id = await self._group_commit.run(lambda unit: worker_store.insert_worker(unit.conn, now=unit.now))
        await self._intents.open(self.worker_id)
        await self.beat()

    async def beat(self) -> bool:
        """Renew the lease, follow Redis' clock, and find out whether Redis lost keys.

        :returns: whether Redis lost its keys since the last heartbeat.
        :raises UnavailableError: the store cannot be reached.
        :raises redis.RedisError: Redis cannot be reached.
        """
        asked = time.monotonic()
        beat = await self._intents.beat(self.worker_id, lease_seconds=self._context.settings.lease_seconds)
        self._clock.follow(beat.redis_time, asked_at=asked, answered_at=time.monotonic())
        if beat.sealed:
            await self._begin_anew()
        elif not beat.whole:
            await self.reopen()
        return self._notice_loss(beat)

    async def mark_started(self, keys: Sequence[int]) -> None:
        """Write the intents of messages that start now.

        :raises SealedError: the claims of this worker id were settled meanwhile: nothing may start.
        :raises redis.RedisError: Redis cannot be reached: nothing may start.
        """
        try:
            await self._intents.mark(self.worker_id, keys)
        except LostError:
            await self.reopen()

    async def reopen(self) -> None:
        """Write all intents again after Redis lost them.

        :raises SealedError: the claims of this worker id were settled meanwhile.
        """
        worker_id = self.worker_id
        if not await self._group_commit.run(lambda unit: worker_store.is_open(unit.conn, worker_id)):
            await self._begin_anew()
            raise SealedError
        await self._intents.open(worker_id)

    async def end(self) -> None:
        """End the lease: every outcome is recorded."""
        worker_id = self.worker_id
        await self._group_commit.run(lambda unit: worker_store.end_worker(unit.conn, worker_id, now=unit.now))
        await self._intents.drop(worker_id)

    async def _begin_anew(self) -> None:
        log.warning("worker %d was taken for dead: it continues under a new id", self.worker_id)
        self._intents.forget_all()
        await self.begin()

    def _notice_loss(self, beat: Beat) -> bool:
        lost = self._epoch is not None and beat.epoch != self._epoch
        self._epoch = beat.epoch
        return lost
