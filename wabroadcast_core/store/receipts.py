"""Receipts: facts beside a message's status that providers report later. Each fact is counted once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Connection, RowMapping, bindparam, delete, insert, select, text, update

from wabroadcast_core.models.receipt import ReceiptKind
from wabroadcast_core.models.status import LONGEST_DETAIL, MessageStatus
from wabroadcast_core.store.changes import Changes
from wabroadcast_core.store.message_queue import leave_queue
from wabroadcast_core.store.messages import broadcast_of, failed_for
from wabroadcast_core.store.provider_ids import changed_ids, have_ids, join_messages
from wabroadcast_core.store.tables import messages, parked_receipts


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """A receipt whose message was found. ``at`` is in UNIX seconds (UTC); a failure has ``reason`` and ``detail``."""

    kind: str
    at: float
    provider_id: str | None = None
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class AppliedReceipt:
    """A fact that a receipt has added to a message, for those who are notified of it."""

    key: int
    number: str | None  # None if the data of the person was erased
    connection_id: int
    kind: ReceiptKind
    at: float  # UNIX seconds (UTC)
    reason: str | None = None


Facts: TypeAlias = dict[str, Any]
"""The columns of one message that receipts change. They are updated here while several receipts are applied."""

_FACTS = (
    messages.c.id,
    messages.c.status,
    messages.c.reason,
    messages.c.number,
    messages.c.sent_at,
    messages.c.delivered_at,
    messages.c.read_at,
    messages.c.provider_id,
    messages.c.attempts,
    messages.c.connection_id,
)
_FACT_NAMES = tuple(column.name for column in _FACTS)
_LOCK_FACTS = (
    select(*_FACTS)
    .where(messages.c.id.in_(bindparam("keys", expanding=True)))
    .order_by(messages.c.id)
    .with_for_update()
)
_UNDONE = frozenset(
    {MessageStatus.UNKNOWN, MessageStatus.FAILED, MessageStatus.QUEUED, MessageStatus.RETRY, MessageStatus.PAUSED}
)
"""The statuses that a receipt proves wrong. A waiting message may have been sent in an earlier attempt."""


def lock_facts(conn: Connection, keys: Iterable[int]) -> dict[int, Facts]:
    """Return the facts of messages by key, and lock the messages in this transaction.

    The lock keeps two simultaneous receipts from being counted twice.
    """
    rows = conn.execute(_LOCK_FACTS, {"keys": list(keys)})
    return {row[0]: dict(zip(_FACT_NAMES, row, strict=True)) for row in rows}


def keys_by_provider_id(conn: Connection, provider_ids: Iterable[str], *, connection_id: int) -> dict[str, int]:
    """Return the keys of messages that this connection sent, by the provider's ids."""
    statement = select(messages.c.provider_id, messages.c.id).where(
        *have_ids(conn, provider_ids), messages.c.connection_id == connection_id
    )
    return {provider_id: key for provider_id, key in conn.execute(statement) if provider_id is not None}


def numbers_by_provider_id(conn: Connection, provider_ids: Iterable[str], *, connection_id: int) -> dict[str, str]:
    """Return the numbers to which this connection sent messages, by the provider's ids of the messages."""
    statement = select(messages.c.provider_id, messages.c.number).where(
        *have_ids(conn, provider_ids), messages.c.connection_id == connection_id
    )
    return {provider_id: number for provider_id, number in conn.execute(statement) if provider_id and number}


def apply_receipt(row: Facts, receipt: StoredReceipt, *, changes: Changes) -> dict[str, Any]:
    """Compute the changes of a message by a receipt, for :func:`store_changed`. A repeated receipt changes nothing.

    ``read`` without ``delivered`` also means delivered. A receipt settles ``unknown``. A failure turns ``sent`` into
    ``failed``; that of a delivered message is only noted as its detail. ``delivered`` and ``read`` undo a failure;
    ``sent`` does not.

    :param row: the message's facts, which are updated.
    :returns: the changed columns of the message.
    """
    values = _failure(row, receipt) if receipt.kind == "failed" else _progress(row, receipt)
    if receipt.provider_id is not None and row["provider_id"] is None:
        values["provider_id"] = receipt.provider_id
    if not values:
        return values
    if "status" in values:
        values["due_at"] = None
    _count(changes, row, values)
    row |= {name: value for name, value in values.items() if name in row}
    return values


_BY_KEY = update(messages).where(messages.c.id == bindparam("key"))


def store_changed(conn: Connection, changed: Mapping[int, dict[str, Any]]) -> None:
    """Store changed columns of messages.

    :param changed: the new values by column, by message key. Messages with the same columns share one statement.
    """
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for key, values in sorted(changed.items()):
        if values:
            by_columns.setdefault(tuple(sorted(values)), []).append({"key": key, **values})
    with changed_ids(conn, [key for key, values in changed.items() if "provider_id" in values]):
        for rows in by_columns.values():
            conn.execute(_BY_KEY, rows)
    leave_queue(conn, [key for key, values in changed.items() if "status" in values])


def _failure(row: Facts, receipt: StoredReceipt) -> dict[str, Any]:
    if row["status"] not in {MessageStatus.SENT, MessageStatus.UNKNOWN}:
        return {}
    if row["delivered_at"] is not None:
        return {"detail": f"a failure was reported after the delivery: {receipt.reason or 'failed'}"[:LONGEST_DETAIL]}
    return {"status": MessageStatus.FAILED, "reason": receipt.reason or "failed", "detail": receipt.detail}


def _progress(row: Facts, receipt: StoredReceipt) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if row["status"] in _UNDONE and not (receipt.kind == "sent" and row["status"] == MessageStatus.FAILED):
        values = {"status": MessageStatus.SENT, "reason": None, "detail": None}
        if row["sent_at"] is None:
            values["sent_at"] = receipt.at
    if receipt.kind in {"delivered", "read"} and row["delivered_at"] is None:
        values["delivered_at"] = receipt.at
    if receipt.kind == "read" and row["read_at"] is None:
        values["read_at"] = receipt.at
    return values


def applied_facts(row: Facts, values: Mapping[str, Any]) -> Iterator[tuple[ReceiptKind, str | None]]:
    """Yield the kinds of facts that changed columns of a message mean, in their order, each with its reason.

    :param row: the facts of the message, with the changes.
    :param values: the changed columns.
    """
    match values.get("status"):
        case MessageStatus.FAILED:
            yield "failed", row["reason"]
        case MessageStatus.SENT:
            yield "sent", None
    if "delivered_at" in values:
        yield "delivered", None
    if "read_at" in values:
        yield "read", None


_RESULTS = ("status", "delivered_at", "read_at")


def _count(changes: Changes, row: Facts, values: dict[str, Any]) -> None:
    key = broadcast_of(row["id"])
    if "status" in values:
        changes[key, row["status"]] -= 1
        changes[key, values["status"]] += 1
        if row["status"] == MessageStatus.FAILED:
            changes[key, failed_for(row["reason"])] -= 1
        if values["status"] == MessageStatus.FAILED:
            changes[key, failed_for(values["reason"])] += 1
    for counter, fact in (("delivered", "delivered_at"), ("read", "read_at")):
        if fact in values:
            changes[key, counter] += 1
    if not values.keys().isdisjoint(_RESULTS):
        changes.results.append(row["id"])


def park_receipts(conn: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Store receipts that arrived before the outcome of their message was recorded."""
    if rows:
        conn.execute(insert(parked_receipts), list(rows))


def take_parked(
    conn: Connection, *, keys: Sequence[int], provider_ids: Sequence[str], connection_id: int
) -> Sequence[RowMapping]:
    """Return and delete the parked receipts of these messages.

    :param keys: the messages' keys.
    :param provider_ids: the provider's ids of messages that the connection sent.
    """
    mine = parked_receipts.c.message_id.in_(keys) | (
        (parked_receipts.c.connection_id == connection_id) & parked_receipts.c.provider_id.in_(provider_ids)
    )
    rows = conn.execute(select(parked_receipts).where(mine).order_by(parked_receipts.c.id)).mappings().all()
    if rows:
        conn.execute(delete(parked_receipts).where(parked_receipts.c.id.in_([row["id"] for row in rows])))
    return rows


def overtaken_parked(conn: Connection, *, since: float) -> dict[int, dict[int, str | None]]:
    """Return the recorded messages that still have parked receipts.

    :param since: only receipts that were parked at or after this time (UNIX seconds, UTC).
    :returns: the provider's id by message key, by connection id.
    """
    by_key = parked_receipts.join(messages, messages.c.id == parked_receipts.c.message_id)
    by_provider_id = join_messages(conn, parked_receipts)
    columns = (parked_receipts.c.connection_id, messages.c.id, messages.c.provider_id)
    found: dict[int, dict[int, str | None]] = {}
    for joined in (by_key, by_provider_id):
        statement = select(*columns).select_from(joined)
        recorded = messages.c.status != MessageStatus.PROCESSING
        for connection_id, key, provider_id in conn.execute(
            statement.where(parked_receipts.c.parked_at >= since, recorded)
        ):
            found.setdefault(connection_id, {})[key] = provider_id
    return found


_HAS_PARKED = text("SELECT 1 FROM parked_receipts LIMIT 1")  # as plain text, because every record of outcomes runs it


def has_parked(conn: Connection) -> bool:
    """Return whether any receipt is parked."""
    return conn.execute(_HAS_PARKED).first() is not None


def forget_parked(conn: Connection, *, before: float) -> None:
    """Delete the receipts that were parked before this time (UNIX seconds, UTC)."""
    conn.execute(delete(parked_receipts).where(parked_receipts.c.parked_at < before))
