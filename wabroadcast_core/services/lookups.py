"""Look-ups of rows by the names and ids that hosts use, shared by several services."""

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.errors import NotFoundError
from wabroadcast_core.models.broadcast import BroadcastSummary
from wabroadcast_core.models.status import Purpose
from wabroadcast_core.services.views import summary_of
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import messages as message_store
from wabroadcast_core.store.host_transaction import Transactions


def broadcast_row(conn: Connection, job_id: str, *, lock: bool = False) -> RowMapping:
    """Return the row of a broadcast. A test is none.

    :param lock: whether to lock the row until the end of the transaction.
    :raises NotFoundError: no broadcast has this id.
    """
    row = broadcast_store.find_broadcast(conn, job_id, lock=lock)
    if row is None or row["purpose"] == Purpose.TEST:
        raise NotFoundError("broadcast", job_id)
    return row


def row_of_test(conn: Connection, test_id: str, *, lock: bool = False) -> RowMapping:
    """Return the row of the broadcast that a test is in the store.

    :param lock: whether to lock the row until the end of the transaction.
    :raises NotFoundError: no test has this id.
    """
    row = broadcast_store.find_broadcast(conn, test_id, lock=lock)
    if row is None or row["purpose"] != Purpose.TEST:
        raise NotFoundError("test", test_id)
    return row


def broadcast_summary(database: Transactions, key: int) -> BroadcastSummary:
    """Return the summary of a broadcast by its id in the store.

    :raises NotFoundError: no broadcast has this id.
    """
    with database.read() as conn:
        row = broadcast_store.get_broadcast(conn, key)
        pool = broadcast_store.pools_of(conn, [key])[key]
    if row is None:
        raise NotFoundError("broadcast", str(key))
    return summary_of(row, pool)


def message_key(row: RowMapping, message_id: str) -> int:
    """Return the store's key of a message.

    :param row: the row of its broadcast.
    :param message_id: its public id.
    :raises NotFoundError: the id is not one of this broadcast.
    """
    job_id, _, digits = message_id.rpartition("-")
    position = message_store.read_position(digits)
    if job_id != row["job_id"] or position is None:
        raise NotFoundError("message", message_id)
    return message_store.message_key(row["id"], position)
