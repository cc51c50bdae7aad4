"""Use cases of uploads: files in the store for later use as audiences, contact files or media."""

import uuid
from collections.abc import Iterable

from wabroadcast_core.audience.files import file_kind
from wabroadcast_core.context import Context
from wabroadcast_core.models.upload import UploadView
from wabroadcast_core.store.uploads import UploadWriter

HEAD_BYTES = 4_096  # enough to recognise the kind of a file


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
        writer = UploadWriter(
            context.database,
            str(uuid.uuid4()),
            now=context.clock.now(),
            filename=filename,
            content_type=content_type,
        )
        head = b""
        try:
            for chunk in chunks:
                head = head or chunk[:HEAD_BYTES]
                writer.write(chunk)
            writer.close()
        except BaseException:
            writer.discard()
            raise
        return UploadView(
            upload_id=writer.key,
            filename=filename,
            content_type=content_type,
            size=writer.size,
            kind=file_kind(head),
        )
