"""Use cases of broadcasts: submit, preview, list, pause, resume, cancel, retry, reschedule; their messages."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.audience.preview import Previewing
from wabroadcast_core.audience.submission import AnyRecipient, Submission
from wabroadcast_core.context import Context
from wabroadcast_core.control import transitions
from wabroadcast_core.control.announcements import Announcement, announce
from wabroadcast_core.errors import NotFoundError, UnavailableError
from wabroadcast_core.models.base import as_timestamp
from wabroadcast_core.models.broadcast import (
    BroadcastDetail,
    BroadcastDraft,
    BroadcastPatch,
    BroadcastProgress,
    BroadcastSummary,
)
from wabroadcast_core.models.message import MessageView
from wabroadcast_core.models.page import CursorPage, Page
from wabroadcast_core.models.preview import Preview
from wabroadcast_core.models.status import BroadcastStatus, MessageStatus, Priority
from wabroadcast_core.services.views import detail_of, message_view, progress_of, summary_of
from wabroadcast_core.store import audit_log
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import messages as message_store
from wabroadcast_core.store.messages import Changes

Act: TypeAlias = Literal["pause", "resume", "cancel"]


class BroadcastBook:
    """What :class:`Broadcaster` offers for broadcasts and their messages, where it is said what each method raises."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._submission = Submission(context, new_id=lambda: str(uuid.uuid4()))

    # --- taking them in ----------------------------------------------------------------------------------------

    def submit(
        self,
        draft: BroadcastDraft | Mapping[str, Any],
        recipients: Iterable[AnyRecipient] | None,
        *,
        idempotency_key: str | None,
        actor: str,
    ) -> BroadcastSummary:
        taken = self._submission.take(draft, recipients, idempotency_key=idempotency_key, actor=actor)
        summary = self._summary(taken.key)
        if taken.new:
            self._context.plugins.broadcast_changed(summary)
            self._context.wakes.prepare(taken.key, rank=summary.priority.rank, at=_later(summary))
        return summary

    def preview(
        self, draft: BroadcastDraft | Mapping[str, Any], recipients: Iterable[AnyRecipient] | None, *, seconds: float
    ) -> Preview:
        return Previewing(self._context, self._submission).preview(draft, recipients, seconds=seconds)

    # --- looking at them ---------------------------------------------------------------------------------------

    def status(self, job_id: str) -> BroadcastProgress:
        with self._context.database.read() as conn:
            row = _found(conn, job_id)
            skips = broadcast_store.skips_of(conn, row["id"])
        return progress_of(row, skips=skips, now=self._context.clock.now())

    def get(self, job_id: str) -> BroadcastDetail:
        with self._context.database.read() as conn:
            row = _found(conn, job_id)
            skips = broadcast_store.skips_of(conn, row["id"])
            acts = audit_log.acts_on(conn, row["id"])
            pool = broadcast_store.pools_of(conn, [row["id"]])[row["id"]]
        return detail_of(row, pool, skips=skips, acts=acts)

    def list(
        self,
        *,
        status: BroadcastStatus | None,
        priority: Priority | None,
        connection: str | None,
        query: str | None,
        page: int,
        page_size: int,
    ) -> Page[BroadcastSummary]:
        with self._context.database.read() as database:
            rows, total = broadcast_store.list_broadcasts(
                database,
                status=status,
                rank=None if priority is None else priority.rank,
                connection_name=connection,
                query=query,
                offset=(page - 1) * page_size,
                limit=page_size,
            )
            pools = broadcast_store.pools_of(database, [row["id"] for row in rows])
        items = [summary_of(row, pools[row["id"]]) for row in rows]
        return Page(items=items, total=total, page=page, page_size=page_size)

    def messages(
        self,
        job_id: str,
        *,
        status: MessageStatus | None,
        reason: str | None,
        query: str | None,
        cursor: str | None,
        limit: int,
    ) -> CursorPage[MessageView]:
        with self._context.database.read() as conn:
            row = _found(conn, job_id)
            after = None if cursor is None else _message_key(row, cursor)
            rows = message_store.list_messages(
                conn, row["id"], status=status, reason=reason, query=query, after=after, limit=limit + 1
            )
            names = _connection_names(conn)
        views = [message_view(message, job_id=job_id, connections=names) for message in rows[:limit]]
        return CursorPage(items=views, next_cursor=views[-1].message_id if len(rows) > limit else None)

    # --- steering them -----------------------------------------------------------------------------------------

    def transition(self, job_id: str, act: Act, *, batch: int | None, actor: str) -> BroadcastSummary:
        """Pause, resume or cancel a broadcast, or one batch of it."""
        now = self._context.clock.now()

        def work(conn: Connection, row: RowMapping, changes: Changes) -> bool:
            if batch is not None:
                transitions.control_batch(conn, row, act, batch=batch, now=now, actor=actor, changes=changes)
                return False
            match act:
                case "pause":
                    transitions.pause_broadcast(conn, row, now=now, actor=actor)
                case "resume":
                    transitions.resume_broadcast(conn, row, now=now, actor=actor)
                case "cancel":
                    transitions.cancel_broadcast(conn, row, now=now, actor=actor)
            return act == "cancel"

        summary = self._change(
            job_id, work, lock=batch is None, news=None if act == "resume" else Announcement(batch=batch)
        )
        if act == "resume":
            self._prepare_again(job_id)
            self._wake(job_id)
        self._context.plugins.broadcast_changed(summary)
        return summary

    def transition_message(self, job_id: str, message_id: str, act: Act, *, actor: str) -> MessageView:
        """Pause, resume or cancel one message."""
        now = self._context.clock.now()

        def work(conn: Connection, row: RowMapping, changes: Changes) -> bool:
            key = _message_key(row, message_id)
            message = message_store.find_message(conn, key)
            if message is None:
                raise NotFoundError("message", message_id)
            transitions.control_message(conn, row, act, message=message, now=now, actor=actor, changes=changes)
            return False

        position = _position(message_id)
        summary = self._change(job_id, work)
        with self._context.database.read() as conn:
            row = _found(conn, summary.job_id)
            key = message_store.message_key(row["id"], position)
            message = message_store.find_message(conn, key)
            names = _connection_names(conn)
        if act == "resume":
            self._wake(job_id)
        else:
            news = Announcement(broadcast=row["id"], message=key)
            announce(self._context.redis, self._context.keys, news)
        if message is None:
            raise NotFoundError("message", message_id)
        return message_view(message, job_id=job_id, connections=names)

    def retry(self, job_id: str, *, status: MessageStatus, code: str | None, actor: str) -> BroadcastSummary:
        def work(conn: Connection, row: RowMapping, changes: Changes) -> bool:
            now = self._context.clock.now()
            transitions.retry_broadcast(conn, row, status=status, code=code, now=now, actor=actor, changes=changes)
            return False

        summary = self._change(job_id, work)
        self._wake(job_id)
        self._context.plugins.broadcast_changed(summary)
        return summary

    def reschedule(self, job_id: str, patch: BroadcastPatch, *, actor: str) -> BroadcastSummary:
        def work(conn: Connection, row: RowMapping, _: Changes) -> bool:
            transitions.reschedule_broadcast(
                conn,
                row,
                name=patch.name,
                scheduled_at=as_timestamp(patch.scheduled_at),
                now=self._context.clock.now(),
                actor=actor,
            )
            return False

        summary = self._change(job_id, work, lock=True)
        self._prepare_again(job_id)
        self._context.plugins.broadcast_changed(summary)
        return summary

    def tell_changed(self, keys: Iterable[int]) -> None:
        """Tell the plugins that these broadcasts have a new status."""
        for key in keys:
            self._context.plugins.broadcast_changed(self._summary(key))

    def _change(
        self,
        job_id: str,
        work: Callable[[Connection, RowMapping, Changes], bool],
        *,
        lock: bool = False,
        news: Announcement | None = None,
    ) -> BroadcastSummary:
        """Change a broadcast in one transaction, then tell the turns.

        :param work: says whether its open messages are to be swept then.
        :param lock: hold the broadcast's row meanwhile; not where messages are changed: workers lock these first.
        """

        def transaction(conn: Connection) -> tuple[int, bool]:
            changes: Changes = Counter()
            row = _found(conn, job_id, lock=lock)
            more = work(conn, row, changes)
            broadcast_store.apply_changes(conn, changes, now=self._context.clock.now())
            return row["id"], more

        key, more = self._context.database.transact(transaction)
        if news is not None:
            told = Announcement(broadcast=key, batch=news.batch, message=news.message)
            announce(self._context.redis, self._context.keys, told)
        if more:
            self._sweep(key)
        return self._summary(key)

    def _sweep(self, key: int) -> None:
        """Close what an ended broadcast left open: as much as one transaction takes at once, the rest in a worker."""
        try:
            more = transitions.sweep_some(self._context.database, key, now=self._context.clock.now())
        except UnavailableError:  # it has ended all the same: recover sweeps
            more = True
        if more:
            self._context.wakes.sweep(key)

    def _wake(self, job_id: str) -> None:
        """Have the broadcast's connections look at once."""
        with self._context.database.read() as conn:
            row = _found(conn, job_id)
            pool = broadcast_store.pools_of(conn, [row["id"]])[row["id"]]
            keys = connection_store.connection_keys(conn, pool)
        for key in keys.values():
            self._context.wakes.turn(key, rank=row["rank"])

    def _prepare_again(self, job_id: str) -> None:
        """Put an audience that is still to be read back into the queue."""
        with self._context.database.read() as conn:
            row = _found(conn, job_id)
        if not row["prepared"]:
            self._context.wakes.prepare(row["id"], rank=row["rank"], at=_later(self._summary(row["id"])))

    def _summary(self, key: int) -> BroadcastSummary:
        with self._context.database.read() as conn:
            row = broadcast_store.get_broadcast(conn, key)
            pool = broadcast_store.pools_of(conn, [key])[key]
        if row is None:
            raise NotFoundError("broadcast", str(key))
        return summary_of(row, pool)


def _later(summary: BroadcastSummary) -> float | None:
    return as_timestamp(summary.scheduled_at) if summary.status == BroadcastStatus.SCHEDULED else None


def _found(conn: Connection, job_id: str, *, lock: bool = False) -> RowMapping:
    row = broadcast_store.find_broadcast(conn, job_id, lock=lock)
    if row is None:
        raise NotFoundError("broadcast", job_id)
    return row


def _position(message_id: str) -> int:
    position = message_store.read_position(message_id.rpartition("-")[2])
    if position is None:
        raise NotFoundError("message", message_id)
    return position


def _message_key(row: RowMapping, message_id: str) -> int:
    """:raises NotFoundError: the id is not of this broadcast."""
    if message_id.rpartition("-")[0] != row["job_id"]:
        raise NotFoundError("message", message_id)
    return message_store.message_key(row["id"], _position(message_id))


def _connection_names(conn: Connection) -> dict[int, str]:
    return {row["id"]: row["name"] for row in connection_store.list_connections(conn)}
