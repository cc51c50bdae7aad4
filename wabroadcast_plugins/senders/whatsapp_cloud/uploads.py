"""Files at Meta: each is uploaded once for a connection, and used by its media id until the id expires."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from wabroadcast_core import BadMessage, MediaFile, SenderContext, fits
from wabroadcast_plugins.senders.sentences import say
from wabroadcast_plugins.senders.shared.media import MEGABYTE
from wabroadcast_plugins.senders.whatsapp_cloud.messages import UploadedFile, UploadReference

DAY: Final = 86_400.0  # seconds
MEDIA_ID_SECONDS: Final = 29 * DAY  # Meta's ids are valid for 30 days
RECHECK_SECONDS: Final = 3_600.0  # time in this process' memory before the shared cache is read again
MOST_ENTRIES: Final = 1_000  # in this process' memory

MEDIA_BYTES: Final[Mapping[str, int]] = {
    "image": 5 * MEGABYTE,
    "audio": 16 * MEGABYTE,
    "video": 16 * MEGABYTE,
    "document": 100 * MEGABYTE,
}
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
MEDIA_TYPES: Final[Mapping[str, frozenset[str]]] = {
    "image": frozenset({"image/jpeg", "image/png"}),
    "audio": frozenset({"audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg; codecs=opus"}),
    "video": frozenset({"video/mp4", "video/3gpp"}),
    "document": frozenset(
        {
            "text/plain",
            "application/pdf",
            "application/msword",
            "application/vnd.ms-excel",
            "application/vnd.ms-powerpoint",
            f"{_OFFICE}.wordprocessingml.document",
            f"{_OFFICE}.spreadsheetml.sheet",
            f"{_OFFICE}.presentationml.presentation",
        }
    ),
}


@dataclass(frozen=True, slots=True)
class _Entry:
    """One upload in this process' memory, finished or in progress."""

    task: asyncio.Task[UploadedFile]
    since: float  # of the loop's clock


class Uploads:
    """The uploads of one connection. Sends that need the same file wait for one upload.

    :param phone_number_id: a media id is valid only for the number that it was uploaded for.
    :param upload: uploads a file to Meta and returns its media id.
    """

    def __init__(
        self, context: SenderContext, *, phone_number_id: str, upload: Callable[[MediaFile], Awaitable[str]]
    ) -> None:
        self._context = context
        self._prefix = f"media:{phone_number_id}:"
        self._upload = upload
        self._entries: dict[UploadReference, _Entry] = {}  # the oldest first

    async def find(self, reference: UploadReference) -> UploadedFile:
        """Return the file at Meta, and upload it first if needed.

        Sends that waited for an upload continue with the same gaps in which they started to wait: all at once would
        exceed the connection's limit.

        :raises SendError: there is no such file, Meta does not accept it, or it cannot be uploaded.
        """
        now = asyncio.get_running_loop().time()
        entry = self._entries.get(reference)
        if entry is None or now - entry.since > RECHECK_SECONDS:
            entry = self._add(reference, now=now)
        if entry.task.done():
            return entry.task.result()
        uploaded = await asyncio.shield(entry.task)
        await asyncio.sleep(now - entry.since)
        return uploaded

    async def forget(self, reference: UploadReference, uploaded: UploadedFile) -> None:
        """Forget a media id that Meta no longer knows, unless another one has replaced it in the meantime."""
        entry = self._entries.get(reference)
        if entry is not None and _has_result(entry.task) and entry.task.result() == uploaded:
            del self._entries[reference]
        if await self._context.cache.get(uploaded.key) == uploaded.media_id:
            await self._context.cache.put(uploaded.key, "", seconds=1)

    async def close(self) -> None:
        """Cancel the uploads in progress."""
        tasks = [entry.task for entry in self._entries.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _add(self, reference: UploadReference, *, now: float) -> _Entry:
        entry = _Entry(asyncio.create_task(self._load(reference)), now)
        entry.task.add_done_callback(partial(self._drop_failure, reference))
        self._entries.pop(reference, None)
        self._entries[reference] = entry
        if len(self._entries) > MOST_ENTRIES:
            del self._entries[next(iter(self._entries))]
        return entry

    async def _load(self, reference: UploadReference) -> UploadedFile:
        file = await self._context.load_media({"uploadId": reference.upload_id})
        _check_file(file, reference.kind)
        key = self._prefix + file.key
        media_id = await self._context.cache.get(key)
        if not media_id:
            media_id = await self._upload(file)
            await self._context.cache.put(key, media_id, seconds=MEDIA_ID_SECONDS)
        return UploadedFile(media_id, file.filename, key)

    def _drop_failure(self, reference: UploadReference, task: asyncio.Task[UploadedFile]) -> None:
        """Remove a failed upload from memory, so that the next message tries again."""
        entry = self._entries.get(reference)
        if not _has_result(task) and entry is not None and entry.task is task:
            del self._entries[reference]


def _has_result(task: asyncio.Task[UploadedFile]) -> bool:
    """Check whether a task has a result. This also retrieves an exception, so that asyncio does not log it later."""
    return task.done() and not task.cancelled() and task.exception() is None


def _check_file(file: MediaFile, kind: str) -> None:
    """Check a file's size and type.

    :raises BadMessage: Meta does not accept the file for this message type.
    """
    if len(file.content) > MEDIA_BYTES[kind]:
        largest = MEDIA_BYTES[kind] // MEGABYTE
        raise BadMessage("media_too_large", say("cloud_file_too_large", type=kind, megabytes=largest))
    if not fits(file.content_type, MEDIA_TYPES[kind]):
        names = " or ".join(sorted(MEDIA_TYPES[kind]))
        raise BadMessage("media_type", say("cloud_file_type", found=file.content_type, type=kind, types=names))
