"""Media files for senders: read from uploads or fetched from the web, and cached in memory."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from wabroadcast_core.errors import BadMessage, NotFoundError, Temporary, UnavailableError
from wabroadcast_core.media import HEAD_BYTES, MediaFile, media_type
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.uploads import find_upload, open_upload
from wabroadcast_core.transport.connect_errors import describe_cause
from wabroadcast_core.transport.http_client import make_client
from wabroadcast_core.transport.http_requests import unlogged
from wabroadcast_core.transport.public_addresses import NotPublicError

MAX_MEGABYTES = 100  # of one file; no provider accepts more
MAX_FILE_BYTES = MAX_MEGABYTES * 1024 * 1024
MAX_CACHED_BYTES = 2 * MAX_FILE_BYTES
FETCH_SECONDS = 60.0  # the longest time to fetch one file
FRESH_SECONDS = 600.0  # after that a file is fetched from its URL again


class MediaCache:
    """Media files of one event loop. Each is read once for all messages; the most recently used stay in memory.

    :param database: holds the uploads.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cached: OrderedDict[str, asyncio.Task[MediaFile]] = OrderedDict()  # the least recently used first
        self._fetched_at: dict[str, float] = {}  # of files from the web, which may change; times of the loop's clock
        self._web: httpx.AsyncClient | None = None

    async def load(self, source: Mapping[str, Any]) -> MediaFile:
        """Load the file that a message names.

        :param source: has either ``uploadId`` or ``url``.
        :raises BadMessage: no upload has this id, the URL has no file or is not public, or the file is too large.
        :raises Temporary: the file cannot be read at the moment.
        """
        upload_id, url = source.get("uploadId"), source.get("url")
        name = f"upload:{upload_id}" if upload_id else f"url:{url}"
        task = None if self._is_stale(name) else self._cached.get(name)
        if task is not None and not task.cancelled():
            self._cached.move_to_end(name)
            return await asyncio.shield(task)
        loading = self._read(str(upload_id)) if upload_id else self._fetch(str(url))
        task = self._cached[name] = asyncio.create_task(loading)
        task.add_done_callback(_retrieve_exception)
        if not upload_id:
            self._fetched_at[name] = asyncio.get_running_loop().time()
        self._cached.move_to_end(name)
        try:
            file = await asyncio.shield(task)
        except Exception:
            if self._cached.get(name) is task:  # a failure is not cached
                del self._cached[name]
            raise
        self._evict()
        return file

    async def close(self) -> None:
        """Cancel the loads in progress, empty the cache and close the HTTP client."""
        for task in self._cached.values():
            task.cancel()
        await asyncio.gather(*self._cached.values(), return_exceptions=True)
        self._cached.clear()
        if self._web is not None:
            await self._web.aclose()

    def _is_stale(self, name: str) -> bool:
        now = asyncio.get_running_loop().time()
        return now - self._fetched_at.get(name, now) > FRESH_SECONDS

    def _evict(self) -> None:
        """Remove the least recently used files until the rest fits, but never the file that was used last."""
        sizes = {name: _size_of(task) for name, task in self._cached.items()}
        total = sum(sizes.values())
        for name in list(sizes)[:-1]:
            if total <= MAX_CACHED_BYTES:
                break
            if sizes[name]:
                total -= sizes[name]
                del self._cached[name]
                self._fetched_at.pop(name, None)

    async def _read(self, upload_id: str) -> MediaFile:
        try:
            filename, content = await asyncio.to_thread(self._read_upload, upload_id)
        except NotFoundError as error:
            raise BadMessage("no_media", say("upload_missing", upload_id=upload_id)) from error
        except UnavailableError as error:
            raise Temporary("media_unreachable", say("store_unreachable")) from error
        return _media_file(content, filename or upload_id)

    def _read_upload(self, upload_id: str) -> tuple[str | None, bytes]:
        with self._database.read() as conn:
            row = find_upload(conn, upload_id)
        if row is None:
            raise NotFoundError("upload", upload_id, hint="upload the file and use its new id")
        if row["size"] > MAX_FILE_BYTES:
            raise _too_large()
        with open_upload(self._database, upload_id) as file:
            return row["filename"], file.read()

    async def _fetch(self, url: str) -> MediaFile:
        if self._web is None:
            self._web = make_client(public_only=True)
        try:
            with unlogged():
                async with asyncio.timeout(FETCH_SECONDS), self._web.stream("GET", url) as answer:
                    if answer.status_code != httpx.codes.OK:
                        raise _status_error(answer.status_code)
                    content = await _read_limited(answer, MAX_FILE_BYTES)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            if _is_not_public(error):
                raise BadMessage("media_not_public", say("media_not_public")) from error
            raise Temporary("media_unreachable", say("media_unreachable", cause=describe_cause(error))) from error
        return _media_file(content, unquote(urlsplit(url).path.rpartition("/")[2]) or "file")


def _retrieve_exception(task: asyncio.Task[MediaFile]) -> None:
    """Mark the exception of a task as retrieved: else asyncio logs it, if no message waits for the file any more."""
    if not task.cancelled():
        task.exception()


def _size_of(task: asyncio.Task[MediaFile]) -> int:
    if not task.done() or task.cancelled() or task.exception() is not None:
        return 0
    return len(task.result().content)


def _media_file(content: bytes, filename: str) -> MediaFile:
    kind = media_type(content[:HEAD_BYTES], filename=filename)
    return MediaFile(content, kind, filename, hashlib.sha256(content).hexdigest())


def _status_error(status: int) -> BadMessage | Temporary:
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.TOO_MANY_REQUESTS:
        return Temporary("media_unreachable", say("media_answer", status=status))
    return BadMessage("no_media", say("media_refused", status=status))


def _too_large() -> BadMessage:
    return BadMessage("media_too_large", say("media_too_large", megabytes=MAX_MEGABYTES))


async def _read_limited(answer: httpx.Response, limit: int) -> bytes:
    """Read a body of at most ``limit`` bytes.

    :raises BadMessage: it is larger.
    """
    content = bytearray()
    async for part in answer.aiter_bytes():
        content += part
        if len(content) > limit:
            raise _too_large()
    return bytes(content)


def _is_not_public(error: BaseException | None) -> bool:
    """Return whether an address that is not public, or not of http or https, is among the causes of an error."""
    while error is not None:
        if isinstance(error, NotPublicError | httpx.UnsupportedProtocol):
            return True
        error = error.__cause__ or error.__context__
    return False
