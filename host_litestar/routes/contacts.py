"""Contacts: the people themselves, files of them in and out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from litestar import Controller, Response, delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody, MultipartBody, QueryParameter
from litestar.response import Stream

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
from host_litestar.routes.parameters import (
    Actor,
    BroadcasterDep,
    ImportId,
    PageNumber,
    PageSize,
    SearchText,
    TagText,
    whole_list,
)
from host_litestar.routes.uploads import ContactFileForm, read_pieces
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

FileFormat = Literal["csv", "xlsx"]


@dataclass
class ImportForm(ContactFileForm):
    """A contact file. ``tags``: comma-separated or repeated."""

    tags: str | list[str] = ""
    dryRun: bool = False  # noqa: N815 - the field's name in the form


class ContactController(Controller):
    path = "/contacts"
    tags = ("Contacts",)

    @get(operation_id="ListContacts", sync_to_thread=True, responses=problems())
    def contacts(
        self,
        broadcaster: BroadcasterDep,
        search: SearchText = None,
        tag: TagText = None,
        page: PageNumber = 1,
        page_size: PageSize = 50,
    ) -> Page[ContactView]:
        """The contact book, in the order in which people came in."""
        return broadcaster.contacts.list(tag=tag, query=search, page=page, page_size=page_size)

    @post(
        status_code=201,
        operation_id="SaveContact",
        operation_class=SaveContactOperation,
        sync_to_thread=True,
        responses=problems() | answers(200, ContactView, CONTACT_EXAMPLE),
    )
    def save(self, data: JSONBody[ContactDraft], broadcaster: BroadcasterDep, actor: Actor) -> Response[ContactView]:
        """Create a contact (201) or change it (200); what is left out stays as it is."""
        return _saved(broadcaster, data, actor)

    @get("/{number:str}", operation_id="GetContact", sync_to_thread=True, responses=problems(404))
    def show(self, number: FromPath[str], broadcaster: BroadcasterDep) -> ContactView:
        """One contact, with how and when it came in."""
        return broadcaster.contacts.get(number)

    @put(
        "/{number:str}",
        operation_id="PutContact",
        operation_class=PutContactOperation,
        sync_to_thread=True,
        responses=problems() | answers(201, ContactView, CONTACT_EXAMPLE),
    )
    def change(
        self, number: FromPath[str], data: JSONBody[ContactPatch], broadcaster: BroadcasterDep, actor: Actor
    ) -> Response[ContactView]:
        """Change a contact (200) or create it (201); what is left out stays as it is."""
        given = data.model_dump(include=data.model_fields_set)
        return _saved(broadcaster, {**given, "number": number}, actor)

    @delete(
        "/{number:str}",
        status_code=200,
        operation_id="DeleteContact",
        sync_to_thread=True,
        responses=problems(404) | answers(200, ErasureReport) | no_content("The contact is out of the book."),
    )
    def delete(
        self,
        number: FromPath[str],
        broadcaster: BroadcasterDep,
        actor: Actor,
        erase: Annotated[bool, QueryParameter(description="Erase the person from all messages too.")] = False,  # noqa: FBT002 - a query parameter
    ) -> Response[ErasureReport] | Response[None]:
        """Take somebody out of the book (204). Or erase them, in the book or not: 200 and what was erased.

        Erasing blanks number, name and variables in all messages and cancels those that wait; the counts of the
        broadcasts stay true. The blacklist keeps its entry: it holds the promise of silence.
        """
        if erase:
            return Response(broadcaster.contacts.erase(number, actor=actor), status_code=200)
        broadcaster.contacts.delete(number)
        return Response(None, status_code=204)

    @get(
        "/export",
        operation_id="ExportContacts",
        operation_class=ExportOperation,
        sync_to_thread=True,
        responses=problems(409),
    )
    def export(
        self,
        broadcaster: BroadcasterDep,
        search: SearchText = None,
        tag: TagText = None,
        format: FromQuery[FileFormat] = "csv",  # noqa: A002 - the parameter's name
    ) -> Stream:
        """Contacts as CSV or, with `format=xlsx`, as an Excel workbook: number, name, tags, every variable.

        An import of the file gives the same contacts again.
        """
        pieces = broadcaster.contacts.export(format, tag=tag, query=search)
        headers = {"Content-Disposition": f'attachment; filename="contacts.{format}"'}
        return Stream(pieces, media_type=FILE_TYPES[format], headers=headers)

    @post(
        "/import",
        status_code=200,
        operation_id="ImportContacts",
        sync_to_thread=True,
        responses=problems(413) | answers(202, ImportReport),
    )
    def import_file(self, data: MultipartBody[ImportForm], broadcaster: BroadcasterDep) -> Response[ImportReport]:
        """Take over the contacts of a CSV or Excel file: 200 when done at once, 202 when it goes on."""
        choices = data.choices()
        upload = broadcaster.uploads.save(
            read_pieces(data.file), filename=data.file.filename, content_type=data.file.content_type
        )
        report = broadcaster.contacts.import_file(
            upload.upload_id,
            tags=_split_tags(data.tags),
            dry_run=data.dryRun,
            **choices,
        )
        return Response(report, status_code=202 if report.status in OPEN_IMPORTS else 200)

    @get("/imports/{importId:str}", operation_id="GetImport", sync_to_thread=True, responses=problems(404))
    def report(self, import_id: ImportId, broadcaster: BroadcasterDep) -> ImportReport:
        """How far an import is, and what became of the file."""
        return broadcaster.contacts.import_report(import_id)

    @get(
        "/imports/{importId:str}/errors",
        operation_id="GetImportErrors",
        sync_to_thread=True,
        media_type="text/csv",
        responses=problems(404),
    )
    def errors(self, import_id: ImportId, broadcaster: BroadcasterDep) -> Stream:
        """The rows that were not taken, each with its reason, as CSV."""
        rows: Iterator[bytes] = broadcaster.contacts.import_errors(import_id)
        headers = {"Content-Disposition": f'attachment; filename="import-{import_id}-errors.csv"'}
        return Stream(rows, media_type=FILE_TYPES["csv"], headers=headers)

    @get("/queries", operation_id="ListQueries", sync_to_thread=True, responses=problems())
    def queries(self, broadcaster: BroadcasterDep) -> Page[QueryView]:
        """The queries that a broadcast's source `database` may name, each with the parameters to give."""
        return whole_list(broadcaster.queries.list())


def _split_tags(tags: str | list[str]) -> list[str]:
    lists = [tags] if isinstance(tags, str) else tags
    return [tag.strip() for part in lists for tag in part.split(",") if tag.strip()]


def _saved(broadcaster: Broadcaster, draft: ContactDraft | Mapping[str, Any], actor: str) -> Response[ContactView]:
    contact, is_new = broadcaster.contacts.upsert(draft, actor=actor)
    return Response(contact, status_code=201 if is_new else 200)
