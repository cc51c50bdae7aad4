"""The number of messages that each connection started recently. It primes the limiter after Redis has lost its keys."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from sqlalchemy import Connection, delete, func, literal, select, text, union_all

from wabroadcast_core.store.claimed_blocks import OF_ALL, claimed_among
from wabroadcast_core.store.sql import dialects
from wabroadcast_core.store.tables import connection_starts

START_SPAN = 10  # seconds; a minute is several of them

StartCounts: TypeAlias = Counter[tuple[int, int]]
"""Number of starts by connection id and :func:`span_end`."""

_ADD = text(
    """
    INSERT INTO connection_starts (connection_id, ended_at, messages) VALUES (:connection_id, :ended_at, :amount)
    ON CONFLICT (connection_id, ended_at) DO UPDATE SET messages = connection_starts.messages + :amount
    """
)


def span_end(started_at: float) -> int:
    """Return the end of the span in which a start lies (UNIX seconds, UTC)."""
    return (int(started_at) // START_SPAN + 1) * START_SPAN


def count_by_span(starts: Iterable[tuple[int, float]]) -> StartCounts:
    """Count starts by connection and span.

    :param starts: connection id and time (UNIX seconds, UTC) of each start.
    """
    spans = Counter([(connection_id, started_at // START_SPAN) for connection_id, started_at in starts])
    return Counter({(key, span_end(span * START_SPAN)): amount for (key, span), amount in spans.items()})


def add_starts(conn: Connection, starts: StartCounts) -> None:
    """Add starts to the stored numbers."""
    rows = [
        {"connection_id": connection_id, "ended_at": ended_at, "amount": amount}
        for (connection_id, ended_at), amount in sorted(starts.items())
    ]
    if rows:
        conn.execute(_ADD, rows)


_COUNT_CLAIMED = dialects(
    "SELECT count(*) FROM {claimed} WHERE status = 'processing' AND connection_id = :connection_id",
    **claimed_among(OF_ALL),
)


def recent_starts(conn: Connection, connection_id: int, *, since: float, now: float) -> dict[float, int]:
    """Return the number of a connection's starts by the end of their span (UNIX seconds, UTC).

    Claimed messages whose outcome is not recorded count as started now.

    :param since: only spans that ended after this time (UNIX seconds, UTC).
    """
    # The claims first: a start that another process records in between is then in both numbers, not in none.
    pending = conn.execute(_COUNT_CLAIMED.of(conn), {"connection_id": connection_id}).scalar_one()
    starts = starts_by_span(conn, connection_id, since=since)
    if pending:
        starts[now] = starts.get(now, 0) + pending
    return starts


def forget_starts(conn: Connection, *, before: float) -> None:
    """Delete the numbers of spans that ended before this time (UNIX seconds, UTC)."""
    conn.execute(delete(connection_starts).where(connection_starts.c.ended_at < before))


def starts_by_span(conn: Connection, connection_id: int, *, since: float) -> dict[float, int]:
    """Return the number of a connection's recorded starts by the end of their span (UNIX seconds, UTC)."""
    statement = select(connection_starts.c.ended_at, connection_starts.c.messages).where(
        connection_starts.c.connection_id == connection_id, connection_starts.c.ended_at > since
    )
    return {float(ended_at): amount for ended_at, amount in conn.execute(statement)}


# Sum up the starts of a connection by period. Each period is a range of the index: a GROUP BY would sort all spans.
# Input: :connection_id, :since, :seconds (of a period). Output: the end of each period, and its starts; NULL for none.
_BY_PERIOD = text(
    """
    WITH RECURSIVE
      last(ended_at) AS (SELECT max(ended_at) FROM connection_starts WHERE connection_id = :connection_id),
      periods(period) AS (
        SELECT (CAST(:since AS BIGINT) + CAST(:seconds AS BIGINT)) / CAST(:seconds AS BIGINT) * CAST(:seconds AS BIGINT)
        UNION ALL
        SELECT period + CAST(:seconds AS BIGINT) FROM periods WHERE period < (SELECT ended_at FROM last)
      )
    SELECT period, (
      SELECT sum(messages) FROM connection_starts WHERE connection_id = :connection_id
      AND ended_at > period - CAST(:seconds AS BIGINT) AND ended_at > :since AND ended_at <= period
    ) AS messages FROM periods
    """
)


def starts_by_period(conn: Connection, connection_id: int, *, since: float, seconds: int) -> dict[float, int]:
    """Return the number of a connection's recorded starts by the end of their period (UNIX seconds, UTC).

    :param seconds: the length of a period.
    """
    rows = conn.execute(_BY_PERIOD, {"connection_id": connection_id, "since": int(since), "seconds": seconds})
    return {float(row.period): int(row.messages) for row in rows if row.messages is not None}


def count_starts(conn: Connection, spans: Sequence[tuple[int, float]]) -> list[int]:
    """Return the numbers of recorded starts, rounded to spans, in the order of what is asked.

    :param spans: connection id and time (UNIX seconds, UTC) since which its starts are counted.
    """
    if not spans:
        return []
    column = connection_starts.c
    totals = [
        select(literal(place).label("place"), func.coalesce(func.sum(column.messages), 0)).where(
            column.connection_id == connection_id, column.ended_at > since
        )
        for place, (connection_id, since) in enumerate(spans)
    ]
    return [int(total) for _, total in sorted(map(tuple, conn.execute(union_all(*totals))))]


def last_span(conn: Connection, connection_id: int) -> float | None:
    """Return the end of the last span in which a connection started a message; None if it never did."""
    last = select(func.max(connection_starts.c.ended_at)).where(connection_starts.c.connection_id == connection_id)
    return conn.execute(last).scalar()
