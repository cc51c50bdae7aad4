"""The messages of broadcasts. They are created, claimed and recorded in sets, never with one statement per message.

The counters of a broadcast change in the same transaction as its messages: every function here that moves messages to
another status adds this to ``changes``.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select, text

from wabroadcast_core.models.status import LONGEST_REASON, OPEN_MESSAGES, MessageStatus, ReceiptKind, SkipReason
from wabroadcast_core.store.changes import Changes
from wabroadcast_core.store.message_indexes import has_status
from wabroadcast_core.store.message_queue import LITE_QUEUE, POST_QUEUE, follow_moves
from wabroadcast_core.store.search import Folded, matches
from wabroadcast_core.store.sql import as_json, dialects
from wabroadcast_core.store.tables import messages

POSITION_BITS = 32
MOST_DIGITS = 10  # of a position in decimal
ANY_ROUTE = 0
COUNTED_AT_ONCE = 100_000  # messages

FAILED_FOR = "failed for "


def message_key(broadcast_id: int, position: int) -> int:
    """Return the key of the message at a position of a broadcast's audience."""
    return broadcast_id << POSITION_BITS | position


def position_of(key: int) -> int:
    """Return a message's position in the audience."""
    return key & ((1 << POSITION_BITS) - 1)


def failed_for(reason: str | None) -> str:
    """Return the name of the counter of messages that failed for a reason, in ``Changes``."""
    return FAILED_FOR + (reason or MessageStatus.FAILED)[:LONGEST_REASON]


def broadcast_of(key: int) -> int:
    """Return the id of a message's broadcast."""
    return key >> POSITION_BITS


def read_position(digits: str) -> int | None:
    """Parse the position at the end of a message's public id; return None if it is not valid."""
    if not (digits.isascii() and digits.isdigit()) or len(digits) > MOST_DIGITS:
        return None
    position = int(digits)
    return position if position < 1 << POSITION_BITS else None


# --- move to another status ------------------------------------------------------------------------------------

RETURNED_STATUS = """
      CASE WHEN EXISTS (
        SELECT 1 FROM broadcasts AS ended
        WHERE ended.id = messages.broadcast_id AND ended.status IN ('cancelled', 'failed')
      ) THEN 'cancelled' ELSE coalesce(messages.wanted, {status}) END
"""
"""SQL for the status of a claimed message that comes back unsent.

The message is cancelled if its broadcast was cancelled or failed, because the sweep of the broadcast may not have seen
the claim. Else it gets its wanted status, or ``{status}``.
"""


def count_moves(conn: Connection, changes: Changes, rows: Collection[Sequence[Any]], *, away_from: str) -> None:
    """Add to ``changes`` that messages moved to another status, and keep the queue.

    :param rows: key and new status of each message.
    :param away_from: the status before.
    """
    follow_moves(conn, rows, away_from=away_from)
    moved = Counter((row[0] >> POSITION_BITS, row[1]) for row in rows)
    for (broadcast_id, status), amount in moved.items():
        changes[broadcast_id, away_from] -= amount
        changes[broadcast_id, status] += amount
    if any(status not in OPEN_MESSAGES for _, status in moved):
        changes.results += [row[0] for row in rows if row[1] not in OPEN_MESSAGES]


def count_failures(changes: Changes, rows: Iterable[Sequence[Any]], *, sign: int) -> None:
    """Add to ``changes`` that messages failed, or with a negative ``sign`` that they have not failed any more.

    :param rows: key, status and reason of each message.
    """
    for row in rows:
        changes[row[0] >> POSITION_BITS, failed_for(row[2])] += sign


# Move messages of a broadcast from one status to another.
# Input: :broadcast_id, :low and :high (the range of its keys), :status, :reason; :batch, :with_reason, :limit where
# the condition uses them. Output: key, new status and reason of each moved message.
# The present status is part of the statement: with a parameter, planners would not use the partial indexes. The keys of
# a broadcast's messages are one range, so for a status without an index only its own messages are searched.
_MOVE = """
    UPDATE messages SET status = :status, {reason} due_at = NULL {also}
    WHERE id IN (
      SELECT id FROM {source}
      WHERE broadcast_id = :broadcast_id AND id >= :low AND id < :high AND {present} {condition} {locking}
    )
    RETURNING id, status, reason
    """


def _source(conn: Connection, present: MessageStatus) -> str:
    is_in_queue = present is MessageStatus.QUEUED and conn.dialect.name != "sqlite"
    return POST_QUEUE["queue"] if is_in_queue else LITE_QUEUE["queue"]


def move_messages(
    conn: Connection,
    *,
    broadcast_id: int,
    present: MessageStatus,
    status: MessageStatus,
    changes: Changes,
    batch: int | None = None,
    reason: str | None = None,
    with_reason: str | None = None,
    again: bool = False,
    limit: int | None = None,
) -> int:
    """Move a broadcast's messages from one status to another.

    :param batch: only messages of this batch.
    :param reason: their new reason.
    :param with_reason: only messages that have this reason.
    :param again: reset their attempts, so that they have all of them again; the reason of the last one stays.
    :param limit: the most messages to move.
    :returns: how many were moved; with ``limit`` there may be more.
    """
    condition = "".join(
        [
            " AND batch = :batch" if batch is not None else "",
            " AND reason = :with_reason" if with_reason is not None else "",
            " AND number IS NOT NULL" if again else "",  # without the messages of erased persons
            " LIMIT :limit" if limit is not None else "",
        ]
    )
    statement = _MOVE.format(
        source=_source(conn, present),
        present=has_status(conn, present),
        condition=condition,
        reason="" if again else "reason = :reason,",
        also=", attempts = 0, wanted = NULL" if again else "",
        locking="" if conn.dialect.name == "sqlite" else "FOR UPDATE OF messages",
    )
    low, high = message_key(broadcast_id, 0), message_key(broadcast_id + 1, 0)
    place = {"broadcast_id": broadcast_id, "low": low, "high": high}
    chosen = {"batch": batch, "with_reason": with_reason, "limit": limit}
    rows = conn.execute(text(statement), {**place, **chosen, "status": status, "reason": reason}).fetchall()
    count_moves(conn, changes, rows, away_from=present)
    if present is MessageStatus.FAILED:
        count_failures(changes, rows, sign=-1)
    return len(rows)


# --- control ---------------------------------------------------------------------------------------------------


def move_one(
    conn: Connection, key: int, *, among: Iterable[MessageStatus], status: MessageStatus, changes: Changes
) -> bool:
    """Move one message to another status.

    :param among: move it only if its status is one of these.
    :returns: whether it was moved.
    """
    for present in among:
        statement = text(
            """
            UPDATE messages SET status = :status, due_at = NULL WHERE id = :key AND status = :present
            RETURNING id, status
            """
        )
        rows = conn.execute(statement, {"status": status, "key": key, "present": present}).fetchall()
        if rows:
            count_moves(conn, changes, rows, away_from=present)
            return True
    return False


# Move paused messages back to queued, or to retry if an attempt was made. Input: :now, and the parameters of {scope}.
# Output: key and new status of each message.
_RESUME = """
    UPDATE messages SET
      status = CASE WHEN attempts = 0 THEN 'queued' ELSE 'retry' END,
      due_at = CASE WHEN attempts = 0 THEN NULL ELSE CAST(:now AS DOUBLE PRECISION) END, wanted = NULL
    WHERE status = 'paused' AND {scope}
    RETURNING id, status
    """
_RESUME_BATCH = text(_RESUME.format(scope="broadcast_id = :broadcast_id AND batch = :batch"))
_RESUME_ONE = text(_RESUME.format(scope="id = :key"))


def resume_batch(conn: Connection, *, broadcast_id: int, batch: int, now: float, changes: Changes) -> int:
    """Resume the paused messages of a batch.

    :returns: how many were resumed.
    """
    values = {"broadcast_id": broadcast_id, "batch": batch, "now": now}
    rows = conn.execute(_RESUME_BATCH, values).fetchall()
    count_moves(conn, changes, rows, away_from="paused")
    return len(rows)


def resume_one(conn: Connection, key: int, *, now: float, changes: Changes) -> bool:
    """Resume a paused message.

    :returns: whether it was paused.
    """
    rows = conn.execute(_RESUME_ONE, {"key": key, "now": now}).fetchall()
    count_moves(conn, changes, rows, away_from="paused")
    return bool(rows)


# Skip the messages in one status to some numbers, because these people said no.
# Input: :broadcast_id, :numbers (JSON array), :status, :reason, :detail. Output: key, new status.
_REFUSE = dialects(
    """
    UPDATE messages SET status = 'skipped', reason = :reason, detail = :detail, due_at = NULL
    WHERE broadcast_id = :broadcast_id AND number IN (SELECT each.value FROM {numbers}) AND status = :status
    RETURNING id, status
    """,
    sqlite={"numbers": "json_each(:numbers) AS each"},
    postgresql={"numbers": "json_array_elements_text(CAST(:numbers AS json)) AS each(value)"},
)


def skip_refused(
    conn: Connection, broadcast_id: int, numbers: Collection[str], *, detail: str, changes: Changes
) -> int:
    """Skip the waiting messages of a broadcast to people who said no in a later row of its audience.

    :param detail: of the reason, as it is stored.
    :returns: how many were skipped.
    """
    values = {"broadcast_id": broadcast_id, "numbers": as_json(sorted(numbers))}
    values |= {"reason": SkipReason.NO_CONSENT, "detail": detail}
    skipped = 0
    for waiting in (MessageStatus.QUEUED, MessageStatus.RETRY, MessageStatus.PAUSED) if numbers else ():
        rows = conn.execute(_REFUSE.of(conn), {**values, "status": waiting}).fetchall()
        count_moves(conn, changes, rows, away_from=waiting)
        skipped += len(rows)
    return skipped


def refused_numbers(conn: Connection, broadcast_id: int, numbers: Sequence[str]) -> set[str]:
    """Return those of the numbers whose person said no in a row of a broadcast's audience."""
    of_broadcast = messages.c.broadcast_id == broadcast_id
    statement = select(messages.c.raw).where(messages.c.raw.in_(numbers), of_broadcast)
    return set(conn.execute(statement.where(messages.c.reason == SkipReason.NO_CONSENT)).scalars())


def batch_exists(conn: Connection, *, broadcast_id: int, batch: int) -> bool:
    """Return whether a broadcast has any message of this batch."""
    first = text("SELECT 1 FROM messages WHERE id >= :low AND id < :high AND batch = :batch LIMIT 1")
    low, high = message_key(broadcast_id, 0), message_key(broadcast_id + 1, 0)
    return conn.execute(first, {"low": low, "high": high, "batch": batch}).first() is not None


# Count the messages of some batches of a broadcast, without those that are skipped.
# Input: :low and :high (a range of keys), :first and :end (of the batches). Output: batch, status, amount.
_BATCH_COUNTS = text(
    """
    SELECT batch, status, count(*) AS amount FROM messages
    WHERE id >= :low AND id < :high AND batch >= :first AND batch < :end AND status != 'skipped'
    GROUP BY batch, status
    """
)


def count_batches(conn: Connection, broadcast_id: int, *, first: int, end: int) -> dict[int, Counter[str]]:
    """Return the number of messages by status, in order, of each batch from ``first`` up to ``end``.

    They are counted part by part: SQLite sorts what it groups, in memory.
    """
    low, high = message_key(broadcast_id, 0), message_key(broadcast_id + 1, 0)
    last = conn.execute(select(func.max(messages.c.id)).where(messages.c.id >= low, messages.c.id < high)).scalar_one()
    batches = defaultdict[int, Counter[str]](Counter)
    for start in () if last is None else range(low, last + 1, COUNTED_AT_ONCE):
        part = {"low": start, "high": min(start + COUNTED_AT_ONCE, high), "first": first, "end": end}
        for batch, status, amount in conn.execute(_BATCH_COUNTS, part):
            batches[batch][status] += amount
    return {batch: Counter(dict(sorted(counts.items()))) for batch, counts in sorted(batches.items())}


def last_batch(conn: Connection, broadcast_id: int) -> int | None:
    """Return the highest number of a batch of a broadcast; None if it has no message."""
    low, high = message_key(broadcast_id, 0), message_key(broadcast_id + 1, 0)
    statement = select(func.max(messages.c.batch)).where(messages.c.id >= low, messages.c.id < high)
    last: int | None = conn.execute(statement).scalar_one()
    return last


# --- read ------------------------------------------------------------------------------------------------------


def find_message(conn: Connection, key: int) -> RowMapping | None:
    """Return the row of a message, or None."""
    return conn.execute(select(messages).where(messages.c.id == key)).mappings().one_or_none()


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """A selection of the messages of a broadcast."""

    broadcast_id: int
    status: MessageStatus | None = None
    reason: str | None = None  # exactly this one
    query: str | None = None  # part of a number or a name
    batch: int | None = None
    receipt: ReceiptKind | None = None  # messages that were delivered, or read

    @property
    def keys(self) -> range:
        """The keys that messages of the broadcast may have."""
        return range(message_key(self.broadcast_id, 0), message_key(self.broadcast_id + 1, 0))

    def select(self, *columns: Any, within: range | None = None) -> Select[Any]:
        """Return the statement that selects ``columns`` of these messages.

        :param within: only messages with these keys.
        """
        keys = self.keys if within is None else within
        chosen = select(*columns).where(messages.c.id >= keys.start, messages.c.id < keys.stop)
        if self.batch is not None:
            chosen = chosen.where(messages.c.batch == self.batch)
        if self.status is not None:
            chosen = chosen.where(messages.c.status == self.status)
        if self.reason is not None:
            chosen = chosen.where(messages.c.reason == self.reason)
        if self.receipt is not None:
            chosen = chosen.where(messages.c[f"{self.receipt}_at"].is_not(None))
        if self.query:
            number = func.coalesce(messages.c.number, messages.c.raw)  # a skipped message has the latter
            chosen = chosen.where(matches(self.query, name=Folded(messages.c.name), number=number))
        return chosen


def list_messages(
    conn: Connection, chosen: MessageFilter, *, after: int | None = None, offset: int = 0, limit: int = 100
) -> Sequence[RowMapping]:
    """Return rows of a broadcast's messages, in the order of its audience.

    :param after: only messages with a greater key.
    """
    statement = chosen.select(messages)
    if after is not None:
        statement = statement.where(messages.c.id > after)
    return conn.execute(statement.order_by(messages.c.id).offset(offset).limit(limit)).mappings().all()


def count_messages(conn: Connection, chosen: MessageFilter) -> int:
    """Return the number of these messages."""
    return int(conn.execute(chosen.select(func.count())).scalar_one())


def last_connections(conn: Connection, numbers: Sequence[str], *, among: Sequence[int]) -> dict[str, int]:
    """Return for each number the connection through which it was sent to last.

    :param among: the ids of the connections of the pool.
    """
    statement = (
        select(messages.c.number, messages.c.connection_id)
        .where(messages.c.number.in_(numbers), messages.c.status == MessageStatus.SENT)
        .where(messages.c.connection_id.in_(among))
        .order_by(messages.c.sent_at)
    )
    return {number: key for number, key in conn.execute(statement) if number is not None and key is not None}
