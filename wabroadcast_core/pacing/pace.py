"""The limiter of a connection: slots from a Lua script in Redis (``pace.lua``), shared by all processes.

The provider counts messages when they arrive, and the network latency varies. So slots are spaced slightly wider than
the rate requires. The difference is the margin: half of it allows messages to start later than their slots, half of it
absorbs the latency. For the same reason, the windows of quotas are lengthened slightly.

A message that starts even later shifts the slot sequence: the slots of the next window come later by the same time. A
message that other messages have overtaken, or that is very late, gives up its slot, so that a process that stalled
never sends a burst.
"""

import itertools
import json
import random
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import redis
import redis.asyncio
from redis.commands.core import AsyncScript

from wabroadcast_core.clock import CLOCK_SCRIPT, RedisClock
from wabroadcast_core.keys import Keys
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import Rate

LEAD = 0.02  # seconds between the reservation and its first slot, beside what the calls to Redis take
LONGEST_LEAD = 0.65  # seconds
HORIZON = 0.25  # seconds after the lead in which slots are given
REACH = LONGEST_LEAD + HORIZON  # seconds; no slot is further ahead
MARGIN_SHARE = 0.022  # of the rate's window
LONGEST_MARGIN = 0.25  # seconds; the variation of the latency does not grow with the window
LATEST = 0.25  # seconds after its slot in which a message may start
SHIFT_ROOM = 0.72  # seconds of a rate's window that pass until a late start, or a request that left late, is known
SHORTEST_SHIFTED = 1.0  # seconds; in shorter windows the slot sequence cannot be shifted in time
LEAST_FACTOR = 0.05  # of the rate, however often the provider throttles
UNLIMITED = 1_000_000  # slots: more than one call ever requests
BUCKETS = 128  # as in pace.lua
STRETCH = 1.01  # as in pace.lua
CAUGHT_UP = 0.4  # as in pace.lua

SCRIPT = CLOCK_SCRIPT + files(__package__).joinpath("pace.lua").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Spacing:
    """A rate as the limiter applies it: seconds between two slots, and the margin of the whole window in seconds."""

    interval: float
    margin: float

    @classmethod
    def of(cls, rate: Rate | None) -> "Spacing":
        """Return the spacing for a rate; without a rate, slots have no spacing."""
        if rate is None:
            return cls(0.0, 0.0)
        margin = min(rate.per_seconds * MARGIN_SHARE, LONGEST_MARGIN)
        return cls((rate.per_seconds + margin) / rate.messages, margin)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A broadcast with due messages that competes for slots."""

    broadcast_id: int
    rank: int
    """Its priority: a higher rank gets slots first."""
    rate: Rate | None = None
    """The broadcast's own rate, if it has one; it can only be slower than that of the connection."""
    fresh: bool = False  # none of its messages was sent yet
    ready: int | None = None  # the most slots that it can use; None: any number


@dataclass(frozen=True, slots=True)
class Slots:
    """Start times (seconds of Redis' steady time), each for one candidate or for any."""

    times: Sequence[float]
    candidates: Sequence[int | None]  # the broadcast id for each time; None: any broadcast
    next_at: float  # when the next slot will be available (seconds of steady time)
    factor: float  # part of the rate that is used, 1 unless the provider throttled
    shift: float = 0.0  # seconds that the slot sequence was shifted so far
    is_probe: bool = False  # the provider throttled every message: report a message that it accepts
    next_of: Mapping[int, float] = field(default_factory=dict)  # by broadcast id: the next slot that its rate allows


@dataclass(slots=True)
class SlotReport:
    """How slots were used, for the limiter."""

    unused: list[float] = field(default_factory=list)
    """Slots at which no message started."""
    tail: tuple[float, float] | None = None
    """The first and the last of unused slots that were given together.

    If the last one is the last slot given at all, the slot sequence continues from the first one.
    """
    late: tuple[float, float] | None = None
    """The slot of a message that started too late, and the total shift that the slot sequence needs (seconds)."""

    def __bool__(self) -> bool:
        return bool(self.unused or self.late)


@dataclass(frozen=True, slots=True)
class RecentStarts:
    """The recent starts of a connection's messages, from the store."""

    last_at: float | None
    """When the last message started (seconds)."""
    starts: Mapping[float, int] = field(default_factory=dict)
    """How many messages started in each period, by the end of the period (seconds)."""
    asked_at: float = 0.0
    """When the limiter answered that it needs them (seconds of steady time); no start before is missing."""


class ColdPaceError(Exception):
    """The limiter does not know what this connection has sent, or not for all of its quotas.

    Call :meth:`Pace.prime` with the recent starts from the store, read after this error.

    :param answered_at: when the limiter said so (seconds of steady time).
    """

    def __init__(self, answered_at: float = 0.0) -> None:
        super().__init__("the limiter must be primed first")
        self.answered_at = answered_at


class Pace:
    """Client of the limiter in Redis. All times are in Redis' steady time.

    :param clock: follows Redis' clock with each reservation.
    """

    def __init__(self, client: redis.asyncio.Redis, keys: Keys, clock: RedisClock) -> None:
        self._keys = keys
        self._clock = clock
        self._reporter = secrets.token_hex(4)  # with the number of a report: a repeated one must count once
        self._reports = itertools.count(1)
        self._script: AsyncScript = client.register_script(SCRIPT)

    async def reserve(
        self,
        connection_id: int,
        limits: Limits,
        *,
        count: int,
        candidates: Sequence[Candidate] = (),
        report: SlotReport | None = None,
        lead: float = LEAD,
    ) -> Slots:
        """Reserve the next slots after the lead.

        :param limits: the limits of the connection.
        :param count: how many slots to reserve at most.
        :param candidates: the competing broadcasts, if any of them has its own rate; then each slot is for one of them.
        :param report: how slots that were reserved before were used.
        :param lead: seconds until the messages will be ready, at most ``LONGEST_LEAD``.
        :raises ColdPaceError: the limiter must be primed first.
        :raises redis.RedisError: Redis cannot be reached; nothing may be sent.
        """
        keys, competing = self._competing(candidates)
        request = _reservation(limits, count=count, lead=lead, competing=competing, report=report)
        request |= {"reporter": self._reporter, "report": next(self._reports)}
        asked_at = time.monotonic()
        now, jump, *answer = await self._call(connection_id, request, *keys)
        self._clock.follow(float(now), float(jump), asked_at=asked_at, answered_at=time.monotonic())
        if answer == [None]:
            raise ColdPaceError(float(now))
        return _slots_of(answer, candidates)

    async def report(self, connection_id: int, limits: Limits, report: SlotReport) -> None:
        """Report how slots were used, without reserving any.

        :raises ColdPaceError: the limiter must be primed first.
        :raises redis.RedisError: Redis cannot be reached.
        """
        if report and is_paced(limits):
            await self.reserve(connection_id, limits, count=0, report=report)

    async def prime(self, connection_id: int, limits: Limits, recent: RecentStarts, *, now: float) -> None:
        """Fill the limiter's data from the recent starts in the store, unless another process has done so already.

        Where only the starts of some quotas are unknown, the slots and rates of the rest stay as they are.

        :raises redis.RedisError: Redis cannot be reached.
        """
        interval = Spacing.of(limits.rate).interval
        quotas = [
            {"seconds": quota.per_seconds, "buckets": buckets_of(recent.starts, quota.per_seconds, now=now)}
            for quota in limits.quotas
        ]
        # Slots that were given before Redis lost its data may still be used, and late: the more so the less ahead.
        late = 0.0 if limits.rate is None else Lateness.of(limits, lead=LONGEST_LEAD).most
        first = now if recent.last_at is None else min(recent.last_at, now) + REACH + late + interval
        await self._call(connection_id, {"op": "prime", "next": first, "asked": recent.asked_at, "quotas": quotas})

    async def slow_down(self, connection_id: int, *, slot: float, wait: float | None, refused: float = 0.0) -> bool:
        """Lower the rate after the provider throttled a message: by half if it throttles all.

        If it throttles all for longer than a second, nothing is sent for a while, and then one message as a probe.

        :param slot: the slot at which that message started.
        :param wait: seconds without any slot, if the provider asked for a wait.
        :param refused: seconds for which the provider has throttled every message.
        :returns: whether a new period of throttling began; otherwise the message counts with those before.
        :raises redis.RedisError: Redis cannot be reached.
        """
        request = {"op": "slow", "slot": slot, "wait": wait or 0, "least": LEAST_FACTOR, "refused": refused}
        return bool(await self._call(connection_id, request))

    async def end_silence(self, connection_id: int) -> None:
        """Send again at the rate as it was: the provider has accepted the probe.

        :raises redis.RedisError: Redis cannot be reached.
        """
        await self._call(connection_id, {"op": "answered"})

    def _competing(self, candidates: Sequence[Candidate]) -> tuple[list[str], list[dict[str, Any]]]:
        """Return the keys of the candidates with their own rate, and all candidates as the script reads them."""
        keys: list[str] = []
        competing: list[dict[str, Any]] = []
        for candidate in candidates:
            spacing = Spacing.of(candidate.rate)
            if candidate.rate is not None:
                keys.append(self._keys.broadcast_pace(candidate.broadcast_id))
            competing.append(
                {
                    "rank": candidate.rank,
                    "key": len(keys) + 2 if candidate.rate is not None else 0,
                    "interval": spacing.interval,
                    "margin": spacing.margin,
                    "fresh": candidate.fresh,
                    "ready": UNLIMITED if candidate.ready is None else candidate.ready,
                }
            )
        return keys, competing

    async def _call(self, connection_id: int, request: dict[str, Any], *keys: str) -> Any:
        given = {name: value for name, value in request.items() if value is not None}  # null is true in Lua
        given["known"] = self._clock.steady.least()
        names = [self._keys.pace(connection_id), self._keys.clock, *keys]
        return await self._script(keys=names, args=[json.dumps(given)])


def end_cool_down(client: redis.Redis, keys: Keys, connection_id: int) -> None:
    """Let a connection send at once, although its provider asked for a wait; its rate stays as it is.

    :raises redis.RedisError: Redis cannot be reached.
    """
    client.hdel(keys.pace(connection_id), "cool", "silence", "probe")


def _reservation(
    limits: Limits, *, count: int, lead: float, competing: list[dict[str, Any]], report: SlotReport | None
) -> dict[str, Any]:
    """Return the request for slots, as the script reads it."""
    is_limited = is_paced(limits)
    used = report if report is not None and is_limited else SlotReport()
    jitter = limits.jitter
    return {
        "op": "reserve",
        "count": count,
        "horizon": HORIZON,
        "lead": lead if is_limited or competing else 0,
        "reach": REACH,
        "interval": Spacing.of(limits.rate).interval,
        "quotas": [[quota.messages, quota.per_seconds] for quota in limits.quotas],
        "jitter": [jitter.min_seconds, jitter.max_seconds] if jitter else None,
        "randoms": [random.random() for _ in range(count)] if jitter else [],  # noqa: S311 - random gaps between messages, not a secret
        "candidates": competing,
        "unused": used.unused,
        "tail": used.tail,
        "late": used.late,
    }


def _slots_of(answer: Sequence[Any], candidates: Sequence[Candidate]) -> Slots:
    """Return the slots in an answer of the script."""
    match answer:
        case [start, count, probe]:
            return Slots([float(start)] * count, [None] * count, float(start), 1.0, is_probe=bool(probe))
    times, whose, next_at, factor, shift, nexts, probe = answer
    return Slots(
        times=[float(slot) for slot in times],
        candidates=[candidates[place - 1].broadcast_id if place else None for place in whose],
        next_at=float(next_at),
        factor=float(factor),
        shift=float(shift),
        is_probe=bool(probe),
        next_of={one.broadcast_id: float(at) for one, at in zip(candidates, nexts, strict=True)},
    )


def is_paced(limits: Limits) -> bool:
    """Return whether a connection has any limit on its pace."""
    return bool(limits.rate or limits.jitter or limits.quotas)


def longest_lead(limits: Limits) -> float:
    """Return the longest lead in seconds that the limits allow.

    With a rate, a late start must be reported before the slots of the next window are given.
    """
    if limits.rate is None:
        return LONGEST_LEAD
    return min(max(LEAD, limits.rate.per_seconds - SHIFT_ROOM - HORIZON), LONGEST_LEAD)


@dataclass(frozen=True, slots=True)
class Lateness:
    """How many seconds after its slot a message may start."""

    free: float
    """Up to this lateness without a shift of the slot sequence."""
    most: float
    """Up to this lateness at all; the slot sequence is shifted by the part beyond ``free``."""
    gap: float
    """Least seconds between the start before and a start that is later than ``free``."""

    @classmethod
    def of(cls, limits: Limits, own: Rate | None = None, *, lead: float = LEAD) -> "Lateness":
        """Return the allowed lateness under these limits.

        :param own: the rate of the message's broadcast.
        :param lead: seconds ahead that slots are reserved: the longer, the less time is left to shift the sequence.
        """
        slacks = [(STRETCH - 1) * quota.per_seconds / 2 for quota in limits.quotas]
        if own is not None:
            slacks.append((1 - CAUGHT_UP) * Spacing.of(own).margin / 2)
        most = min(slacks, default=float("inf"))
        if limits.rate is None:
            return cls(most, most, 0.0)
        spacing = Spacing.of(limits.rate)
        free = min(most, spacing.margin / 2)
        # The shift must be reported before the slots of the next window are given.
        room = LATEST - max(0.0, lead - longest_lead(limits))
        shifted = room if limits.rate.per_seconds >= SHORTEST_SHIFTED else free
        return cls(free, min(most, max(free, shifted)), spacing.interval / 2)


def buckets_of(starts: Mapping[float, int], seconds: float, *, now: float) -> dict[str, int]:
    """Return starts as the buckets of a quota's window, each start in the latest bucket that is possible.

    A period that has not ended may include messages that are reserved and have not started yet.
    """
    length = seconds * STRETCH / BUCKETS
    buckets: dict[str, int] = {}
    for ended, count in starts.items():
        if ended > now - seconds * STRETCH:
            bucket = str(int((ended if ended < now else now + REACH) // length))
            buckets[bucket] = buckets.get(bucket, 0) + count
    return buckets
