"""Use cases of tests and rehearsals, and of the submit that they share with broadcasts."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection

from wabroadcast_core.audience.broadcast_tests import BroadcastTests
from wabroadcast_core.audience.inline_recipients import AnyRecipient
from wabroadcast_core.audience.rehearsals import rehearsal_of, simulated_connections
from wabroadcast_core.audience.submission import Submission
from wabroadcast_core.control import transitions
from wabroadcast_core.control.announcements import Announcement, announce
from wabroadcast_core.errors import InvalidInputError
from wabroadcast_core.models.base import DEFAULT_ACTOR, faults_of, parse_model
from wabroadcast_core.models.broadcast import BroadcastDraft, BroadcastSummary
from wabroadcast_core.models.broadcast_test import BroadcastTest, Rehearsal
from wabroadcast_core.models.message_detail import MessageDetail
from wabroadcast_core.models.status import Priority, Purpose
from wabroadcast_core.reasons.catalogue import DEFAULT_LANGUAGE
from wabroadcast_core.services.broadcast_work import begin_work, sweep_messages
from wabroadcast_core.services.committed_work import CommittedWork
from wabroadcast_core.services.lookups import broadcast_summary, row_of_test
from wabroadcast_core.services.message_lookups import MessageLookups
from wabroadcast_core.store.host_transaction import HostTransaction
from wabroadcast_core.store.messages import message_key


class Trials(MessageLookups):
    """The methods of :class:`Broadcaster` for tests and rehearsals. The broadcaster inherits them."""

    _committed_work: CommittedWork

    # --- tests -------------------------------------------------------------------------------------------------

    def send_test(
        self,
        draft: BroadcastDraft | Mapping[str, Any],
        recipients: Iterable[AnyRecipient] | None = None,
        *,
        test: BroadcastTest | Mapping[str, Any],
        idempotency_key: str | None = None,
        actor: str = DEFAULT_ACTOR,
    ) -> MessageDetail:
        """Send one message of a broadcast to one number, rendered for one of its recipients.

        The message is in no list, count, report or metric of messages. It has the highest priority, keeps the limits
        and the send window of its connection, and is not delayed by the schedule, hold, batches, window and rate of
        the draft. It calls no callback.

        :param recipients: the audience; without it the draft may name a ``source``. Without any audience, the text is
            rendered for the number itself, without variables.
        :param test: the number, and the recipient for whom the text is rendered; by default the first one.
        :param idempotency_key: a second call with the same key and the same test returns the first one.
        :param actor: the user or component that sends it, for the activity.
        :raises InvalidInputError: a field is not valid, there is no such recipient, or the number is opted out.
        :raises TemplateError: a text of the message is not a valid template.
        :raises ConflictError: the connection is paused, or the idempotency key was used for another test.
        :raises SourceError: the audience cannot be read.
        :raises FileError: the audience is a file that cannot be read.
        """
        test = test if isinstance(test, BroadcastTest) else _parse_test(test)
        key = _key_of(Purpose.TEST, idempotency_key)
        tests = BroadcastTests(self.context, self._submission, new_id=_new_id)
        stored = tests.store(draft, recipients, test, idempotency_key=key, actor=actor)
        for connection_id in stored.connection_ids if stored.new else ():
            self.context.work_queue.turn(connection_id, rank=Priority.HIGH.rank)
        return self.test_result(broadcast_summary(self.context.database, stored.key).job_id)

    def test_result(self, test_id: str, *, language: str = DEFAULT_LANGUAGE) -> MessageDetail:
        """Return the message of a test, with its status, its reason and why it waits.

        :param test_id: the ``job_id`` of what :meth:`send_test` returned.
        :param language: of the explanation of its reason.
        :raises NotFoundError: no test has this id.
        """
        with self.context.database.read() as conn:
            row = row_of_test(conn, test_id)
            return self._detail(conn, row, message_key(row["id"], 0), language=language)

    def cancel_test(self, test_id: str, *, actor: str = DEFAULT_ACTOR) -> MessageDetail:
        """Cancel a test: if its message has not left, it is never sent.

        :raises NotFoundError: no test has this id.
        :raises ConflictError: it has ended.
        """

        def transaction(conn: Connection) -> int:
            row = row_of_test(conn, test_id, lock=True)
            transitions.cancel_broadcast(conn, row, now=self.context.clock.now(), actor=actor)
            return int(row["id"])

        key = self.context.database.transact(transaction)
        announce(self.context.redis, self.context.keys, Announcement(broadcast=key))
        sweep_messages(self.context, key)
        return self.test_result(test_id)

    # --- rehearsals --------------------------------------------------------------------------------------------

    def rehearse(
        self,
        draft: BroadcastDraft | Mapping[str, Any],
        recipients: Iterable[AnyRecipient] | None = None,
        *,
        idempotency_key: str | None = None,
        actor: str = DEFAULT_ACTOR,
    ) -> Rehearsal:
        """Submit a broadcast through a connection whose sender simulates a provider, whatever connection it names.

        It starts now: ``scheduled_at``, ``hold_seconds`` and ``send_window`` are left out. It calls no callback, and
        puts no person on the blacklist. Otherwise it is a broadcast, with the purpose ``rehearsal``.

        :param recipients: the audience, which is streamed; without it the draft must name a ``source``.
        :param idempotency_key: of this rehearsal; a submit may use the same key.
        :param actor: the user or component that rehearses, for the history.
        :returns: the rehearsal, with the numbers whose messages end in a special way.
        :raises InvalidInputError: a submit would be refused, or no connection is simulated.
        :raises TemplateError: a text of the message is not a valid template.
        :raises ConflictError: the idempotency key was used before with another body.
        """
        draft = draft if isinstance(draft, BroadcastDraft) else parse_model(BroadcastDraft, draft)
        self._submission.check(draft, has_recipients=recipients is not None)
        draft = rehearsal_of(self.context, draft)
        key = _key_of(Purpose.REHEARSAL, idempotency_key)
        summary = self._submit(draft, recipients, key=key, actor=actor, purpose=Purpose.REHEARSAL)
        numbers = simulated_connections(self.context).get(draft.pool[0], {})
        return Rehearsal(**dict(summary), test_numbers=dict(numbers))

    # --- submit ------------------------------------------------------------------------------------------------

    @property
    def _submission(self) -> Submission:
        return Submission(self.context, new_id=_new_id)

    def _submit(
        self,
        draft: BroadcastDraft | Mapping[str, Any],
        recipients: Iterable[AnyRecipient] | None,
        *,
        key: str | None,
        actor: str,
        purpose: Purpose,
    ) -> BroadcastSummary:
        submitted = self._submission.submit(draft, recipients, idempotency_key=key, actor=actor, purpose=purpose)
        return begin_work(self.context, submitted)

    def _submit_within(
        self,
        conn: Connection,
        draft: BroadcastDraft | Mapping[str, Any],
        recipients: Iterable[AnyRecipient] | None,
        *,
        key: str | None,
        actor: str,
    ) -> BroadcastSummary:
        """Submit a broadcast in the transaction of a host's connection; its work begins after the commit."""
        transaction = HostTransaction(conn, self.context.database)
        submission = Submission(self.context, new_id=_new_id, stored_in=transaction)
        submitted = submission.submit(draft, recipients, idempotency_key=key, actor=actor)
        summary = broadcast_summary(transaction, submitted.key)
        if submitted.new:
            self._committed_work.note(conn, summary.job_id)
        return summary


def _parse_test(test: Mapping[str, Any]) -> BroadcastTest:
    """Return who gets a test, as a model.

    :raises InvalidInputError: it is not valid; the paths of the faults begin with ``test``.
    """
    try:
        return BroadcastTest.model_validate(test)
    except ValidationError as error:
        raise InvalidInputError(faults_of(error, prefix="test")) from error


def _new_id() -> str:
    return str(uuid.uuid4())


def _key_of(purpose: Purpose, idempotency_key: str | None) -> str | None:
    """Return an idempotency key as it is stored: a header cannot have its line break, so it is of no other purpose."""
    return None if idempotency_key is None else f"{purpose}\n{idempotency_key}"
