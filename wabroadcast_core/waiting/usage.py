"""What is used of a connection's limits now."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from zoneinfo import ZoneInfo

from wabroadcast_core.models.base import as_utc
from wabroadcast_core.models.connection import ConnectionUse, Limits, QuotaUse, RateUse, RefusedCall, WarmUpUse
from wabroadcast_core.models.pacing import Quota
from wabroadcast_core.pacing.pace_look import UsedSlots
from wabroadcast_core.redis_access.connection_notes import NO_NOTES, ConnectionNotes
from wabroadcast_core.snapshots import DAY
from wabroadcast_core.store import starts as start_store
from wabroadcast_core.store.starts import START_SPAN
from wabroadcast_core.waiting.facts import Facts
from wabroadcast_core.waiting.limits import ConnectionFacts, free_at


def uses_of(
    facts: Facts, connections: Sequence[ConnectionFacts], notes: Mapping[int, ConnectionNotes]
) -> list[ConnectionUse]:
    """Return what is used of the limits of connections. The starts of all are read together.

    :param notes: of the connections, by id.
    """
    spans = [span for connection in connections for span in _spans_of(facts, connection)]
    starts = iter(start_store.count_starts(facts.conn, spans))
    return [
        _use_of(facts, one, notes.get(one.row["id"], NO_NOTES), today=next(starts), starts=next(starts))
        for one in connections
    ]


def _spans_of(facts: Facts, connection: ConnectionFacts) -> list[tuple[int, float]]:
    """Return the spans whose starts are counted: since midnight, and for the rate."""
    key, pace = connection.row["id"], connection.pace
    midnight = midnight_of(pace.now, facts.context.settings.timezone)
    return [(key, midnight), (key, _since(connection))]


def _since(connection: ConnectionFacts) -> float:
    """Return since when starts are counted for the rate: for one window of it, or longer if it is short."""
    rate, now = connection.limits.rate, connection.pace.now
    return (now - max(rate.per_seconds if rate else 0.0, START_SPAN)) // START_SPAN * START_SPAN


def _use_of(
    facts: Facts, connection: ConnectionFacts, notes: ConnectionNotes, *, today: int, starts: int
) -> ConnectionUse:
    pace = connection.pace
    return ConnectionUse(
        today=today,
        rate=_use_of_rate(connection, starts),
        quotas=_uses_of_quotas(connection),
        warm_up=_use_of_warm_up(connection),
        factor=None if facts.redis_fault else round(pace.factor, 3),
        cool_down_until=_if_later(pace.cool_until, pace.now),
        last_receipt_at=as_utc(connection.row["last_receipt_at"]),
        last_call_at=as_utc(notes.called_at),
        refused_call=_refused_call(notes),
    )


def _refused_call(notes: ConnectionNotes) -> RefusedCall | None:
    if notes.refused_at is None:
        return None
    return RefusedCall(at=as_utc(notes.refused_at), reason=notes.refusal)


def _use_of_rate(connection: ConnectionFacts, starts: int) -> RateUse | None:
    rate, pace = connection.limits.rate, connection.pace
    if rate is None:
        return None
    return RateUse(
        used=round(starts * rate.per_seconds / (pace.now - _since(connection)), 2),
        limit=rate.messages,
        per_seconds=rate.per_seconds,
        free_at=_if_later(pace.next_at or 0.0, pace.now),
    )


def _uses_of_quotas(connection: ConnectionFacts) -> list[QuotaUse]:
    """Return the use of the quotas as they are set: the warm-up may have taken the place of one among the limits."""
    pace, quotas = connection.pace, Limits.model_validate_json(connection.row["limits"]).quotas
    uses = [UsedSlots(quota, _frees(connection, quota.per_seconds)) for quota in quotas]
    return [
        QuotaUse(
            used=use.used(pace.now),
            limit=use.quota.messages,
            per_seconds=use.quota.per_seconds,
            free_at=_if_later(use.free_at(pace.now), pace.now),
        )
        for use in uses
    ]


def _use_of_warm_up(connection: ConnectionFacts) -> WarmUpUse | None:
    day, pace = connection.warm_up, connection.pace
    if day is None:
        return None
    use = UsedSlots(Quota(messages=day.limit, per_seconds=DAY), _frees(connection, DAY))
    return WarmUpUse(
        day=day.day,
        used=use.used(pace.now),
        limit=day.limit,
        free_at=_if_later(free_at(connection, use), pace.now),
    )


def _frees(connection: ConnectionFacts, seconds: float) -> tuple[tuple[float, int], ...]:
    return next((tuple(use.frees) for use in connection.pace.uses if use.quota.per_seconds == seconds), ())


def _if_later(at: float, now: float) -> datetime | None:
    return as_utc(at) if at > now else None


def midnight_of(now: float, zone: str) -> float:
    """Return when the day began in a time zone (UNIX seconds, UTC)."""
    today = datetime.fromtimestamp(now, ZoneInfo(zone)).date()
    return datetime.combine(today, time(), ZoneInfo(zone)).timestamp()
