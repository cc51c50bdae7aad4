"""A look at the limiter that takes no slots: what of each quota is used, and until when nothing may start."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import redis
from redis.commands.core import Script

from wabroadcast_core.keys import Keys
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import Quota
from wabroadcast_core.pacing.pace import BUCKETS, REACH, SCRIPT, STRETCH, buckets_of


@dataclass(frozen=True, slots=True)
class UsedSlots:
    """The used slots of one quota: when they stop to count (UNIX seconds), and how many do then; oldest first."""

    quota: Quota
    frees: Sequence[tuple[float, int]] = ()

    def used(self, at: float) -> int:
        """Return how many of the slots used so far still count at a moment."""
        return sum(count for free_at, count in self.frees if free_at > at)

    def free_at(self, now: float) -> float:
        """Return when the quota has a free slot: now or later."""
        used = self.used(now)
        for free_at, count in self.frees:
            if used < self.quota.messages:
                break
            if free_at > now:
                used, now = used - count, free_at
        return now


@dataclass(frozen=True, slots=True)
class PaceState:
    """The state of a connection's limiter. Times are UNIX seconds by the wall clock of Redis."""

    now: float
    jump: float  # by which the wall clock is ahead of steady time
    next_at: float | None  # no slot is free before; None: the limiter does not know what the connection has sent
    cool_until: float
    factor: float
    uses: Sequence[UsedSlots] = ()
    next_of: Mapping[int, float] = field(default_factory=dict)  # by broadcast id: likewise, by its own rate

    def with_uses(self, uses: Sequence[UsedSlots]) -> "PaceState":
        """Return this state with other uses of the quotas."""
        return replace(self, uses=uses)

    @property
    def is_saturated(self) -> bool:
        """Whether all slots up to now are given, so that the next message has to wait for its slot."""
        return self.next_at is not None and self.next_at > self.now


class PaceLook:
    """A client of the limiter that only reads. It may be used from any thread."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._keys = keys
        self._script: Script = client.register_script(SCRIPT)

    def look(self, connection_id: int, limits: Limits, *, broadcasts: Sequence[int] = ()) -> PaceState:
        """Return the state of a connection's limiter.

        :param broadcasts: the ids of broadcasts with a rate of their own.
        :raises redis.RedisError: Redis cannot be reached.
        """
        quotas = [[quota.messages, quota.per_seconds] for quota in limits.quotas]
        request = json.dumps({"op": "look", "known": 0, "reach": REACH, "quotas": quotas})
        own = [self._keys.broadcast_pace(key) for key in broadcasts]
        answer = self._script(keys=[self._keys.pace(connection_id), self._keys.clock, *own], args=[request])
        now, jump, next_at, cool_until, factor = map(float, answer[:5])
        uses, nexts = answer[5:]
        return PaceState(
            now=now + jump,
            jump=jump,
            next_at=None if next_at < 0 else next_at + jump,
            cool_until=cool_until + jump,
            factor=factor,
            uses=[_use_of(quota, use, jump=jump) for quota, use in zip(limits.quotas, uses, strict=True)],
            next_of={key: float(at) + jump for key, at in zip(broadcasts, nexts, strict=True)},
        )


def use_from_starts(quota: Quota, starts: Mapping[float, int], *, now: float) -> UsedSlots:
    """Return the use of a quota as the limiter will know it once it is primed from the store.

    :param starts: how many messages started in each period, by the end of the period (UNIX seconds).
    """
    length = quota.per_seconds * STRETCH / BUCKETS
    buckets = buckets_of(starts, quota.per_seconds, now=now)
    frees = [((int(bucket) + BUCKETS + 1) * length, count) for bucket, count in buckets.items()]
    return UsedSlots(quota, sorted(frees))


def _use_of(quota: Quota, use: Sequence[tuple[bytes, int]], *, jump: float) -> UsedSlots:
    return UsedSlots(quota, sorted((float(free_at) + jump, count) for free_at, count in use))
