"""Use cases of uploads: files in the store for later use as audiences, contact files or media."""

import uuid
from collections.abc import Iterable

from sqlalchemy import Connection

from wabroadcast_core.audience.files import file_kind
from wabroadcast_core.context import Context
from wabroadcast_core.errors import ConflictError, NotFoundError
from wabroadcast_core.media import HEAD_BYTES, is_text, media_type
from wabroadcast_core.models.upload import UploadView
from wabroadcast_core.store import retention as retention_store
from wabroadcast_core.store.uploads import find_upload, open_upload, store_upload

_OPEN_XML = "application/vnd.openxmlformats-officedocument"
_DOCUMENTS = frozenset(
    {
        "application/pdf",
        f"{_OPEN_XML}.wordprocessingml.document",
        f"{_OPEN_XML}.presentationml.presentation",
    }
)


class Uploads:
    """``broadcaster.uploads``: files for later use."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def save(
        self, chunks: Iterable[bytes], *, filename: str | None = None, content_type: str | None = None
    ) -> UploadView:
        """Stream a file into the store. If the stream breaks off, nothing is stored.

        :param chunks: the bytes of the file, in pieces.
        :raises UnavailableError: the store cannot be reached.
        """
        context = self._context
        head = b""
        with store_upload(
            context.database,
            str(uuid.uuid4()),
            now=context.clock.now(),
            filename=filename,
            content_type=content_type,
        ) as writer:
            for chunk in chunks:
                head = head or chunk[:HEAD_BYTES]
                writer.write(chunk)
        return UploadView(
            upload_id=writer.key,
            filename=filename,
            content_type=content_type,
            size=writer.size,
            kind=_kind_of(head),
        )

    def get(self, upload_id: str) -> UploadView:
        """Return what is known of a file.

        :raises NotFoundError: no upload has this id.
        """
        with self._context.database.read() as conn:
            row = find_upload(conn, upload_id)
        if row is None:
            raise NotFoundError("upload", upload_id)
        with open_upload(self._context.database, upload_id) as file:
            kind = _kind_of(file.read(HEAD_BYTES))
        about = {name: row[name] for name in ("filename", "content_type", "size")}
        return UploadView(upload_id=upload_id, kind=kind, **about)

    def delete(self, upload_id: str) -> None:
        """Delete a file. Ended broadcasts that used it cannot be retried with it.

        :raises NotFoundError: no upload has this id.
        :raises ConflictError: a draft, or a broadcast or an import that has not ended, needs it.
        """

        def hide(conn: Connection) -> None:
            if find_upload(conn, upload_id) is None:
                raise NotFoundError("upload", upload_id)
            if not retention_store.hide_upload(conn, upload_id):
                raise ConflictError(
                    "a draft, or a broadcast or an import that has not ended, needs this upload: delete the draft or "
                    "cancel the other first"
                )

        self._context.database.transact(hide)
        retention_store.delete_in_steps(self._context.database, upload_id)


def _kind_of(head: bytes) -> str:
    """Return what a file can be used as: a kind of media, or the contact source that reads it."""
    content_type = media_type(head)
    if content_type in _DOCUMENTS:
        return "document"
    main_type = content_type.partition("/")[0]
    if main_type in {"image", "audio", "video"} and not is_text(head):  # a text may begin with ID3 too
        return main_type
    return file_kind(head)
