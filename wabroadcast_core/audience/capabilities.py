"""What the senders of a pool can carry: kinds of message, lengths of texts, kinds and sizes of files.

Asked when a broadcast is taken in and when it is previewed; lengths also for each recipient, whose text is known then.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from wabroadcast_core.context import Context
from wabroadcast_core.errors import Fault
from wabroadcast_core.hookspecs import Capabilities
from wabroadcast_core.media import HEAD_BYTES, fits, media_type
from wabroadcast_core.models.message import Content, MediaContent, TemplateContent, TextContent
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import uploads as upload_store
from wabroadcast_core.store.uploads import open_upload

MEGABYTE = 1024 * 1024


class Look(NamedTuple):
    """A file's size, and its MIME type by its content."""

    size: int
    content_type: str


Looks: TypeAlias = Mapping[str, Look | None]
"""The uploads that a message names, by id; None: there is none."""


@dataclass(frozen=True, slots=True)
class SenderCapabilities:
    """One connection and what its sender can do."""

    connection: str
    kind: str
    can: Capabilities

    def longest_text(self, content: Content) -> int:
        """Characters of the text, or of the caption, that it takes with such a message."""
        return self.can.caption_length if isinstance(content, MediaContent) else self.can.text_length

    def faults(self, content: Content, looks: Looks) -> Iterator[Fault]:
        """Why it cannot send this to anybody."""
        if content.type not in self.can.types:
            yield Fault("message.type", f"{self} cannot send {content.type}")
            return
        yield from self._length_faults(content)
        if isinstance(content, MediaContent) and content.media.upload_id is not None:
            look = looks[content.media.upload_id]
            if look is not None:  # that there is none is said once, not for each connection
                yield from self._file_faults(content.type, look, path="message.media.uploadId")

    def _length_faults(self, content: Content) -> Iterator[Fault]:
        text, path = _fixed_text(content)
        if text is not None and len(text) > self.longest_text(content):
            yield Fault(path, f"{self} takes {self.longest_text(content)} characters")

    def _file_faults(self, kind: str, look: Look, *, path: str) -> Iterator[Fault]:
        largest, allowed = self.can.media_bytes.get(kind), self.can.media_types.get(kind)
        if largest is not None and look.size > largest:
            most, has = largest / MEGABYTE, look.size / MEGABYTE
            yield Fault(path, f"{self} takes {kind} files up to {most:g} MB, this has {has:.1f}")
        if allowed is not None and not fits(look.content_type, allowed):
            known = ", ".join(sorted(allowed))
            yield Fault(path, f"{self} sends {known} as {kind}, and by its content this is {look.content_type}")

    def __str__(self) -> str:
        return f"connection {self.connection!r} ({self.kind})"


def carriers_of(context: Context, names: Sequence[str]) -> tuple[list[SenderCapabilities], list[Fault]]:
    """The carriers of a pool, and the faults of those whose sender is not installed."""
    with context.database.read() as conn:
        rows = connection_store.find_connections(conn, names)
    senders = context.plugins.senders
    found = [
        SenderCapabilities(row["name"], row["sender"], senders[row["sender"]].capabilities)
        for row in rows
        if row["sender"] in senders
    ]
    missing = [row["name"] for row in rows if row["sender"] not in senders]
    return found, [Fault("connection", f"the sender of connection {name!r} is not installed") for name in missing]


def longest_text(carriers: Sequence[SenderCapabilities], content: Content) -> int | None:
    """The longest text that each of these connections takes."""
    return min((carrier.longest_text(content) for carrier in carriers), default=None)


def look_at_uploads(context: Context, content: Content) -> Looks:
    """Look once into each upload that a message names."""
    return {upload_id: _look_at(context, upload_id) for upload_id in {key for _, key in _named_uploads(content)}}


def upload_faults(content: Content, looks: Looks) -> Iterator[Fault]:
    """Uploads that a message names and that are not there."""
    for path, upload_id in _named_uploads(content):
        if looks[upload_id] is None:
            yield Fault(path, f"there is no upload {upload_id!r}")


def _look_at(context: Context, upload_id: str) -> Look | None:
    with context.database.read() as conn:
        row = upload_store.find_upload(conn, upload_id)
    if row is None:
        return None
    with open_upload(context.database, upload_id) as file:
        return Look(row["size"], media_type(file.read(HEAD_BYTES), filename=row["filename"]))


def _named_uploads(content: Content) -> Iterator[tuple[str, str]]:
    match content:
        case MediaContent():
            if content.media.upload_id is not None:
                yield "message.media.uploadId", content.media.upload_id
        case TemplateContent():
            yield from _uploads_in(content.template.components, "message.template.components")


def _uploads_in(tree: Any, path: str) -> Iterator[tuple[str, str]]:
    match tree:
        case dict():
            for key, part in tree.items():
                if key == "uploadId" and isinstance(part, str) and "{" not in part:
                    yield f"{path}.{key}", part
                yield from _uploads_in(part, f"{path}.{key}")
        case list():
            for place, part in enumerate(tree):
                yield from _uploads_in(part, f"{path}.{place}")


def _fixed_text(content: Content) -> tuple[str | None, str]:
    """A text that is the same for everyone, and its path."""
    text, path = None, ""
    if isinstance(content, TextContent):
        text, path = content.text, "message.text"
    elif isinstance(content, MediaContent):
        text, path = content.caption, "message.caption"
    return (None if text is None or "{" in text else text), path
