"""How many messages of a broadcast a connection sent in each minute, and how many failed, were delivered and were read.

The numbers are added at the end of the transaction that records the outcomes, after the counters of the broadcasts: the
lock on the row of its broadcast is then held already, so two workers never wait for each other on a row of these.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, Row, RowMapping, delete, func, select, text, tuple_

from wabroadcast_core.store.tables import minute_counts

MINUTE = 60  # seconds
HOUR = 3_600

Fact: TypeAlias = Literal["sent", "failed", "delivered", "read"]
FACTS: tuple[Fact, ...] = ("sent", "failed", "delivered", "read")


MinuteCounts: TypeAlias = Counter[tuple[int, int, int, Fact]]
"""Number of messages by broadcast id, connection id, beginning of the minute (UNIX seconds, UTC) and fact."""


def minute_of(at: float) -> int:
    """Return the beginning of the minute in which a time lies (UNIX seconds, UTC)."""
    return int(at // MINUTE) * MINUTE


def count_by_minute(fact: Fact, messages: Iterable[tuple[int, int, float]]) -> MinuteCounts:
    """Count messages by minute.

    :param messages: broadcast id, connection id and time (UNIX seconds, UTC) of each.
    """
    minutes = Counter([(broadcast_id, connection_id, at // MINUTE) for broadcast_id, connection_id, at in messages])
    return Counter(
        {
            (broadcast_id, connection_id, int(minute) * MINUTE, fact): number
            for (broadcast_id, connection_id, minute), number in minutes.items()
        }
    )


# Add numbers to those of a period. Input: the columns.
_ADD = text(
    """
    INSERT INTO minute_counts (broadcast_id, connection_id, seconds, began_at, sent, failed, delivered, read)
    VALUES (:broadcast_id, :connection_id, :seconds, :began_at, :sent, :failed, :delivered, :read)
    ON CONFLICT (broadcast_id, connection_id, seconds, began_at) DO UPDATE SET
      sent = minute_counts.sent + excluded.sent, failed = minute_counts.failed + excluded.failed,
      delivered = minute_counts.delivered + excluded.delivered, read = minute_counts.read + excluded.read
    """
)


def add_minutes(conn: Connection, counts: MinuteCounts, *, tests: Collection[int] = ()) -> None:
    """Add numbers to those of their minutes. Call it after the counters of the broadcasts were changed.

    :param tests: the broadcasts that are tests, which are not counted.
    """
    _add(conn, {key: number for key, number in counts.items() if key[0] not in tests}, seconds=MINUTE)


def _add(conn: Connection, counts: Mapping[tuple[int, int, int, Fact], int], *, seconds: int) -> None:
    """Add numbers to those of their periods, always in one order, so that no two transactions deadlock."""
    rows = [
        {
            "broadcast_id": broadcast_id,
            "connection_id": connection_id,
            "seconds": seconds,
            "began_at": began_at,
            **{fact: counts.get((broadcast_id, connection_id, began_at, fact), 0) for fact in FACTS},
        }
        for broadcast_id, connection_id, began_at in sorted({key[:3] for key in counts})
    ]
    if rows:
        conn.execute(_ADD, rows)


def roll_up(conn: Connection, *, before: float, limit: int) -> int:
    """Add the numbers of old minutes to those of their hours, and delete the minutes.

    :param before: only minutes of hours that ended before this time (UNIX seconds, UTC).
    :returns: how many minutes were deleted, at most ``limit``.
    """
    column, ends = minute_counts.c, int(before // HOUR) * HOUR
    old = select(minute_counts).where(column.seconds == MINUTE, column.began_at < ends).order_by(column.began_at)
    rows = conn.execute(old.limit(limit).with_for_update(skip_locked=True)).mappings().all()
    hours: MinuteCounts = Counter()
    for row in rows:
        for fact in FACTS:
            hours[row["broadcast_id"], row["connection_id"], row["began_at"] // HOUR * HOUR, fact] += row[fact]
    if rows:
        keys = [(row["broadcast_id"], row["connection_id"], row["began_at"]) for row in rows]
        moved = tuple_(column.broadcast_id, column.connection_id, column.began_at).in_(keys)
        conn.execute(delete(minute_counts).where(column.seconds == MINUTE, moved))
        _add(conn, hours, seconds=HOUR)
    return len(rows)


# --- read ------------------------------------------------------------------------------------------------------


def extent_of(conn: Connection, broadcast_id: int, *, since: float, until: float) -> tuple[int, int] | None:
    """Return the beginnings of the first and the last period with numbers between two times; None if there is none."""
    column = minute_counts.c
    found = select(func.min(column.began_at), func.max(column.began_at)).where(
        column.broadcast_id == broadcast_id, column.began_at >= since, column.began_at < until
    )
    first, last = conn.execute(found).one()
    return None if first is None else (first, last)


# Sum up the numbers of a broadcast by connection and period. Input: :broadcast_id, :since, :until, :seconds.
# Output: at, seconds, connection_id and the numbers. A period is not shorter than those that are stored.
_PERIODS = text(
    """
    SELECT began_at / length * length AS at, length AS seconds, connection_id, CAST(sum(sent) AS BIGINT) AS sent,
      CAST(sum(failed) AS BIGINT) AS failed, CAST(sum(delivered) AS BIGINT) AS delivered,
      CAST(sum(read) AS BIGINT) AS read
    FROM (
      SELECT *, CASE WHEN seconds > :seconds THEN seconds ELSE CAST(:seconds AS INTEGER) END AS length
      FROM minute_counts WHERE broadcast_id = :broadcast_id AND began_at >= :since AND began_at < :until
    ) AS counted
    GROUP BY began_at / length * length, length, connection_id ORDER BY 1, 3
    """
)


def count_periods(
    conn: Connection, broadcast_id: int, *, since: float, until: float, seconds: int
) -> Sequence[Row[Any]]:
    """Return the numbers of a broadcast by period and connection, in the order of time.

    :param seconds: the least length of a period.
    """
    values = {"broadcast_id": broadcast_id, "since": since, "until": until, "seconds": seconds}
    return conn.execute(_PERIODS, values).all()


MOST_BROADCASTS = 1_000  # of one connection whose numbers are summed up: the newest

# Sum up the numbers of a connection by quarter of an hour: each time zone's midnight begins one. Input: :connection_id,
# :since, :most. Output: at and the numbers.
_QUARTERS = text(
    """
    WITH used AS (
      SELECT b.id FROM broadcasts AS b
      JOIN broadcast_connections AS pool ON pool.broadcast_id = b.id AND pool.connection_id = :connection_id
      ORDER BY b.created_at DESC LIMIT :most
    )
    SELECT began_at / 900 * 900 AS at, CAST(sum(sent) AS BIGINT) AS sent, CAST(sum(failed) AS BIGINT) AS failed,
      CAST(sum(delivered) AS BIGINT) AS delivered, CAST(sum(read) AS BIGINT) AS read
    FROM used JOIN minute_counts AS counted ON counted.broadcast_id = used.id
      AND counted.connection_id = :connection_id AND counted.seconds IN (60, 3600) AND counted.began_at >= :since
    GROUP BY began_at / 900 * 900
    """
)


def count_quarters(conn: Connection, connection_id: int, *, since: float) -> Sequence[RowMapping]:
    """Return the numbers of a connection by quarter of an hour."""
    values = {"connection_id": connection_id, "since": since, "most": MOST_BROADCASTS}
    return conn.execute(_QUARTERS, values).mappings().all()
