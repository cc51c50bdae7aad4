"""Use cases of the contact book: its contacts, and the import and export of files."""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Unpack

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.audience.dry_run import file_rows, try_import
from wabroadcast_core.audience.export import export_csv
from wabroadcast_core.audience.export_workbook import export_workbook
from wabroadcast_core.audience.import_threads import ImportThreads
from wabroadcast_core.audience.imports import (
    ImportOptions,
    ReadingChoices,
    Understood,
    import_options,
    open_import_source,
)
from wabroadcast_core.audience.numbers import mask_number, parse_number
from wabroadcast_core.audience.rejected import write_rejected
from wabroadcast_core.context import Context
from wabroadcast_core.errors import FileError, NotFoundError, NumberError
from wabroadcast_core.models.activity import ActObject
from wabroadcast_core.models.base import DEFAULT_ACTOR, as_utc, parse_model
from wabroadcast_core.models.contact import (
    ContactDraft,
    ContactView,
    ErasureReport,
    ImportReport,
    ImportStatus,
    RejectedRow,
)
from wabroadcast_core.models.page import Page
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.sentences import Sentence
from wabroadcast_core.services.erasure import Erasure
from wabroadcast_core.store import audit_log
from wabroadcast_core.store import contacts as contact_store
from wabroadcast_core.store import imports as import_store
from wabroadcast_core.store import tags as tag_store
from wabroadcast_core.store.contacts import NewContact
from wabroadcast_core.store.uploads import find_upload, lock_upload

SHOWN_REJECTIONS = 20
ERRORS_PAGE = 1_000


class Contacts:
    """``broadcaster.contacts``: the contact book, with the import and export of files."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._threads = ImportThreads(context)

    def close(self) -> None:
        """Stop the imports that run in this process. A worker continues them; the rows imported so far stay."""
        self._threads.close()

    # --- imports -----------------------------------------------------------------------------------------------

    def import_file(
        self,
        upload_id: str,
        *,
        tags: Iterable[str] = (),
        dry_run: bool = False,
        wait_seconds: float = 10.0,
        actor: str = DEFAULT_ACTOR,
        **choices: Unpack[ReadingChoices],
    ) -> ImportReport:
        """Import the contacts of an uploaded CSV file or workbook.

        The import runs in this process, in a thread. If the process dies, a worker continues it.

        :param tags: tags for all contacts of the file, beside those in its tag column.
        :param dry_run: store nothing, and report what would happen.
        :param wait_seconds: the longest time to wait for the end of the import.
        :param choices: how to read the file, where automatic detection would be wrong.
        :returns: the report; its status is ``running`` if the import takes longer than ``wait_seconds``.
        :raises NotFoundError: no upload has this id.
        :raises InvalidInputError: an option is not valid.
        :raises FileError: nothing of the file can be read.
        """
        options = import_options(self._context, tags=tags, **choices)
        if dry_run:
            return self._dry_run(upload_id, options, seconds=wait_seconds)
        open_import_source(self._context, upload_id, options)
        import_id = self._store_import(upload_id, options, actor=actor)
        self._threads.start(import_id, wait_seconds=wait_seconds)
        return self.import_result(import_id)

    def import_result(self, import_id: str) -> ImportReport:
        """Return the result of an import, or its progress while it runs, as :meth:`import_file` does.

        :raises NotFoundError: no import has this id.
        :raises FileError: nothing of its file can be read.
        """
        report = self.import_report(import_id)
        if report.status == ImportStatus.FAILED and not report.rows:
            raise FileError(report.reason or Sentence("file_failed", "the file cannot be read"))
        return report

    def import_report(self, import_id: str) -> ImportReport:
        """Return the progress or the result of an import.

        :raises NotFoundError: no import has this id.
        """
        with self._context.database.read() as conn:
            row = _find_import(conn, import_id)
            understood = _understood(row)
            rejections = import_store.rejections_of(conn, import_id, limit=SHOWN_REJECTIONS)
            reasons = import_store.reasons_of(conn, import_id) if rejections else {}
        return ImportReport(
            import_id=row["id"],
            status=row["status"],
            reason=row["reason"],
            filename=row["filename"],
            rows=row["rows"],
            created=row["created"],
            updated=row["updated"],
            rejected=row["rejected"],
            reasons=reasons,
            rejections=[
                RejectedRow(
                    row=at["row"],
                    column=at["column"],
                    reason=at["reason"],
                )
                for at in rejections
            ],
            columns=understood.columns,
            reading=understood.reading,
            notes=understood.notes,
            created_at=as_utc(row["created_at"]),
            finished_at=as_utc(row["finished_at"]),
        )

    def import_errors(self, import_id: str) -> Iterator[bytes]:
        """Stream the rejected rows as CSV, each with its row number and the reason.

        :raises NotFoundError: no import has this id.
        """
        with self._context.database.read() as conn:
            row = _find_import(conn, import_id)
        return write_rejected(self._rejections(import_id), _understood(row).titles)

    def _rejections(self, import_id: str) -> Iterator[Sequence[RowMapping]]:
        after = -1
        while True:
            with self._context.database.read() as conn:
                page = import_store.rejections_of(conn, import_id, after=after, limit=ERRORS_PAGE)
            if not page:
                return
            yield page
            after = page[-1]["row"]

    def _store_import(self, upload_id: str, options: ImportOptions, *, actor: str) -> str:
        import_id = str(uuid.uuid4())
        with self._context.database.write() as conn:
            if not lock_upload(conn, upload_id):
                raise NotFoundError("upload", upload_id)
            import_store.insert_import(
                conn,
                import_id,
                upload_id=upload_id,
                filename=_filename(conn, upload_id),
                options=options.model_dump_json(),
                now=self._context.clock.now(),
            )
            self._record(conn, "import", actor=actor, detail=say("import", import_id=import_id))
        return import_id

    def _dry_run(self, upload_id: str, options: ImportOptions, *, seconds: float) -> ImportReport:
        found = try_import(self._context, upload_id, options, seconds=seconds, shown=SHOWN_REJECTIONS)
        with self._context.database.read() as conn:
            filename = _filename(conn, upload_id)
        return ImportReport(
            import_id=None,
            status=ImportStatus.DONE if found.whole else ImportStatus.RUNNING,
            filename=filename,
            rows=found.rows,
            created=found.created,
            updated=found.updated,
            rejected=found.rows - found.created - found.updated,
            reasons=dict(found.reasons.most_common()),
            rejections=[RejectedRow(row=row, column=column, reason=why) for row, column, why, _ in found.rejections],
            columns=found.understood.columns,
            reading=found.understood.reading,
            notes=found.understood.notes,
            samples=found.samples,
            file_rows=file_rows(found),
            created_at=as_utc(self._context.clock.now()),
        )

    # --- contacts ----------------------------------------------------------------------------------------------

    def list(
        self, *, tag: str | None = None, query: str | None = None, page: int = 1, page_size: int = 50
    ) -> Page[ContactView]:
        """Return a page of contacts, in the order in which they were created.

        :param tag: only contacts with this tag.
        :param query: part of a name or a number.
        """
        with self._context.database.read() as conn:
            rows, total = contact_store.list_contacts(
                conn, tag=tag, query=query, offset=(page - 1) * page_size, limit=page_size
            )
            items = _views(conn, rows)
        return Page(items=items, total=total, page=page, page_size=page_size)

    def get(self, number: str) -> ContactView:
        """Return a contact.

        :param number: in E.164 or as written in the default region.
        :raises NotFoundError: no contact has this number.
        """
        with self._context.database.read() as conn:
            return _views(conn, [self._find(conn, number)])[0]

    def save(self, draft: ContactDraft | Mapping[str, Any], *, actor: str = DEFAULT_ACTOR) -> ContactView:
        """Create or change a contact. Fields that the draft leaves out keep their values.

        :param actor: the user or component that saves it; the ``source`` of a new contact.
        :raises InvalidInputError: the draft is not valid.
        :raises NumberError: its number is not valid.
        """
        return self.upsert(draft, actor=actor)[0]

    def upsert(
        self, draft: ContactDraft | Mapping[str, Any], *, actor: str = DEFAULT_ACTOR
    ) -> tuple[ContactView, bool]:
        """Create or change a contact, as :meth:`save` does.

        :returns: the contact, and whether it is new.
        """
        draft = draft if isinstance(draft, ContactDraft) else parse_model(ContactDraft, draft)
        number = parse_number(draft.number, region=self._context.settings.default_region)

        def transaction(conn: Connection) -> tuple[ContactView, bool]:
            now = self._context.clock.now()
            row = contact_store.find_contact(conn, number, lock=True)
            created = 0
            if row is None:
                contact = NewContact(number, draft.name, draft.variables, tuple(draft.tags))
                created = contact_store.upsert_contacts(conn, [contact], source=actor, now=now)
            else:
                given = draft.model_dump(include=draft.model_fields_set & {"name", "variables"})
                contact_store.replace_contact(conn, number, now=now, **given)
                if "tags" in draft.model_fields_set:
                    contact_store.replace_tags(conn, row, draft.tags)
            return _views(conn, [self._find(conn, number)])[0], bool(created)

        return self._context.database.transact(transaction)

    def delete(self, number: str, *, actor: str = DEFAULT_ACTOR) -> None:
        """Delete a contact from the contact book. Messages to it are not changed: see :meth:`erase`.

        That a contact was deleted is recorded, but not which one.

        :raises NotFoundError: no contact has this number.
        """

        def transaction(conn: Connection) -> None:
            contact_store.delete_contact(conn, self._find(conn, number)["number"])
            self._record(conn, "delete", actor=actor)

        self._context.database.transact(transaction)

    def erase(self, number: str, *, actor: str = DEFAULT_ACTOR) -> ErasureReport:
        """Erase a person from the contact book and from all messages. Waiting messages are cancelled.

        The counts of broadcasts do not change. The blacklist and its history stay, so that an opt-out still holds.
        Uploaded files stay until ``keep_files_days`` after their last use; ``uploads.delete`` deletes one at once.

        :param actor: the user or component that erases the person.
        :raises NumberError: the number is not valid.
        """
        return Erasure(self._context, number).erase(actor=actor)

    def export(
        self, file_format: Literal["csv", "xlsx"] = "csv", *, tag: str | None = None, query: str | None = None
    ) -> Iterator[bytes]:
        """Export the contacts that :meth:`list` returns as a file. An import of it gives the same contacts again.

        CSV is streamed; a workbook is written to a temporary file first.

        :returns: the file, in pieces.
        :raises ConflictError: there are more contacts than a file of this kind can hold.
        """
        if file_format == "csv":
            return export_csv(self._context.database, tag=tag, query=query)
        return export_workbook(self._context.database, tag=tag, query=query)

    def _record(self, conn: Connection, action: str, *, actor: str, detail: str | None = None) -> None:
        now = self._context.clock.now()
        audit_log.record_action(conn, action=action, actor=actor, now=now, other=ActObject.CONTACT, detail=detail)

    def _find(self, conn: Connection, number: str) -> RowMapping:
        """Return the row of a contact by its number, as it is stored or as a person writes it."""
        row = contact_store.find_contact(conn, number)
        if row is None:
            try:
                parsed = parse_number(number, region=self._context.settings.default_region)
            except NumberError:
                raise NotFoundError("contact", mask_number(number)) from None
            row = contact_store.find_contact(conn, parsed)
        if row is None:
            raise NotFoundError("contact", mask_number(number))
        return row


def _find_import(conn: Connection, import_id: str) -> RowMapping:
    row = import_store.find_import(conn, import_id)
    if row is None:
        raise NotFoundError("import", import_id)
    return row


def _understood(row: RowMapping) -> Understood:
    return ImportOptions.model_validate_json(row["options"]).understood or Understood()


def _filename(conn: Connection, upload_id: str) -> str | None:
    upload = find_upload(conn, upload_id)
    return None if upload is None else upload["filename"]


def _views(conn: Connection, rows: Sequence[RowMapping]) -> list[ContactView]:
    tags = tag_store.tags_of(conn, [row["id"] for row in rows])
    return [
        ContactView(
            number=row["number"],
            name=row["name"],
            tags=tags[row["id"]],
            variables=json.loads(row["variables"]),
            source=row["source"],
            created_at=as_utc(row["created_at"]),
            updated_at=as_utc(row["updated_at"]),
        )
        for row in rows
    ]
