"""One short run of work for one connection: its planners fill a line of messages, its starter empties it.

Where no pace is to be kept there are two planners, and one makes its messages ready while the other's are claimed.
"""

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import redis

from wabroadcast_core.control.announcements import Announcement
from wabroadcast_core.delivery.claims import DueWork
from wabroadcast_core.delivery.dispatcher import Dispatcher
from wabroadcast_core.delivery.planner import NEAR, Planner
from wabroadcast_core.delivery.slot_queue import SlotQueue
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.pacing.pace import LATEST, ColdPaceError, is_paced

if TYPE_CHECKING:
    from wabroadcast_core.engine.engine import Engine

log = logging.getLogger(__name__)

UNPACED_PLANNERS = 2


class Turn:
    """:param engine: what lives in this process and outlives the turn."""

    def __init__(self, engine: "Engine", connection_id: int, number: int) -> None:
        self._engine = engine
        self.connection_id = connection_id
        self.name = f"{engine.worker_id}.{number}"
        self.looks_on = False  # whether it will still see what is stored now
        self._line = SlotQueue(connection_id)

    async def run(self) -> None:
        """Work until the time is up or nothing is due soon; what was started goes on after the turn."""
        due_work = await self._engine.look(self.connection_id)
        if due_work.connection is None or not due_work.connection.active:
            return
        lanes = self._engine.lanes
        if not due_work.candidates and due_work.next_due > self._engine.clock.now() + NEAR:
            await self._engine.requeue(self.connection_id, due_work)
            return
        seconds = self._engine.settings.turn_seconds + 2 * NEAR
        if not await lanes.take(self.connection_id, self.name, lanes=due_work.connection.limits.lanes, seconds=seconds):
            await self._engine.wake(self.connection_id)
            return
        paced = is_paced(due_work.connection.limits)
        planners = [Planner(self._engine, self._line) for _ in range(1 if paced else UNPACED_PLANNERS)]
        self.looks_on = True
        starter = asyncio.create_task(Dispatcher(self._engine, self._line).run())
        try:
            await self._work(planners, due_work)
        finally:  # also where a planner failed: what waits in the line must hear of control until it has started
            await starter
            await self._tell_rest()

    async def _work(self, planners: list[Planner], due_work: DueWork) -> None:
        try:
            due_work = await self._plan(planners, due_work)
        finally:
            self.looks_on = False
            self._line.end()
            with contextlib.suppress(redis.RedisError):
                await self._engine.lanes.give_back(self.connection_id, self.name)
        due_work = await self._look_again(due_work)
        await self._engine.requeue(self.connection_id, due_work, slot=max(planner.far_slot for planner in planners))

    def hear(self, news: Announcement) -> None:
        """Let nothing start any more that must not."""
        self._line.hear(news)

    def wake(self) -> None:
        """There is new work."""
        self._line.wake()

    async def _plan(self, planners: list[Planner], due_work: DueWork) -> DueWork:
        """Let the planners work to their end: none is left behind where another fails."""
        ends = await asyncio.gather(*(planner.run(due_work) for planner in planners), return_exceptions=True)
        failures = [end for end in ends if isinstance(end, BaseException)]
        for failure in failures:
            if len(failures) == len(ends) or not isinstance(failure, UnavailableError | redis.RedisError):
                raise failure
            log.warning("a claim of connection %d broke off: %s", self.connection_id, type(failure).__name__)
        return next(end for end in ends if isinstance(end, DueWork))

    async def _look_again(self, due_work: DueWork) -> DueWork:
        try:
            return await self._engine.look(self.connection_id)
        except UnavailableError:
            return due_work

    async def _tell_rest(self) -> None:
        """Say what became of the last slots, once the last starts have left; what matters comes a window later."""
        live = self._line.live
        if live is None:
            return
        if live.has_rate:
            await asyncio.sleep(LATEST)
        with contextlib.suppress(redis.RedisError, ColdPaceError):
            await self._engine.pace.tell(self.connection_id, live.snapshot.limits, self._line.take_report())
