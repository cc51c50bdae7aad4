"""Use cases of broadcasts: submit, preview, list, pause, resume, cancel, retry, reschedule; their messages."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.audience.inline_recipients import AnyRecipient
from wabroadcast_core.audience.preview import PreviewBuilder
from wabroadcast_core.control import transitions
from wabroadcast_core.control.announcements import Announcement, announce
from wabroadcast_core.errors import Fault, InvalidInputError, NotFoundError
from wabroadcast_core.models.base import DEFAULT_ACTOR, as_timestamp, parse_model
from wabroadcast_core.models.broadcast import (
    BroadcastDetail,
    BroadcastDraft,
    BroadcastPatch,
    BroadcastProgress,
    BroadcastSummary,
)
from wabroadcast_core.models.message import MessageView
from wabroadcast_core.models.page import CursorPage
from wabroadcast_core.models.preview import Preview
from wabroadcast_core.models.status import MessageStatus, Purpose, ReceiptKind
from wabroadcast_core.services.broadcast_work import queue_preparation, queue_turns, sweep_messages
from wabroadcast_core.services.inspections import InspectedBroadcasts
from wabroadcast_core.services.listings import BroadcastLists
from wabroadcast_core.services.lookups import broadcast_row, broadcast_summary, message_key
from wabroadcast_core.services.message_views import message_views, with_file_rows
from wabroadcast_core.services.overviews import OverviewedBroadcasts
from wabroadcast_core.services.progress import read_progress
from wabroadcast_core.services.rates import RatedBroadcasts
from wabroadcast_core.services.trials import Trials
from wabroadcast_core.services.views import detail_of
from wabroadcast_core.store import audit_log, reason_counts
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import messages as message_store
from wabroadcast_core.store.changes import Changes
from wabroadcast_core.store.messages import MessageFilter

Transition: TypeAlias = Literal["pause", "resume", "cancel"]


class Broadcasts(Trials, RatedBroadcasts, OverviewedBroadcasts, InspectedBroadcasts, BroadcastLists):
    """The methods of :class:`Broadcaster` for broadcasts and their messages. The broadcaster inherits them."""

    # --- submit ------------------------------------------------------------------------------------------------

    def submit(
        self,
        draft: BroadcastDraft | Mapping[str, Any],
        recipients: Iterable[AnyRecipient] | None = None,
        *,
        idempotency_key: str | None = None,
        actor: str = DEFAULT_ACTOR,
        conn: Connection | None = None,
    ) -> BroadcastSummary:
        """Store a broadcast and queue its preparation.

        The broadcast is in the store when this returns, even while Redis cannot be reached. With ``conn`` it is there
        if and only if the host commits.

        :param recipients: the audience, which is streamed; without it the draft must name a ``source``.
        :param idempotency_key: a second submit with the same key and the same body returns the first broadcast.
        :param actor: the user or component that submits it, for the history.
        :param conn: the host's connection to the database of the store, in whose transaction the broadcast is stored.
            Its work begins after the commit, or with the next recovery.
        :raises InvalidInputError: a field is not valid.
        :raises InputError: ``conn`` commits each statement, or is to another database.
        :raises TemplateError: a text of the message is not a valid template.
        :raises ConflictError: the idempotency key was used before with another body.
        """
        if conn is not None:
            return self._submit_within(conn, draft, recipients, key=idempotency_key, actor=actor)
        return self._submit(draft, recipients, key=idempotency_key, actor=actor, purpose=Purpose.BROADCAST)

    def preview(
        self,
        draft: BroadcastDraft | Mapping[str, Any],
        recipients: Iterable[AnyRecipient] | None = None,
        *,
        seconds: float = 20.0,
    ) -> Preview:
        """Return what a submit of this broadcast would do. Nothing is stored and nothing is sent.

        :param seconds: the longest time to read the audience; after it, the preview shows the counts so far.
        :raises InvalidInputError: a field is not valid; a submit would be refused.
        :raises TemplateError: a text of the message is not a valid template; a submit would be refused.
        :raises SourceError: the audience cannot be read.
        :raises FileError: the audience is a file that cannot be read.
        """
        return PreviewBuilder(self.context, self._submission).build(draft, recipients, seconds=seconds)

    # --- read --------------------------------------------------------------------------------------------------

    def status(self, job_id: str) -> BroadcastProgress:
        """Return the progress of a broadcast.

        :raises NotFoundError: no broadcast has this id.
        """
        with self.context.database.read() as conn:
            return read_progress(self.context, conn, [broadcast_row(conn, job_id)])[0]

    def get(self, job_id: str) -> BroadcastDetail:
        """Return a broadcast as it was submitted, with its progress and its history.

        :raises NotFoundError: no broadcast has this id.
        """
        with self.context.database.read() as conn:
            row = broadcast_row(conn, job_id)
            skips, failures = reason_counts.reasons_of_all(conn, [row["id"]])
            acts = audit_log.actions_on(conn, row["id"])
            pool = broadcast_store.pools_of(conn, [row["id"]])[row["id"]]
        return detail_of(row, pool, skips=skips[row["id"]], failures=failures[row["id"]], acts=acts)

    def messages(
        self,
        job_id: str,
        *,
        status: MessageStatus | None = None,
        reason: str | None = None,
        receipt: ReceiptKind | None = None,
        query: str | None = None,
        cursor: str | None = None,
        page: int | None = None,
        limit: int = 100,
        with_rows: bool = False,
    ) -> CursorPage[MessageView]:
        """Return a page of the messages of a broadcast, in the order of its audience.

        A page by cursor is found at once; a page by number reads all before it, and counts all.

        :param reason: the exact reason of the messages.
        :param receipt: only messages that were delivered, or read.
        :param query: part of a number or a name.
        :param cursor: the ``next_cursor`` of the page before.
        :param page: the number of the page, from 1; leave it out to page by cursor.
        :param with_rows: whether to add the rows of the audience's file, which is read again for that.
        :raises InvalidInputError: both a cursor and a page are given.
        :raises NotFoundError: no broadcast has this id, or the cursor is not a message of it.
        """
        if cursor is not None and page is not None:
            raise InvalidInputError([Fault("page", "both page and cursor are given: leave one of them out")])
        with self.context.database.read() as conn:
            row = broadcast_row(conn, job_id)
            chosen = MessageFilter(row["id"], status=status, reason=reason, receipt=receipt, query=query)
            after = None if cursor is None else message_key(row, cursor)
            offset = ((page or 1) - 1) * limit
            found = message_store.list_messages(conn, chosen, after=after, offset=offset, limit=limit + 1)
            total = None if page is None else message_store.count_messages(conn, chosen)
            views = message_views(self.context, conn, found[:limit], {row["id"]: row})
        if with_rows:
            views = with_file_rows(self.context, row, views, found[:limit])
        next_cursor = views[-1].message_id if len(found) > limit else None
        return CursorPage(items=views, next_cursor=next_cursor, total=total, page=page, page_size=limit)

    # --- control -----------------------------------------------------------------------------------------------

    def pause(self, job_id: str, *, batch: int | None = None, actor: str = DEFAULT_ACTOR) -> BroadcastSummary:
        """Pause a broadcast, or one batch: no more of its messages start until it is resumed.

        :raises NotFoundError: no broadcast has this id, or no batch this number.
        :raises ConflictError: it is paused already, or has ended.
        """
        return self._transition(job_id, "pause", batch=batch, actor=actor)

    def resume(self, job_id: str, *, batch: int | None = None, actor: str = DEFAULT_ACTOR) -> BroadcastSummary:
        """Continue a paused broadcast or batch. No message is sent twice, and none is lost.

        :raises NotFoundError: no broadcast has this id, or no batch this number.
        :raises ConflictError: it is not paused.
        """
        return self._transition(job_id, "resume", batch=batch, actor=actor)

    def cancel(self, job_id: str, *, batch: int | None = None, actor: str = DEFAULT_ACTOR) -> BroadcastSummary:
        """Cancel a broadcast, or one batch: messages that have not left are never sent.

        :raises NotFoundError: no broadcast has this id, or no batch this number.
        :raises ConflictError: it has ended.
        """
        return self._transition(job_id, "cancel", batch=batch, actor=actor)

    def pause_message(self, job_id: str, message_id: str, *, actor: str = DEFAULT_ACTOR) -> MessageView:
        """Pause one message: it is not sent until it is resumed.

        :raises NotFoundError: no broadcast or message has this id.
        :raises ConflictError: the status of the message does not allow it.
        """
        return self._transition_message(job_id, message_id, "pause", actor=actor)

    def resume_message(self, job_id: str, message_id: str, *, actor: str = DEFAULT_ACTOR) -> MessageView:
        """Continue with one paused message.

        :raises NotFoundError: no broadcast or message has this id.
        :raises ConflictError: the message is not paused, or its broadcast has ended.
        """
        return self._transition_message(job_id, message_id, "resume", actor=actor)

    def cancel_message(self, job_id: str, message_id: str, *, actor: str = DEFAULT_ACTOR) -> MessageView:
        """Cancel one message: if it has not left, it is never sent.

        :raises NotFoundError: no broadcast or message has this id.
        :raises ConflictError: the status of the message does not allow it.
        """
        return self._transition_message(job_id, message_id, "cancel", actor=actor)

    def _transition(self, job_id: str, transition: Transition, *, batch: int | None, actor: str) -> BroadcastSummary:
        now = self.context.clock.now()

        def work(conn: Connection, row: RowMapping, changes: Changes) -> bool:
            if batch is not None:
                transitions.control_batch(conn, row, transition, batch=batch, now=now, actor=actor, changes=changes)
                return False
            match transition:
                case "pause":
                    transitions.pause_broadcast(conn, row, now=now, actor=actor)
                case "resume":
                    transitions.resume_broadcast(conn, row, now=now, actor=actor)
                case "cancel":
                    transitions.cancel_broadcast(conn, row, now=now, actor=actor)
            return transition == "cancel"

        summary = self._change(
            job_id, work, lock=batch is None, announcement=None if transition == "resume" else Announcement(batch=batch)
        )
        if transition == "resume":
            self._prepare_again(job_id)
            queue_turns(self.context, job_id)
        self.context.plugins.broadcast_changed(summary)
        return summary

    def _transition_message(self, job_id: str, message_id: str, transition: Transition, *, actor: str) -> MessageView:
        now = self.context.clock.now()

        def work(conn: Connection, row: RowMapping, changes: Changes) -> bool:
            key = message_key(row, message_id)
            message = message_store.find_message(conn, key)
            if message is None:
                raise NotFoundError("message", message_id)
            transitions.control_message(conn, row, transition, message=message, now=now, actor=actor, changes=changes)
            return False

        self._change(job_id, work)
        with self.context.database.read() as conn:
            row = broadcast_row(conn, job_id)
            key = message_key(row, message_id)
            message = message_store.find_message(conn, key)
            if message is None:
                raise NotFoundError("message", message_id)
            [view] = message_views(self.context, conn, [message], {row["id"]: row})
        if transition == "resume":
            queue_turns(self.context, job_id)
        else:
            announcement = Announcement(broadcast=row["id"], message=key)
            announce(self.context.redis, self.context.keys, announcement)
        return view

    def retry(
        self,
        job_id: str,
        *,
        status: MessageStatus = MessageStatus.FAILED,
        code: str | None = None,
        actor: str = DEFAULT_ACTOR,
    ) -> BroadcastSummary:
        """Send failed or unknown messages again.

        :param status: the status of the messages: failed or unknown.
        :param code: only messages that ended with this reason.
        :raises NotFoundError: no broadcast has this id.
        :raises ConflictError: the broadcast was cancelled, or its audience could not be read.
        """

        def work(conn: Connection, row: RowMapping, changes: Changes) -> bool:
            now = self.context.clock.now()
            transitions.retry_broadcast(conn, row, status=status, code=code, now=now, actor=actor, changes=changes)
            return False

        summary = self._change(job_id, work)
        queue_turns(self.context, job_id)
        self.context.plugins.broadcast_changed(summary)
        return summary

    def reschedule(
        self, job_id: str, patch: BroadcastPatch | Mapping[str, Any], *, actor: str = DEFAULT_ACTOR
    ) -> BroadcastSummary:
        """Change the time or the name of a broadcast that has not started.

        :raises NotFoundError: no broadcast has this id.
        :raises InvalidInputError: the patch is not valid.
        :raises ConflictError: the broadcast has started.
        """
        patch = patch if isinstance(patch, BroadcastPatch) else parse_model(BroadcastPatch, patch)

        def work(conn: Connection, row: RowMapping, _: Changes) -> bool:
            transitions.reschedule_broadcast(
                conn,
                row,
                name=patch.name,
                scheduled_at=as_timestamp(patch.scheduled_at),
                now=self.context.clock.now(),
                actor=actor,
            )
            return False

        summary = self._change(job_id, work, lock=True)
        self._prepare_again(job_id)
        self.context.plugins.broadcast_changed(summary)
        return summary

    def _notify_changed(self, keys: Iterable[int]) -> None:
        """Notify the plugins that broadcasts have a new status.

        :param keys: the store's ids of the broadcasts.
        """
        for key in keys:
            summary = self._summary(key)
            if summary.purpose is not Purpose.TEST:
                self.context.plugins.broadcast_changed(summary)

    def _change(
        self,
        job_id: str,
        work: Callable[[Connection, RowMapping, Changes], bool],
        *,
        lock: bool = False,
        announcement: Announcement | None = None,
    ) -> BroadcastSummary:
        """Change a broadcast in one transaction, then announce the change to the turns.

        :param work: makes the change; returns whether the broadcast's open messages must be swept afterwards.
        :param lock: whether to lock the broadcast's row. Not if messages are changed: workers lock those first, so
            the opposite order would deadlock.
        :param announcement: the announcement, without the broadcast's id.
        """

        def transaction(conn: Connection) -> tuple[int, bool]:
            changes = Changes()
            row = broadcast_row(conn, job_id, lock=lock)
            more = work(conn, row, changes)
            broadcast_store.apply_changes(conn, changes, now=self.context.clock.now())
            return row["id"], more

        key, more = self.context.database.transact(transaction)
        if announcement is not None:
            complete = Announcement(broadcast=key, batch=announcement.batch, message=announcement.message)
            announce(self.context.redis, self.context.keys, complete)
        if more:
            sweep_messages(self.context, key)
        return self._summary(key)

    def _prepare_again(self, job_id: str) -> None:
        """Queue the preparation again if the audience has not been read to its end."""
        with self.context.database.read() as conn:
            row = broadcast_row(conn, job_id)
        if not row["prepared"]:
            queue_preparation(self.context, row["id"], self._summary(row["id"]))

    def _summary(self, key: int) -> BroadcastSummary:
        return broadcast_summary(self.context.database, key)
