"""The erasure of a person from messages. The messages stay, and the counts do not change."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select, update

from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.store.changes import Changes
from wabroadcast_core.store.messages import count_moves
from wabroadcast_core.store.provider_ids import changed_ids
from wabroadcast_core.store.sql import as_json, dialects
from wabroadcast_core.store.tables import attempts, messages

ERASED = "erased"  # the reason
_WAITING = (MessageStatus.QUEUED, MessageStatus.RETRY, MessageStatus.PAUSED)


def keys_to(conn: Connection, number: str, *, after: int, limit: int) -> Sequence[int]:
    """Return the keys of messages to a number that are greater than ``after``, in order."""
    statement = select(messages.c.id).where(messages.c.number == number, messages.c.id > after)
    return conn.execute(statement.order_by(messages.c.id).limit(limit)).scalars().all()


def skipped_keys_to(conn: Connection, number: str, *, limit: int) -> Sequence[int]:
    """Return the first keys of messages with a number in ``raw``: skipped ones, and tests that are rendered for it."""
    statement = select(messages.c.id).where(messages.c.raw == number)
    return conn.execute(statement.order_by(messages.c.id).limit(limit)).scalars().all()


# Erase the person from messages. Waiting messages become cancelled; claimed ones do once they come back unsent. The
# number stays while the audience of its broadcast is being read.
# Input: :keys (JSON array), :reason.
# Output: the number that each message still has, or NULL.
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
      raw = NULL, name = NULL, variables = NULL, provider_id = NULL, detail = NULL, due_at = NULL
    WHERE id IN (SELECT CAST(each.value AS BIGINT) FROM {keys})
    RETURNING number
    """,
    sqlite={"keys": "json_each(:keys) AS each"},
    postgresql={"keys": "json_array_elements_text(CAST(:keys AS json)) AS each(value)"},
)


class Blanked(NamedTuple):
    """Counts of messages: all that were blanked, and those of them that waited, were claimed, still have the number."""

    messages: int
    cancelled: int
    claimed: int
    pending: int


def blank_messages(conn: Connection, keys: Sequence[int], *, changes: Changes) -> Blanked:
    """Erase the person from messages: number, name, variables, the provider's words, and the provider's id, because
    WhatsApp's ids contain the number.

    Waiting messages are cancelled; claimed ones are cancelled once they come back unsent. While the audience of a
    broadcast is being read, the number stays, so that a second row with the same number is not sent to.
    """
    locked = select(messages.c.id, messages.c.status).where(messages.c.id.in_(keys)).order_by(messages.c.id)
    present = conn.execute(locked.with_for_update()).all()
    parameters = {"keys": as_json([key for key, _ in present]), "reason": ERASED}
    with changed_ids(conn, [key for key, _ in present]):
        numbers = conn.execute(_BLANK.of(conn), parameters).scalars().all()
    conn.execute(update(attempts).where(attempts.c.message_id.in_([key for key, _ in present])).values(detail=None))
    for waiting in _WAITING:
        moved = [(key, MessageStatus.CANCELLED.value) for key, status in present if status == waiting]
        count_moves(conn, changes, moved, away_from=waiting)
    before = Counter(status for _, status in present)
    return Blanked(
        messages=len(numbers),
        cancelled=sum(before[waiting] for waiting in _WAITING),
        claimed=before[MessageStatus.PROCESSING],
        pending=sum(number is not None for number in numbers),
    )
