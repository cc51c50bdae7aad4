"""Uploads: files for later use as audience or media, and contact files that come in a form."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from litestar import Controller, post
from litestar.datastructures import UploadFile
from litestar.params import MultipartBody

from host_litestar.problems import problems
from host_litestar.routes.parameters import BroadcasterDep
from wabroadcast_core.audience.imports import ReadingChoices
from wabroadcast_core.errors import Fault, InvalidInputError
from wabroadcast_core.models.upload import UploadView

PIECE = 1024 * 1024


@dataclass
class UploadForm:
    file: UploadFile


@dataclass
class ContactFileForm(UploadForm):
    """A file of people, and how it is read where it would be understood otherwise.

    ``mapping``: JSON, from column (header or place) to meaning; ``sheet``: of a workbook, name or place;
    ``delimiter`` and ``encoding``: of a text file.
    """

    mapping: str = ""
    region: str | None = None
    sheet: str | None = None
    delimiter: str | None = None
    encoding: str | None = None

    def choices(self) -> ReadingChoices:
        """:raises InvalidInputError: the mapping is none."""
        return ReadingChoices(
            mapping=_read_mapping(self.mapping),
            region=self.region or None,
            sheet=self.sheet or None,
            delimiter=self.delimiter or None,
            encoding=self.encoding or None,
        )


class UploadController(Controller):
    path = "/uploads"
    tags = ("Uploads",)

    @post(operation_id="UploadFile", sync_to_thread=True, responses=problems(413))
    def upload(self, data: MultipartBody[UploadForm], broadcaster: BroadcasterDep) -> UploadView:
        """Keep a file; its uploadId names it in a broadcast's source or media."""
        return broadcaster.uploads.save(
            read_pieces(data.file), filename=data.file.filename, content_type=data.file.content_type
        )


def read_pieces(file: UploadFile) -> Iterator[bytes]:
    """The file piece by piece; it lies on disk when it is large."""
    file.file.seek(0)
    return iter(partial(file.file.read, PIECE), b"")


def _read_mapping(text: str) -> dict[str, str] | None:
    """The field ``mapping`` of a form: JSON, from column to meaning. :raises InvalidInputError: it is none."""
    if not text.strip():
        return None
    try:
        mapping = json.loads(text)
    except ValueError as error:
        raise InvalidInputError([Fault("mapping", f"not JSON: {error}")]) from None
    if not (isinstance(mapping, dict) and all(isinstance(role, str) for role in mapping.values())):
        raise InvalidInputError([Fault("mapping", "must be a JSON object of texts, column to meaning")])
    return mapping
