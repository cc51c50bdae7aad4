"""Tests: one message of a broadcast to one number, stored as a broadcast of its own that no list and no count has.

It takes its slot as every message does. What would delay the broadcast does not delay its test: schedule, hold,
batches, send window and rate of the body; the limits and the send window of the connection do. It calls no callback.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection

from wabroadcast_core.audience.chosen_recipient import ChosenRecipient
from wabroadcast_core.audience.inline_recipients import AnyRecipient
from wabroadcast_core.audience.row_classifier import RowClassifier
from wabroadcast_core.audience.submission import (
    Submission,
    Submitted,
    columns_of,
    find_first,
    lock_uploads,
)
from wabroadcast_core.context import Context
from wabroadcast_core.errors import ConflictError, Fault, InvalidInputError
from wabroadcast_core.models.base import parse_model
from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.broadcast_test import BroadcastTest
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.models.status import BroadcastStatus, ConnectionState, Priority, Purpose, SkipReason
from wabroadcast_core.rendering.content import compile_content
from wabroadcast_core.rendering.placeholders import check_placeholders
from wabroadcast_core.sentences import Sentence, unpack_sentence
from wabroadcast_core.snapshots import BroadcastSnapshot
from wabroadcast_core.store import audit_log
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store.messages import message_key
from wabroadcast_core.store.new_messages import NewMessage, insert_messages

_AT_ONCE: Final[Mapping[str, Any]] = {
    "scheduled_at": None,
    "hold_seconds": 0,
    "batching": None,
    "send_window": None,
    "rate": None,
    "callback_url": None,
    "callback_events": None,
    "on_unknown": "hold",
    "priority": Priority.HIGH,
}
_OF_THE_TEXT = {SkipReason.MISSING_VARIABLE, SkipReason.BAD_TEXT}


class BroadcastTests:
    """Checks and stores tests.

    :param new_id: creates ids.
    :param seconds: the longest time to look for the recipient in the audience.
    """

    def __init__(
        self, context: Context, submission: Submission, *, new_id: Callable[[], str], seconds: float = 20.0
    ) -> None:
        self._context = context
        self._submission = submission
        self._new_id = new_id
        self._seconds = seconds

    def store(
        self,
        draft: BroadcastDraft | Mapping[str, Any],
        recipients: Iterable[AnyRecipient] | None,
        test: BroadcastTest,
        *,
        idempotency_key: str | None,
        actor: str,
    ) -> Submitted:
        """Check and store a test.

        :param recipients: the inline audience; None if the draft has a ``source``, or the body no audience at all.
        :raises InvalidInputError: a submit would be refused, there is no such recipient, or the number must not be
            messaged.
        :raises TemplateError: a text of the message is not a valid template.
        :raises ConflictError: the connection is paused.
        """
        draft = draft if isinstance(draft, BroadcastDraft) else parse_model(BroadcastDraft, draft)
        draft = draft.model_copy(update=_AT_ONCE)
        has_recipients = recipients is not None or draft.source is None
        pool = self._submission.check(draft, has_recipients=has_recipients)
        self._refuse_paused(pool)
        row = ChosenRecipient(self._context, test, seconds=self._seconds).find(draft, recipients)
        check_placeholders(draft.message, set(row.all_variables))
        draft = draft.model_copy(update={"connection": list(pool), "source": None})
        message = self._message_to(test.number, row, draft, list(pool.values()))
        body = f"{draft.model_dump_json()}\n{message.number}\n{row.number}"
        values = {"idempotency_key": idempotency_key, "fingerprint": hashlib.sha256(body.encode()).hexdigest()}

        def insert(conn: Connection) -> Submitted:
            first = find_first(conn, idempotency_key, fingerprint=values["fingerprint"] or "")
            if first is not None:
                return Submitted(first["id"], new=False, connection_ids=list(pool.values()))
            key = self._insert(conn, draft, pool, values=values, actor=actor)
            insert_messages(conn, [message._replace(id=message_key(key, 0), broadcast_id=key)])
            return Submitted(key, new=True, connection_ids=list(pool.values()))

        return self._submission.insert_once(insert)

    def _refuse_paused(self, pool: Mapping[str, int]) -> None:
        with self._context.database.read() as conn:
            rows = connection_store.find_connections(conn, list(pool))
        if all(row["state"] != ConnectionState.ACTIVE for row in rows):
            names = ", ".join(row["name"] for row in rows)
            raise ConflictError(
                f"each connection for this test is paused ({names}): resume one, or name another one",
                status=ConnectionState.PAUSED,
            )

    def _message_to(self, number: str, row: AudienceRow, draft: BroadcastDraft, pool: list[int]) -> NewMessage:
        """Return the message to a number, rendered for the recipient of a row.

        :raises InvalidInputError: the number must not or cannot be messaged, or the text cannot be rendered.
        """
        snapshot = BroadcastSnapshot(0, "test", draft, compile_content(draft.message), Purpose.TEST)
        classifier = RowClassifier(self._context, snapshot, pool, region=self._context.settings.default_region)
        variables = {**row.all_variables, "number": row.number}
        classified = classifier.classify([AudienceRow(number, row.name, variables)], first=0)
        for skipped in classified.skipped:
            raise InvalidInputError([_refusal(SkipReason(skipped.reason or ""), unpack_sentence(skipped.detail or ""))])
        [message] = classified.sendable.values()
        return message._replace(raw=row.number)

    def _insert(
        self, conn: Connection, draft: BroadcastDraft, pool: Mapping[str, int], *, values: dict[str, Any], actor: str
    ) -> int:
        """Store the broadcast of a test, whose audience is complete, and return its key."""
        now, job_id = self._context.clock.now(), self._new_id()
        lock_uploads(conn, draft)
        columns = {
            **values,
            **columns_of(draft, job_id=job_id, now=now),
            "status": BroadcastStatus.PROCESSING,
            "started_at": now,
            "prepared": True,
            "prepared_rows": 1,
            "purpose": Purpose.TEST,
            "total": 1,
            "queued": 1,
        }
        key = broadcast_store.insert_broadcast(conn, columns, connection_ids=pool.values())
        audit_log.record_action(
            conn, action="send_test", actor=actor, now=now, connection_id=next(iter(pool.values())), detail=job_id
        )
        return key


def _refusal(reason: SkipReason, detail: str) -> Fault:
    """Return why a test is refused."""
    if reason in _OF_THE_TEXT:
        text = "{detail}: correct the text, or render the test for another recipient"
        return Fault("message", Sentence("test_not_rendered", text, detail=detail))
    if reason is SkipReason.BLACKLISTED:
        text = "the number is opted out ({detail}): send the test to another one"
        return Fault("test.number", Sentence("test_opted_out", text, detail=detail or reason))
    if reason is SkipReason.INVALID_NUMBER:
        text = "the number cannot be messaged ({detail}): send the test to another one"
        return Fault("test.number", Sentence("test_not_messaged", text, detail=detail or reason))
    return Fault("test.number", detail or reason)
