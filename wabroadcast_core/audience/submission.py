"""Submission of a broadcast: everything that can be checked at once is checked, then it is stored, then answered."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from wabroadcast_core.audience.callback_address import callback_faults, reported_events
from wabroadcast_core.audience.capabilities import (
    default_connections,
    deleted_upload,
    find_capabilities,
    inspect_uploads,
    no_upload,
    upload_faults,
)
from wabroadcast_core.audience.inline_recipients import (
    FLUSH_LINES,
    INLINE_TYPE,
    AnyRecipient,
    in_blocks,
    recipient_faults,
    recipient_lines,
)
from wabroadcast_core.audience.media_address import address_faults
from wabroadcast_core.audience.sources import file_variables, open_source
from wabroadcast_core.context import Context
from wabroadcast_core.errors import ConflictError, Fault, InvalidInputError, KeyUsedError, NotFoundError, TemplateError
from wabroadcast_core.models.base import as_timestamp, parse_model
from wabroadcast_core.models.broadcast import BroadcastDraft, find_past_start
from wabroadcast_core.models.callback import CallbackEvent
from wabroadcast_core.models.message import Content
from wabroadcast_core.models.status import BroadcastStatus, Purpose
from wabroadcast_core.rendering.content import CompiledContent, compile_content
from wabroadcast_core.rendering.errors import list_names
from wabroadcast_core.rendering.placeholders import check_placeholders
from wabroadcast_core.sentences import Sentence, sentence_of
from wabroadcast_core.store import audit_log
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import retention as retention_store
from wabroadcast_core.store import uploads as upload_store
from wabroadcast_core.store.host_transaction import Transactions
from wabroadcast_core.store.uploads import store_upload


@dataclass(frozen=True, slots=True)
class Submitted:
    """The result of a submit."""

    key: int
    """The database id of the broadcast."""
    new: bool
    """Whether it was stored now; false if the idempotency key was used for it before."""
    connection_ids: list[int]


TWO_AUDIENCES = Sentence("two_audiences", "both recipients and source are given: leave one of them out")
NO_AUDIENCE = Sentence("no_audience", "neither recipients nor source is given: give one of them")


class Submission:
    """Checks and stores broadcasts.

    :param new_id: creates ids of jobs and uploads.
    :param stored_in: a transaction of a host to store in; by default each submit has transactions of its own.
    """

    def __init__(self, context: Context, *, new_id: Callable[[], str], stored_in: Transactions | None = None) -> None:
        self._context = context
        self._database: Transactions = stored_in or context.database
        self._new_id = new_id

    def submit(
        self,
        draft: BroadcastDraft | Mapping[str, Any],
        recipients: Iterable[AnyRecipient] | None,
        *,
        idempotency_key: str | None,
        actor: str,
        purpose: Purpose = Purpose.BROADCAST,
        stored: Callable[[Connection, int], None] | None = None,
    ) -> Submitted:
        """Check and store a broadcast.

        :param recipients: the inline audience; None if the draft has a ``source``.
        :param idempotency_key: a second submit with the same key and body returns the first broadcast.
        :param actor: who submits it, for the audit log.
        :param purpose: a rehearsal reports nothing by callbacks.
        :param stored: called with the id of a new broadcast in its transaction, which an exception rolls back.
        :raises InvalidInputError: the draft or a recipient is invalid; all faults are named.
        :raises TemplateError: the text of the message is not a valid template.
        :raises KeyUsedError: the key was used for another body before.
        """
        draft, pool = self._read(draft, recipients, idempotency_key=idempotency_key)
        digest = hashlib.sha256(draft.model_dump_json().encode())
        upload_id = None
        if recipients is not None:
            upload_id = self._store_recipients(recipients, digest, message=draft.message)
            draft = draft.model_copy(update={"source": {"type": "inline", "uploadId": upload_id}})
        draft = draft.model_copy(update={"connection": list(pool)})

        def insert(conn: Connection) -> Submitted:
            first = find_first(conn, idempotency_key, fingerprint=digest.hexdigest())
            if first is not None:
                return Submitted(first["id"], new=False, connection_ids=list(pool.values()))
            values = {"idempotency_key": idempotency_key, "fingerprint": digest.hexdigest(), "purpose": purpose}
            made = self._insert(conn, draft, pool, values, actor=actor)
            if stored is not None:
                stored(conn, made.key)
            return made

        return self._insert_or_discard(insert, upload_id)

    def _insert_or_discard(self, insert: Callable[[Connection], Submitted], upload_id: str | None) -> Submitted:
        """Store a broadcast; delete the upload of its recipients if there is no new broadcast that needs it."""
        try:
            submitted = self.insert_once(insert)
        except (ConflictError, InvalidInputError):
            self._discard(upload_id)
            raise
        if not submitted.new:
            self._discard(upload_id)
        return submitted

    def insert_once(self, insert: Callable[[Connection], Submitted]) -> Submitted:
        """Run a transaction that stores a broadcast unless one with its idempotency key is stored."""
        try:
            return self._database.transact(insert)
        except IntegrityError:  # a submit with the same key was stored at the same time
            return self._database.transact(insert)

    # --- checking ----------------------------------------------------------------------------------------------

    def _read(
        self,
        draft: BroadcastDraft | Mapping[str, Any],
        recipients: Iterable[AnyRecipient] | None,
        *,
        idempotency_key: str | None,
    ) -> tuple[BroadcastDraft, dict[str, int]]:
        """Read and check what is submitted.

        :returns: the draft, and the ids of the pool's connections by name.
        :raises InvalidInputError: the draft is invalid; all faults are named, and those of the recipients too.
        """
        try:
            draft = draft if isinstance(draft, BroadcastDraft) else parse_model(BroadcastDraft, draft)
            pool = self.check(draft, has_recipients=recipients is not None, idempotency_key=idempotency_key)
        except InvalidInputError as error:
            raise InvalidInputError([*error.faults, *recipient_faults(recipients or ())]) from error
        return draft, pool

    def check(
        self, draft: BroadcastDraft, *, has_recipients: bool, idempotency_key: str | None = None
    ) -> dict[str, int]:
        """Check a draft.

        :param has_recipients: whether it is submitted with inline recipients.
        :param idempotency_key: the key of its submit: a repeated one is answered, though its start is over.
        :returns: the ids of the pool's connections by name.
        :raises InvalidInputError: the draft is invalid; all faults are named.
        :raises TemplateError: only the text of the message is invalid.
        """
        faults = list(self._audience_faults(draft, has_recipients=has_recipients))
        pool, pool_faults = self._find_pool(draft)
        faults += pool_faults
        faults += self._start_faults(draft, idempotency_key)
        faults += address_faults(draft.message)
        faults += callback_faults(draft, self._context.settings)
        try:
            content = compile_content(draft.message)
            names = None if faults or draft.source is None else file_variables(self._context, draft.source)
            check_placeholders(draft.message, names or ())
            faults += _unknown_variables(content, names)
        except TemplateError as error:
            if not faults:
                raise
            faults.append(Fault("message", sentence_of(error)))
        faults += self._capability_faults(draft, list(pool))
        if faults:
            raise InvalidInputError(faults)
        return pool

    def _audience_faults(self, draft: BroadcastDraft, *, has_recipients: bool) -> Iterator[Fault]:
        if has_recipients and draft.source is not None:
            yield Fault("recipients", TWO_AUDIENCES)
        elif not has_recipients and draft.source is None:
            yield Fault("recipients", NO_AUDIENCE)
        elif draft.source is not None:
            yield from self._source_faults(draft.source)

    def _start_faults(self, draft: BroadcastDraft, idempotency_key: str | None) -> Iterator[Fault]:
        fault = find_past_start(as_timestamp(draft.scheduled_at), now=self._context.clock.now())
        if fault is None:
            return
        with self._context.database.read() as conn:
            if idempotency_key is None or broadcast_store.find_submission(conn, idempotency_key) is None:
                yield fault

    def _source_faults(self, source: Mapping[str, Any]) -> Iterator[Fault]:
        try:
            open_source(self._context, source)
        except NotFoundError as error:
            yield Fault("source.type", sentence_of(error))
            return
        except InvalidInputError as error:
            yield from error.faults
            return
        upload_id = source.get("uploadId")
        if isinstance(upload_id, str):
            with self._context.database.read() as conn:
                if upload_store.find_upload(conn, upload_id) is None:
                    yield Fault("source.uploadId", no_upload(upload_id))

    def _find_pool(self, draft: BroadcastDraft) -> tuple[dict[str, int], list[Fault]]:
        with self._context.database.read() as conn:
            names = draft.pool or default_connections(self._context, conn)
            keys = connection_store.connection_keys(conn, names)
        if not names:
            text = "no connection exists yet: create one with `wabroadcast connections set`"
            return {}, [Fault("connection", Sentence("no_connection_yet", text))]
        if not draft.pool and len(names) != 1:
            text = (
                "several connections exist: name one of {names}, or choose the default one"
                " with `wabroadcast connections default`"
            )
            return {}, [Fault("connection", Sentence("which_connection", text, names=", ".join(names)))]
        missing = [name for name in names if name not in keys]
        text = "there is no connection {name!r}"
        faults = [Fault("connection", Sentence("no_connection", text, name=name)) for name in missing]
        return {name: keys[name] for name in names if name in keys}, faults

    def _capability_faults(self, draft: BroadcastDraft, names: Sequence[str]) -> Iterator[Fault]:
        senders, faults = find_capabilities(self._context, names)
        yield from faults
        uploads = inspect_uploads(self._context, draft.message)
        yield from upload_faults(draft.message, uploads)
        for sender in senders:
            yield from sender.faults(draft.message, uploads)

    # --- storing -----------------------------------------------------------------------------------------------

    def _store_recipients(
        self, recipients: Iterable[AnyRecipient], digest: "hashlib._Hash", *, message: Content
    ) -> str:
        """Store inline recipients as an upload with one JSON document per line.

        :param digest: is updated with the lines.
        :param message: is checked for variables of the recipients in the marks of other tools.
        :returns: the id of the upload.
        :raises InvalidInputError: a recipient is invalid, or there is none.
        :raises TemplateError: the message has such a placeholder.
        """
        now = self._context.clock.now()
        variables: set[str] = set()
        with store_upload(self._database, self._new_id(), now=now, content_type=INLINE_TYPE) as writer:
            for lines in in_blocks(recipient_lines(recipients, variables), FLUSH_LINES):
                digest.update(lines)
                writer.write(lines)
            _refuse_empty(writer.size)
            check_placeholders(message, variables)
        return writer.key

    def _insert(
        self, conn: Connection, draft: BroadcastDraft, pool: Mapping[str, int], values: dict[str, Any], *, actor: str
    ) -> Submitted:
        """Store a new broadcast.

        :param values: further columns of its row.
        """
        now = self._context.clock.now()
        lock_uploads(conn, draft)
        starts_at, held_until = _start_of(draft, now=now)
        later = starts_at is not None and starts_at > now
        is_reported = values["purpose"] == Purpose.BROADCAST
        reported = reported_events(draft, self._context.settings) if is_reported else ()
        values |= {
            **columns_of(draft, job_id=self._new_id(), now=now),
            "status": BroadcastStatus.SCHEDULED if later else BroadcastStatus.QUEUED,
            "scheduled_at": starts_at,
            "held_until": held_until,
            "reports_changes": CallbackEvent.BROADCAST_CHANGED in reported,
            "reports_results": CallbackEvent.MESSAGE_RESULTS in reported,
        }
        row_id = broadcast_store.insert_broadcast(conn, values, connection_ids=pool.values())
        action = "rehearse" if values["purpose"] == Purpose.REHEARSAL else "submit"
        audit_log.record_action(conn, action=action, actor=actor, now=now, broadcast_id=row_id)
        return Submitted(row_id, new=True, connection_ids=list(pool.values()))

    def _discard(self, upload_id: str | None) -> None:
        if upload_id is not None:
            with self._database.write() as conn:
                upload_store.delete_upload(conn, upload_id)


def columns_of(draft: BroadcastDraft, *, job_id: str, now: float) -> dict[str, Any]:
    """Return what the row of every new broadcast has."""
    return {
        "job_id": job_id,
        "name": draft.name,
        "rank": draft.priority.rank,
        "draft": draft.model_dump_json(),
        "created_at": now,
    }


def find_first(conn: Connection, idempotency_key: str | None, *, fingerprint: str) -> RowMapping | None:
    """Return the row of the broadcast that was submitted with this key before, or None.

    :param fingerprint: of the body.
    :raises KeyUsedError: the key was used for another body.
    """
    first = None if idempotency_key is None else broadcast_store.find_submission(conn, idempotency_key)
    if first is not None and first["fingerprint"] != fingerprint:
        raise KeyUsedError
    return first


def _start_of(draft: BroadcastDraft, *, now: float) -> tuple[float | None, float | None]:
    """Return when a broadcast starts, and when its hold ends, if it starts only then."""
    scheduled_at, held_until = as_timestamp(draft.scheduled_at), now + draft.hold_seconds
    if not draft.hold_seconds or (scheduled_at is not None and scheduled_at >= held_until):
        return scheduled_at, None
    return held_until, held_until


def lock_uploads(conn: Connection, draft: BroadcastDraft) -> None:
    """Keep the uploads of a draft from being deleted before the broadcast that needs them is stored.

    :raises InvalidInputError: one was deleted since the draft was checked.
    """
    for upload_id in sorted(retention_store.uploads_named(draft.model_dump_json())):
        if not upload_store.lock_upload(conn, upload_id):
            path = "source.uploadId" if upload_id == (draft.source or {}).get("uploadId") else "message"
            raise InvalidInputError([Fault(path, deleted_upload(upload_id))])


def _unknown_variables(content: CompiledContent, names: Sequence[str] | None) -> Iterator[Fault]:
    """Yield a fault for each variable of the message that no recipient has.

    :param names: the variables of the audience; None if they are not known.
    """
    for name in content.find_unknown(names) if names is not None else ():
        text = "there is no {name}; there are {names}"
        yield Fault("message", Sentence("no_variable", text, name=name, names=list_names(names or ())))


def _refuse_empty(size: int) -> None:
    if not size:
        empty = Sentence("no_recipients", "the list is empty: give at least one recipient")
        raise InvalidInputError([Fault("recipients", empty)])
