"""Claims messages ahead of their slots, so that a slow store or blacklist does not cost the connection its pace.

How far ahead is learned from what claims take: about a second of sending, more only where one claim takes that long.
"""

import asyncio
import contextlib
import logging
import math

from wabroadcast_core.background import RETRY_SECONDS
from wabroadcast_core.control.announcements import Announcement
from wabroadcast_core.delivery.claims import DueWork
from wabroadcast_core.delivery.pace_forecast import PaceForecast
from wabroadcast_core.delivery.resources import TurnResources
from wabroadcast_core.delivery.slot_queue import SlotQueue
from wabroadcast_core.errors import ConnectionDown, UnavailableError
from wabroadcast_core.pacing.learned_delay import with_spare
from wabroadcast_core.pacing.pace import Candidate
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.transport.live_senders import LONGEST_CLAIM

log = logging.getLogger(__name__)

AHEAD = 0.5  # seconds before its slot that a message is ready, where its claim takes as long as expected
HANDOVER_CALLS = 8  # to Redis, from the end of one turn to the first slot of the next
HANDOVER_SHARE = 10  # a turn is at least so many times as long as the hand-over to the next one takes
LONGEST_TURN = 15.0  # seconds
LONGEST_DRAIN = 2.0  # seconds, from a turn's last claim to its hand-over
LONGEST_CLAIMED = 0.8  # seconds of sending that one claim brings at most: the last message must not get stale
STAGGER = 0.8  # of the time that a claim's messages take to be sent: then the next claim may begin
CHUNK = 0.5  # of what is sent within ``AHEAD``: fewer messages are not worth a claim
MOST_CLAIMS = 4  # under way at once, where a pace is to be kept: slow ones overlap
UNPACED_CLAIMS = 2  # without a pace one claim is prepared while the other's messages are sent
LEAST_ROOM = 8  # an eighth of the room must be free before more is claimed: a claim of few costs what one of many does
NEAR = 5.0  # seconds: for work that is due sooner the turn waits, otherwise it comes back by the queue
IDLE_LOOK = 0.2  # seconds before looking again where work was seen but could not be claimed
LOOK_AGAIN = 0.25  # seconds; the pace may have changed by then
SHORTEST_REST = 0.01  # seconds
LEAST_GAP = 0.1  # seconds between two claims where the first brought few messages: more may become due together


class Planner:
    """The planner of one turn."""

    def __init__(self, resources: TurnResources, queue: SlotQueue, pace: PaceForecast) -> None:
        self._resources = resources
        self._queue = queue
        self._pace = pace
        self._alarm = queue.new_alarm()
        self._claims: dict[asyncio.Task[None], float] = {}  # under way, with the moments when they began
        self._due_work = DueWork(None)
        self._failures: list[Exception] = []
        self._last_was_empty = False
        self._looked_at = 0.0
        self._retry_at = 0.0
        self._next_claim_at = 0.0
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
        """When the turn's time is up: later where a hand-over takes long, because Redis or the store is far away."""
        seconds = min(HANDOVER_SHARE * self._handover_seconds, LONGEST_TURN)
        return self._began_at + max(self._resources.settings.turn_seconds, seconds)

    @property
    def _handover_seconds(self) -> float:
        """How long the next turn is expected to take until it has its first messages."""
        live, now = self._queue.live, self._now()
        if live is None:
            return 0.0
        look = self._resources.ledger.commit_seconds
        return HANDOVER_CALLS * live.reserving.expect(now) + look + live.claiming.expect(now)

    async def _wait_for_handover(self) -> None:
        """Wait until what is claimed lasts no longer than the hand-over, or work of a higher priority may be due."""
        until = self._now() + LONGEST_DRAIN
        while self._now() < until and not (self._resources.stopping.is_set() or self._failures or self._queue.has_news):
            free = self._seconds_until(self._queue.next_slot) + self._queue.unscheduled_from(0) / self._pace.per_second
            wait = free - self._handover_seconds
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
            amount, caps = self._amount_and_caps()
            if amount > 0:
                self._start_claim(connection, amount, caps)
            else:
                until_end = max(self._ends_at - now, SHORTEST_REST)
                await self._rest(min(self._seconds_until_needed(), until_end, LOOK_AGAIN))

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

    # --- how much ----------------------------------------------------------------------------------------------

    def _amount_and_caps(self) -> tuple[int, dict[int, int] | None]:
        """Return how many messages to claim now, and how many of each broadcast where one has a rate of its own."""
        room = self._room()
        if not self._due_work.has_rates:
            return min(self._wanted(), room), None
        caps: dict[int, int] = {}
        wanted = self._wanted()
        for candidate in self._due_work.candidates:
            amount = wanted if candidate.rate is None else self._wanted_of(candidate)
            caps[candidate.broadcast_id] = min(amount, room)
        return min(sum(caps.values()), room), caps

    def _wanted_of(self, candidate: Candidate) -> int:
        """Return how many messages a broadcast's own rate needs, 0 while a claim is not worth it."""
        rate, queue, key = candidate.rate, self._queue, candidate.broadcast_id
        if rate is None or self._claims:  # what these bring is not counted by broadcast yet
            return 0
        pace = rate.messages / rate.per_seconds
        missing = self._missing(pace, next_slot=queue.next_of.get(key, 0.0), unscheduled=queue.ready.count_of(key))
        return missing if missing >= _chunk(pace) else 0

    def _wanted(self) -> int:
        """Return how many messages the connection's pace needs, 0 while a claim is not worth it."""
        claim_size, pace = self._resources.settings.claim_size, self._pace.per_second
        if math.isinf(pace):
            return min(claim_size, self._pace.most_at_once)
        if self._now() < self._next_claim_at:
            return 0
        missing = self._missing(pace, next_slot=self._queue.next_slot, unscheduled=self._unscheduled)
        most = math.ceil(pace * min(max(AHEAD, self._claim_seconds), LONGEST_CLAIMED))
        return min(missing, most, claim_size) if missing >= _chunk(pace) else 0

    def _missing(self, pace: float, *, next_slot: float, unscheduled: int) -> int:
        """Return how many more messages have slots so soon that they must be claimed now."""
        return math.floor((self._ahead - self._seconds_until(next_slot)) * pace) + 1 - unscheduled

    @property
    def _unscheduled(self) -> int:
        """Messages that get their slots before what is claimed now: a lower priority than what is due does not."""
        rank = max((candidate.rank for candidate in self._due_work.candidates), default=0)
        return self._queue.unscheduled_from(rank)

    def _room(self) -> int:
        """Return how many more requests the connection may have in flight here; 0 while few of them are free."""
        queue, most = self._queue, self._resources.settings.in_flight
        room = most - queue.load - (queue.live.in_flight if queue.live else 0)
        return room if room >= max(1, most // LEAST_ROOM) else 0

    @property
    def _ahead(self) -> float:
        """Seconds before its slot that a message is claimed."""
        live = self._queue.live
        return AHEAD if live is None else AHEAD + live.lead(self._now()) + self._claim_seconds

    @property
    def _claim_seconds(self) -> float:
        """How long a claim is expected to take."""
        live, now = self._queue.live, self._now()
        if live is None:
            return 0.0
        longest = with_spare(now - min(self._claims.values(), default=now))  # of those that are under way
        return min(max(longest, live.claiming.expect(now)), LONGEST_CLAIM)

    def _seconds_until_needed(self) -> float:
        """Return how long no claim is worth it, as far as is known; 0: until a send has ended."""
        if self._room() == 0:
            return 0.0
        pace = self._pace.per_second
        if math.isinf(pace):
            return LOOK_AGAIN
        slots = self._seconds_until(self._queue.next_slot) + (self._unscheduled + _chunk(pace) - 1) / pace
        return max(slots - self._ahead, self._next_claim_at - self._now(), SHORTEST_REST)

    def _seconds_until(self, slot: float) -> float:
        """Return how long it is until a slot, at least until one that is reserved now."""
        live, now = self._queue.live, self._now()
        return max(slot - now, 0.0 if live is None else live.lead(now))

    # --- claims ------------------------------------------------------------------------------------------------

    def _start_claim(self, connection: ConnectionSnapshot, amount: int, caps: dict[int, int] | None) -> None:
        announced, now = self._queue.begin_claim(amount), self._now()
        task = asyncio.get_running_loop().create_task(self._claim(connection, amount, caps, announced))
        self._claims[task] = now
        task.add_done_callback(self._claims.pop)
        if not math.isinf(self._pace.per_second):
            self._next_claim_at = now + STAGGER * amount / self._pace.per_second

    async def _claim(
        self,
        connection: ConnectionSnapshot,
        amount: int,
        caps: dict[int, int] | None,
        announced: list[Announcement],
    ) -> None:
        asked_at = self._now()
        try:
            ready, claimed, due_work = await self._resources.claimer.claim(connection, amount, caps)
        except UnavailableError:
            log.warning("connection %s: a claim broke off, the store is away; trying again", connection.name)
            self._retry_at = self._now() + RETRY_SECONDS
        except Exception as error:  # noqa: BLE001 - it ends the turn, which logs it
            self._failures.append(error)
        else:
            now = self._now()
            if self._queue.live is not None:
                self._queue.live.claiming.learn(now - asked_at, now=now)
            self._note(due_work)
            self._last_was_empty = not claimed
            if claimed < amount and not math.isinf(self._pace.per_second):
                gap = max(LEAST_GAP, STAGGER * claimed / self._pace.per_second)
                self._next_claim_at = min(self._next_claim_at, asked_at + gap)
            self._queue.add_ready(ready, announced)
        finally:
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


def _chunk(pace: float) -> int:
    """Return how many messages are worth a claim, which costs a commit."""
    return max(1, math.floor(CHUNK * math.ceil(pace * AHEAD)))
