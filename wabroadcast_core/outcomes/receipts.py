"""What providers say later, on its way into the store: in any order, twice, before our own record, or not ours."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.errors import SendError
from wabroadcast_core.models.receipt import Receipt
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.outcomes.opt_outs import is_opt_out, opt_out
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import receipts as receipt_store
from wabroadcast_core.store.group_commit import UnitOfWork
from wabroadcast_core.store.messages import broadcast_of, message_key, read_position
from wabroadcast_core.store.receipts import StoredReceipt

log = logging.getLogger(__name__)

PARKED_SECONDS = 3 * 86_400
OVERTAKEN_SECONDS = 300.0  # how far back is looked for receipts that were parked too late


@dataclass(frozen=True, slots=True)
class Failure:
    """A message that failed after all, as a receipt said."""

    broadcast_id: int
    number: str | None  # unset once its person was erased
    error: SendError


def apply_receipts(unit: UnitOfWork, connection_id: int, receipts: Sequence[Receipt]) -> list[Failure]:
    """Note receipts of one connection; those whose message is not recorded yet are parked for it.

    :returns: the failures among them that are of our messages.
    """
    keys = _keys_of(unit.conn, connection_id, receipts)
    facts = receipt_store.lock_facts(unit.conn, {key for key in keys if key is not None})
    changed: dict[int, dict[str, Any]] = defaultdict(dict)
    parked, failures = [], []
    for receipt, key in zip(receipts, keys, strict=True):
        row = None if key is None else facts.get(key)
        if row is not None and row["status"] != MessageStatus.PROCESSING:
            values = receipt_store.apply_receipt(row, _stored(receipt), changes=unit.changes)
            changed[row["id"]] |= values
            is_news = "status" in values  # a failure counts for others once, not with each copy of it
        else:
            is_news = row is not None
            if is_news or receipt.provider_id is not None:
                parked.append(_parked_row(receipt, connection_id, key=key, now=unit.now))
        if row is not None and receipt.error is not None and is_news:
            failures.append(Failure(broadcast_of(row["id"]), row["number"], receipt.error))
    receipt_store.store_changed(unit.conn, changed)
    receipt_store.park_receipts(unit.conn, parked)
    return failures


def apply_parked(unit: UnitOfWork, stored: Mapping[int, str | None], *, connection_id: int) -> None:
    """Note what was parked for messages whose outcome is stored now: the provider's ids by key."""
    keys = {provider_id: key for key, provider_id in stored.items() if provider_id is not None}
    taken = receipt_store.take_parked(
        unit.conn, keys=list(stored), provider_ids=list(keys), connection_id=connection_id
    )
    found = [(parked["message_id"] or keys[parked["provider_id"]], parked) for parked in taken]
    facts = receipt_store.lock_facts(unit.conn, {key for key, _ in found})
    changed: dict[int, dict[str, Any]] = defaultdict(dict)
    for key, parked in found:
        number = facts[key]["number"]
        changed[key] |= receipt_store.apply_receipt(facts[key], _from_parked(parked), changes=unit.changes)
        if parked["opt_out"] and number is not None:
            opt_out(unit, number, reason=parked["reason"])
    receipt_store.store_changed(unit.conn, changed)


def apply_overtaken(unit: UnitOfWork) -> None:
    """Note what was parked at the very moment at which its message was recorded: neither saw the other."""
    overtaken = receipt_store.overtaken_parked(unit.conn, since=unit.now - OVERTAKEN_SECONDS)
    for connection_id, stored in overtaken.items():
        apply_parked(unit, stored, connection_id=connection_id)


def _keys_of(conn: Connection, connection_id: int, receipts: Sequence[Receipt]) -> list[int | None]:
    by_job: dict[str, int | None] = {}
    foreign = [receipt.provider_id for receipt in receipts if receipt.message_id is None and receipt.provider_id]
    by_provider = receipt_store.keys_by_provider_id(conn, foreign, connection_id=connection_id) if foreign else {}
    return [
        _own_key(conn, receipt.message_id, by_job)
        if receipt.message_id is not None
        else by_provider.get(receipt.provider_id or "")
        for receipt in receipts
    ]


def _own_key(conn: Connection, message_id: str, known: dict[str, int | None]) -> int | None:
    """The key of a message by our public id: the job's id, a dash, the position."""
    job_id, _, position = message_id.rpartition("-")
    if job_id not in known:
        row = broadcast_store.find_broadcast(conn, job_id)
        known[job_id] = None if row is None else row["id"]
    broadcast_id, place = known[job_id], read_position(position)
    return None if broadcast_id is None or place is None else message_key(broadcast_id, place)


def _stored(receipt: Receipt) -> StoredReceipt:
    error = receipt.error
    return StoredReceipt(
        receipt.kind,
        receipt.at,
        provider_id=receipt.provider_id,
        reason=None if error is None else error.reason,
        detail=None if error is None else error.detail or None,
    )


def _parked_row(receipt: Receipt, connection_id: int, *, key: int | None, now: float) -> dict[str, object]:
    stored = _stored(receipt)
    return {
        "message_id": key,
        "connection_id": connection_id,
        "provider_id": receipt.provider_id,
        "kind": stored.kind,
        "at": stored.at,
        "reason": stored.reason,
        "detail": stored.detail,
        "opt_out": key is None and is_opt_out(receipt.error),  # of a known message it is followed at once
        "parked_at": now,
    }


def _from_parked(row: RowMapping) -> StoredReceipt:
    return StoredReceipt(
        row["kind"], row["at"], provider_id=row["provider_id"], reason=row["reason"], detail=row["detail"]
    )
