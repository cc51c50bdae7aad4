"""Claims messages ahead of their slots, so that a slow store or blacklist does not cost the connection its pace.

When the turn's time is up, the planner hands over to the connection's next turn as late as it can be done in time.
"""

import asyncio
import contextlib
import logging

from wabroadcast_core.background import RETRY_SECONDS
from wabroadcast_core.control.announcements import Announcement
from wabroadcast_core.delivery.claims import DueWork
from wabroadcast_core.delivery.demand import LOOK_AGAIN, SHORTEST_REST, Demand
from wabroadcast_core.delivery.pace_forecast import PaceForecast
from wabroadcast_core.delivery.resources import TurnResources
from wabroadcast_core.delivery.slot_queue import SlotQueue
from wabroadcast_core.errors import ConnectionDown, UnavailableError
from wabroadcast_core.snapshots import ConnectionSnapshot

log = logging.getLogger(__name__)

HANDOVER_CALLS = 8  # to Redis, from the end of one turn to the first slot of the next
IN_QUEUE = 0.1  # seconds that the next turn may lie in the queue, where all processes are busy
HANDOVER_SHARE = 10  # a turn is at least so many times as long as the hand-over to the next one takes
LONGEST_TURN = 15.0  # seconds
LONGEST_DRAIN = 2.0  # seconds, from a turn's last claim to its hand-over
MOST_CLAIMS = 4  # under way at once, where a pace is to be kept: slow ones overlap
UNPACED_CLAIMS = 2  # without a pace one claim is prepared while the other's messages are sent
NEAR = 5.0  # seconds: for work that is due sooner the turn waits, otherwise it comes back by the queue
IDLE_LOOK = 0.2  # seconds before looking again where work was seen but could not be claimed


class Planner:
    """The planner of one turn."""

    def __init__(self, resources: TurnResources, queue: SlotQueue, pace: PaceForecast) -> None:
        self._resources = resources
        self._queue = queue
        self._pace = pace
        self._alarm = queue.new_alarm()
        self._demand = Demand(queue, pace, settings=resources.settings, clock=resources.clock)
        self._claims: set[asyncio.Task[None]] = set()  # under way
        self._due_work = DueWork(None)
        self._failures: list[Exception] = []
        self._last_was_empty = False
        self._looked_at = 0.0
        self._retry_at = 0.0
        self._began_at = self._now()

    async def plan(self, due_work: DueWork) -> DueWork:
        """Claim ahead until the turn's time is up or nothing is due soon. Claims may still be under way then.

        When the time is up, what is claimed is just enough until the connection's next turn has its first messages.

        :returns: the due work as it was last seen.
        :raises UnavailableError: the store cannot be reached.
        """
        self._note(due_work)
        while not self._is_over:
            if not await self._step():
                return self._due_work
        await self._wait_for_handover()
        return self._due_work

    async def finish(self) -> None:
        """Wait for the claims that are under way.

        :raises Exception: what made a claim fail, other than that the store was away.
        """
        while self._claims:
            await asyncio.wait(list(self._claims))
        if self._failures:
            raise self._failures[0]

    # --- when --------------------------------------------------------------------------------------------------

    @property
    def _is_over(self) -> bool:
        return self._now() >= self._ends_at or self._resources.stopping.is_set() or bool(self._failures)

    @property
    def _ends_at(self) -> float:
        """When the turn's time is up: later where a hand-over takes long, because Redis or the store is far away.

        A turn that ends early has no usual length. Only a pace would lose by hand-overs that come too often.
        """
        if self._queue.ends_early and not self._pace.is_paced:
            return self._began_at
        shortest = min(HANDOVER_SHARE * self._handover_seconds, LONGEST_TURN)
        usual = 0.0 if self._queue.ends_early else self._resources.settings.turn_seconds
        return self._began_at + max(usual, shortest)

    @property
    def _handover_seconds(self) -> float:
        """How long the next turn is expected to take until it has its first messages."""
        live, now = self._queue.live, self._now()
        if live is None:
            return 0.0
        look = self._resources.ledger.commit_seconds
        return IN_QUEUE + HANDOVER_CALLS * live.reserving.expect(now) + look + live.claiming.expect(now)

    async def _wait_for_handover(self) -> None:
        """Wait until what is claimed lasts no longer than the hand-over, or work of a higher priority may be due."""
        until = self._now() + LONGEST_DRAIN
        while self._now() < until and not (self._resources.stopping.is_set() or self._failures or self._queue.has_news):
            wait = self._demand.seconds_claimed - self._handover_seconds
            if wait <= 0:
                return
            await self._rest(min(wait, LOOK_AGAIN))

    async def _step(self) -> bool:
        """Claim, or wait until there is reason to.

        :returns: whether the turn goes on.
        """
        await self._look_at_news()
        connection = self._due_work.connection
        if connection is None or not connection.active:
            return False
        self._pace.follow(connection.limits)
        if not self._due_work.candidates:
            return await self._wait_for_work(connection)
        if self._queue.next_slot - self._now() > NEAR and not self._queue.load:
            return False
        try:
            self._queue.live = self._resources.live_senders.of(connection)
        except ConnectionDown as error:
            await self._resources.ledger.pause_connection(connection.id, error)
            return False
        self._queue.next_slot = max(self._queue.next_slot, self._queue.live.cool_until)
        await self._resources.recorder.has_room()
        await self._claim_or_rest(connection)
        return True

    async def _claim_or_rest(self, connection: ConnectionSnapshot) -> None:
        """Claim what is needed now, or wait until something is."""
        now, retry_at = self._now(), max(self._retry_at, self._queue.retry_at)
        if len(self._claims) >= (MOST_CLAIMS if self._pace.is_paced else UNPACED_CLAIMS):
            await self._wait_for_claim()
        elif retry_at > now:
            await self._rest(retry_at - now)
        elif self._last_was_empty:
            self._last_was_empty = False
            await self._rest(IDLE_LOOK)
        else:
            amount, caps = self._demand.amount_and_caps(self._due_work)
            if amount > 0:
                self._start_claim(connection, amount, caps)
            else:
                until_end = max(self._ends_at - now, SHORTEST_REST)
                await self._rest(min(self._demand.seconds_until_claim(self._due_work), until_end))

    async def _wait_for_work(self, connection: ConnectionSnapshot) -> bool:
        wait = self._due_work.next_due - self._now()
        if self._claims:
            await self._wait_for_claim()
            return True
        if wait > NEAR:
            return False
        if wait > 0:
            await self._rest(wait)
        await self._look(connection.id)
        return True

    async def _look_at_news(self) -> None:
        """Look at the due work again where new work was announced, so that a higher priority is claimed at once."""
        if self._queue.has_news and self._now() - self._looked_at > IDLE_LOOK:
            await self._look(self._queue.connection_id)

    async def _look(self, connection_id: int) -> None:
        self._queue.has_news = False
        self._looked_at = self._now()
        self._note(await self._resources.ledger.look(connection_id))

    def _note(self, due_work: DueWork) -> None:
        self._due_work = due_work
        self._queue.fresh = {one.broadcast_id for one in due_work.candidates if one.fresh}

    # --- claims ------------------------------------------------------------------------------------------------

    def _start_claim(self, connection: ConnectionSnapshot, amount: int, caps: dict[int, int] | None) -> None:
        announced, number = self._queue.begin_claim(amount), self._demand.begin_claim(amount)
        task = asyncio.get_running_loop().create_task(self._end_claim(connection, amount, caps, announced, number))
        self._claims.add(task)
        task.add_done_callback(self._claims.discard)

    async def _end_claim(
        self,
        connection: ConnectionSnapshot,
        amount: int,
        caps: dict[int, int] | None,
        announced: list[Announcement],
        number: int,
    ) -> None:
        try:
            ready, claimed, due_work = await self._resources.claimer.claim(connection, amount, caps)
        except UnavailableError:
            log.warning("connection %s: a claim broke off, the store is away; trying again", connection.name)
            self._retry_at = self._now() + RETRY_SECONDS
        except Exception as error:  # noqa: BLE001 - it ends the turn, which logs it
            self._failures.append(error)
        else:
            self._demand.learn(number, amount=amount, claimed=claimed)
            self._last_was_empty = not claimed
            self._note(due_work)
            self._queue.add_ready(ready, announced)
        finally:
            self._demand.end_claim(number)
            self._queue.end_claim(amount, announced)
            self._alarm.set()

    async def _wait_for_claim(self) -> None:
        await asyncio.wait(self._claims, return_when=asyncio.FIRST_COMPLETED)

    async def _rest(self, seconds: float) -> None:
        """Sleep until woken, at most so many seconds; without any, until a send of the connection has ended."""
        if seconds <= 0:
            await self._resources.sends.wait_for_end(self._queue.connection_id)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._alarm.wait()
        self._alarm.clear()

    def _now(self) -> float:
        return self._resources.clock.now()
