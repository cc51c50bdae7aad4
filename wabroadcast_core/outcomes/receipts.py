"""Receipts of providers on their way into the store.

They come in any order, more than once, before the outcome of their message is recorded, or for messages that are not
ours.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.errors import SendError
from wabroadcast_core.models.receipt import Receipt
from wabroadcast_core.models.status import LONGEST_DETAIL, LONGEST_REASON, AttemptOutcome, MessageStatus
from wabroadcast_core.outcomes.opt_outs import is_opt_out, opt_out
from wabroadcast_core.sentences import cut_text
from wabroadcast_core.store import attempts as attempt_store
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import identities as identity_store
from wabroadcast_core.store import receipts as receipt_store
from wabroadcast_core.store.attempts import NewAttempt
from wabroadcast_core.store.group_commit import UnitOfWork
from wabroadcast_core.store.messages import broadcast_of, message_key, read_position
from wabroadcast_core.store.minute_counts import FACTS, minute_of
from wabroadcast_core.store.receipts import AppliedReceipt, StoredReceipt
from wabroadcast_core.store.sql import clean_text

log = logging.getLogger(__name__)

PARKED_SECONDS = 3 * 86_400  # after that a parked receipt or a webhook call is deleted
OVERTAKEN_SECONDS = 300.0  # receipts parked within this time are checked for a message that is recorded by now


@dataclass(frozen=True, slots=True)
class Failure:
    """A late failure: a message that failed after it was accepted, as a receipt reports."""

    broadcast_id: int
    number: str | None  # None if the person's data was erased
    error: SendError


def apply_receipts(unit: UnitOfWork, connection_id: int, receipts: Sequence[Receipt]) -> list[Failure]:
    """Apply receipts of one connection. Those whose message has no recorded outcome yet are parked.

    :returns: the new failures among them, of our messages only.
    """
    keys = _keys_of(unit.conn, connection_id, receipts)
    facts = receipt_store.lock_facts(unit.conn, {key for key in keys if key is not None})
    identity_store.note_identities(unit.conn, _identities_in(receipts, keys, facts))
    changed = _Changed(unit)
    parked, failures = [], []
    for receipt, key in zip(receipts, keys, strict=True):
        row = None if key is None else facts.get(key)
        if row is not None and row["status"] != MessageStatus.PROCESSING:
            # a failure has its consequences once, not with each copy of the receipt
            is_new = changed.apply(row, _stored(receipt), connection_id=connection_id)
        else:
            is_new = row is not None
            if is_new or receipt.provider_id is not None:
                parked.append(_parked_row(receipt, connection_id, key=key, now=unit.now))
        if row is not None and receipt.error is not None and is_new:
            failures.append(Failure(broadcast_of(row["id"]), row["number"], receipt.error))
    changed.store()
    receipt_store.park_receipts(unit.conn, parked)
    connection_store.note_receipt(unit.conn, connection_id, now=unit.now)
    return failures


def apply_parked(unit: UnitOfWork, stored: Mapping[int, str | None], *, connection_id: int) -> None:
    """Apply the parked receipts of messages whose outcome is recorded now.

    :param stored: the provider's ids by message key.
    """
    keys = {provider_id: key for key, provider_id in stored.items() if provider_id is not None}
    taken = receipt_store.take_parked(
        unit.conn, keys=list(stored), provider_ids=list(keys), connection_id=connection_id
    )
    found = [(parked["message_id"] or keys[parked["provider_id"]], parked) for parked in taken]
    facts = receipt_store.lock_facts(unit.conn, {key for key, _ in found})
    changed = _Changed(unit)
    for key, parked in found:
        number = facts[key]["number"]
        changed.apply(facts[key], _from_parked(parked), connection_id=parked["connection_id"])
        is_real = parked["opt_out"] and not broadcast_store.is_rehearsal(unit.conn, broadcast_of(key))
        if is_real and number is not None:
            opt_out(unit, number, reason=parked["reason"])
    changed.store()


class _Changed:
    """What receipts change in one transaction: columns of messages, and their attempts."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit
        self._columns: dict[int, dict[str, Any]] = defaultdict(dict)  # by message key
        self._attempts: dict[int, NewAttempt] = {}

    def apply(self, row: receipt_store.Facts, receipt: StoredReceipt, *, connection_id: int) -> bool:
        """Apply a receipt to a message.

        :param row: the facts of the message, which are updated.
        :returns: whether the message has a new status.
        """
        values = receipt_store.apply_receipt(row, receipt, changes=self._unit.changes)
        self._columns[row["id"]] |= values
        self._unit.receipts += [
            AppliedReceipt(row["id"], row["number"], connection_id, kind, receipt.at, reason)
            for kind, reason in receipt_store.applied_facts(row, values)
        ]
        _count_minutes(self._unit, row, values, connection_id=connection_id, at=receipt.at)
        if "status" not in values:
            return False
        self._attempts[row["id"]] = _attempt_of(row, receipt, values)
        return True

    def store(self) -> None:
        """Store the changes."""
        receipt_store.store_changed(self._unit.conn, self._columns)
        attempt_store.add_attempts(self._unit.conn, list(self._attempts.values()))


def _count_minutes(
    unit: UnitOfWork, row: receipt_store.Facts, values: Mapping[str, Any], *, connection_id: int, at: float
) -> None:
    """Count what a receipt changed in the minute in which it happened: not before the send, and not in the future.

    :param row: the facts of the message, with the changes.
    :param values: the changed columns.
    """
    minute = minute_of(min(max(at, row["sent_at"] or at), unit.now))
    for fact in FACTS:
        if f"{fact}_at" in values or (fact == "failed" and values.get("status") == MessageStatus.FAILED):
            unit.minutes[broadcast_of(row["id"]), connection_id, minute, fact] += 1


def apply_overtaken(unit: UnitOfWork) -> None:
    """Apply receipts that were parked at the moment at which their message was recorded.

    The two transactions ran at the same time, so neither saw the other.
    """
    overtaken = receipt_store.overtaken_parked(unit.conn, since=unit.now - OVERTAKEN_SECONDS)
    for connection_id, stored in overtaken.items():
        apply_parked(unit, stored, connection_id=connection_id)


def _attempt_of(row: receipt_store.Facts, receipt: StoredReceipt, values: Mapping[str, Any]) -> NewAttempt:
    """Return what a receipt that changed the status says of the attempt.

    :param values: the columns that the receipt changed.
    """
    outcome = AttemptOutcome.UNDELIVERED if values["status"] == MessageStatus.FAILED else AttemptOutcome.SETTLED
    reason, detail = values["reason"] or "", values["detail"]
    return NewAttempt(row["id"], row["attempts"], receipt.at, row["connection_id"], outcome, reason, detail)


def _identities_in(
    receipts: Sequence[Receipt], keys: Sequence[int | None], facts: Mapping[int, receipt_store.Facts]
) -> dict[str, str]:
    """Return the recipients' numbers by WhatsApp's ids: the number that we sent to, else the one that was reported."""
    numbers: dict[str, str] = {}
    for receipt, key in zip(receipts, keys, strict=True):
        if receipt.wa_ids:
            row = None if key is None else facts.get(key)
            number = receipt.number if row is None else row["number"]
            numbers |= {wa_id: number for wa_id in receipt.wa_ids if number and wa_id != number[1:]}
    return numbers


def _keys_of(conn: Connection, connection_id: int, receipts: Sequence[Receipt]) -> list[int | None]:
    places = [_place_of(receipt.message_id) for receipt in receipts]
    jobs = {place[0] for place in places if place is not None}
    by_job = broadcast_store.ids_of_jobs(conn, jobs) if jobs else {}
    provider_ids = [receipt.provider_id for receipt in receipts if receipt.message_id is None and receipt.provider_id]
    by_provider_id = (
        receipt_store.keys_by_provider_id(conn, provider_ids, connection_id=connection_id) if provider_ids else {}
    )
    return [
        by_provider_id.get(receipt.provider_id or "") if receipt.message_id is None else _key_of(place, by_job)
        for receipt, place in zip(receipts, places, strict=True)
    ]


def _place_of(message_id: str | None) -> tuple[str, int] | None:
    """Read our public id of a message: the job's id, a dash, the position.

    :returns: the job's id and the position; None if the id is none of ours.
    """
    job_id, _, position = (message_id or "").rpartition("-")
    number = read_position(position)
    return None if number is None else (job_id, number)


def _key_of(place: tuple[str, int] | None, by_job: Mapping[str, int]) -> int | None:
    """Return the key of a message; None if there is no such job.

    :param place: its job and position.
    :param by_job: the broadcast ids by job id.
    """
    if place is None or place[0] not in by_job:
        return None
    return message_key(by_job[place[0]], place[1])


def _stored(receipt: Receipt) -> StoredReceipt:
    error = receipt.error
    return StoredReceipt(
        receipt.kind,
        receipt.at,
        provider_id=receipt.provider_id,
        reason=None if error is None else clean_text(error.reason[:LONGEST_REASON]),
        detail=None if error is None else clean_text(cut_text(error.detail, LONGEST_DETAIL)) or None,
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
        "opt_out": key is None and is_opt_out(receipt.error),  # the opt-out of a known message is stored at once
        "parked_at": now,
    }


def _from_parked(row: RowMapping) -> StoredReceipt:
    return StoredReceipt(
        row["kind"], row["at"], provider_id=row["provider_id"], reason=row["reason"], detail=row["detail"]
    )
