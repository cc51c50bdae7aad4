"""One short run of work for one connection: its planners fill a slot queue, its dispatcher empties it.

Where no pace is to be kept there are two planners: one prepares its messages while those of the other are claimed.
"""

import asyncio
import contextlib
import logging

import redis

from wabroadcast_core.control.announcements import Announcement
from wabroadcast_core.delivery.claims import DueWork
from wabroadcast_core.delivery.dispatcher import Dispatcher
from wabroadcast_core.delivery.planner import NEAR, Planner
from wabroadcast_core.delivery.resources import TurnResources
from wabroadcast_core.delivery.slot_queue import SlotQueue
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.pacing.pace import LATEST, is_paced

log = logging.getLogger(__name__)

UNPACED_PLANNERS = 2


class Turn:
    """One turn of a connection.

    :param number: of the turn in this process; with the worker's id it names the turn in Redis.
    """

    def __init__(self, resources: TurnResources, connection_id: int, number: int) -> None:
        self._resources = resources
        self.connection_id = connection_id
        self.connection_name = "(not read yet)"
        self.name = f"{resources.lease.worker_id}.{number}"
        self.is_planning = False  # it will still see what is in the store now
        self._queue = SlotQueue(connection_id)

    async def run(self) -> None:
        """Work until the time is up or nothing is due soon. Sends that were started go on after the turn."""
        due_work = await self._resources.ledger.look(self.connection_id)
        if due_work.connection is None or not due_work.connection.active:
            return
        self.connection_name = due_work.connection.name
        if not due_work.candidates and due_work.next_due > self._resources.clock.now() + NEAR:
            await self._requeue(due_work)
            return
        if not await self._take_lane(lanes=due_work.connection.limits.lanes):
            await self._resources.wakeups.notify_lanes(self.connection_id)
            return
        paced = is_paced(due_work.connection.limits)
        planners = [Planner(self._resources, self._queue) for _ in range(1 if paced else UNPACED_PLANNERS)]
        self.is_planning = True
        dispatching = asyncio.create_task(Dispatcher(self._resources, self._queue).dispatch())
        try:
            await self._work(planners, due_work)
        finally:  # also where a planner failed: control must reach the pending sends until they have started
            await dispatching
            await self._report_rest()

    def on_announcement(self, announcement: Announcement) -> None:
        """Drop the messages that must not start any more."""
        self._queue.on_announcement(announcement)

    def wake(self) -> None:
        """Make the turn look for new work."""
        self._queue.wake()

    async def _take_lane(self, *, lanes: int) -> bool:
        seconds = self._resources.settings.turn_seconds + 2 * NEAR
        return await self._resources.lanes.take(self.connection_id, self.name, lanes=lanes, seconds=seconds)

    async def _work(self, planners: list[Planner], due_work: DueWork) -> None:
        try:
            due_work = await self._plan(planners, due_work)
        finally:
            self.is_planning = False
            self._queue.end()
            with contextlib.suppress(redis.RedisError):
                await self._resources.lanes.give_back(self.connection_id, self.name)
        with contextlib.suppress(UnavailableError):
            due_work = await self._resources.ledger.look(self.connection_id)
        await self._requeue(due_work, slot=max(planner.far_slot for planner in planners))

    async def _plan(self, planners: list[Planner], due_work: DueWork) -> DueWork:
        """Let the planners work to their end; where one fails, the others are awaited all the same."""
        ends = await asyncio.gather(*(planner.plan(due_work) for planner in planners), return_exceptions=True)
        failures = [end for end in ends if isinstance(end, BaseException)]
        for failure in failures:
            if len(failures) == len(ends) or not isinstance(failure, UnavailableError | redis.RedisError):
                raise failure
            kind = type(failure).__name__
            log.warning("connection %s: a claim broke off (%s); its turn goes on", self.connection_name, kind)
        return next(end for end in ends if isinstance(end, DueWork))

    async def _requeue(self, due_work: DueWork, *, slot: float = 0) -> None:
        if not self._resources.stopping.is_set():
            await self._resources.wakeups.requeue(self.connection_id, due_work, slot=slot)

    async def _report_rest(self) -> None:
        """Report the last slots, once the last starts have left; the report matters a window later."""
        live = self._queue.live
        if live is None:
            return
        if live.has_rate:
            await asyncio.sleep(LATEST)
        with contextlib.suppress(redis.RedisError):
            await self._resources.pace.report(live.snapshot, self._queue.take_report())
