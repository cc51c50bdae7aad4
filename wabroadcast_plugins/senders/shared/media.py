"""The file of a media message: its address, or its content after a check of type and size."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote

from wabroadcast_core import BadMessage, Capabilities, MediaFile, OutgoingMessage, SenderContext, fits
from wabroadcast_plugins.senders.sentences import say

MEGABYTE: Final = 1024 * 1024
WHATSAPP_BYTES: Final[Mapping[str, int]] = {  # largest file that WhatsApp accepts, by message type
    "image": 16 * MEGABYTE,
    "document": 64 * MEGABYTE,
    "audio": 16 * MEGABYTE,
    "video": 64 * MEGABYTE,
}

_UNITS: Final = (MEGABYTE, 1_000_000)  # both are called MB
_TYPES: Final[Mapping[str, str]] = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".mp4": "video/mp4",
    ".3gp": "video/3gpp",
    ".mov": "video/quicktime",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg; codecs=opus",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    ".amr": "audio/amr",
    ".wav": "audio/wav",
    ".pdf": "application/pdf",
    ".doc": "application/msword",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xls": "application/vnd.ms-excel",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".ppt": "application/vnd.ms-powerpoint",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".txt": "text/plain",
    ".zip": "application/zip",
}
_USUAL_TYPES: Final = {"image": "image/jpeg", "video": "video/mp4", "audio": "audio/mpeg"}


@dataclass(frozen=True, slots=True)
class Attachment:
    """The file of a message: its address or, for an upload, its content in base64."""

    content_type: str
    filename: str
    url: str | None = None
    data: str | None = None

    @property
    def source(self) -> str:
        """The address, else the content in base64."""
        return self.url or self.data or ""


def check_message(message: OutgoingMessage, *, kind: str, capabilities: Capabilities) -> None:
    """Check that a sender can send a message, before its file is loaded.

    :param kind: of the sender; error reasons begin with it, here and below.
    :raises BadMessage: the sender does not support the type, or an audio message has a caption.
    """
    if message.type not in capabilities.media_bytes:
        raise BadMessage(f"{kind}_type", say("type_not_sent", type=message.type))
    if message.type == "audio" and message.text:
        raise BadMessage(f"{kind}_caption", say("audio_caption"))


async def load_file(
    context: SenderContext, message: OutgoingMessage, *, kind: str, capabilities: Capabilities
) -> MediaFile:
    """Load the file of a message and check its type and size. It gets the file name of the message, if it has one.

    :raises BadMessage: the file does not exist, is of an unsupported type, or too large.
    :raises Temporary: the file cannot be fetched now.
    """
    file = await context.load_media(message.content["media"])
    allowed = capabilities.media_types.get(message.type)
    if allowed is not None and not fits(file.content_type, allowed):
        names = " or ".join(sorted(allowed))
        detail = say("file_type", found=file.content_type, type=message.type, types=names)
        raise BadMessage(f"{kind}_media_type", detail)
    largest = capabilities.media_bytes[message.type]
    if len(file.content) > largest:
        detail = say("file_over_limit", type=message.type, size=_format_size(largest))
        raise BadMessage(f"{kind}_media_too_large", detail)
    return replace(file, filename=message.content.get("filename") or file.filename)


async def attach(
    context: SenderContext, message: OutgoingMessage, *, kind: str, capabilities: Capabilities
) -> Attachment:
    """Return the address of a message's file, or load the file, for gateways that accept either in the same field.

    :raises BadMessage: no recipient can receive this message.
    :raises Temporary: the file cannot be fetched now.
    """
    check_message(message, kind=kind, capabilities=capabilities)
    if url := message.content["media"].get("url"):
        name = _name_in(url)
        return Attachment(_type_of(name, message.type), message.content.get("filename") or name, url=url)
    file = await load_file(context, message, kind=kind, capabilities=capabilities)
    return Attachment(file.content_type, file.filename, data=in_base64(file.content))


def in_base64(content: bytes) -> str:
    """Return the content in base64."""
    return base64.b64encode(content).decode("ascii")


def data_uri(content_type: str, encoded: str) -> str:
    """Return a ``data:`` URI.

    :param encoded: the content in base64.
    """
    return f"data:{content_type.replace(' ', '')};base64,{encoded}"


def _format_size(largest: int) -> str:
    return next((f"{largest // unit} MB" for unit in _UNITS if largest % unit == 0), f"{largest:,} bytes")


def _name_in(url: str) -> str:
    """Return the file name at the end of an address, which may be malformed."""
    path = url.partition("#")[0].partition("?")[0]
    return unquote(path.rpartition("/")[2]) or "file"


def _type_of(name: str, kind: str) -> str:
    """Guess the MIME type of a linked file by its name, if that fits the message's type; else use the usual type."""
    found = _TYPES.get(PurePosixPath(name).suffix.lower(), "")
    if kind == "document":
        return found or "application/octet-stream"
    return found if found.startswith(f"{kind}/") else _USUAL_TYPES[kind]
