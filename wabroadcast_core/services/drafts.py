"""Use cases of drafts: create, list, change, delete and submit them; copy a broadcast into one."""

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from wabroadcast_core.audience.inline_recipients import (
    FLUSH_LINES,
    INLINE_TYPE,
    AnyRecipient,
    in_blocks,
    recipient_lines,
)
from wabroadcast_core.audience.submission import TWO_AUDIENCES, Submission
from wabroadcast_core.context import Context
from wabroadcast_core.errors import (
    ConflictError,
    Fault,
    InputError,
    InvalidInputError,
    NotFoundError,
    VersionConflictError,
)
from wabroadcast_core.models.activity import ActObject
from wabroadcast_core.models.base import DEFAULT_ACTOR, parse_model
from wabroadcast_core.models.broadcast import BroadcastDraft, BroadcastSummary
from wabroadcast_core.models.draft import DraftFields, DraftView, ListedDraft
from wabroadcast_core.models.draft_preview import DraftPreview, Precedents
from wabroadcast_core.models.page import Page
from wabroadcast_core.rendering.placeholders import check_placeholders
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.services.broadcast_work import begin_work
from wabroadcast_core.services.draft_fields import (
    fields_of_broadcast,
    listed_draft,
    read_fields,
    short_list_of,
    view_of,
)
from wabroadcast_core.services.draft_previews import DraftPreviews
from wabroadcast_core.services.draft_rows import add_draft, delete_unneeded, write_draft
from wabroadcast_core.services.lookups import broadcast_row, broadcast_summary
from wabroadcast_core.services.precedents import find_precedents
from wabroadcast_core.store import audit_log
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import drafts as draft_store
from wabroadcast_core.store import uploads as upload_store
from wabroadcast_core.store.retention import uploads_named
from wabroadcast_core.store.uploads import store_upload

ANY_VERSION: Final = frozenset[int]()
"""Whatever version the draft has: what another person changed is overwritten."""
ACT_SECONDS = 600.0  # changes of one person within this time after the last one are one act of the activity

Draft = DraftFields | Mapping[str, Any]


class Drafts:
    """``broadcaster.drafts``: broadcasts that are being written. They send nothing.

    A draft has a version, which grows with each change. A change names the versions that it may replace, so that two
    people never overwrite each other's work without knowing.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    # --- read --------------------------------------------------------------------------------------------------

    def get(self, draft_id: str) -> DraftView:
        """Return a draft.

        :raises NotFoundError: no draft has this id.
        """
        with self._context.database.read() as conn:
            row = _row_of(conn, draft_id)
        return view_of(self._context.database, row)

    def list(
        self,
        *,
        owner: str | None = None,
        query: str | None = None,
        submitted: bool = False,
        page: int = 1,
        page_size: int = 50,
    ) -> Page[ListedDraft]:
        """Return a page of drafts, the one that was changed last first.

        :param query: part of a name.
        :param submitted: those that were submitted too.
        """
        with self._context.database.read() as conn:
            rows, total = draft_store.list_drafts(
                conn, owner=owner, query=query, submitted=submitted, offset=(page - 1) * page_size, limit=page_size
            )
        return Page(items=[listed_draft(row) for row in rows], total=total, page=page, page_size=page_size)

    def count(self, *, query: str | None = None) -> int:
        """Return how many drafts :meth:`list` finds that were not submitted.

        :param query: part of a name.
        """
        with self._context.database.read() as conn:
            return draft_store.count_drafts(conn, query=query)

    def preview(
        self, draft: DraftView, *, seconds: float = 20.0, place: int = 1, reason: str | None = None
    ) -> DraftPreview:
        """Return what a submit of a draft would do, even while it is unfinished. Nothing is stored or sent.

        :param draft: as it was read.
        :param seconds: the longest time to read the audience; after it, the preview has the counts so far.
        :param place: of the person whose message is shown, among those who get one, from 1.
        :param reason: why the people who are listed get no message, or ``sendable``; None: no list.
        """
        submission = Submission(self._context, new_id=lambda: str(uuid.uuid4()))
        return DraftPreviews(self._context, submission, seconds=seconds).of(draft, place=place, reason=reason)

    def precedents(self, draft_id: str) -> Precedents:
        """Return what was sent before a draft: the largest broadcast, and one that is the same.

        :raises NotFoundError: no draft has this id.
        """
        with self._context.database.read() as conn:
            fields = read_fields(_row_of(conn, draft_id))
            return find_precedents(conn, fields, now=self._context.clock.now())

    # --- write -------------------------------------------------------------------------------------------------

    def create(
        self,
        draft: Draft,
        recipients: Iterable[AnyRecipient] | None = None,
        *,
        draft_id: str | None = None,
        actor: str = DEFAULT_ACTOR,
    ) -> DraftView:
        """Create a draft; ``actor`` becomes its owner.

        :param recipients: the inline audience, if there is one.
        :param draft_id: its id, a UUID, so that a repeated call finds the draft of the first; by default a new one.
        :raises InvalidInputError: a field is unknown or of a wrong type, or a recipient is not valid.
        :raises ConflictError: a draft has this id.
        """
        fields, draft_id = _parse(draft), draft_id or str(uuid.uuid4())

        def store(conn: Connection, complete: DraftFields) -> RowMapping:
            now = self._context.clock.now()
            if draft_store.find_draft(conn, draft_id) is not None:
                raise _draft_exists(draft_id)
            add_draft(conn, draft_id, complete, actor=actor, now=now)
            _record(conn, "create", draft_id, actor=actor, now=now)
            return _row_of(conn, draft_id)

        try:
            return view_of(self._context.database, self._store(fields, recipients, store))
        except IntegrityError:  # another call has stored a draft with this id at the same time
            raise _draft_exists(draft_id) from None

    def save(
        self,
        draft_id: str,
        draft: Draft,
        recipients: Iterable[AnyRecipient] | None = None,
        *,
        versions: Collection[int],
        actor: str = DEFAULT_ACTOR,
    ) -> DraftView:
        """Replace a draft as a whole.

        :param recipients: the inline audience, if there is one.
        :param versions: those that may be replaced: as a rule the one that was read. Or :data:`ANY_VERSION`.
        :raises NotFoundError: no draft has this id.
        :raises VersionConflictError: it has another version; the error has both.
        :raises ConflictError: it was submitted.
        :raises InvalidInputError: a field is unknown or of a wrong type, or a recipient is not valid.
        """
        fields = _parse(draft)

        def store(conn: Connection, complete: DraftFields) -> RowMapping:
            now = self._context.clock.now()
            row = _row_of(conn, draft_id, lock=True)
            _check_open(row)
            _check_version(row, versions)
            write_draft(conn, draft_id, complete, actor=actor, now=now)
            if row["changed_by"] != actor or row["changed_at"] < now - ACT_SECONDS:
                _record(conn, "change", draft_id, actor=actor, now=now)
            return _row_of(conn, draft_id)

        try:
            row = self._store(fields, recipients, store)
        except _OtherVersionError:
            raise self._conflict(draft_id, sent=fields) from None
        self._delete_old_lists(row)
        return view_of(self._context.database, row)

    def delete(self, draft_id: str, *, versions: Collection[int] = ANY_VERSION, actor: str = DEFAULT_ACTOR) -> None:
        """Delete a draft with its files, except for those that a broadcast or another draft needs.

        :param versions: those that may be deleted; by default any.
        :raises NotFoundError: no draft has this id.
        :raises VersionConflictError: it has another version.
        """

        def transaction(conn: Connection) -> set[str]:
            row = _row_of(conn, draft_id, lock=True)
            _check_version(row, versions)
            files = {*draft_store.uploads_of(conn, draft_id), *uploads_named(row["fields"])}
            draft_store.delete_draft(conn, draft_id)
            _record(conn, "delete", draft_id, actor=actor, now=self._context.clock.now())
            return files

        try:
            files = self._context.database.transact(transaction)
        except _OtherVersionError:
            raise self._conflict(draft_id) from None
        for upload_id in sorted(files):
            delete_unneeded(self._context.database, upload_id)

    def copy(self, job_id: str, *, actor: str = DEFAULT_ACTOR) -> DraftView:
        """Copy a broadcast into a new draft: all that was submitted, except for a start that is over.

        :raises NotFoundError: no broadcast has this id.
        """
        draft_id = str(uuid.uuid4())

        def transaction(conn: Connection) -> None:
            now = self._context.clock.now()
            add_draft(conn, draft_id, fields_of_broadcast(broadcast_row(conn, job_id), now=now), actor=actor, now=now)
            _record(conn, "create", draft_id, actor=actor, now=now, detail=say("copied", job_id=job_id))

        self._context.database.transact(transaction)
        return self.get(draft_id)

    # --- submit ------------------------------------------------------------------------------------------------

    def submit(
        self,
        draft_id: str,
        *,
        versions: Collection[int] = ANY_VERSION,
        hold_seconds: float | None = None,
        actor: str = DEFAULT_ACTOR,
    ) -> BroadcastSummary:
        """Submit a draft as a broadcast. A repeated submit returns the same broadcast.

        :param versions: those that may be submitted: as a rule the one that was reviewed; by default any.
        :param hold_seconds: delays the start, so that it can be undone; by default that of the draft.
        :raises NotFoundError: no draft has this id.
        :raises VersionConflictError: it has another version, or another one was submitted.
        :raises InvalidInputError: a field is missing or not valid.
        :raises TemplateError: a text of the message is not a valid template.
        """
        while True:
            with self._context.database.read() as conn:
                row = _row_of(conn, draft_id)
            if versions and not {row["version"], row["submitted_version"]}.intersection(versions):
                raise self._conflict(draft_id)
            if row["broadcast_id"] is not None:
                return broadcast_summary(self._context.database, row["broadcast_id"])
            try:
                return self._submit(row, hold_seconds=hold_seconds, actor=actor)
            except _OtherVersionError:
                continue  # another call has changed or submitted it since it was read
            except InputError:
                if not self._is_changed(row):
                    raise

    def _is_changed(self, row: RowMapping) -> bool:
        """Return whether a draft was changed since its row was read: the list that the row names may be deleted."""
        with self._context.database.read() as conn:
            return bool(_row_of(conn, row["id"])["version"] != row["version"])

    def _submit(self, row: RowMapping, *, hold_seconds: float | None, actor: str) -> BroadcastSummary:
        fields = read_fields(row)
        if hold_seconds is not None:
            fields.hold_seconds = hold_seconds
        broadcast = parse_model(BroadcastDraft, fields.model_dump(mode="json", exclude_none=True))
        people = short_list_of(self._context.database, fields) or ()
        check_placeholders(broadcast.message, {name for person in people for name in person.variables})

        def mark(conn: Connection, broadcast_id: int) -> None:
            if not draft_store.mark_submitted(conn, row["id"], version=row["version"], broadcast_id=broadcast_id):
                raise _OtherVersionError
            broadcast_store.update_broadcast(conn, broadcast_id, draft_id=row["id"])

        submission = Submission(self._context, new_id=lambda: str(uuid.uuid4()))
        return begin_work(
            self._context, submission.submit(broadcast, None, idempotency_key=None, actor=actor, stored=mark)
        )

    # --- helpers -----------------------------------------------------------------------------------------------

    def _store(
        self,
        fields: DraftFields,
        recipients: Iterable[AnyRecipient] | None,
        store: Callable[[Connection, DraftFields], RowMapping],
    ) -> RowMapping:
        """Store the recipients as an upload, then the draft; the upload is deleted again if that fails.

        :returns: the row of the draft as it was stored: another call may change it at once.
        """
        list_id = None if recipients is None else self._store_recipients(fields, recipients)
        if list_id is not None:
            fields = fields.model_copy(update={"source": {"type": "inline", "uploadId": list_id}})
        try:
            return self._context.database.transact(lambda conn: store(conn, fields))
        except BaseException:
            if list_id is not None:
                with self._context.database.write() as conn:
                    upload_store.delete_upload(conn, list_id)
            raise

    def _store_recipients(self, fields: DraftFields, recipients: Iterable[AnyRecipient]) -> str | None:
        """Store inline recipients.

        :returns: the id of the upload; None if there is no recipient.
        """
        if fields.source is not None:
            raise InvalidInputError([Fault("recipients", TWO_AUDIENCES)])
        now = self._context.clock.now()
        database = self._context.database
        with store_upload(database, str(uuid.uuid4()), now=now, content_type=INLINE_TYPE) as writer:
            for lines in in_blocks(recipient_lines(recipients, set()), FLUSH_LINES):
                writer.write(lines)
        if not writer.size:
            writer.discard()
        return writer.key if writer.size else None

    def _delete_old_lists(self, row: RowMapping) -> None:
        """Delete the lists of recipients that a change of the draft has replaced."""
        with self._context.database.read() as conn:
            lists = draft_store.uploads_of(conn, row["id"], content_type=INLINE_TYPE)
        for list_id in sorted(set(lists) - uploads_named(row["fields"])):
            delete_unneeded(self._context.database, list_id)

    def _conflict(self, draft_id: str, *, sent: DraftFields | None = None) -> VersionConflictError:
        """Return the error for a version that the caller did not expect.

        :param sent: what the caller sent.
        """
        present = self.get(draft_id)
        return VersionConflictError(
            f"the draft was changed by {present.changed_by!r} and has version {present.version} now: compare both "
            "versions, then repeat the call with the present one",
            version=present.version,
            present=present.model_dump(mode="json"),
            sent=None if sent is None else sent.model_dump(mode="json", exclude_none=True),
        )


class _OtherVersionError(Exception):
    """The draft has another version than the caller expects."""


def _draft_exists(draft_id: str) -> ConflictError:
    return ConflictError(f"the draft {draft_id!r} exists: change it")


def _parse(draft: Draft) -> DraftFields:
    return draft if isinstance(draft, DraftFields) else parse_model(DraftFields, draft)


def _row_of(conn: Connection, draft_id: str, *, lock: bool = False) -> RowMapping:
    row = draft_store.find_draft(conn, draft_id, lock=lock)
    if row is None:
        raise NotFoundError("draft", draft_id)
    return row


def _check_open(row: RowMapping) -> None:
    if row["broadcast_id"] is not None:
        raise ConflictError(
            f"the draft was submitted as broadcast {row['job_id']}: undo that one, or copy it into a new draft"
        )


def _check_version(row: RowMapping, versions: Collection[int]) -> None:
    if versions and row["version"] not in versions:
        raise _OtherVersionError


def _record(conn: Connection, action: str, draft_id: str, *, actor: str, now: float, detail: str | None = None) -> None:
    audit_log.record_action(
        conn, action=action, actor=actor, now=now, other=ActObject.DRAFT, object_id=draft_id, detail=detail
    )
