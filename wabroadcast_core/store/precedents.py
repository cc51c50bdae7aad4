"""What was sent lately: reads over a bounded number of the last broadcasts."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, RowMapping, func, select

from wabroadcast_core.models.status import Purpose
from wabroadcast_core.store.tables import broadcasts, upload_chunks, uploads

_SENT = (broadcasts.c.purpose == Purpose.BROADCAST) & broadcasts.c.undone.is_(False)


def recent_broadcasts(conn: Connection, *, since: float, limit: int) -> Sequence[RowMapping]:
    """Return the rows of broadcasts that were submitted since a time, the newest first, without tests and rehearsals.

    :param since: UNIX seconds, UTC.
    """
    newest = select(broadcasts).where(_SENT).order_by(broadcasts.c.id.desc()).limit(limit)
    return [row for row in conn.execute(newest).mappings() if row["created_at"] >= since]


def largest_total(conn: Connection, *, among: int) -> int:
    """Return the people of the largest of the last broadcasts, without tests and rehearsals; 0 without any."""
    last = select(broadcasts.c.total).where(_SENT).order_by(broadcasts.c.id.desc()).limit(among).subquery()
    return int(conn.execute(select(func.max(last.c.total))).scalar() or 0)


def starts_of_uploads(conn: Connection, keys: Collection[str]) -> dict[str, tuple[int, bytes]]:
    """Return the size and the first chunk of each of these uploads that is complete and not empty."""
    statement = (
        select(uploads.c.id, uploads.c.size, upload_chunks.c.data)
        .join(upload_chunks, uploads.c.id == upload_chunks.c.upload_id)
        .where(uploads.c.id.in_(list(keys)), uploads.c.complete, upload_chunks.c.position == 0)
    )
    return {key: (size, bytes(data)) for key, size, data in conn.execute(statement)}
