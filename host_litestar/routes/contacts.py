"""The contact book: contacts, their import from files and export to files."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Response, delete, get, post, put
from litestar.concurrency import sync_to_thread
from litestar.params import JSONBody, KwargDefinition, MultipartBody, QueryParameter

from host_litestar.file_streams import FileStream
from host_litestar.openapi import (
    CONTACT_EXAMPLE,
    FILE_TYPES,
    ExportOperation,
    PutContactOperation,
    SaveContactOperation,
    answers,
    no_content,
)
from host_litestar.problems import problems
from host_litestar.routes.controller import ApiController
from host_litestar.routes.parameters import (
    Actor,
    BroadcasterDep,
    FileKind,
    ImportId,
    PageNumber,
    PageSize,
    PersonNumber,
    SearchText,
    TagText,
    whole_list,
)
from host_litestar.routes.uploads import ContactFileForm, passing_upload
from host_litestar.threads import FILES
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.contact import (
    OPEN_IMPORTS,
    ContactDraft,
    ContactPatch,
    ContactView,
    ErasureReport,
    ImportReport,
)
from wabroadcast_core.models.page import Page
from wabroadcast_core.queries import QueryView

IMPORT_SECONDS = 10.0  # that a response waits for the end of an import or of a dry run
POLL_SECONDS = 0.1  # between two looks at an import


@dataclass
class ImportForm(ContactFileForm):
    """A contact file, with tags for all its contacts."""

    tags: Annotated[
        str | list[str],
        KwargDefinition(description="Tags for all contacts: separated by commas, repeated, or a JSON list."),
    ] = ""
    dryRun: Annotated[bool, KwargDefinition(description="Store nothing, and report what an import would do.")] = False  # noqa: N815 - the field's name in the form


class ContactController(ApiController):
    """Routes under ``/contacts``, except those for tags."""

    path = "/contacts"
    tags = ("Contacts",)

    @get(operation_id="ListContacts", sync_to_thread=True, responses=problems())
    def list_contacts(
        self,
        broadcaster: BroadcasterDep,
        search: SearchText = None,
        tag: TagText = None,
        page: PageNumber = 1,
        page_size: PageSize = 50,
    ) -> Page[ContactView]:
        """List the contacts in the order in which they were created."""
        return broadcaster.contacts.list(tag=tag, query=search, page=page, page_size=page_size)

    @post(
        status_code=201,
        operation_id="SaveContact",
        operation_class=SaveContactOperation,
        sync_to_thread=True,
        responses=problems() | answers(200, ContactView, CONTACT_EXAMPLE),
    )
    def save(self, data: JSONBody[ContactDraft], broadcaster: BroadcasterDep, actor: Actor) -> Response[ContactView]:
        """Create a contact (201) or change it (200). Fields that are left out keep their values."""
        return _save(broadcaster, data, actor)

    @get("/{number:str}", operation_id="GetContact", sync_to_thread=True, responses=problems(404))
    def show(self, number: PersonNumber, broadcaster: BroadcasterDep) -> ContactView:
        """Return a contact, with its source and the time when it was created."""
        return broadcaster.contacts.get(number)

    @put(
        "/{number:str}",
        operation_id="PutContact",
        operation_class=PutContactOperation,
        sync_to_thread=True,
        responses=problems() | answers(201, ContactView, CONTACT_EXAMPLE),
    )
    def change(
        self, number: PersonNumber, data: JSONBody[ContactPatch], broadcaster: BroadcasterDep, actor: Actor
    ) -> Response[ContactView]:
        """Change a contact (200) or create it (201). Fields that are left out keep their values."""
        fields = data.model_dump(include=data.model_fields_set)
        return _save(broadcaster, {**fields, "number": number}, actor)

    @delete(
        "/{number:str}",
        status_code=200,
        operation_id="DeleteContact",
        sync_to_thread=True,
        responses=problems(404) | answers(200, ErasureReport) | no_content("The contact was deleted."),
    )
    def delete(
        self,
        number: PersonNumber,
        broadcaster: BroadcasterDep,
        actor: Actor,
        erase: Annotated[bool, QueryParameter(description="Also erase the person from all messages.")] = False,  # noqa: FBT002 - a query parameter
    ) -> Response[ErasureReport] | Response[None]:
        """Delete a contact from the contact book (204), or with `erase=true` a person from all records (200).

        An erasure also works for a number that is not in the contact book. It blanks number, name and variables in all
        messages and cancels the messages that wait; the counts of the broadcasts stay correct. The number stays on the
        blacklist, so that the opt-out still holds. Files that have the number are deleted some days after their last
        use (`WABROADCAST_KEEP_FILES_DAYS`), or at once with `DELETE /uploads/{uploadId}`. The response says what was
        erased.
        """
        if erase:
            return Response(broadcaster.contacts.erase(number, actor=actor), status_code=200)
        broadcaster.contacts.delete(number, actor=actor)
        return Response(None, status_code=204)

    @get(
        "/export",
        operation_id="ExportContacts",
        operation_class=ExportOperation,
        responses=problems(409),
    )
    @FILES
    def export(
        self,
        broadcaster: BroadcasterDep,
        search: SearchText = None,
        tag: TagText = None,
        format: FileKind = "csv",  # noqa: A002 - the parameter's name
    ) -> FileStream:
        """Export contacts as CSV or, with `format=xlsx`, as an Excel workbook: number, name, tags and all variables.

        An import of the file creates the same contacts again.
        """
        chunks = broadcaster.contacts.export(format, tag=tag, query=search)
        headers = {"Content-Disposition": f'attachment; filename="contacts.{format}"'}
        return FileStream(chunks, media_type=FILE_TYPES[format], headers=headers)

    @post(
        "/import",
        status_code=200,
        operation_id="ImportContacts",
        responses=problems(413) | answers(202, ImportReport),
    )
    async def import_file(
        self, data: MultipartBody[ImportForm], broadcaster: BroadcasterDep, actor: Actor
    ) -> Response[ImportReport]:
        """Import the contacts of a CSV or Excel file: 200 if the import is finished, 202 if it continues."""
        report = await FILES.run(_begin_import, broadcaster, data, actor)
        if report.import_id is not None and report.status in OPEN_IMPORTS:
            report = await _wait_for_import(broadcaster, report.import_id)
        return Response(report, status_code=202 if report.status in OPEN_IMPORTS else 200)

    @get("/imports/{importId:str}", operation_id="GetImport", sync_to_thread=True, responses=problems(404))
    def show_import(self, import_id: ImportId, broadcaster: BroadcasterDep) -> ImportReport:
        """Return the progress of an import, or its result."""
        return broadcaster.contacts.import_report(import_id)

    @get(
        "/imports/{importId:str}/errors",
        operation_id="GetImportErrors",
        sync_to_thread=True,
        media_type="text/csv",
        responses=problems(404),
    )
    def list_rejected_rows(self, import_id: ImportId, broadcaster: BroadcasterDep) -> FileStream:
        """Return the rejected rows of an import as CSV, each with its reason."""
        rows: Iterator[bytes] = broadcaster.contacts.import_errors(import_id)
        headers = {"Content-Disposition": f'attachment; filename="import-{import_id}-errors.csv"'}
        return FileStream(rows, media_type=FILE_TYPES["csv"], headers=headers)

    @get("/queries", operation_id="ListQueries", sync_to_thread=True, responses=problems())
    def list_queries(self, broadcaster: BroadcasterDep) -> Page[QueryView]:
        """List the queries that a broadcast's source `database` may name, each with its parameters."""
        return whole_list(broadcaster.queries.list())


def _begin_import(broadcaster: Broadcaster, form: ImportForm, actor: str) -> ImportReport:
    """Store the file and start its import, or make the dry run."""
    choices = form.choices()
    with passing_upload(broadcaster, form.file, keep=not form.dryRun) as upload_id:
        return broadcaster.contacts.import_file(
            upload_id,
            tags=[form.tags] if isinstance(form.tags, str) else form.tags,
            dry_run=form.dryRun,
            wait_seconds=IMPORT_SECONDS if form.dryRun else 0,
            actor=actor,
            **choices,
        )


async def _wait_for_import(broadcaster: Broadcaster, import_id: str) -> ImportReport:
    """Return the result of an import, or its progress if it takes longer than a response may.

    No thread is kept waiting meanwhile.
    """
    ends_at = time.monotonic() + IMPORT_SECONDS
    while True:
        report = await sync_to_thread(broadcaster.contacts.import_result, import_id)
        left = ends_at - time.monotonic()
        if report.status not in OPEN_IMPORTS or left <= 0:
            return report
        await asyncio.sleep(min(POLL_SECONDS, left))


def _save(broadcaster: Broadcaster, draft: ContactDraft | Mapping[str, Any], actor: str) -> Response[ContactView]:
    contact, is_new = broadcaster.contacts.upsert(draft, actor=actor)
    return Response(contact, status_code=201 if is_new else 200)
