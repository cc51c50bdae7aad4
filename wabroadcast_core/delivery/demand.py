"""How many messages a turn must claim now, so that each is ready a little before its slot.

How far ahead is learned from what claims take: about a second of sending, more only where one claim takes that long.
"""

import itertools
import math

from wabroadcast_core.clock import Clock
from wabroadcast_core.delivery.claims import DueWork
from wabroadcast_core.delivery.pace_forecast import PaceForecast
from wabroadcast_core.delivery.slot_queue import SlotQueue
from wabroadcast_core.pacing.learned_delay import with_spare
from wabroadcast_core.pacing.pace import Candidate
from wabroadcast_core.settings import Settings
from wabroadcast_core.transport.live_senders import LONGEST_CLAIM

AHEAD = 0.5  # seconds before its slot that a message is ready, where its claim takes as long as expected
LONGEST_CLAIMED = 0.8  # seconds of sending that one claim brings at most: the last message must not get stale
CHUNK = 0.5  # of what is sent within ``AHEAD``: fewer messages are not worth a claim
STAGGER = 0.8  # of the time that a claim's messages take to be sent: then the next claim may begin
LEAST_GAP = 0.1  # seconds between two claims where the first brought few messages: more may become due together
LEAST_ROOM = 8  # an eighth of the room must be free before more is claimed: a claim of few costs what one of many does
LOOK_AGAIN = 0.25  # seconds; the pace may have changed by then
SHORTEST_REST = 0.01  # seconds


class Demand:
    """The demand of one turn."""

    def __init__(self, queue: SlotQueue, pace: PaceForecast, *, settings: Settings, clock: Clock) -> None:
        self._queue = queue
        self._pace = pace
        self._settings = settings
        self._clock = clock
        self._numbers = itertools.count()
        self._began: dict[int, float] = {}  # claims under way: when each began (UNIX seconds)
        self._next_claim_at = 0.0

    # --- claims under way ----------------------------------------------------------------------------------------

    def begin_claim(self, amount: int) -> int:
        """Note a claim of ``amount`` messages that begins now.

        :returns: its number, for :meth:`end_claim`.
        """
        number, now = next(self._numbers), self._now()
        self._began[number] = now
        if not math.isinf(self._pace.per_second):
            self._next_claim_at = now + STAGGER * amount / self._pace.per_second
        return number

    def learn(self, number: int, *, amount: int, claimed: int) -> None:
        """Learn from a claim that succeeded how long claims take, and whether all that is due was claimed.

        :param amount: how many messages it could bring.
        :param claimed: how many it brought.
        """
        began, now = self._began[number], self._now()
        if self._queue.live is not None:
            self._queue.live.claiming.learn(now - began, now=now)
        if claimed < amount and not math.isinf(self._pace.per_second):
            gap = max(LEAST_GAP, STAGGER * claimed / self._pace.per_second)
            self._next_claim_at = min(self._next_claim_at, began + gap)

    def end_claim(self, number: int) -> None:
        """Note that a claim has ended."""
        del self._began[number]

    # --- how much ------------------------------------------------------------------------------------------------

    def amount_and_caps(self, due_work: DueWork) -> tuple[int, dict[int, int] | None]:
        """Return how many messages to claim now, and how many of each broadcast where one has a rate of its own."""
        room, wanted = self._room(), self._wanted(due_work)
        if not due_work.has_rates:
            return min(wanted, room), None
        caps = {
            candidate.broadcast_id: min(wanted if candidate.rate is None else self._wanted_of(candidate), room)
            for candidate in due_work.candidates
        }
        return min(sum(caps.values()), room), caps

    def _wanted(self, due_work: DueWork) -> int:
        """Return how many messages the connection's pace needs, 0 while a claim is not worth it."""
        claim_size, pace = self._settings.claim_size, self._pace.per_second
        if math.isinf(pace):
            is_near = self._seconds_until(self._queue.next_slot) <= self._ahead
            return min(claim_size, self._pace.most_at_once) if is_near else 0
        if self._now() < self._next_claim_at:
            return 0
        missing = self._missing(pace, next_slot=self._queue.next_slot, unscheduled=self._unscheduled(due_work))
        most = math.ceil(pace * min(max(AHEAD, self.claim_seconds), LONGEST_CLAIMED))
        return min(missing, most, claim_size) if missing >= _chunk(pace) else 0

    def _wanted_of(self, candidate: Candidate) -> int:
        """Return how many messages a broadcast's own rate needs, 0 while a claim is not worth it."""
        rate, queue, key = candidate.rate, self._queue, candidate.broadcast_id
        if rate is None or self._began:  # what these claims bring is not counted by broadcast yet
            return 0
        pace = rate.messages / rate.per_seconds
        missing = self._missing(pace, next_slot=queue.next_of.get(key, 0.0), unscheduled=queue.ready.count_of(key))
        return missing if missing >= _chunk(pace) else 0

    def _missing(self, pace: float, *, next_slot: float, unscheduled: int) -> int:
        """Return how many more messages have slots so soon that they must be claimed now."""
        return math.floor((self._ahead - self._seconds_until(next_slot)) * pace) + 1 - unscheduled

    def _unscheduled(self, due_work: DueWork) -> int:
        """Return how many messages get their slots before what is claimed now: those of lower priorities do not."""
        rank = max((candidate.rank for candidate in due_work.candidates), default=0)
        return self._queue.unscheduled_from(rank)

    def _room(self) -> int:
        """Return how many more requests the connection may have in flight here; 0 while few of them are free."""
        queue, most = self._queue, self._settings.in_flight
        room = most - queue.load - (queue.live.in_flight if queue.live else 0)
        return room if room >= max(1, most // LEAST_ROOM) else 0

    # --- when ----------------------------------------------------------------------------------------------------

    @property
    def claim_seconds(self) -> float:
        """How long a claim is expected to take."""
        live, now = self._queue.live, self._now()
        if live is None:
            return 0.0
        longest = with_spare(now - min(self._began.values(), default=now))  # of those that are under way
        return min(max(longest, live.claiming.expect(now)), LONGEST_CLAIM)

    @property
    def seconds_claimed(self) -> float:
        """How long the messages that are claimed will last."""
        return self._seconds_until(self._queue.next_slot) + self._queue.unscheduled_from(0) / self._pace.per_second

    def seconds_until_claim(self, due_work: DueWork) -> float:
        """Return how long no claim is worth it, as far as is known; 0: until a send has ended."""
        if self._room() == 0:
            return 0.0
        pace = self._pace.per_second
        if math.isinf(pace):
            return LOOK_AGAIN
        until_slot = self._seconds_until(self._queue.next_slot)
        until_chunk = until_slot + (self._unscheduled(due_work) + _chunk(pace) - 1) / pace - self._ahead
        return min(max(until_chunk, self._next_claim_at - self._now(), SHORTEST_REST), LOOK_AGAIN)

    @property
    def _ahead(self) -> float:
        """Seconds before its slot that a message is claimed."""
        live = self._queue.live
        return AHEAD if live is None else AHEAD + live.lead(self._now()) + self.claim_seconds

    def _seconds_until(self, slot: float) -> float:
        """Return how long it is until a slot, at least until one that is reserved now."""
        live, now = self._queue.live, self._now()
        return max(slot - now, 0.0 if live is None else live.lead(now))

    def _now(self) -> float:
        return self._clock.now()


def _chunk(pace: float) -> int:
    """Return how many messages are worth a claim, which costs a commit."""
    return max(1, math.floor(CHUNK * math.ceil(pace * AHEAD)))
