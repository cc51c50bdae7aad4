"""Contacts: import a file of them, list them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from litestar import Controller, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import MultipartBody, QueryParameter
from litestar.response import Stream

from host_litestar.openapi import answers
from host_litestar.problems import problems
from host_litestar.routes.parameters import Engine, ImportId, PageNumber, PageSize, SearchText
from host_litestar.routes.uploads import read_pieces
from wabroadcast_core.errors import Fault, InvalidInputError
from wabroadcast_core.models.contact import OPEN_IMPORTS, ContactView, ImportReport
from wabroadcast_core.models.page import Page


@dataclass
class ImportForm:
    """A contact file. ``tags``: comma-separated or repeated; ``mapping``: JSON, from column to meaning."""

    file: UploadFile
    tags: str | list[str] = ""
    mapping: str = ""
    region: str | None = None
    dryRun: bool = False  # noqa: N815 - the field's name in the form


class ContactController(Controller):
    path = "/contacts"
    tags = ("Contacts",)

    @get(operation_id="ListContacts", sync_to_thread=True, responses=problems())
    def contacts(
        self,
        broadcaster: Engine,
        search: SearchText = None,
        tag: Annotated[str | None, QueryParameter(max_length=200)] = None,
        page: PageNumber = 1,
        page_size: PageSize = 50,
    ) -> Page[ContactView]:
        """The contact book."""
        return broadcaster.contacts(tag=tag, query=search, page=page, page_size=page_size)

    @post(
        "/import",
        status_code=200,
        operation_id="ImportContacts",
        sync_to_thread=True,
        responses=problems(413) | answers(202, ImportReport),
    )
    def import_file(self, data: MultipartBody[ImportForm], broadcaster: Engine) -> Response[ImportReport]:
        """Take over the contacts of a CSV or Excel file: 200 when done at once, 202 when it goes on."""
        mapping = _read_mapping(data.mapping)
        upload = broadcaster.save_upload(
            read_pieces(data.file), filename=data.file.filename, content_type=data.file.content_type
        )
        report = broadcaster.import_contacts(
            upload.upload_id,
            tags=_split_tags(data.tags),
            mapping=mapping,
            region=data.region or None,
            dry_run=data.dryRun,
        )
        return Response(report, status_code=202 if report.status in OPEN_IMPORTS else 200)

    @get("/imports/{importId:str}", operation_id="GetImport", sync_to_thread=True, responses=problems(404))
    def report(self, import_id: ImportId, broadcaster: Engine) -> ImportReport:
        """How far an import is, and what became of the file."""
        return broadcaster.import_report(import_id)

    @get(
        "/imports/{importId:str}/errors",
        operation_id="GetImportErrors",
        sync_to_thread=True,
        media_type="text/csv",
        responses=problems(404),
    )
    def errors(self, import_id: ImportId, broadcaster: Engine) -> Stream:
        """The rows that were not taken, each with its reason, as CSV."""
        rows: Iterator[bytes] = broadcaster.import_errors(import_id)
        headers = {"Content-Disposition": f'attachment; filename="import-{import_id}-errors.csv"'}
        return Stream(rows, media_type="text/csv; charset=utf-8", headers=headers)


def _split_tags(tags: str | list[str]) -> list[str]:
    lists = [tags] if isinstance(tags, str) else tags
    return [tag.strip() for part in lists for tag in part.split(",") if tag.strip()]


def _read_mapping(text: str) -> dict[str, str] | None:
    if not text.strip():
        return None
    try:
        mapping = json.loads(text)
    except ValueError as error:
        raise InvalidInputError([Fault("mapping", f"not JSON: {error}")]) from None
    if not (isinstance(mapping, dict) and all(isinstance(role, str) for role in mapping.values())):
        raise InvalidInputError([Fault("mapping", "must be a JSON object of texts, column to meaning")])
    return mapping
