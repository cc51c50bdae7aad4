"""The capabilities of a pool's senders: the message types, text lengths and files that they can send.

They are checked when a broadcast is submitted and when it is previewed. Text lengths are also checked for each
recipient, because only the rendered text has a known length.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.context import Context
from wabroadcast_core.errors import Fault
from wabroadcast_core.hookspecs import Capabilities
from wabroadcast_core.media import HEAD_BYTES, fits, media_type
from wabroadcast_core.models.message import Content, MediaContent, TemplateContent, TextContent
from wabroadcast_core.sentences import Sentence
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import uploads as upload_store
from wabroadcast_core.store.uploads import open_upload

MEGABYTE = 1024 * 1024  # bytes


class UploadInfo(NamedTuple):
    """The size of an upload in bytes, and the MIME type of its content."""

    size: int
    content_type: str


UploadInfos: TypeAlias = Mapping[str, UploadInfo | None]
"""The uploads that a message names, by id; None for an upload that does not exist."""


@dataclass(frozen=True, slots=True)
class SenderCapabilities:
    """One connection and the capabilities of its sender."""

    connection: str
    kind: str
    capabilities: Capabilities

    def longest_text(self, content: Content) -> int:
        """Return how many characters the text, or the caption, of such a message may have."""
        return self.capabilities.caption_length if isinstance(content, MediaContent) else self.capabilities.text_length

    def faults(self, content: Content, uploads: UploadInfos) -> Iterator[Fault]:
        """Yield the reasons why this connection cannot send the message to any recipient."""
        if content.type not in self.capabilities.types:
            text = "{sender} cannot send messages of type {type}"
            yield Fault("message.type", Sentence("type_unsupported", text, sender=self.shown, type=content.type))
            return
        yield from self._length_faults(content)
        if (
            isinstance(content, MediaContent)
            and content.caption
            and content.type not in self.capabilities.caption_types
        ):
            text = "{sender} shows no caption with {type}: remove it, or send it as a text message of its own"
            yield Fault("message.caption", Sentence("no_caption", text, sender=self.shown, type=content.type))
        if isinstance(content, MediaContent) and content.media.upload_id is not None:
            upload = uploads[content.media.upload_id]
            if upload is not None:  # upload_faults reports a missing upload, once for all connections
                yield from self._file_faults(content.type, upload, path="message.media.uploadId")

    def _length_faults(self, content: Content) -> Iterator[Fault]:
        text, path = _fixed_text(content)
        if text is not None and len(text) > self.longest_text(content):
            reason = "{sender} sends at most {most} characters, this text has {n}"
            most = self.longest_text(content)
            yield Fault(path, Sentence("text_too_long", reason, sender=self.shown, most=most, n=len(text)))

    def _file_faults(self, kind: str, upload: UploadInfo, *, path: str) -> Iterator[Fault]:
        largest, allowed = self.capabilities.media_bytes.get(kind), self.capabilities.media_types.get(kind)
        if largest is not None and upload.size > largest:
            text = "{sender} sends {type} files of at most {most} MB, this file has {size} MB"
            sizes = {"most": largest / MEGABYTE, "size": round(upload.size / MEGABYTE, 1)}
            yield Fault(path, Sentence("file_too_large", text, sender=self.shown, type=kind, **sizes))
        if allowed is not None and not fits(upload.content_type, allowed):
            text = "{sender} sends {accepted} as {type}, but the content of this file is {content}"
            values = {"accepted": ", ".join(sorted(allowed)), "type": kind, "content": upload.content_type}
            yield Fault(path, Sentence("file_type_unsupported", text, sender=self.shown, **values))

    @property
    def shown(self) -> Sentence:
        """The connection and its kind, for people."""
        return Sentence("connection_of_kind", "connection {name!r} ({kind})", name=self.connection, kind=self.kind)


def find_capabilities(context: Context, names: Sequence[str]) -> tuple[list[SenderCapabilities], list[Fault]]:
    """Look up what the senders of a pool can do.

    :param names: the connections of the pool.
    :returns: the capabilities of those whose sender is installed, and a fault for each of the others.
    """
    with context.database.read() as conn:
        rows = connection_store.find_connections(conn, names)
    senders = context.plugins.senders
    found = [
        SenderCapabilities(row["name"], row["sender"], senders[row["sender"]].capabilities)
        for row in rows
        if row["sender"] in senders
    ]
    text = "the sender {sender!r} of connection {name!r} is not installed: install its plugin"
    faults = [
        Fault("connection", Sentence("sender_missing", text, sender=row["sender"], name=row["name"]))
        for row in rows
        if row["sender"] not in senders
    ]
    return found, faults


def default_connections(context: Context, conn: Connection, *, among: Sequence[RowMapping] | None = None) -> list[str]:
    """Return the names of the connections that a broadcast without a connection may use: one, if it is clear which.

    It is the one that was chosen as the default, or else the only one that reaches real phones, or the only one.

    :param among: the rows of all connections, if they were read already.
    """
    chosen = connection_store.find_default(conn)
    if chosen is not None:
        return [chosen["name"]]
    rows = connection_store.list_connections(conn) if among is None else among
    senders = context.plugins.senders
    real = [row for row in rows if row["sender"] not in senders or not senders[row["sender"]].capabilities.simulated]
    return [row["name"] for row in (real if len(real) == 1 else rows)]


def longest_text(pool: Sequence[SenderCapabilities], content: Content) -> int | None:
    """Return how many characters a text may have so that every connection of the pool can send it.

    :returns: None for an empty pool.
    """
    return min((sender.longest_text(content) for sender in pool), default=None)


def inspect_uploads(context: Context, content: Content) -> UploadInfos:
    """Read size and content type of each upload that a message names."""
    return {upload_id: _inspect_upload(context, upload_id) for upload_id in {key for _, key in _named_uploads(content)}}


def upload_faults(content: Content, uploads: UploadInfos) -> Iterator[Fault]:
    """Yield a fault for each upload that a message names and that does not exist."""
    for path, upload_id in _named_uploads(content):
        if uploads[upload_id] is None:
            yield Fault(path, no_upload(upload_id))


def no_upload(upload_id: str) -> Sentence:
    """Return the fault of an upload that does not exist."""
    return Sentence("no_upload", "there is no upload {name!r}: upload the file first", name=upload_id)


def deleted_upload(upload_id: str) -> Sentence:
    """Return the fault of an upload that was deleted after it was chosen."""
    return Sentence("deleted_upload", "there is no upload {name!r}: upload the file again", name=upload_id)


def _inspect_upload(context: Context, upload_id: str) -> UploadInfo | None:
    with context.database.read() as conn:
        row = upload_store.find_upload(conn, upload_id)
    if row is None:
        return None
    with open_upload(context.database, upload_id) as file:
        return UploadInfo(row["size"], media_type(file.read(HEAD_BYTES), filename=row["filename"]))


def _named_uploads(content: Content) -> Iterator[tuple[str, str]]:
    """Yield path and id of each upload that a message names."""
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
                if key == "uploadId" and isinstance(part, str) and "{" not in part:  # an id, not a template
                    yield f"{path}.{key}", part
                yield from _uploads_in(part, f"{path}.{key}")
        case list():
            for index, part in enumerate(tree):
                yield from _uploads_in(part, f"{path}.{index}")


def _fixed_text(content: Content) -> tuple[str | None, str]:
    """Return a text that is the same for every recipient, and its path; None for a text that is a template."""
    text, path = None, ""
    if isinstance(content, TextContent):
        text, path = content.text, "message.text"
    elif isinstance(content, MediaContent):
        text, path = content.caption, "message.caption"
    return (None if text is None or "{" in text else text), path
