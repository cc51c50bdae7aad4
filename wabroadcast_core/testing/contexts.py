"""What the engine lends to plugins, for tests: nothing here reaches a network or a disk."""

import io
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, TypeAlias

import httpx

from wabroadcast_core.errors import BadMessage, NotFoundError
from wabroadcast_core.hookspecs import SenderContext, SourceContext
from wabroadcast_core.media import HEAD_BYTES, MediaFile, media_type
from wabroadcast_core.models.receipt import ConnectionEvent, Inbound, Receipt
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.queries import NamedQuery

ProviderEvents: TypeAlias = Receipt | Inbound | ConnectionEvent
TaggedRow: TypeAlias = tuple[AudienceRow, Collection[str]]


def _nobody_answers(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no provider answers in this test", request=request)


class MemoryCache:
    """What a sender keeps, in a dict; it never expires."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        return self.values.get(key)

    async def put(self, key: str, value: str, *, seconds: float) -> None:
        del seconds
        self.values[key] = value


def fake_sender_context(
    *,
    received: list[ProviderEvents] | None = None,
    answer: Callable[[httpx.Request], httpx.Response] = _nobody_answers,
    http: httpx.AsyncClient | None = None,
    media: Mapping[str, bytes] | None = None,
    connection: str = "test",
) -> SenderContext:
    """A context whose HTTP client is answered by ``answer``; without one, every connection is refused.

    :param received: gets what the sender hands over.
    :param http: a client of the test's own, to talk to a real server.
    :param media: files by upload id or url.
    """
    heard = [] if received is None else received
    files = media or {}

    async def load_media(source: Mapping[str, Any]) -> MediaFile:
        key = str(source.get("uploadId") or source.get("url"))
        if key not in files:
            raise BadMessage("no_media", "there is no such file")
        name = key.rpartition("/")[2]
        return MediaFile(files[key], media_type(files[key][:HEAD_BYTES], filename=name), name, key)

    return SenderContext(
        connection=connection,
        http=http or httpx.AsyncClient(transport=httpx.MockTransport(answer)),
        receive=heard.extend,
        log=logging.getLogger(f"wabroadcast.test.{connection}"),
        load_media=load_media,
        kept=MemoryCache(),
    )


def source_context(
    *,
    uploads: Mapping[str, bytes] | None = None,
    contacts: Iterable[TaggedRow] = (),
    queries: Mapping[str, NamedQuery] | None = None,
    region: str = "ID",
) -> SourceContext:
    """A context with these uploads and named queries, and a contact book of these rows with their tags."""
    files = uploads or {}
    book = list(contacts)

    def open_upload(upload_id: str) -> BinaryIO:
        if upload_id not in files:
            raise NotFoundError("upload", upload_id)
        return io.BytesIO(files[upload_id])

    def read_contacts(tags: Sequence[str], match: str, without: Sequence[str] = ()) -> Iterator[AudienceRow]:
        wanted = all if match == "all" else any
        chosen = ((row, has) for row, has in book if not tags or wanted(tag in has for tag in tags))
        return (row for row, has in chosen if not any(tag in has for tag in without))

    return SourceContext(open_upload=open_upload, read_contacts=read_contacts, region=region, queries=queries or {})
