"""Messages by their number, the newest first. Two indexes have them in this order, so a page costs what it shows."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, RowMapping, select

from wabroadcast_core.models.status import Purpose
from wabroadcast_core.store.messages import broadcast_of, message_key
from wabroadcast_core.store.tables import broadcasts, messages


def messages_to(
    conn: Connection, number: str, *, broadcast_id: int | None = None, before: int | None = None, limit: int
) -> list[RowMapping]:
    """Return rows of messages to a number, those that the preparation skipped included, and those of tests left out.

    :param number: in E.164.
    :param broadcast_id: only messages of this broadcast.
    :param before: only messages with a smaller key.
    """
    sent = select(messages).where(messages.c.number == number, *_conditions(broadcast_id, before))
    skipped = select(messages).where(messages.c.raw == number, *_conditions(broadcast_id, before))
    statements = (
        sent.order_by(messages.c.broadcast_id.desc()),  # the index of numbers; a broadcast has each number once
        skipped.order_by(messages.c.id.desc()),
    )
    found = [row for statement in statements for row in conn.execute(statement.limit(limit)).mappings()]
    return sorted(found, key=lambda row: int(row["id"]), reverse=True)[:limit]


def _conditions(broadcast_id: int | None, before: int | None) -> list[ColumnElement[bool]]:
    of_test = select(broadcasts.c.id).where(
        broadcasts.c.id == messages.c.broadcast_id, broadcasts.c.purpose == Purpose.TEST
    )
    conditions: list[ColumnElement[bool]] = [~of_test.exists()]
    if broadcast_id is not None:
        low, high = message_key(broadcast_id, 0), message_key(broadcast_id + 1, 0)
        conditions += [messages.c.broadcast_id == broadcast_id, messages.c.id >= low, messages.c.id < high]
    if before is not None:
        conditions += [messages.c.broadcast_id <= broadcast_of(before), messages.c.id < before]
    return conditions


def broadcasts_of(conn: Connection, keys: Sequence[int]) -> dict[int, RowMapping]:
    """Return the rows of the broadcasts of messages, by the broadcast's id."""
    ids = {broadcast_of(key) for key in keys}
    rows = conn.execute(select(broadcasts).where(broadcasts.c.id.in_(ids))).mappings()
    return {row["id"]: row for row in rows}
