"""The queued messages in the order of their claim: in PostgreSQL the table ``queued_messages``, in SQLite an index.

Whatever makes messages queued adds them to the table in the same transaction, and whatever takes them out of the queue
deletes them: new messages and claims in their own statements, receipts by :func:`leave_queue`, all others by
:func:`follow_moves`.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Connection, text

from wabroadcast_core.models.status import MessageStatus

LITE_QUEUE: Final = {"queue": "messages"}
POST_QUEUE: Final = {
    "queue": """queued_messages
      CROSS JOIN LATERAL (SELECT status FROM messages WHERE id = queued_messages.id OFFSET 0) AS messages"""
}
"""``{queue}`` of each dialect: what is selected from to find queued messages.

The OFFSET makes PostgreSQL begin with the queue: how many messages of a broadcast are queued changes faster than its
statistics, and it must never read, and so lock, more messages than it needs.
"""

# Add queued messages to the queue. Input: :keys (an array).
_ADD = text(
    """
    INSERT INTO queued_messages (broadcast_id, route, batch, id)
    SELECT broadcast_id, route, batch, id FROM messages WHERE id = ANY (:keys) AND status = 'queued'
    ON CONFLICT DO NOTHING
    """
)
# Delete messages from the queue. Input: :keys (an array).
_DELETE = text(
    """
    DELETE FROM queued_messages USING messages
    WHERE messages.id = ANY (:keys) AND queued_messages.broadcast_id = messages.broadcast_id
      AND queued_messages.route = messages.route AND queued_messages.batch = messages.batch
      AND queued_messages.id = messages.id
    """
)
# Add the queued messages of broadcasts that have some, but none in the queue.
_MEND = text(
    f"""
    INSERT INTO queued_messages (broadcast_id, route, batch, id)
    SELECT found.broadcast_id, found.route, found.batch, found.id
    FROM broadcasts AS b CROSS JOIN LATERAL (
      SELECT * FROM messages WHERE id >= b.id << 32 AND id < (b.id + 1) << 32 AND status = 'queued' OFFSET 0
    ) AS found
    WHERE b.queued > 0 AND NOT EXISTS (
      SELECT 1 FROM {POST_QUEUE["queue"]} WHERE broadcast_id = b.id AND messages.status = 'queued'
    )
    ON CONFLICT DO NOTHING
    """  # noqa: S608 - fixed parts only
)


def mend_queue(conn: Connection) -> None:
    """Add messages that are missing in the queue: a process of an earlier version, which adds none, queued them."""
    if conn.dialect.name != "sqlite":
        conn.execute(_MEND)


def follow_moves(conn: Connection, rows: Collection[Sequence[Any]], *, away_from: str) -> None:
    """Add messages to the queue that moved to it, or delete those that moved out of it.

    :param rows: key and new status of each message.
    :param away_from: the status before.
    """
    if away_from == MessageStatus.QUEUED:
        leave_queue(conn, [row[0] for row in rows])
    added = [row[0] for row in rows if row[1] == MessageStatus.QUEUED]
    if added and conn.dialect.name != "sqlite":
        conn.execute(_ADD, {"keys": added})


def leave_queue(conn: Connection, keys: Sequence[int]) -> None:
    """Delete messages from the queue that may have been queued and are not any more."""
    if keys and conn.dialect.name != "sqlite":
        conn.execute(_DELETE, {"keys": list(keys)})
