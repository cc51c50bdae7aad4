"""One short run of work for one connection: take slots, claim messages for them, start each on its slot.

Coroutines work hand in hand. The planner reserves the slots of the next moment and claims just as many messages, so
that priority is decided as late as possible; where no pace is to be kept there are two of them, and one makes its
messages ready while the other's are claimed. The starter writes the intents and starts each message on its slot; a
message that comes too late for its slot gives it up and is given another one.
"""

import asyncio
import contextlib
import itertools
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import redis

from wabroadcast_core.delivery.briefs import BroadcastBrief
from wabroadcast_core.delivery.claims import NEVER, Outlook
from wabroadcast_core.delivery.control import News
from wabroadcast_core.delivery.intents import SealedError
from wabroadcast_core.delivery.pace import LATEST, ColdPaceError, Lateness, Report, Slots, is_paced
from wabroadcast_core.delivery.senders import LiveConnection
from wabroadcast_core.errors import ConnectionDown, UnavailableError
from wabroadcast_core.models.message import OutgoingMessage
from wabroadcast_core.store.messages import Claimed

if TYPE_CHECKING:
    from wabroadcast_core.delivery.engine import Engine

log = logging.getLogger(__name__)

AHEAD = 0.15  # seconds: more slots are taken when the next one is nearer than this
TOGETHER = 0.005  # seconds: messages whose slots lie this close share one writing of intents
MOST_TOGETHER = 512
UNPACED_PLANNERS = 2
LEAST_ROOM = 8  # an eighth of the room must be free before more is claimed: a claim of few costs what one of many does
LONGEST_HOLD = 1.0  # seconds that a claimed message may wait for its start before it is claimed anew
NEAR = 5.0  # seconds: for work that is due sooner the turn waits, otherwise it comes back by the queue
IDLE_LOOK = 0.2  # seconds before looking again where work was seen but could not be claimed
REDIS_RETRY = 0.5


@dataclass(slots=True)
class Ready:
    """A claimed message, rendered, on its way to its slot."""

    slot: float
    claimed_at: float
    claimed: Claimed
    message: OutgoingMessage
    brief: BroadcastBrief
    shift: float = 0.0  # of the row, when the slot was given
    dropped: bool = False


class Turn:
    """:param engine: what lives in this process and outlives the turn."""

    def __init__(self, engine: "Engine", connection_id: int, number: int) -> None:
        self._engine = engine
        self.connection_id = connection_id
        self.name = f"{engine.worker_id}.{number}"
        self.poked = asyncio.Event()  # new work came, or control wants to be heard
        self.waiting: dict[int, Ready] = {}  # claimed and not started, by key
        self._order: deque[Ready] = deque()
        self._late: deque[Ready] = deque()  # gave up their slots
        self._asked = 0  # for so many messages slots or claims are asked for
        self._filling = 0  # how many claims are under way
        self._heard: list[News] = []  # since the first of them was asked for
        self._filled = asyncio.Event()
        self.looks_on = False  # whether it will still see what is stored now
        self._live: LiveConnection | None = None
        self._last_slot = 0.0
        self._next_slot = 0.0  # not worth asking for one before
        self._far_slot = 0.0  # the next one, where it is too far away to wait for
        self._report = Report()
        self._last_start = 0.0

    async def run(self) -> None:
        """Work until the time is up or nothing is due soon; what was started goes on after the turn."""
        outlook = await self._engine.look(self.connection_id)
        if outlook.connection is None or not outlook.connection.active:
            return
        lanes = self._engine.lanes
        if not outlook.rivals and outlook.next_due > self._now() + NEAR:
            await self._engine.come_back(self.connection_id, outlook)
            return
        seconds = self._engine.settings.turn_seconds + 2 * NEAR
        if not await lanes.take(self.connection_id, self.name, lanes=outlook.connection.limits.lanes, seconds=seconds):
            await self._engine.poke(self.connection_id)
            return
        self.looks_on = True
        starter = asyncio.create_task(self._start_all())
        try:
            outlook = await self._plan_together(outlook)
        finally:
            self.looks_on = False
            self._filled.set()
            with contextlib.suppress(redis.RedisError):
                await lanes.give_back(self.connection_id, self.name)
        outlook = await self._look_again(outlook)
        await self._engine.come_back(self.connection_id, outlook, slot=self._far_slot)
        await starter
        await self._tell_rest()

    def hear(self, news: News) -> None:
        """Drop what must not start any more; what is still being made ready is dropped once it is there."""
        self._heard.append(news)
        self._obey(news)
        self._filled.set()
        self.poked.set()

    def _obey(self, news: News) -> None:
        for ready in self.waiting.values():
            ready.dropped = ready.dropped or news.concerns(self.connection_id, ready.claimed)

    async def _tell_rest(self) -> None:
        """Say what became of the last slots, once the last starts have left; what matters comes a window later."""
        live = self._live
        if live is None:
            return
        if live.has_rate:
            await asyncio.sleep(LATEST)
        with contextlib.suppress(redis.RedisError, ColdPaceError):
            await self._engine.pace.tell(self.connection_id, live.brief.limits, self._take_report())

    # --- the planner -------------------------------------------------------------------------------------------

    async def _plan_together(self, outlook: Outlook) -> Outlook:
        paced = outlook.connection is not None and is_paced(outlook.connection.limits)
        planners = [self._plan(outlook) for _ in range(1 if paced else UNPACED_PLANNERS)]
        ends = await asyncio.gather(*planners, return_exceptions=True)  # none is left behind where another fails
        failures = [end for end in ends if isinstance(end, BaseException)]
        for failure in failures:
            if len(failures) == len(ends) or not isinstance(failure, UnavailableError | redis.RedisError):
                raise failure
            log.warning("a claim of connection %d broke off: %s", self.connection_id, type(failure).__name__)
        return next(end for end in ends if isinstance(end, Outlook))

    async def _plan(self, outlook: Outlook) -> Outlook:
        ends_at = self._now() + self._engine.settings.turn_seconds
        while self._now() < ends_at and not self._engine.stopping:
            connection = outlook.connection
            if connection is None or not connection.active:
                break
            if not outlook.rivals and not self._late:
                if outlook.next_due > self._now() + NEAR:
                    break
                await self._rest(outlook.next_due - self._now())
                outlook = await self._engine.look(self.connection_id)
                continue
            try:
                self._live = self._engine.senders.of(connection)
            except ConnectionDown as error:
                await self._engine.pause_connection(self.connection_id, error)
                break
            outlook = await self._step(outlook)
            if self._far_slot:
                break
        return outlook

    async def _step(self, outlook: Outlook) -> Outlook:
        """Take the next slots and fill them, or find that the next one is far away. :returns: the new outlook."""
        await self._engine.recorder.has_room()
        if self._next_slot - self._now() > NEAR:
            self._far_slot = self._next_slot
            return outlook
        await self._rest(self._next_slot - AHEAD - self._now())
        count = min(self._engine.settings.claim_size, await self._room())
        self._asked += count
        try:
            return await self._take(outlook, count)
        finally:
            self._asked -= count

    async def _take(self, outlook: Outlook, count: int) -> Outlook:
        try:
            slots = await self._reserve(outlook, count)
        except redis.RedisError as error:
            log.warning("nothing is sent while Redis cannot be asked: %s", error)
            await self._rest(REDIS_RETRY)
            return await self._engine.look(self.connection_id)
        self._next_slot = slots.next_at
        if not slots.times:
            return outlook
        self._last_slot = slots.times[-1]
        if not self._filling:
            self._heard.clear()
        self._filling += 1
        try:
            return await self._fill(outlook, slots)
        finally:
            self._filling -= 1

    async def _reserve(self, outlook: Outlook, count: int) -> Slots:
        connection = outlook.connection
        if connection is None:
            return Slots([], [], NEVER, 1)
        rivals = outlook.rivals if outlook.has_rates and not self._late else ()
        count = min(count, len(self._late)) if self._late else count
        report = self._take_report()
        pace = self._engine.pace
        try:
            return await pace.reserve(connection.id, connection.limits, count=count, rivals=rivals, report=report)
        except ColdPaceError:
            await self._engine.prime_pace(connection)
            return await pace.reserve(connection.id, connection.limits, count=count, rivals=rivals)

    async def _fill(self, outlook: Outlook, slots: Slots) -> Outlook:
        times = deque(slots.times)
        while self._late and times and not any(slots.rivals):  # slots given to a broadcast are for its own
            self._enqueue(self._late.popleft(), times.popleft(), shift=slots.shift)
        connection = outlook.connection
        if not times or connection is None:
            return outlook
        caps = _count(slots.rivals) if any(slots.rivals) else None
        before = len(self._heard)  # what was heard until now, the claim sees in the store
        try:
            claimed, taken, outlook = await self._engine.claim(connection, len(times), caps)
        except UnavailableError:
            report = Report(list(times), (times[0], times[-1]))
            await self._engine.pace.tell(self.connection_id, connection.limits, report)
            raise
        now = self._now()
        by_rival = _slots_by_rival(times, slots.rivals) if caps else None
        filled = [
            Ready(
                by_rival[message.broadcast_id].popleft() if by_rival else times.popleft(), now, message, outgoing, brief
            )
            for message, brief, outgoing in claimed
        ]
        if by_rival:
            filled.sort(key=lambda ready: ready.slot)
            self._report.unused += itertools.chain.from_iterable(by_rival.values())
        elif times:
            self._report.unused += times
            self._report.tail = (times[0], times[-1])
        for ready in filled:
            self._enqueue(ready, ready.slot, shift=slots.shift)
        for news in self._heard[before:]:
            self._obey(news)
        if not taken:
            await self._rest(IDLE_LOOK)
        return outlook

    def _enqueue(self, ready: Ready, slot: float, *, shift: float) -> None:
        ready.slot, ready.shift = slot, shift
        self.waiting[ready.claimed.key] = ready
        self._order.append(ready)
        self._filled.set()

    async def _room(self) -> int:
        """How many more requests this connection may have under way here; waits until there are some.

        Those that gave up their slots are counted already, and wait for nothing but other slots.
        """
        most = self._engine.settings.in_flight
        while not self._late:
            live = self._live
            room = most - self._asked - len(self.waiting) - (live.in_flight if live else 0)
            if room >= max(1, most // LEAST_ROOM):
                return room
            await self._engine.finished_some(self.connection_id)
        return len(self._late)

    async def _look_again(self, outlook: Outlook) -> Outlook:
        try:
            return await self._engine.look(self.connection_id)
        except UnavailableError:
            return outlook

    async def _rest(self, seconds: float) -> None:
        """Sleep, but wake when new work or control arrives."""
        if seconds <= 0:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.poked.wait()
        self.poked.clear()

    def _now(self) -> float:
        return self._engine.clock.now()

    # --- the starter -------------------------------------------------------------------------------------------

    async def _start_all(self) -> None:
        while True:
            if not self._order:
                if not self.looks_on:
                    break
                self._filled.clear()
                await self._filled.wait()
                continue
            await self._sleep_until(self._order[0].slot - TOGETHER)
            group = self._next_group()
            if group and await self._mark(group) and (group := await self._admit(group)):
                await self._start_group(group)
        for ready in self._late:
            self._give_back(ready)

    def _next_group(self) -> list[Ready]:
        now = self._now()
        group: list[Ready] = []
        while self._order and self._order[0].slot <= now + 2 * TOGETHER and len(group) < MOST_TOGETHER:
            ready = self._order.popleft()
            if ready.dropped or self._engine.stopping or self._is_stale(ready, now):
                self._free_slot(ready)
                self._give_back(ready)
            else:
                group.append(ready)
        return group

    def _is_stale(self, ready: Ready, now: float) -> bool:
        """Claimed too long ago, or under a number that was settled meanwhile."""
        return now - ready.claimed_at > LONGEST_HOLD or ready.claimed.worker_id != self._engine.worker_id

    async def _mark(self, group: Sequence[Ready]) -> bool:
        """Write the intents of a group. :returns: whether they stand; otherwise nothing of it may start."""
        keys = [ready.claimed.key for ready in group]
        try:
            await self._engine.mark_intents(keys)
        except (SealedError, redis.RedisError):
            self._engine.intents.forget(keys, started=False)
            for ready in group:
                self._free_slot(ready)
                self._give_back(ready)
            return False
        return True

    async def _admit(self, group: list[Ready]) -> list[Ready]:
        """Those of a group whose person was not messaged too short a time ago; the others wait for that."""
        limit = self._live.brief.limits.per_recipient if self._live is not None else None
        if limit is None:
            return group
        numbers = [ready.claimed.number for ready in group]
        try:
            waits = await self._engine.pairs.admit(self.connection_id, limit, numbers)
        except redis.RedisError:
            waits = [REDIS_RETRY] * len(group)
        early = [(ready, wait) for ready, wait in zip(group, waits, strict=True) if wait > 0]
        self._engine.intents.forget((ready.claimed.key for ready, _ in early), started=False)
        for ready, wait in early:
            self._free_slot(ready)
            self._give_back(ready, wait=wait, reason="recipient_pace")
        return [ready for ready, wait in zip(group, waits, strict=True) if wait <= 0]

    async def _start_group(self, group: Sequence[Ready]) -> None:
        live = self._live
        lateness = _lateness_of(live, group) if live is not None else {}
        unstarted: list[int] = []
        for ready in group:
            now = self._now()
            if ready.slot > now:
                await asyncio.sleep(ready.slot - now)
                now = self._now()
            if not ready.dropped and live is not None and self._may_start(ready, lateness[ready.brief.id], now):
                del self.waiting[ready.claimed.key]
                self._engine.sending.start(live, ready)
                continue
            unstarted.append(ready.claimed.key)
            self._free_slot(ready)
            if ready.dropped or live is None or ready.brief.draft.rate is not None:  # a rate's slots are its own
                self._give_back(ready)
            else:
                self._late.append(ready)
                self.poked.set()
        self._engine.intents.forget(unstarted, started=False)

    def _may_start(self, ready: Ready, lateness: Lateness, now: float) -> bool:
        late = now - ready.slot
        if late > lateness.most or (late > lateness.free and now - self._last_start < lateness.gap):
            return False
        self._last_start = now
        return True

    def _take_report(self) -> Report:
        report, self._report = self._report, Report()
        if self._live is not None:
            report.late, self._live.late = self._live.late, None
        return report

    def _free_slot(self, ready: Ready) -> None:
        self._report.unused.append(ready.slot)
        if ready.slot == self._last_slot and self._report.tail is None:
            self._report.tail = (ready.slot, ready.slot)

    def _give_back(self, ready: Ready, *, wait: float = 0, reason: str | None = None) -> None:
        self.waiting.pop(ready.claimed.key, None)
        self._engine.give_back(ready, wait=wait, reason=reason)

    async def _sleep_until(self, moment: float) -> None:
        wait = moment - self._now()
        if wait > 0:
            await asyncio.sleep(wait)


def _lateness_of(live: LiveConnection, group: Sequence[Ready]) -> dict[int, Lateness]:
    """How late messages may start, by broadcast."""
    lateness: dict[int, Lateness] = {}
    for ready in group:
        if ready.brief.id not in lateness:
            lateness[ready.brief.id] = Lateness.of(live.brief.limits, ready.brief.draft.rate)
    return lateness


def _count(rivals: Sequence[int | None]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for rival in rivals:
        if rival is not None:
            counts[rival] = counts.get(rival, 0) + 1
    return counts


def _slots_by_rival(times: Sequence[float], rivals: Sequence[int | None]) -> dict[int, deque[float]]:
    slots: dict[int, deque[float]] = {}
    for time, rival in zip(times, rivals[-len(times) :], strict=True):
        if rival is not None:
            slots.setdefault(rival, deque()).append(time)
    return slots
