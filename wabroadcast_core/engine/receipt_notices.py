"""Receipts for the plugins: what was applied to messages, after the commit, with the names that hosts know."""

from collections.abc import Sequence

from wabroadcast_core.models.notices import MessageReceipt
from wabroadcast_core.models.status import Purpose
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.messages import broadcast_of, position_of
from wabroadcast_core.store.receipts import AppliedReceipt


def describe_receipts(database: Database, applied: Sequence[AppliedReceipt]) -> list[MessageReceipt]:
    """Return receipts as plugins get them. Those of tests are left out.

    :raises UnavailableError: the store cannot be reached.
    """
    with database.read() as conn:
        rows = broadcast_store.find_broadcasts(conn, {broadcast_of(each.key) for each in applied})
        names = connection_store.connection_names(conn)
    broadcasts = {row["id"]: row for row in rows if row["purpose"] != Purpose.TEST}
    return [
        MessageReceipt(
            message_id=f"{row['job_id']}-{position_of(each.key)}",
            job_id=row["job_id"],
            number=each.number or "",
            kind=each.kind,
            at=each.at,
            reason=each.reason,
            connection=names.get(each.connection_id),
            is_rehearsal=row["purpose"] == Purpose.REHEARSAL,
        )
        for each in applied
        if (row := broadcasts.get(broadcast_of(each.key))) is not None
    ]
