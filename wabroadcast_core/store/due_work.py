"""Work of broadcasts that is due: audiences to be stored, messages to be sent, and messages to be closed."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from wabroadcast_core.models.status import BroadcastStatus
from wabroadcast_core.store.message_indexes import LITE_STATUS, POST_STATUS
from wabroadcast_core.store.message_queue import LITE_QUEUE, POST_QUEUE
from wabroadcast_core.store.sql import dialects
from wabroadcast_core.store.tables import broadcasts


def unprepared(conn: Connection, *, now: float) -> list[Row[Any]]:
    """Return the id and rank of each broadcast whose audience is due to be stored and is not stored completely."""
    statement = select(broadcasts.c.id, broadcasts.c.rank).where(
        broadcasts.c.status.in_([BroadcastStatus.SCHEDULED, BroadcastStatus.QUEUED, BroadcastStatus.PROCESSING]),
        ~broadcasts.c.prepared,
        func.coalesce(broadcasts.c.scheduled_at, 0) <= now,
    )
    return list(conn.execute(statement))


def unswept(conn: Connection) -> Sequence[int]:
    """Return the ids of cancelled and failed broadcasts that still have open messages."""
    statement = select(broadcasts.c.id).where(
        broadcasts.c.status.in_([BroadcastStatus.CANCELLED, BroadcastStatus.FAILED]),
        broadcasts.c.queued + broadcasts.c.retry + broadcasts.c.paused > 0,
    )
    return conn.execute(statement).scalars().all()


# Find out whether anything is due: an audience to be read, a queued message of a released batch, a retry, or a batch to
# be released. Input: :now. Output: one row, or none.
_HAS_DUE_WORK = dialects(
    """
    SELECT 1 FROM broadcasts AS b WHERE
      (b.status IN ('scheduled', 'queued', 'processing') AND NOT b.prepared AND coalesce(b.scheduled_at, 0) <= :now)
      OR (b.status = 'processing' AND (
        EXISTS (
          SELECT 1 FROM {queue} WHERE broadcast_id = b.id AND messages.status = 'queued' AND batch <= b.released_batch
        )
        OR EXISTS (SELECT 1 FROM messages WHERE broadcast_id = b.id AND {retry} AND due_at <= :now)
        OR (b.queued > 0 AND b.next_release_at <= :now)
      ))
    LIMIT 1
    """,
    sqlite={**LITE_QUEUE, **LITE_STATUS},
    postgresql={**POST_QUEUE, **POST_STATUS},
)


def has_due_work(conn: Connection, *, now: float) -> bool:
    """Return whether any audience or message is due now. Send windows and limits are not considered."""
    return conn.execute(_HAS_DUE_WORK.of(conn), {"now": now}).first() is not None
