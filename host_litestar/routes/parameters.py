"""Parameters and small helpers that several routes share."""

import re
from collections.abc import Sequence
from typing import Annotated, TypeAlias, TypeVar

from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.base import Model, Moment, parse_model
from wabroadcast_core.models.page import Page
from wabroadcast_core.models.status import MessageStatus, ReceiptKind
from wabroadcast_core.services.reports import FileFormat

Item = TypeVar("Item")

_SLASH = re.compile("%2f", re.IGNORECASE)
_BLANK_OFFSET = re.compile(r" (?=\d\d:\d\d\Z)")  # the + of an offset that was not escaped in the query string

BroadcasterDep: TypeAlias = NamedDependency[Broadcaster]
Actor: TypeAlias = NamedDependency[str]

PageNumber: TypeAlias = Annotated[
    int, QueryParameter(name="page", ge=1, le=1_000_000_000, description="The page; the first is 1.")
]
PageSize: TypeAlias = Annotated[int, QueryParameter(name="pageSize", ge=1, le=500, description="Entries in a page.")]
SearchText: TypeAlias = Annotated[
    str | None, QueryParameter(name="q", max_length=200, description="Only entries with this in a name or number.")
]
Batch: TypeAlias = Annotated[
    int | None, QueryParameter(name="batch", ge=0, le=2**31 - 1, description="Only the batch with this number.")
]

Cursor: TypeAlias = Annotated[str | None, QueryParameter(description="nextCursor of the previous page.")]
StatusFilter: TypeAlias = Annotated[
    MessageStatus | None, QueryParameter(name="status", description="Only messages with this status.")
]
ReasonFilter: TypeAlias = Annotated[
    str | None, QueryParameter(name="reason", description="Only messages with this reason.")
]
ReceiptFilter: TypeAlias = Annotated[
    ReceiptKind | None,
    QueryParameter(name="receipt", description="Only messages that were delivered, or read, by a receipt."),
]
Since: TypeAlias = Annotated[
    str | None, QueryParameter(max_length=50, description="RFC 3339; only what was then or later.")
]
Until: TypeAlias = Annotated[str | None, QueryParameter(max_length=50, description="RFC 3339; only what was before.")]

FileKind: TypeAlias = Annotated[FileFormat, QueryParameter(name="format", description="The kind of file.")]

JobId: TypeAlias = Annotated[str, PathParameter(name="jobId", description="The id of the broadcast.")]
MessageId: TypeAlias = Annotated[str, PathParameter(name="messageId", description="The id of the message.")]
TagText: TypeAlias = Annotated[
    str | None, QueryParameter(name="tag", max_length=200, description="Only contacts with this tag.")
]
ImportId: TypeAlias = Annotated[str, PathParameter(name="importId", description="The id of the import.")]
UploadId: TypeAlias = Annotated[str, PathParameter(name="uploadId", description="The id of the upload.")]
ConnectionName: TypeAlias = Annotated[str, PathParameter(name="name", description="The name of the connection.")]
PersonNumber: TypeAlias = Annotated[
    str, PathParameter(name="number", description="A phone number, with or without a country code.")
]
TagName: TypeAlias = Annotated[str, PathParameter(name="tag", description="Write a slash in the tag as %252F.")]


def whole_list(items: Sequence[Item]) -> Page[Item]:
    """Return a short list as its only page."""
    return Page(items=list(items), total=len(items), page=1, page_size=max(1, len(items)))


class TimeSpan(Model):
    """A span of time by which a call selects; an end that is None is open."""

    since: Moment | None = None
    until: Moment | None = None


def read_span(since: str | None, until: str | None) -> TimeSpan:
    """Return the span of time that two parameters name.

    :raises InvalidInputError: one of them is no time with an offset.
    """
    given = {"since": since, "until": until}
    return parse_model(TimeSpan, {name: text and _BLANK_OFFSET.sub("+", text) for name, text in given.items()})


def read_tag(name: TagName) -> str:
    """Return the tag that a path names.

    A slash in the tag is escaped twice in the path, because Litestar decodes the path before it looks for the route.
    """
    return _SLASH.sub("/", name)
