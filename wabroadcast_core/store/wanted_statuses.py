"""The statuses that claimed messages get if they come back unsent after a pause or a cancel."""

from sqlalchemy import Connection, text

from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.store.claimed_blocks import OF_BROADCAST, claimed_among, forget_blocks
from wabroadcast_core.store.sql import dialects

# PostgreSQL's condition of the claimed messages of a broadcast. An ARRAY is looked up by the primary key.
_CLAIMED = f"id = ANY (ARRAY(SELECT id FROM {claimed_among(OF_BROADCAST)['postgresql']['claimed']}))"  # noqa: S608 - fixed parts only

_CHANGED = "batch = :batch AND status = 'processing' AND coalesce(wanted, '') != coalesce(:wanted, '')"
# Set the status that the claimed messages of a batch get if they come back unsent.
# Input: :wanted, :broadcast_id, :batch.
_SET_WANTED = dialects(
    f"UPDATE messages SET wanted = :wanted WHERE {{place}} AND {_CHANGED}",  # noqa: S608 - fixed parts only
    sqlite={"place": "broadcast_id = :broadcast_id"},
    postgresql={"place": _CLAIMED},
)


def set_wanted_status(conn: Connection, *, status: MessageStatus | None, broadcast_id: int, batch: int) -> int:
    """Set the status that the claimed messages of a batch get if they come back unsent.

    :returns: for how many messages this is a change.
    """
    return conn.execute(_SET_WANTED.of(conn), {"wanted": status, "broadcast_id": broadcast_id, "batch": batch}).rowcount


_UNMARKED = "status = 'processing' AND coalesce(wanted, '') != 'cancelled'"
# Mark claimed messages of a broadcast to be cancelled if they come back unsent. Input: :broadcast_id.
_MARK_CANCELLED = dialects(
    f"""
    UPDATE messages SET wanted = 'cancelled'
    WHERE id IN (SELECT id FROM messages WHERE {{place}} AND {_UNMARKED} {{locking}})
    """,  # noqa: S608 - fixed parts only
    sqlite={"place": "broadcast_id = :broadcast_id", "locking": ""},
    postgresql={"place": _CLAIMED, "locking": "FOR UPDATE SKIP LOCKED"},
)
_HAS_UNMARKED = dialects(
    f"SELECT 1 FROM messages WHERE {{place}} AND {_UNMARKED} LIMIT 1",  # noqa: S608 - fixed parts only
    sqlite={"place": "broadcast_id = :broadcast_id"},
    postgresql={"place": _CLAIMED},
)


def mark_cancelled(conn: Connection, broadcast_id: int) -> bool:
    """Mark a broadcast's claimed messages to be cancelled if they come back unsent.

    In PostgreSQL this leaves out messages that another transaction records just then: to wait for it while it may wait
    for messages that are marked already would be a deadlock.

    :returns: whether any was left out.
    """
    forget_blocks(conn, OF_BROADCAST, broadcast_id=broadcast_id)
    conn.execute(_MARK_CANCELLED.of(conn), {"broadcast_id": broadcast_id})
    return conn.execute(_HAS_UNMARKED.of(conn), {"broadcast_id": broadcast_id}).first() is not None


def set_wanted_status_of(conn: Connection, key: int, *, status: MessageStatus | None) -> bool:
    """Set the status that one claimed message gets if it comes back unsent.

    :returns: whether the message is claimed.
    """
    statement = text("UPDATE messages SET wanted = :wanted WHERE id = :key AND status = 'processing'")
    return conn.execute(statement, {"wanted": status, "key": key}).rowcount == 1
