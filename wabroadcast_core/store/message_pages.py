"""Streams of the messages of a broadcast, page by page."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row, func

from wabroadcast_core.store.database import Database
from wabroadcast_core.store.messages import MessageFilter
from wabroadcast_core.store.tables import messages

PAGE = 5_000  # positions that one read of a stream covers


def message_pages(database: Database, chosen: MessageFilter, *columns: Any) -> Iterator[Sequence[Row[Any]]]:
    """Yield ``columns`` of these messages in the order of the audience, each once, page by page.

    Each page is a short read of its own, also where the filter picks few messages, because a page is a range of
    positions. Messages that are stored after the first read are left out.
    """
    with database.read() as conn:
        last = conn.execute(MessageFilter(chosen.broadcast_id).select(func.max(messages.c.id))).scalar()
    for start in range(chosen.keys.start, (last or 0) + 1, PAGE):
        within = range(start, min(start + PAGE, chosen.keys.stop))
        with database.read() as conn:
            page = conn.execute(chosen.select(*columns, within=within).order_by(messages.c.id)).all()
        yield page
