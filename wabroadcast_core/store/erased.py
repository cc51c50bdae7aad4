"""A person taken out of messages, which stay and count as before."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.store.messages import Changes, count_moves, message_key
from wabroadcast_core.store.sql import as_json, dialects
from wabroadcast_core.store.tables import messages

ERASED = "erased"  # the reason
_WAITING = (MessageStatus.QUEUED, MessageStatus.RETRY, MessageStatus.PAUSED)


def keys_to(conn: Connection, number: str, *, after: int, limit: int) -> Sequence[int]:
    """The messages to a number, from after a key on."""
    statement = select(messages.c.id).where(messages.c.number == number, messages.c.id > after)
    return conn.execute(statement.order_by(messages.c.id).limit(limit)).scalars().all()


def skipped_keys_to(conn: Connection, number: str, *, broadcast_id: int) -> Sequence[int]:
    """The messages of a broadcast that were never to be tried: their number stands in ``raw``, which has no index."""
    low, high = message_key(broadcast_id, 0), message_key(broadcast_id + 1, 0)
    statement = select(messages.c.id).where(messages.c.id >= low, messages.c.id < high, messages.c.raw == number)
    return conn.execute(statement.where(messages.c.status == MessageStatus.SKIPPED)).scalars().all()


_BLANK = dialects(
    """
    UPDATE messages SET
      status = CASE WHEN status IN ('queued', 'retry', 'paused') THEN 'cancelled' ELSE status END,
      reason = CASE WHEN status IN ('queued', 'retry', 'paused') THEN :reason ELSE reason END,
      wanted = CASE WHEN status = 'processing' THEN 'cancelled' END,
      number = CASE WHEN NOT EXISTS (
        SELECT 1 FROM broadcasts AS reading
        WHERE reading.id = messages.broadcast_id AND NOT reading.prepared
          AND reading.status NOT IN ('cancelled', 'failed')
      ) THEN NULL ELSE number END,
      raw = NULL, name = NULL, variables = NULL, provider_id = NULL, due_at = NULL
    WHERE id IN (SELECT CAST(each.value AS BIGINT) FROM {keys})
    RETURNING number
    """,
    sqlite={"keys": "json_each(:keys) AS each"},
    postgresql={"keys": "json_array_elements_text(CAST(:keys AS json)) AS each(value)"},
)


class Blanked(NamedTuple):
    """How many messages were blanked, and how many of them waited, were claimed, still have their number."""

    messages: int
    cancelled: int
    claimed: int
    pending: int


def blank_messages(conn: Connection, keys: Sequence[int], *, changes: Changes) -> Blanked:
    """Take the person out of messages: number, name, variables, and the provider's id, as WhatsApp's hold the number.

    Those that wait are cancelled; claimed ones are once they come back unsent. While the audience of a broadcast is
    read, the number stays: it keeps a second row with it from being sent to.
    """
    held = select(messages.c.id, messages.c.status).where(messages.c.id.in_(keys)).order_by(messages.c.id)
    present = conn.execute(held.with_for_update()).all()
    asked = {"keys": as_json([key for key, _ in present]), "reason": ERASED}
    numbers = conn.execute(_BLANK.of(conn), asked).scalars().all()
    for waiting in _WAITING:
        moved = [(key, MessageStatus.CANCELLED.value) for key, status in present if status == waiting]
        count_moves(changes, moved, away_from=waiting)
    before = Counter(status for _, status in present)
    return Blanked(
        messages=len(numbers),
        cancelled=sum(before[waiting] for waiting in _WAITING),
        claimed=before[MessageStatus.PROCESSING],
        pending=sum(number is not None for number in numbers),
    )
