"""Wakes turns: puts a connection's next turn into the queue, and notifies those that hold its lanes."""

import asyncio

import redis.asyncio

from wabroadcast_core.clock import RedisClock
from wabroadcast_core.context import WorkQueue
from wabroadcast_core.control.announcements import Announcement
from wabroadcast_core.delivery.claims import NEVER, DueWork
from wabroadcast_core.keys import Keys

WAKE_EARLY = 1.5  # seconds: Huey looks at its schedule once a second; the turn waits for the moment itself


class Wakeups:
    """The wake-ups of one worker process."""

    def __init__(self, work_queue: WorkQueue, *, client: redis.asyncio.Redis, keys: Keys, clock: RedisClock) -> None:
        self._work_queue = work_queue
        self._client = client
        self._keys = keys
        self._clock = clock

    async def requeue(self, connection_id: int, due_work: DueWork, *, slot: float = 0) -> None:
        """Put the connection's next turn into the queue: for now, or for when its next work is due.

        :param due_work: with its times in steady time, as the slot is.
        :param slot: the connection's next slot, where that is far away.
        """
        if due_work.connection is None or not due_work.connection.active:
            return
        due = max(0.0 if due_work.candidates else due_work.next_due, slot)
        if due != NEVER:
            await self.queue_turn(connection_id, rank=due_work.top_rank, due=self._clock.to_wall(due))

    async def queue_turn(self, connection_id: int, *, rank: int, due: float) -> None:
        """Put a turn into the queue that begins a little before ``due`` (wall time)."""
        early = due - WAKE_EARLY
        at = None if early <= self._clock.now() + 1 else early
        await asyncio.to_thread(self._work_queue.turn, connection_id, rank=rank, at=at)

    async def notify_lanes(self, connection_id: int) -> None:
        """Make the turns that hold the connection's lanes look for work again, in whatever process they run.

        :raises redis.RedisError: Redis cannot be reached.
        """
        await self._client.publish(self._keys.control, Announcement(wake=connection_id).as_json())
