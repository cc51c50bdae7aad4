"""Look-ups of rows by the names and ids that hosts use, shared by several services."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.audience.source_rows import find_rows
from wabroadcast_core.context import Context
from wabroadcast_core.errors import NotFoundError
from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import messages as message_store


def broadcast_row(conn: Connection, job_id: str, *, lock: bool = False) -> RowMapping:
    """Return the row of a broadcast.

    :param lock: whether to lock the row until the end of the transaction.
    :raises NotFoundError: no broadcast has this id.
    """
    row = broadcast_store.find_broadcast(conn, job_id, lock=lock)
    if row is None:
        raise NotFoundError("broadcast", job_id)
    return row


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


def rows_of(context: Context, row: RowMapping, messages: Sequence[RowMapping]) -> dict[int, int]:
    """Return the rows of the audience's file that messages come from, by their positions, where they are known.

    :param row: the row of their broadcast.
    """
    draft = BroadcastDraft.model_validate_json(row["draft"])
    return find_rows(context, draft.source or {}, {message_store.position_of(message["id"]) for message in messages})
