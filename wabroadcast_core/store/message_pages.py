"""Pages of the messages of a broadcast: all of them as a stream, and searches that each read a part at most."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, func

from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.messages import MessageFilter
from wabroadcast_core.store.tables import messages

PAGE = 5_000  # positions that one read of a stream covers
SEARCHED = 50_000  # positions that one search covers


def message_pages(database: Database, chosen: MessageFilter, *columns: Any) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Yield ``columns`` of these messages in the order of the audience, each once, page by page.

    Each page is a short read of its own, also where the filter picks few messages, because a page is a range of
    positions. Messages that are stored after the first read are left out.
    """
    with database.read() as conn:
        last = conn.execute(MessageFilter(chosen.broadcast_id).select(func.max(messages.c.id))).scalar()
    for start in range(chosen.keys.start, (last or 0) + 1, PAGE):
        within = range(start, min(start + PAGE, chosen.keys.stop))
        with database.read() as conn:
            found = conn.execute(chosen.select(*columns, within=within).order_by(messages.c.id))
            page = found.cursor.fetchall()  # tuples of the driver: rows of SQLAlchemy take as long again
        yield page


def search_page(
    conn: Connection, chosen: MessageFilter, *, after: int | None, end: int, limit: int
) -> tuple[Sequence[RowMapping], int | None]:
    """Return rows of these messages in the order of the audience, from a bounded part of it.

    :param after: only messages with a greater key.
    :param end: the key after the last message of the broadcast.
    :param limit: most rows.
    :returns: the rows, and the key after which the next search begins; None if nothing is left to search.
    """
    start = chosen.keys.start if after is None else after + 1
    stop = min(start + SEARCHED, end)
    statement = chosen.select(messages, within=range(start, stop)).order_by(messages.c.id).limit(limit + 1)
    rows = conn.execute(statement).mappings().all()
    if len(rows) > limit:
        return rows[:limit], int(rows[limit - 1]["id"])
    return rows, stop - 1 if stop < end else None


def words_of_failures(conn: Connection, broadcast_id: int, reasons: Collection[str]) -> dict[str, str]:
    """Return the provider's words for failures by reason, from the first part of a broadcast's audience."""
    failed = MessageFilter(broadcast_id, status=MessageStatus.FAILED)
    part = range(failed.keys.start, failed.keys.start + SEARCHED)
    statement = failed.select(messages.c.reason, func.min(messages.c.detail), within=part)
    named = statement.where(messages.c.reason.in_(list(reasons)), messages.c.detail.is_not(None))
    found = conn.execute(named.group_by(messages.c.reason)).all()
    return {reason: words for reason, words in found if reason is not None and words is not None}
