"""TODO"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from wabroadcast_core.errors import BadMessage, NotFoundError, Temporary, UnavailableError
from wabroadcast_core.media import HEAD_BYTES, MediaFile, media_type
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.uploads import find_upload, open_upload
from wabroadcast_core.transport.http_client import NotPublicError, make_client
from wabroadcast_core.transport.http_requests import unlogged

LARGEST_MEDIUM = 100 * 1024 * 1024  # bytes; the most any provider takes
MOST_HELD = 2 * LARGEST_MEDIUM  # bytes of media in memory
FETCH_SECONDS = 60.0
FRESH_SECONDS = 600.0  # before a linked file is fetched anew


class MediaCache:
    """Media for sending: each is read once for all who want it, and the latest are held up to a total size."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: OrderedDict[str, asyncio.Task[MediaFile]] = OrderedDict()
        self._fetched_at: dict[str, float] = {}  # of the loop's clock, for what may change where it lies
        self._web: httpx.AsyncClient | None = None

    async def load(self, source: Mapping[str, Any]) -> MediaFile:
        """:raises BadMessage: :raises Temporary: as :class:`SenderContext` says."""
        upload_id, url = source.get("uploadId"), source.get("url")
        name = f"upload:{upload_id}" if upload_id else f"url:{url}"
        task = None if self._is_stale(name) else self._held.get(name)
        if task is not None and not task.cancelled():
            self._held.move_to_end(name)
            return await asyncio.shield(task)
        loading = self._read(str(upload_id)) if upload_id else self._fetch(str(url))
        task = self._held[name] = asyncio.create_task(loading)
        task.add_done_callback(_look_at)
        if not upload_id:
            self._fetched_at[name] = asyncio.get_running_loop().time()
        self._held.move_to_end(name)
        try:
            found = await asyncio.shield(task)
        except Exception:
            if self._held.get(name) is task:  # a failure is not kept
                del self._held[name]
            raise
        self._make_room()
        return found

    async def close(self) -> None:
        for task in self._held.values():
            task.cancel()
        await asyncio.gather(*self._held.values(), return_exceptions=True)
        self._held.clear()
        if self._web is not None:
            await self._web.aclose()

    def _is_stale(self, name: str) -> bool:
        now = asyncio.get_running_loop().time()
        return now - self._fetched_at.get(name, now) > FRESH_SECONDS

    def _make_room(self) -> None:
        sizes = {name: _size_of(task) for name, task in self._held.items()}
        total = sum(sizes.values())
        for name in list(sizes)[:-1]:
            if total <= MOST_HELD:
                break
            if sizes[name]:
                total -= sizes[name]
                del self._held[name]
                self._fetched_at.pop(name, None)

    async def _read(self, upload_id: str) -> MediaFile:
        try:
            filename, content = await asyncio.to_thread(self._read_upload, upload_id)
        except NotFoundError as error:
            raise BadMessage("no_media", str(error)) from error
        except UnavailableError as error:
            raise Temporary("media_unreachable", "the store is away") from error
        return _medium(content, filename or upload_id)

    def _read_upload(self, upload_id: str) -> tuple[str | None, bytes]:
        with self._database.read() as conn:
            row = find_upload(conn, upload_id)
        if row is None:
            raise NotFoundError("upload", upload_id)
        if row["size"] > LARGEST_MEDIUM:
            raise BadMessage("media_too_large", "the file is larger than any provider takes")
        with open_upload(self._database, upload_id) as file:
            return row["filename"], file.read()

    async def _fetch(self, url: str) -> MediaFile:
        if self._web is None:
            self._web = make_client(public_only=True)
        try:
            with unlogged():
                async with asyncio.timeout(FETCH_SECONDS), self._web.stream("GET", url) as answer:
                    if answer.status_code != httpx.codes.OK:
                        raise _not_fetched(answer.status_code)
                    content = await _read_at_most(answer, LARGEST_MEDIUM)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            if _is_refused(error):
                raise BadMessage("media_not_public", "the media address is not one of the public internet") from error
            raise Temporary("media_unreachable", type(error).__name__) from error
        return _medium(content, unquote(urlsplit(url).path.rpartition("/")[2]) or "file")


def _look_at(task: asyncio.Task[MediaFile]) -> None:
    """A failure that nobody waits for any more is nobody's."""
    if not task.cancelled():
        task.exception()


def _size_of(task: asyncio.Task[MediaFile]) -> int:
    if not task.done() or task.cancelled() or task.exception() is not None:
        return 0
    return len(task.result().content)


def _medium(content: bytes, filename: str) -> MediaFile:
    kind = media_type(content[:HEAD_BYTES], filename=filename)
    return MediaFile(content, kind, filename, hashlib.sha256(content).hexdigest())


def _not_fetched(status: int) -> BadMessage | Temporary:
    detail = f"the media address answers {status}"
    passing = status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.TOO_MANY_REQUESTS
    return Temporary("media_unreachable", detail) if passing else BadMessage("no_media", detail)


async def _read_at_most(answer: httpx.Response, limit: int) -> bytes:
    content = bytearray()
    async for part in answer.aiter_bytes():
        content += part
        if len(content) > limit:
            raise BadMessage("media_too_large", "the file is larger than any provider takes")
    return bytes(content)


def _is_refused(error: BaseException | None) -> bool:
    """Whether an address that is not public is at the bottom of an error."""
    while error is not None:
        if isinstance(error, NotPublicError):
            return True
        error = error.__cause__ or error.__context__
    return False
