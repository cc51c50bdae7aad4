"""Uploads: files for later use as audience or media."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from litestar import Controller, post
from litestar.datastructures import UploadFile
from litestar.params import MultipartBody

from host_litestar.problems import problems
from host_litestar.routes.parameters import Engine
from wabroadcast_core.models.upload import UploadView

PIECE = 1024 * 1024


@dataclass
class UploadForm:
    file: UploadFile


class UploadController(Controller):
    path = "/uploads"
    tags = ("Uploads",)

    @post(operation_id="UploadFile", sync_to_thread=True, responses=problems(413))
    def upload(self, data: MultipartBody[UploadForm], broadcaster: Engine) -> UploadView:
        """Keep a file; its uploadId names it in a broadcast's source or media."""
        return broadcaster.save_upload(
            read_pieces(data.file), filename=data.file.filename, content_type=data.file.content_type
        )


def read_pieces(file: UploadFile) -> Iterator[bytes]:
    """The file piece by piece; it lies on disk when it is large."""
    file.file.seek(0)
    return iter(partial(file.file.read, PIECE), b"")
