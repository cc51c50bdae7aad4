"""One message as a whole, built from its row, its broadcast and its stored attempts."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import from_json
from sqlalchemy import RowMapping

from wabroadcast_core.models.base import as_utc
from wabroadcast_core.models.message import MessageView
from wabroadcast_core.models.message_detail import Attempt, MessageDetail, MessageReceipt
from wabroadcast_core.models.reason import Reason
from wabroadcast_core.models.status import AttemptOutcome, MessageStatus
from wabroadcast_core.rendering.content import NotRendered, Rendered
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.services.views import act_of
from wabroadcast_core.snapshots import BroadcastSnapshot

ERASED_TEXT = say("text_erased")
_RECEIPTS = frozenset({AttemptOutcome.UNDELIVERED, AttemptOutcome.SETTLED})


def detail_of_message(
    view: MessageView,
    *,
    broadcast: RowMapping,
    row: RowMapping,
    attempts: Sequence[RowMapping],
    acts: Sequence[RowMapping],
    connections: Mapping[int, str],
    explanation: Reason | None,
) -> MessageDetail:
    """Return a message with everything that is known of it.

    :param row: of the table ``messages``.
    :param attempts: its rows of the table ``attempts``, oldest first.
    :param acts: rows of the audit log.
    :param connections: the names of connections by their ids.
    """
    snapshot = BroadcastSnapshot.of(broadcast)
    variables: dict[str, Any] = from_json(row["variables"] or "{}")
    rendered, fault = _render(snapshot, row, variables)
    return MessageDetail(
        **dict(view),
        job_id=broadcast["job_id"],
        broadcast=broadcast["name"],
        type=snapshot.content.type,
        text=None if rendered is None else rendered.text,
        content={} if rendered is None else rendered.content,
        not_rendered=fault,
        variables=variables,
        attempt_log=_attempts_of(row, attempts, connections),
        receipts=_receipts_of(row, attempts),
        acts=[act_of(act) for act in acts],
        explanation=explanation,
    )


def _render(
    snapshot: BroadcastSnapshot, row: RowMapping, variables: Mapping[str, Any]
) -> tuple[Rendered | None, str | None]:
    """Return the rendered message, or why it cannot be rendered."""
    number = row["number"] or row["raw"]
    if number is None:
        return None, ERASED_TEXT
    try:
        return snapshot.render(number=number, name=row["name"], variables=dict(variables)), None
    except NotRendered as error:
        return None, str(error)


def _attempts_of(row: RowMapping, stored: Sequence[RowMapping], connections: Mapping[int, str]) -> list[Attempt]:
    """Return the attempts, oldest first. The row of the message has the last one, if the provider accepted it."""
    attempts = [
        Attempt(
            at=as_utc(each["at"]),
            attempt=each["attempt"],
            connection=connections.get(each["connection_id"]),
            outcome=each["outcome"] or AttemptOutcome.FAILED,
            reason=each["reason"] or None,
            detail=each["detail"],
            times=each["times"],
            last_at=as_utc(each["last_at"]),
        )
        for each in stored
        if each["outcome"] not in _RECEIPTS
    ]
    if _was_accepted(row, stored):
        attempts.append(_acceptance(row, connections))
    return sorted(attempts, key=lambda attempt: attempt.at)


def _was_accepted(row: RowMapping, stored: Sequence[RowMapping]) -> bool:
    """Return whether the time at which the message was sent is that of an attempt.

    A receipt may have set it: then the attempt itself is stored, as unknown or failed.
    """
    if row["sent_at"] is None:
        return False
    known = {each["at"] for each in stored if each["outcome"] in {AttemptOutcome.ACCEPTED, AttemptOutcome.SETTLED}}
    return row["sent_at"] not in known


def _acceptance(row: RowMapping, connections: Mapping[int, str]) -> Attempt:
    return Attempt(
        at=as_utc(row["sent_at"]),
        attempt=row["attempts"],
        connection=connections.get(row["connection_id"]),
        outcome=AttemptOutcome.ACCEPTED,
        reason=None,
        detail=row["detail"] if row["status"] == MessageStatus.SENT else None,
        times=1,
        last_at=None,
    )


def _receipts_of(row: RowMapping, stored: Sequence[RowMapping]) -> list[MessageReceipt]:
    receipts = [
        MessageReceipt(kind="failed", at=as_utc(each["at"]), reason=each["reason"], detail=each["detail"])
        if each["outcome"] == AttemptOutcome.UNDELIVERED
        else MessageReceipt(kind="sent", at=as_utc(each["at"]))
        for each in stored
        if each["outcome"] in _RECEIPTS
    ]
    facts = (("delivered", row["delivered_at"]), ("read", row["read_at"]))
    receipts += [MessageReceipt(kind=kind, at=as_utc(at)) for kind, at in facts if at is not None]
    return sorted(receipts, key=lambda receipt: receipt.at)
