"""Causes that the limiter of a connection sets: quotas, warm-up, cool-down, and the rates."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from wabroadcast_core.models.base import as_utc
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import Rate
from wabroadcast_core.models.status import ConnectionState
from wabroadcast_core.models.waiting import (
    AdaptiveRate,
    BroadcastRate,
    CoolDown,
    QuotaUsed,
    RateReached,
    WarmUpUsed,
)
from wabroadcast_core.pacing.pace_look import PaceState, UsedSlots
from wabroadcast_core.snapshots import DAY, WarmUpDay

Row = Mapping[Any, Any]
LimitCause: TypeAlias = QuotaUsed | WarmUpUsed | CoolDown


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """What is known of a connection: its row, its limits of today, and the state of its limiter."""

    row: Row
    limits: Limits
    warm_up: WarmUpDay | None
    pace: PaceState

    @property
    def name(self) -> str:
        """The name of the connection."""
        return str(self.row["name"])

    @property
    def is_active(self) -> bool:
        """Whether the connection may send."""
        return bool(self.row["state"] == ConnectionState.ACTIVE)

    def is_warm_up(self, use: UsedSlots) -> bool:
        """Whether a quota is the daily limit of the warm-up."""
        day = self.warm_up
        return day is not None and day.binds and use.quota.per_seconds == DAY and use.quota.messages == day.limit


def used_up(facts: ConnectionFacts) -> list[LimitCause]:
    """Return the limits for which no message may start now: quotas, the warm-up, a cool-down."""
    found: list[LimitCause] = [
        _used_up(facts, use) for use in facts.pace.uses if use.free_at(facts.pace.now) > facts.pace.now
    ]
    if facts.pace.cool_until > facts.pace.now:
        found.append(CoolDown(connection=facts.name, until=as_utc(facts.pace.cool_until)))
    return found


def free_at(facts: ConnectionFacts, use: UsedSlots) -> float:
    """Return when a quota has a free slot: now or later. A warm-up may have one when its next step begins."""
    at = use.free_at(facts.pace.now)
    if facts.warm_up is None or facts.warm_up.rises_at is None or not facts.is_warm_up(use):
        return at
    rises_at, limit = facts.warm_up.rises_at, facts.warm_up.next_limit
    return min(at, rises_at) if use.used(rises_at) < limit else at


def full_rate(
    facts: ConnectionFacts, *, broadcast_id: int, own: Rate | None
) -> RateReached | AdaptiveRate | BroadcastRate | None:
    """Return the rate that decides when the next message starts; None if a slot is free now.

    :param own: the rate of the broadcast.
    """
    pace, limits = facts.pace, facts.limits
    own_next, next_at = pace.next_of.get(broadcast_id, 0.0), pace.next_at or 0.0
    if own is not None and own_next > max(pace.now, next_at):
        return BroadcastRate(rate=own, until=as_utc(own_next))
    if not pace.is_saturated or not (limits.rate or limits.jitter):
        return None
    if pace.factor < 1:
        return AdaptiveRate(
            connection=facts.name, factor=round(pace.factor, 3), rate=limits.rate, until=as_utc(next_at)
        )
    return RateReached(connection=facts.name, rate=limits.rate, jitter=limits.jitter, until=as_utc(next_at))


def _used_up(facts: ConnectionFacts, use: UsedSlots) -> LimitCause:
    used, until = use.used(facts.pace.now), as_utc(free_at(facts, use))
    if facts.warm_up is not None and facts.is_warm_up(use):
        day, limit = facts.warm_up.day, facts.warm_up.limit
        return WarmUpUsed(connection=facts.name, day=day, used=used, limit=limit, until=until)
    quota = use.quota
    return QuotaUsed(connection=facts.name, used=used, limit=quota.messages, per_seconds=quota.per_seconds, until=until)
