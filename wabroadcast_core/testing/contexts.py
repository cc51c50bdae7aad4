"""Contexts for plugins under test. They use no network and no disk."""

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


def _refuse_connection(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("this test has no provider: give `answer` or `http`", request=request)


class MemoryCache:
    """A sender's cache in a dict. Entries never expire."""

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
    answer: Callable[[httpx.Request], httpx.Response] = _refuse_connection,
    http: httpx.AsyncClient | None = None,
    media: Mapping[str, bytes] | None = None,
    connection: str = "test",
) -> SenderContext:
    """Create a context for a sender under test.

    :param received: the list to which the events that the sender passes to ``receive`` are added.
    :param answer: answers the requests of the context's HTTP client; by default every connection is refused.
    :param http: another client, for requests to a real server; ``answer`` is then not used.
    :param media: the files that messages may name, by upload id or URL.
    :param connection: the name of the connection.
    """
    events = [] if received is None else received
    files = media or {}

    async def load_media(source: Mapping[str, Any]) -> MediaFile:
        key = str(source.get("uploadId") or source.get("url"))
        if key not in files:
            raise BadMessage("no_media", "the test has no such file: add it to `media`")
        name = key.rpartition("/")[2]
        return MediaFile(files[key], media_type(files[key][:HEAD_BYTES], filename=name), name, key)

    return SenderContext(
        connection=connection,
        http=http or httpx.AsyncClient(transport=httpx.MockTransport(answer)),
        receive=events.extend,
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
    """Create a context for a contact source under test.

    :param uploads: the content of files, by upload id.
    :param contacts: the contact book: rows, each with its tags.
    :param queries: the named queries.
    :param region: two letters; the country of numbers without a country code.
    """
    files = uploads or {}
    book = list(contacts)

    def open_upload(upload_id: str) -> BinaryIO:
        if upload_id not in files:
            raise NotFoundError("upload", upload_id)
        return io.BytesIO(files[upload_id])

    def read_contacts(tags: Sequence[str], match: str, without: Sequence[str] = ()) -> Iterator[AudienceRow]:
        matches = all if match == "all" else any
        chosen = ((row, own) for row, own in book if not tags or matches(tag in own for tag in tags))
        return (row for row, own in chosen if not any(tag in own for tag in without))

    return SourceContext(open_upload=open_upload, read_contacts=read_contacts, region=region, queries=queries or {})
