"""When the next message of a connection may leave: asks the limiter in Redis (``pace.lua``), one for all processes.

A limit holds at the provider's door, and the way there takes now longer, now shorter. So slots are spaced a little
wider than the rate (the margin): half of it is for messages that start later than their slots, half is the way's.
Quotas do the same: their windows are taken a little longer.

A message that starts later still moves the row: the slots of the next window come as much later. One that is
overtaken by others, or very late, gives its slot up, so that a process that stalled never sends in a bunch.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import redis.asyncio
from redis.commands.core import AsyncScript

from wabroadcast_core.keys import Keys
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import Rate

LEAD = 0.02  # seconds from the reservation to the first slot, beside what the calls to Redis take
LONGEST_LEAD = 0.65  # seconds
HORIZON = 0.25  # seconds after the lead that slots are given out
REACH = LONGEST_LEAD + HORIZON  # seconds: no slot lies further ahead
MARGIN_SHARE = 0.022  # of the rate's window
LONGEST_MARGIN = 0.25  # seconds; what happens on the way does not grow with the window
LATEST = 0.25  # seconds after its slot that a message may start at all
SHIFT_ROOM = 0.72  # seconds of a rate's window in which a late start, and a late departure, becomes known
SHORTEST_SHIFTED = 1.0  # seconds; windows shorter than this bear no shift
LEAST_FACTOR = 0.05
UNLIMITED = 1_000_000  # slots: more than one call ever asks for
BUCKETS = 128  # as in pace.lua
STRETCH = 1.01  # as in pace.lua
CAUGHT_UP = 0.4  # as in pace.lua

_SCRIPT = files(__package__).joinpath("pace.lua").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Spacing:
    """A rate as the limiter keeps it: seconds from slot to slot, and the margin in that."""

    interval: float
    margin: float

    @classmethod
    def of(cls, rate: Rate | None) -> "Spacing":
        if rate is None:
            return cls(0.0, 0.0)
        margin = min(rate.per_seconds * MARGIN_SHARE, LONGEST_MARGIN)
        return cls((rate.per_seconds + margin) / rate.messages, margin)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A broadcast with due work that competes for slots. ``rate``: its own, tighter one."""

    broadcast_id: int
    rank: int
    rate: Rate | None = None
    fresh: bool = False  # nothing of it was sent yet
    ready: int | None = None  # the most slots that it can use; unset: any number


@dataclass(frozen=True, slots=True)
class Slots:
    """Start times (UNIX seconds on Redis' clock), each for one candidate or for any."""

    times: Sequence[float]
    candidates: Sequence[int | None]  # broadcast ids
    next_at: float  # when it is worth asking again
    factor: float
    shift: float = 0.0  # of the row so far
    next_of: Mapping[int, float] = field(default_factory=dict)  # by broadcast id: what its own rate allows


@dataclass(slots=True)
class SlotReport:
    """What became of slots.

    ``unused``: nobody started at them. ``tail``: the first and last of those that were given out together, as the last.
    ``late``: the slot of a message that started too late, and the shift of the row that this asks for.
    """

    unused: list[float] = field(default_factory=list)
    tail: tuple[float, float] | None = None
    late: tuple[float, float] | None = None

    def __bool__(self) -> bool:
        return bool(self.unused or self.late)


@dataclass(frozen=True, slots=True)
class RecentStarts:
    """What the store knows of a connection's recent starts: how many in each span, by the span's end."""

    last_at: float | None
    starts: Mapping[float, int] = field(default_factory=dict)


class ColdPaceError(Exception):
    """The limiter knows nothing of this connection: prime it with what the store remembers."""


class Pace:
    """The limiter's caller."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys) -> None:
        self._keys = keys
        self._script: AsyncScript = client.register_script(_SCRIPT)

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
        """Take up to ``count`` of the slots that come next after the lead.

        :param candidates: given when any broadcast has a rate of its own: then each slot is for one of them.
        :param report: of slots taken before.
        :param lead: seconds that it takes to have messages ready, at most LONGEST_LEAD.
        :raises ColdPaceError: prime first.
        :raises redis.RedisError: Redis cannot be asked: send nothing.
        """
        spacing = Spacing.of(limits.rate)
        paced = is_paced(limits)
        keys, competing = self._competing(candidates)
        ask = {
            "op": "reserve",
            "count": count,
            "horizon": HORIZON,
            "lead": lead if paced or competing else 0,
            "reach": REACH,
            "interval": spacing.interval,
            "quotas": [[quota.messages, quota.per_seconds] for quota in limits.quotas],
            "jitter": [limits.jitter.min_seconds, limits.jitter.max_seconds] if limits.jitter else None,
            "randoms": [random.random() for _ in range(count)] if limits.jitter else [],  # noqa: S311 - a human gap, no secret
            "candidates": competing,
            "unused": report.unused if report and paced else [],
            "tail": report.tail if report and paced else None,
            "late": report.late if report and paced else None,
        }
        answer = await self._call([self._keys.pace(connection_id), *keys], ask)
        match answer:
            case [_, None]:
                raise ColdPaceError
            case [_, start, count]:
                return Slots([float(start)] * count, [None] * count, float(start), 1.0)
        return Slots(
            times=[float(slot) for slot in answer[1]],
            candidates=[candidates[place - 1].broadcast_id if place else None for place in answer[2]],
            next_at=float(answer[3]),
            factor=float(answer[4]),
            shift=float(answer[5]),
            next_of={one.broadcast_id: float(at) for one, at in zip(candidates, answer[6], strict=True)},
        )

    async def report(self, connection_id: int, limits: Limits, report: SlotReport) -> None:
        """Say what became of slots, and take none. :raises ColdPaceError: :raises redis.RedisError: as above."""
        if report and is_paced(limits):
            await self.reserve(connection_id, limits, count=0, report=report)

    async def prime(self, connection_id: int, limits: Limits, memory: RecentStarts, *, now: float) -> None:
        """Give the limiter what the store remembers, unless somebody did already."""
        interval = Spacing.of(limits.rate).interval
        quotas = [
            {"seconds": quota.per_seconds, "buckets": _buckets(memory.starts, quota.per_seconds, now=now)}
            for quota in limits.quotas
        ]
        # Whoever holds slots from before the loss may start at them yet.
        first = now if memory.last_at is None else min(memory.last_at, now) + REACH + interval
        ask = {"op": "prime", "next": first, "quotas": quotas}
        await self._call([self._keys.pace(connection_id)], ask)

    async def slow_down(self, connection_id: int, *, slot: float, wait: float | None) -> None:
        """The provider said "too fast" to the message that started at ``slot``: halve the rate, and wait if told to."""
        ask = {"op": "slow", "slot": slot, "wait": wait or 0, "least": LEAST_FACTOR}
        await self._call([self._keys.pace(connection_id)], ask)

    def _competing(self, candidates: Sequence[Candidate]) -> tuple[list[str], list[dict[str, Any]]]:
        keys: list[str] = []
        competing: list[dict[str, Any]] = []
        for candidate in candidates:
            spacing = Spacing.of(candidate.rate)
            if candidate.rate is not None:
                keys.append(self._keys.broadcast_pace(candidate.broadcast_id))
            competing.append(
                {
                    "rank": candidate.rank,
                    "key": len(keys) + 1 if candidate.rate is not None else 0,
                    "interval": spacing.interval,
                    "margin": spacing.margin,
                    "fresh": candidate.fresh,
                    "ready": UNLIMITED if candidate.ready is None else candidate.ready,
                }
            )
        return keys, competing

    async def _call(self, keys: list[str], ask: dict[str, Any]) -> Any:
        given = {name: value for name, value in ask.items() if value is not None}  # Lua takes null for true
        return await self._script(keys=keys, args=[json.dumps(given)])


def is_paced(limits: Limits) -> bool:
    """Whether there is a pace to keep at all."""
    return bool(limits.rate or limits.jitter or limits.quotas)


def longest_lead(limits: Limits) -> float:
    """Seconds: with a rate, a late start must be known before the slots of the next window are given out."""
    if limits.rate is None:
        return LONGEST_LEAD
    return min(max(LEAD, limits.rate.per_seconds - SHIFT_ROOM - HORIZON), LONGEST_LEAD)


@dataclass(frozen=True, slots=True)
class Lateness:
    """Seconds after its slot that a message may start: as it is, and where the row is then shifted by the rest."""

    free: float
    most: float
    gap: float  # least seconds from the start before: whoever is late does not follow at once

    @classmethod
    def of(cls, limits: Limits, own: Rate | None = None, *, lead: float = LEAD) -> "Lateness":
        """Return how late messages of a connection may start.

        :param own: the rate of the message's broadcast.
        :param lead: seconds ahead that slots are reserved: the longer, the less time is left to shift the row.
        """
        slacks = [(STRETCH - 1) * quota.per_seconds / 2 for quota in limits.quotas]
        if own is not None:
            slacks.append((1 - CAUGHT_UP) * Spacing.of(own).margin / 2)
        most = min(slacks, default=float("inf"))
        if limits.rate is None:
            return cls(most, most, 0.0)
        spacing = Spacing.of(limits.rate)
        free = min(most, spacing.margin / 2)
        # The shift must be known before the slots of the next window are given out.
        room = LATEST - max(0.0, lead - longest_lead(limits))
        shifted = room if limits.rate.per_seconds >= SHORTEST_SHIFTED else free
        return cls(free, min(most, max(free, shifted)), spacing.interval / 2)


def _buckets(starts: Mapping[float, int], seconds: float, *, now: float) -> dict[str, int]:
    """Starts by the parts of a quota's window, as late as they can have been; what is under way may yet start."""
    length = seconds * STRETCH / BUCKETS
    buckets: dict[str, int] = {}
    for ended, count in starts.items():
        if ended > now - seconds * STRETCH:
            bucket = str(int((ended if ended < now else now + REACH) // length))
            buckets[bucket] = buckets.get(bucket, 0) + count
    return buckets
