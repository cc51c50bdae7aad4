"""Uploads: files for later use as audience or media, and contact files in a form."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from litestar import delete, post
from litestar.datastructures import UploadFile
from litestar.params import KwargDefinition, MultipartBody

from host_litestar.problems import problems
from host_litestar.request_reading import parse_json
from host_litestar.routes.controller import ApiController
from host_litestar.routes.parameters import BroadcasterDep, UploadId
from host_litestar.threads import FILES
from wabroadcast_core.audience.imports import ReadingChoices
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import ConflictError, Fault, InvalidInputError, NotFoundError
from wabroadcast_core.models.upload import UploadView

CHUNK_BYTES = 1024 * 1024


@dataclass
class UploadForm:
    """A form with a file."""

    file: Annotated[UploadFile, KwargDefinition(description="The file.")]


@dataclass
class ContactFileForm(UploadForm):
    """A contact file, and how to read it where the automatic detection would be wrong."""

    mapping: Annotated[
        str,
        KwargDefinition(
            description="JSON object from columns, by header or position from 1, to meanings: number, name, a variable."
        ),
    ] = ""
    region: Annotated[
        str | None,
        KwargDefinition(description="Country of numbers without a country code, as ID; else the installation's."),
    ] = None
    sheet: Annotated[str | None, KwargDefinition(description="Sheet of a workbook, by name or position from 1.")] = None
    delimiter: Annotated[str | None, KwargDefinition(description="Character between the cells of a text file.")] = None
    encoding: Annotated[str | None, KwargDefinition(description="Encoding of a text file, such as utf-8.")] = None

    def choices(self) -> ReadingChoices:
        """Return the options as the core takes them.

        :raises InvalidInputError: the mapping is not a JSON object of texts.
        """
        return ReadingChoices(
            mapping=_read_mapping(self.mapping),
            region=self.region or None,
            sheet=self.sheet or None,
            delimiter=self.delimiter or None,
            encoding=self.encoding or None,
        )


class UploadController(ApiController):
    """Routes under ``/uploads``."""

    path = "/uploads"
    tags = ("Uploads",)

    @post(operation_id="UploadFile", responses=problems(413))
    @FILES
    def upload(self, data: MultipartBody[UploadForm], broadcaster: BroadcasterDep) -> UploadView:
        """Store a file. Its `uploadId` names it in the source or the media of a broadcast."""
        return broadcaster.uploads.save(
            read_chunks(data.file), filename=data.file.filename or None, content_type=data.file.content_type
        )

    @delete("/{uploadId:str}", operation_id="DeleteUpload", sync_to_thread=True, responses=problems(404, 409))
    def delete(self, upload_id: UploadId, broadcaster: BroadcasterDep) -> None:
        """Delete a file that no broadcast and no import that has not ended needs."""
        broadcaster.uploads.delete(upload_id)


@contextmanager
def passing_upload(broadcaster: Broadcaster, file: UploadFile, *, keep: bool = False) -> Iterator[str]:
    """Store a file for as long as it is read: its id. It is deleted at the end, and after an error in any case.

    :param keep: leave it in the store if there is no error, because it is read later.
    """
    upload = broadcaster.uploads.save(read_chunks(file), filename=file.filename or None, content_type=file.content_type)
    try:
        yield upload.upload_id
    except BaseException:
        with suppress(NotFoundError, ConflictError):
            broadcaster.uploads.delete(upload.upload_id)
        raise
    if not keep:
        broadcaster.uploads.delete(upload.upload_id)


def read_chunks(file: UploadFile) -> Iterator[bytes]:
    """Read an uploaded file in chunks. A large one is in a temporary file on disk."""
    file.file.seek(0)
    return iter(partial(file.file.read, CHUNK_BYTES), b"")


def _read_mapping(text: str) -> dict[str, str] | None:
    """Parse the field ``mapping`` of a form.

    :returns: the meaning of each column, or None if the field is empty.
    :raises InvalidInputError: it is not a JSON object of texts.
    """
    if not text.strip():
        return None
    mapping = parse_json(text, subject="the mapping", path="mapping")
    if not (isinstance(mapping, dict) and all(isinstance(role, str) for role in mapping.values())):
        raise InvalidInputError([Fault("mapping", "must be a JSON object from column to meaning, both texts")])
    return mapping
