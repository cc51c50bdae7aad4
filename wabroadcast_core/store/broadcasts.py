"""Broadcasts: their rows, their counters and the work that is due."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, bindparam, func, insert, select, text, update

from wabroadcast_core.models.status import DELETED, RUNNING_BROADCASTS, BroadcastStatus, MessageStatus, Purpose
from wabroadcast_core.store.callbacks import add_change, add_results
from wabroadcast_core.store.changes import Changes
from wabroadcast_core.store.database import note_changed
from wabroadcast_core.store.messages import FAILED_FOR, POSITION_BITS
from wabroadcast_core.store.reason_counts import count_failures
from wabroadcast_core.store.sql import LITE_ROWS, POST_ROWS, as_json, dialects, json_columns
from wabroadcast_core.store.tables import broadcast_connections, broadcasts, connections

COUNTERS = (*(status.value for status in MessageStatus), "total", "delivered", "read")
RATE_SECONDS = 10.0  # the least time between the two marks from which the present rate is computed


# --- rows ------------------------------------------------------------------------------------------------------


def insert_broadcast(conn: Connection, values: dict[str, Any], *, connection_ids: Iterable[int]) -> int:
    """Store a new broadcast and its pool of connections.

    :returns: the id of the broadcast.
    """
    key: int = conn.execute(insert(broadcasts).values(values).returning(broadcasts.c.id)).scalar_one()
    conn.execute(
        insert(broadcast_connections),
        [{"broadcast_id": key, "connection_id": connection_id} for connection_id in connection_ids],
    )
    add_change(conn, key, now=values["created_at"])
    note_changed(conn, [key])
    return key


def find_broadcast(conn: Connection, job_id: str, *, lock: bool = False) -> RowMapping | None:
    """Return the row of a broadcast by its public id, or None. ``lock``: keep it locked in this transaction."""
    statement = select(broadcasts).where(broadcasts.c.job_id == job_id)
    return conn.execute(statement.with_for_update() if lock else statement).mappings().one_or_none()


_IDS = select(broadcasts.c.job_id, broadcasts.c.id).where(broadcasts.c.job_id.in_(bindparam("jobs", expanding=True)))


def ids_of_jobs(conn: Connection, job_ids: Iterable[str]) -> dict[str, int]:
    """Return the ids in the store of those broadcasts that exist, by their public ids."""
    return dict(conn.execute(_IDS, {"jobs": list(job_ids)}).all())


def get_broadcast(conn: Connection, key: int, *, lock: bool = False) -> RowMapping | None:
    """Return the row of a broadcast by its id in the store, or None. ``lock``: keep it locked in this transaction."""
    statement = select(broadcasts).where(broadcasts.c.id == key)
    return conn.execute(statement.with_for_update() if lock else statement).mappings().one_or_none()


def is_rehearsal(conn: Connection, key: int) -> bool:
    """Return whether a broadcast is a rehearsal."""
    return conn.execute(select(broadcasts.c.purpose).where(broadcasts.c.id == key)).scalar() == Purpose.REHEARSAL


def find_broadcasts(conn: Connection, keys: Collection[int]) -> Sequence[RowMapping]:
    """Return the rows of broadcasts by their ids in the store."""
    return conn.execute(select(broadcasts).where(broadcasts.c.id.in_(list(keys)))).mappings().all()


def running_broadcasts(conn: Connection, *, limit: int) -> tuple[Sequence[RowMapping], int]:
    """Return the rows of the broadcasts that have begun and have not ended, the newest first. Tests are left out.

    :returns: the rows, and how many such broadcasts there are.
    """
    runs = broadcasts.c.status.in_(RUNNING_BROADCASTS) & (broadcasts.c.purpose != Purpose.TEST)
    if not limit:
        return [], conn.execute(select(func.count()).select_from(broadcasts).where(runs)).scalar_one()
    newest = select(broadcasts, func.count().over().label("running")).where(runs).order_by(broadcasts.c.id.desc())
    rows = conn.execute(newest.limit(limit)).mappings().all()
    return rows, rows[0]["running"] if rows else 0


def find_submission(conn: Connection, idempotency_key: str) -> RowMapping | None:
    """Return the row of the broadcast that was submitted with this idempotency key, or None."""
    statement = select(broadcasts).where(broadcasts.c.idempotency_key == idempotency_key)
    return conn.execute(statement).mappings().one_or_none()


def update_broadcast(
    conn: Connection, key: int, *, where_status: Iterable[BroadcastStatus] | None = None, **values: Any
) -> bool:
    """Set columns of a broadcast, but not its status: see :func:`set_status`.

    :param where_status: change it only if its status is one of these.
    :returns: whether it was changed.
    """
    statement = update(broadcasts).where(broadcasts.c.id == key).values(values)
    if where_status is not None:
        statement = statement.where(broadcasts.c.status.in_(list(where_status)))
    note_changed(conn, [key])
    return conn.execute(statement).rowcount == 1


def set_status(
    conn: Connection,
    key: int,
    status: BroadcastStatus,
    *,
    now: float,
    where_status: Iterable[BroadcastStatus] | None = None,
    **values: Any,
) -> bool:
    """Set the status of a broadcast with other columns, and store the event of its callbacks.

    :param where_status: change it only if its status is one of these.
    :returns: whether it was changed.
    """
    changed = update_broadcast(conn, key, where_status=where_status, status=status, **values)
    if changed:
        add_change(conn, key, now=now)
    return changed


def move_mark(conn: Connection, key: int, *, present: int, rows: int) -> bool:
    """Record that the audience is stored up to row ``rows``.

    :param present: the mark that the caller started from.
    :returns: whether the mark was at ``present`` and the audience still has to be stored; else nothing is changed.
    """
    statement = (
        update(broadcasts)
        .where(broadcasts.c.id == key, broadcasts.c.prepared_rows == present, ~broadcasts.c.prepared)
        .where(broadcasts.c.status.in_([BroadcastStatus.PROCESSING, BroadcastStatus.PAUSED]))
    )
    note_changed(conn, [key])
    return conn.execute(statement.values(prepared_rows=rows)).rowcount == 1


def pools_of(conn: Connection, keys: Sequence[int]) -> dict[int, list[str]]:
    """Return the names of the connections of each broadcast."""
    statement = (
        select(broadcast_connections.c.broadcast_id, connections.c.name)
        .join(connections, connections.c.id == broadcast_connections.c.connection_id)
        .where(broadcast_connections.c.broadcast_id.in_(keys))
        .order_by(connections.c.id)
    )
    pools: dict[int, list[str]] = {key: [] for key in keys}
    for key, name in conn.execute(statement):
        pools[key].append(name)
    return pools


def has_connection(conn: Connection, key: int) -> bool:
    """Return whether any connection of a broadcast is not deleted."""
    statement = (
        select(connections.c.id)
        .join(broadcast_connections, broadcast_connections.c.connection_id == connections.c.id)
        .where(broadcast_connections.c.broadcast_id == key, connections.c.state != DELETED)
    )
    return conn.execute(statement.limit(1)).first() is not None


# --- counters --------------------------------------------------------------------------------------------------

_CHANGE_COLUMNS = json_columns(id="BIGINT", **dict.fromkeys(COUNTERS, "BIGINT"))
_ADDED = ", ".join(f"{name} = broadcasts.{name} + change.{name}" for name in COUNTERS)
_DEPARTED = "departed = broadcasts.departed OR change.sent > 0 OR change.failed > 0 OR change.unknown > 0"
_OPEN = "broadcasts.queued + broadcasts.processing + broadcasts.retry + broadcasts.paused"
_PARTS = {"added": _ADDED, "departed": _DEPARTED, "open": _OPEN}
# Add changes to the counters of broadcasts.
# Input: :rows, JSON rows of the broadcast's id and the change of each of COUNTERS.
# Output: id, purpose, status, prepared, mark_at, reports_results and the number of open messages of each broadcast.
_APPLY_CHANGES = dialects(
    """
    UPDATE broadcasts SET {added}, {departed}
    FROM (SELECT {columns} FROM {rows}) AS change WHERE broadcasts.id = change.id
    RETURNING broadcasts.id, broadcasts.purpose, broadcasts.status, broadcasts.prepared, broadcasts.mark_at,
      broadcasts.reports_results, {open} AS open
    """,
    sqlite={"columns": _CHANGE_COLUMNS[0], "rows": LITE_ROWS, **_PARTS},
    postgresql={"columns": _CHANGE_COLUMNS[1], "rows": POST_ROWS, **_PARTS},
)
# Set a new mark for the present rate; the mark before becomes the earlier one. Input: :id, :now.
_MARK_RATE = text(
    """
    UPDATE broadcasts SET earlier_mark_at = mark_at, earlier_mark_sent = mark_sent, mark_at = :now, mark_sent = sent
    WHERE id = :id
    """
)
# Complete a broadcast if it is prepared and has no open message. One that was paused is paused again if it is reopened.
# Input: :id, :now.
_COMPLETE = text(
    f"""
    UPDATE broadcasts SET status = 'completed', finished_at = :now
    WHERE id = :id AND status IN ('processing', 'paused') AND prepared AND {_OPEN} = 0
    """  # noqa: S608 - fixed parts only
)
_REOPEN = text(
    """
    UPDATE broadcasts SET status = CASE WHEN paused_at IS NULL THEN 'processing' ELSE 'paused' END, finished_at = NULL
    WHERE id = :id
    """
)


def apply_changes(conn: Connection, changes: Changes, *, now: float) -> list[int]:
    """Add the changes of a transaction to the counters, complete or reopen the broadcasts, and store events.

    Call it at the end of a transaction: so the rows of broadcasts are locked after those of messages, in one order
    everywhere.

    :param changes: is emptied, but for the tests among the changed broadcasts.
    :returns: the ids of broadcasts that became complete, or that are no longer complete.
    """
    by_broadcast: dict[int, dict[str, int]] = {}
    failures: dict[tuple[int, str], int] = {}
    for (key, counter), amount in changes.items():
        if counter.startswith(FAILED_FOR):
            failures[key, counter.removeprefix(FAILED_FOR)] = amount
        elif amount:
            by_broadcast.setdefault(key, {})[counter] = amount
    results = changes.results
    for key in {each >> POSITION_BITS for each in results}:
        by_broadcast.setdefault(key, {})
    changes.clear()
    changes.results = []
    changed = _apply_counters(conn, by_broadcast, results, now=now) if by_broadcast else []
    changes.tests = {row.id for row in changed if row.purpose == Purpose.TEST}
    ended = [row.id for row in changed if _settle_status(conn, row, now=now)]
    count_failures(conn, failures)
    return ended


def _apply_counters(
    conn: Connection, by_broadcast: Mapping[int, Mapping[str, int]], results: Sequence[int], *, now: float
) -> Sequence[Row[Any]]:
    """Add changes to the counters, and store the events of new results. Return what is known of the broadcasts now."""
    keys = sorted(by_broadcast)
    note_changed(conn, keys)
    if len(keys) > 1 and conn.dialect.name != "sqlite":
        conn.execute(
            select(broadcasts.c.id).where(broadcasts.c.id.in_(keys)).order_by(broadcasts.c.id).with_for_update()
        )
    rows = [[key, *(by_broadcast[key].get(name, 0) for name in COUNTERS)] for key in keys]
    changed = conn.execute(_APPLY_CHANGES.of(conn), {"rows": as_json(rows)}).fetchall()
    for row in changed:
        if by_broadcast[row.id].get("sent") and (row.mark_at is None or row.mark_at <= now - RATE_SECONDS):
            conn.execute(_MARK_RATE, {"id": row.id, "now": now})
    if reporting := [row.id for row in changed if row.reports_results]:
        add_results(conn, results, among=reporting, now=now)  # before the event of a broadcast that is complete
    return changed


def _settle_status(conn: Connection, row: Row[Any], *, now: float) -> bool:
    """Complete a broadcast without open messages, or reopen a completed one with open messages.

    :returns: whether its status has changed.
    """
    if row.open and row.status == BroadcastStatus.COMPLETED:
        conn.execute(_REOPEN, {"id": row.id})
        add_change(conn, row.id, now=now)
        return True
    return not row.open and row.prepared and complete_broadcast(conn, row.id, now=now)


def complete_broadcast(conn: Connection, key: int, *, now: float) -> bool:
    """Complete a broadcast if it is prepared and has no open message.

    :returns: whether it was completed.
    """
    note_changed(conn, [key])
    completed = conn.execute(_COMPLETE, {"id": key, "now": now}).rowcount == 1
    if completed:
        add_change(conn, key, now=now)
    return completed


# --- due work --------------------------------------------------------------------------------------------------

# Find the broadcasts with waiting messages for a connection, in the order in which they are served: the highest rank
# first, then the one that has waited longest.
# Input: :connection_id.
_CANDIDATES = text(
    """
    SELECT b.id, b.rank, b.queued, b.retry, b.sent, b.released_batch, b.next_release_at
    FROM broadcasts AS b JOIN broadcast_connections AS pool ON pool.broadcast_id = b.id
    WHERE pool.connection_id = :connection_id AND b.status = 'processing' AND b.queued + b.retry > 0
    ORDER BY b.rank DESC, b.served_at, b.id
    """
)


def active_broadcasts(conn: Connection, connection_id: int) -> list[Row[Any]]:
    """Return the broadcasts from which this connection may claim messages, in the order in which they are served."""
    return list(conn.execute(_CANDIDATES, {"connection_id": connection_id}))


# Find the broadcasts with open messages for a connection, in the order in which they are served.
# Input: :connection_id, :limit. Output: rows of broadcasts.
_OPEN_BROADCASTS = text(
    """
    SELECT * FROM (
      SELECT b.*, pool.connection_id AS on_connection, row_number() OVER (
        PARTITION BY pool.connection_id ORDER BY b.rank DESC, b.served_at, b.id
      ) AS place
      FROM broadcasts AS b JOIN broadcast_connections AS pool ON pool.broadcast_id = b.id
      WHERE pool.connection_id IN :connection_ids AND b.status = 'processing'
        AND b.queued + b.retry + b.processing > 0
    ) AS placed WHERE place <= :limit ORDER BY on_connection, place
    """
).bindparams(bindparam("connection_ids", expanding=True))


def open_broadcasts(conn: Connection, connection_ids: Sequence[int], *, limit: int) -> dict[int, Sequence[RowMapping]]:
    """Return rows of broadcasts with open messages by the connection that may send them, in the order of its service.

    :param limit: the most of one connection.
    """
    found: dict[int, list[RowMapping]] = {key: [] for key in connection_ids}
    rows = conn.execute(_OPEN_BROADCASTS, {"connection_ids": list(connection_ids), "limit": limit})
    for row in rows.mappings():
        found[row["on_connection"]].append(row)
    return dict(found)


_RELEASE = text(
    """
    UPDATE broadcasts SET released_batch = :batch, next_release_at = :next_release_at WHERE id = :id
    RETURNING id, rank, queued, retry, sent, released_batch, next_release_at
    """
)


def release_batch(conn: Connection, key: int, *, batch: int, next_release_at: float) -> Row[Any]:
    """Release a batch.

    :param next_release_at: when the next batch is due (UNIX seconds, UTC).
    :returns: the broadcast as :func:`active_broadcasts` returns it.
    """
    note_changed(conn, [key])
    return conn.execute(_RELEASE, {"id": key, "batch": batch, "next_release_at": next_release_at}).one()


def mark_served(conn: Connection, keys: Iterable[int], *, now: float) -> None:
    """Record that messages of these broadcasts were claimed now: other ones of the same rank are served next."""
    conn.execute(update(broadcasts).where(broadcasts.c.id.in_(list(keys))).values(served_at=now))


# Find the active connections with waiting messages, due or not. Output: connection_id, the highest rank of a broadcast.
_WORKING = text(
    """
    SELECT pool.connection_id, max(b.rank) FROM broadcasts AS b
    JOIN broadcast_connections AS pool ON pool.broadcast_id = b.id
    JOIN connections AS c ON c.id = pool.connection_id
    WHERE b.status = 'processing' AND b.queued + b.retry > 0 AND c.state = 'active'
    GROUP BY pool.connection_id ORDER BY max(b.rank) DESC, pool.connection_id
    """
)


def working_connections(conn: Connection) -> list[tuple[int, int]]:
    """Return the ids of active connections with waiting messages, due or not, each with the highest rank of them."""
    return [(key, rank) for key, rank in conn.execute(_WORKING)]


def complete_stranded(conn: Connection, *, now: float) -> None:
    """Complete the broadcasts that have no open message but were not completed, for example because of a crash."""
    statement = select(broadcasts.c.id).where(
        broadcasts.c.status.in_((BroadcastStatus.PROCESSING, BroadcastStatus.PAUSED)),
        broadcasts.c.prepared,
        broadcasts.c.queued + broadcasts.c.processing + broadcasts.c.retry + broadcasts.c.paused == 0,
    )
    for key in conn.execute(statement).scalars().all():
        complete_broadcast(conn, key, now=now)
