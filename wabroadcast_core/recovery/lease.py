"""The lease of a worker: its id, its heartbeat in Redis, and a new id after others settled its claims."""

import asyncio
import logging
from collections.abc import Sequence

from wabroadcast_core.clock import RedisClock
from wabroadcast_core.context import Context
from wabroadcast_core.recovery.intents import Heartbeat, Intents, IntentsLostError, SealedError
from wabroadcast_core.store import workers as worker_store
from wabroadcast_core.store.group_commit import GroupCommit

log = logging.getLogger(__name__)

LEAST_JUMP = 1.0  # seconds of Redis' clock


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
        self._epoch: float | None = None  # of Redis, at the last heartbeat
        self._registration: asyncio.Future[int] | None = None  # of the worker id in the store
        self._has_ended = False
        self.worker_id = 0  # set by :meth:`begin`

    async def begin(self) -> None:
        """Take a worker id and make the first heartbeat, before the first claim.

        :raises UnavailableError: the store cannot be reached.
        :raises redis.RedisError: Redis cannot be reached.
        :raises SealedError: another worker took it for dead meanwhile; the next call takes another id.
        """
        insert = self._group_commit.run(lambda unit: worker_store.insert_worker(unit.conn, now=unit.now))
        self._registration = asyncio.ensure_future(insert)
        self.worker_id = await asyncio.shield(self._registration)  # so that a stop meanwhile ends what is stored
        await self._intents.open(self.worker_id)
        await self.beat()

    async def beat(self) -> bool:
        """Renew the lease, synchronise the clock with Redis, and check whether Redis may have lost keys.

        :returns: whether lost work must be searched for: Redis may have lost keys since the last heartbeat, or its
            clock has jumped, so that scheduled tasks may come late.
        :raises SealedError: the claims of this worker id were settled meanwhile; the worker continues under a new id.
        :raises UnavailableError: the store cannot be reached.
        :raises redis.RedisError: Redis cannot be reached.
        """
        if self._has_ended:
            return False
        jump = self._clock.jump
        heartbeat = await self._intents.beat(self.worker_id, lease_seconds=self._context.settings.lease_seconds)
        if heartbeat.sealed:
            await self._begin_again()
        elif not heartbeat.complete:
            await self.reopen()
        return self._has_new_epoch(heartbeat) or abs(self._clock.jump - jump) > LEAST_JUMP

    async def mark_started(self, keys: Sequence[int]) -> None:
        """Write the intents of messages that start now.

        :param keys: the messages' keys.
        :raises SealedError: the claims of this worker id were settled meanwhile; no message may start.
        :raises redis.RedisError: Redis cannot be reached; no message may start.
        """
        try:
            await self._intents.mark(self.worker_id, keys)
        except IntentsLostError:
            await self.reopen()

    async def reopen(self) -> None:
        """Write all intents again after Redis lost them.

        :raises SealedError: the claims of this worker id were settled meanwhile; the worker continues under a new id.
        """
        worker_id = self.worker_id
        if not await self._group_commit.run(lambda unit: worker_store.is_open(unit.conn, worker_id)):
            if not self._has_ended:
                await self._begin_again()
            raise SealedError
        await self._intents.open(worker_id)

    async def end(self) -> None:
        """End the lease; none is begun any more. Call this when every outcome is recorded."""
        self._has_ended = True
        if self._registration is None:
            return
        worker_id = await self._registration
        await self._group_commit.run(lambda unit: worker_store.end_worker(unit.conn, worker_id, now=unit.now))
        await self._intents.drop(worker_id)

    async def _begin_again(self) -> None:
        log.warning("worker %d missed its heartbeats and lost its claims: it continues under a new id", self.worker_id)
        self._intents.forget_all()
        await self.begin()

    def _has_new_epoch(self, heartbeat: Heartbeat) -> bool:
        lost = self._epoch is not None and heartbeat.epoch != self._epoch
        self._epoch = heartbeat.epoch
        return lost
