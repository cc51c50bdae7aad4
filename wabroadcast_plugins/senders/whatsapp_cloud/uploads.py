"""Files at Meta: each is uploaded once for a connection, and used by its id until that expires."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from wabroadcast_core import BadMessage, MediaFile, SenderContext, fits
from wabroadcast_plugins.senders.whatsapp_cloud.messages import Uploaded, Wanted

DAY: Final = 86_400.0  # seconds
KEPT_SECONDS: Final = 29 * DAY  # Meta's ids last for 30 days
HELD_SECONDS: Final = 3_600.0  # here, before the memory of all processes is asked again
MOST_HELD: Final = 1_000
MEGABYTE: Final = 1024 * 1024

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
class _Held:
    task: asyncio.Task[Uploaded]
    since: float  # of the loop's clock


class Uploads:
    """The uploads of one connection. Who asks for one that is under way waits for it.

    :param phone_number_id: ids hold for the number that they were uploaded for.
    :param upload: hands a file to Meta and returns its id.
    """

    def __init__(
        self, context: SenderContext, *, phone_number_id: str, upload: Callable[[MediaFile], Awaitable[str]]
    ) -> None:
        self._context = context
        self._prefix = f"media:{phone_number_id}:"
        self._upload = upload
        self._held: dict[Wanted, _Held] = {}  # the oldest first

    async def find(self, wanted: Wanted) -> Uploaded:
        """Those who waited go on with the gaps in which they came: all at once would break the connection's limit.

        :raises SendError: there is no such file, it does not fit, or it cannot be uploaded.
        """
        now = asyncio.get_running_loop().time()
        held = self._held.get(wanted)
        if held is None or now - held.since > HELD_SECONDS:
            held = self._hold(wanted, now=now)
        if held.task.done():
            return held.task.result()
        uploaded = await asyncio.shield(held.task)
        await asyncio.sleep(now - held.since)
        return uploaded

    async def forget(self, wanted: Wanted, uploaded: Uploaded) -> None:
        """Meta knows this id no longer; one that took its place meanwhile stays."""
        held = self._held.get(wanted)
        if held is not None and _is_done(held.task) and held.task.result() == uploaded:
            del self._held[wanted]
        if await self._context.kept.get(uploaded.key) == uploaded.media_id:
            await self._context.kept.put(uploaded.key, "", seconds=1)

    async def close(self) -> None:
        tasks = [held.task for held in self._held.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _hold(self, wanted: Wanted, *, now: float) -> _Held:
        held = _Held(asyncio.create_task(self._obtain(wanted)), now)
        held.task.add_done_callback(partial(self._obtained, wanted))
        self._held.pop(wanted, None)
        self._held[wanted] = held
        if len(self._held) > MOST_HELD:
            del self._held[next(iter(self._held))]
        return held

    async def _obtain(self, wanted: Wanted) -> Uploaded:
        file = await self._context.load_media({"uploadId": wanted.upload_id})
        _check_file(file, wanted.kind)
        key = self._prefix + file.key
        media_id = await self._context.kept.get(key)
        if not media_id:
            media_id = await self._upload(file)
            await self._context.kept.put(key, media_id, seconds=KEPT_SECONDS)
        return Uploaded(media_id, file.filename, key)

    def _obtained(self, wanted: Wanted, task: asyncio.Task[Uploaded]) -> None:
        """A failure is not kept."""
        held = self._held.get(wanted)
        if not _is_done(task) and held is not None and held.task is task:
            del self._held[wanted]


def _is_done(task: asyncio.Task[Uploaded]) -> bool:
    """Whether a task has a result. Looks at a failure too, which nobody may wait for any more."""
    return task.done() and not task.cancelled() and task.exception() is None


def _check_file(file: MediaFile, kind: str) -> None:
    """:raises BadMessage: Meta does not take it as this kind."""
    if len(file.content) > MEDIA_BYTES[kind]:
        most = MEDIA_BYTES[kind] // MEGABYTE
        raise BadMessage("media_too_large", f"Meta takes {most} MB at most as {kind}")
    if not fits(file.content_type, MEDIA_TYPES[kind]):
        raise BadMessage("media_type", f"Meta does not take {file.content_type} as {kind}")
