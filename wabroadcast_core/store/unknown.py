"""Unknown messages: their request left, and the answer is not known."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, func, select

from wabroadcast_core.models.status import AttemptOutcome, MessageStatus
from wabroadcast_core.store.changes import Changes
from wabroadcast_core.store.message_indexes import LITE_STATUS, POST_STATUS, has_status
from wabroadcast_core.store.messages import count_moves, message_key, position_of
from wabroadcast_core.store.sql import dialects
from wabroadcast_core.store.tables import attempts, broadcasts, messages

MOST_DATED: Final = 1_000  # unknown messages of a broadcast whose attempts are looked at

# Move unknown messages that are due to retry. Input: :now, :limit. Output: key and new status of each message.
_RELEASE = dialects(
    """
    UPDATE messages SET status = 'retry', due_at = CAST(:now AS DOUBLE PRECISION)
    WHERE id IN (
      SELECT id FROM messages
      WHERE {unknown} AND due_at IS NOT NULL AND due_at <= :now AND number IS NOT NULL AND wanted IS NULL
      AND broadcast_id NOT IN (SELECT id FROM broadcasts WHERE status IN ('cancelled', 'failed')) LIMIT :limit
    ) AND status = 'unknown'
    RETURNING id, status
    """,
    sqlite=LITE_STATUS,
    postgresql=POST_STATUS,
)


def release_unknown(conn: Connection, *, now: float, limit: int, changes: Changes) -> int:
    """Move unknown messages to retry whose broadcast resends them and whose waiting time is over.

    Those that were paused or cancelled stay.

    :param limit: the most messages to move.
    :returns: how many were moved.
    """
    rows = conn.execute(_RELEASE.of(conn), {"now": now, "limit": limit}).fetchall()
    count_moves(conn, changes, rows, away_from="unknown")
    return len(rows)


class Attempt(NamedTuple):
    """The last attempt of a message, as far as it is stored: the next one differs in at least one of these."""

    number: int  # counted from 1 again after a retry by a person
    worker_id: int | None  # the worker that claimed the message last
    at: float | None  # UNIX seconds (UTC); that of an earlier attempt, if a crash hid the end of the last one


class Unsettled(NamedTuple):
    """An unknown message."""

    key: int
    message_id: str  # the public id
    number: str
    attempt: Attempt


_TRIED_AT = (
    select(func.coalesce(attempts.c.last_at, attempts.c.at))
    .where(attempts.c.message_id == messages.c.id)
    .order_by(attempts.c.id.desc())
    .limit(1)
    .scalar_subquery()
)


def unsettled_connections(conn: Connection) -> Sequence[int]:
    """Return the ids of connections with unknown messages."""
    is_unknown = has_status(conn, MessageStatus.UNKNOWN)
    statement = select(messages.c.connection_id).where(is_unknown, messages.c.connection_id.is_not(None)).distinct()
    return [key for key in conn.execute(statement).scalars() if key is not None]


def unsettled_messages(conn: Connection, connection_id: int, *, after: int, limit: int) -> list[Unsettled]:
    """Return unknown messages of a connection, in the order of their keys.

    :param after: only messages with a greater key.
    """
    statement = (
        select(
            messages.c.id,
            broadcasts.c.job_id,
            messages.c.number,
            messages.c.attempts,
            messages.c.worker_id,
            _TRIED_AT,
        )
        .join(broadcasts, broadcasts.c.id == messages.c.broadcast_id)
        .where(has_status(conn, MessageStatus.UNKNOWN))
        .where(messages.c.connection_id == connection_id, messages.c.number.is_not(None), messages.c.id > after)
        .order_by(messages.c.id)
        .limit(limit)
    )
    rows = conn.execute(statement)
    return [
        Unsettled(key, f"{job_id}-{position_of(key)}", number, Attempt(*attempt))
        for key, job_id, number, *attempt in rows
    ]


def release_now(conn: Connection, message: Unsettled, *, now: float) -> bool:
    """Let an unknown message that never arrived be sent again, by the next :func:`release_unknown`.

    A message that was tried again since it was read is left as it is, because the answer is about the attempt before;
    so is one that was paused or cancelled.

    :returns: whether it is released.
    """
    number, worker_id, at = message.attempt
    statement = messages.update().where(
        messages.c.id == message.key,
        messages.c.status == MessageStatus.UNKNOWN,
        messages.c.wanted.is_(None),
        messages.c.attempts == number,
        messages.c.worker_id.is_not_distinct_from(worker_id),
        _TRIED_AT.is_not_distinct_from(at),
    )
    return conn.execute(statement.values(due_at=now)).rowcount == 1


def unknown_since(conn: Connection, broadcast_id: int, *, connection_ids: Sequence[int]) -> float | None:
    """Return when the first of the unknown messages of a broadcast was tried; None if none is known.

    Of very many, the first ones of each audience are looked at.

    :param connection_ids: through which they may have gone.
    """
    low, high = message_key(broadcast_id, 0), message_key(broadcast_id + 1, 0)
    some = (
        select(messages.c.id)
        .where(has_status(conn, MessageStatus.UNKNOWN))
        .where(messages.c.connection_id.in_(connection_ids), messages.c.id >= low, messages.c.id < high)
        .order_by(messages.c.id)
        .limit(MOST_DATED)
    )
    first = select(func.min(attempts.c.at)).where(
        attempts.c.message_id.in_(some.scalar_subquery()), attempts.c.outcome == AttemptOutcome.UNKNOWN
    )
    since: float | None = conn.execute(first).scalar()
    return since
