"""What pauses and cancels want of messages that they come too late for.

A claimed message gets the wanted status if it comes back unsent. An unknown one keeps its status, and is not sent
again while it has a wanted one. A cancel is final: nothing replaces it.
"""

from sqlalchemy import Connection, text

from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.store.claimed_blocks import OF_BROADCAST, claimed_among, forget_blocks
from wabroadcast_core.store.message_indexes import LITE_STATUS, POST_STATUS
from wabroadcast_core.store.sql import dialects

# PostgreSQL's condition of the claimed messages of a broadcast. An ARRAY is looked up by the primary key.
_CLAIMED = f"id = ANY (ARRAY(SELECT id FROM {claimed_among(OF_BROADCAST)['postgresql']['claimed']}))"  # noqa: S608 - fixed parts only

_DUE = "due_at = CASE WHEN status = 'unknown' AND CAST(:wanted AS TEXT) = 'cancelled' THEN NULL ELSE due_at END"
_CHANGES = "coalesce(wanted, '') NOT IN ('cancelled', coalesce(:wanted, ''))"
# Set the wanted status of the claimed messages of a batch. Input: :wanted, :broadcast_id, :batch.
_SET_WANTED = dialects(
    f"UPDATE messages SET wanted = :wanted WHERE {{place}} AND batch = :batch AND status = 'processing' AND {_CHANGES}",  # noqa: S608 - fixed parts only
    sqlite={"place": "broadcast_id = :broadcast_id"},
    postgresql={"place": _CLAIMED},
)
# Set the wanted status of the unknown messages of a batch. Input: as above.
_SET_WANTED_OF_UNKNOWN = dialects(
    f"""
    UPDATE messages SET wanted = :wanted, {_DUE}
    WHERE broadcast_id = :broadcast_id AND batch = :batch AND {{unknown}} AND {_CHANGES}
    """,  # noqa: S608 - fixed parts only
    sqlite=LITE_STATUS,
    postgresql=POST_STATUS,
)


def set_wanted_status(conn: Connection, *, status: MessageStatus | None, broadcast_id: int, batch: int) -> int:
    """Set the wanted status of the claimed and the unknown messages of a batch.

    :returns: for how many messages this is a change.
    """
    values = {"wanted": status, "broadcast_id": broadcast_id, "batch": batch}
    return sum(conn.execute(each.of(conn), values).rowcount for each in (_SET_WANTED, _SET_WANTED_OF_UNKNOWN))


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


# Set the wanted status of one message that is claimed or unknown. Input: :wanted, :key.
_SET_WANTED_OF_ONE = text(
    f"""
    UPDATE messages SET wanted = :wanted, {_DUE}
    WHERE id = :key AND status IN ('processing', 'unknown') AND coalesce(wanted, '') != 'cancelled'
    """  # noqa: S608 - fixed parts only
)


def set_wanted_status_of(conn: Connection, key: int, *, status: MessageStatus | None) -> bool:
    """Set the wanted status of one message that is claimed or unknown.

    :returns: whether this is a change.
    """
    return conn.execute(_SET_WANTED_OF_ONE, {"wanted": status, "key": key}).rowcount == 1
