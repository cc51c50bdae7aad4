"""One short run of work for one connection.

Three coroutines share a queue: the planner claims messages ahead, the scheduler gives ready ones their slots, the
dispatcher starts each on its slot.
"""

import asyncio
import contextlib

import redis

from wabroadcast_core.control.announcements import Announcement
from wabroadcast_core.delivery.claims import DueWork
from wabroadcast_core.delivery.dispatcher import Dispatcher
from wabroadcast_core.delivery.pace_forecast import PaceForecast
from wabroadcast_core.delivery.planner import LONGEST_TURN, NEAR, Planner
from wabroadcast_core.delivery.resources import TurnResources
from wabroadcast_core.delivery.scheduler import Scheduler
from wabroadcast_core.delivery.slot_queue import SlotQueue
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.pacing.pace import LATEST
from wabroadcast_core.snapshots import ConnectionSnapshot


class Turn:
    """One turn of a connection.

    :param number: of the turn in this process; with the worker's id it names the turn in Redis.
    :param staying: has the turn in it while the turn plans and is not to end early.
    """

    def __init__(
        self, resources: TurnResources, connection_id: int, number: int, *, staying: set["Turn"] | None = None
    ) -> None:
        self._resources = resources
        self.connection_id = connection_id
        self.connection_name = "(not read yet)"
        self.number = number
        self.name = f"{resources.lease.worker_id}.{number}"
        self.is_planning = False  # it will still see what is in the store now
        self._staying = set() if staying is None else staying
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
        pace = PaceForecast(due_work.connection.limits)
        if pace.may_be_far:
            await self._find_next_slot(due_work.connection)
        planner, scheduler = Planner(self._resources, self._queue, pace), Scheduler(self._resources, self._queue, pace)
        self.is_planning = True
        self._staying.add(self)
        starting = asyncio.gather(scheduler.schedule(), Dispatcher(self._resources, self._queue).dispatch())
        try:
            await self._plan(planner, due_work)
        finally:  # also where the planner failed: control must reach the pending sends until they have started
            try:
                await planner.finish()
            finally:
                self._queue.end_claims()
                await starting
                await self._report_rest()

    def end_early(self) -> None:
        """End before the turn's time is up, as soon as the connection's next turn can follow."""
        self._staying.discard(self)
        self._queue.ends_early = True
        self._queue.wake()

    def on_announcement(self, announcement: Announcement) -> None:
        """Drop the messages that must not start any more."""
        self._queue.on_announcement(announcement)

    def wake(self) -> None:
        """Make the turn look for new work."""
        self._queue.has_news = True
        self._queue.wake()

    async def _take_lane(self, *, lanes: int) -> bool:
        seconds = max(self._resources.settings.turn_seconds, LONGEST_TURN) + 2 * NEAR
        return await self._resources.lanes.take(self.connection_id, self.name, lanes=lanes, seconds=seconds)

    async def _find_next_slot(self, connection: ConnectionSnapshot) -> None:
        """Learn when the connection's next slot is, before anything is claimed for it."""
        slots = await self._resources.pace.reserve(connection, count=0)
        self._queue.next_slot = slots.next_at

    async def _plan(self, planner: Planner, due_work: DueWork) -> None:
        """Plan, then hand over: the next turn begins while this one still starts its last messages."""
        try:
            due_work = await planner.plan(due_work)
        finally:
            self.is_planning = False
            self._staying.discard(self)
            await self._give_lane_back()
        await self._queue_next_turn(due_work)

    async def _give_lane_back(self) -> None:
        with contextlib.suppress(redis.RedisError):
            await self._resources.lanes.give_back(self.connection_id, self.name)

    async def _queue_next_turn(self, due_work: DueWork) -> None:
        far = self._queue.next_slot if self._queue.next_slot - self._resources.clock.now() > NEAR else 0
        if not due_work.candidates:
            with contextlib.suppress(UnavailableError):
                due_work = await self._resources.ledger.look(self.connection_id)
        await self._requeue(due_work, slot=far)

    async def _requeue(self, due_work: DueWork, *, slot: float = 0) -> None:
        if not self._resources.stopping.is_set():
            await self._resources.wakeups.requeue(self.connection_id, due_work, slot=slot)

    async def _report_rest(self) -> None:
        """Report the last slots, once the last starts have left; the report matters a window later."""
        live = self._queue.live
        if live is None:
            return
        if live.has_rate and not self._resources.stopping.is_set():
            await asyncio.sleep(LATEST)
        with contextlib.suppress(redis.RedisError):
            await self._resources.pace.report(live.snapshot, self._queue.take_report())
