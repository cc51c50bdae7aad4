"""The medium that a message brings along: by its address, or its content once it is known to fit."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote

from wabroadcast_core import BadMessage, Capabilities, MediaFile, OutgoingMessage, SenderContext, fits

_UNITS: Final = (1024 * 1024, 1_000_000)  # both are called MB
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
    """The medium of a message: its address or, where it has none, its content in base64."""

    content_type: str
    filename: str
    url: str | None = None
    data: str | None = None

    @property
    def source(self) -> str:
        return self.url or self.data or ""


def check_message(message: OutgoingMessage, *, kind: str, capabilities: Capabilities) -> None:
    """:param kind: of the sender; reasons of errors begin with it, here and below.

    :raises BadMessage: the sender sends no such medium, or it wants words where WhatsApp shows none.
    """
    if message.type not in capabilities.media_bytes:
        raise BadMessage(f"{kind}_type", f"this gateway sends no {message.type}")
    if message.type == "audio" and message.text:
        raise BadMessage(f"{kind}_caption", "WhatsApp shows no caption with audio: leave it out")


async def load_file(
    context: SenderContext, message: OutgoingMessage, *, kind: str, capabilities: Capabilities
) -> MediaFile:
    """The file of a message, once it is one that the sender takes, under the name that the message has for it.

    :raises BadMessage: there is none, or it is of another type, or too large.
    :raises Temporary: it cannot be fetched just now.
    """
    file = await context.load_media(message.content["media"])
    allowed = capabilities.media_types.get(message.type)
    if allowed is not None and not fits(file.content_type, allowed):
        names = " or ".join(sorted(allowed))
        raise BadMessage(f"{kind}_media_type", f"the {message.type} is {file.content_type}, not {names}")
    largest = capabilities.media_bytes[message.type]
    if len(file.content) > largest:
        words = f"the {message.type} is too large: it may have up to {_size_in_words(largest)}"
        raise BadMessage(f"{kind}_media_too_large", words)
    return replace(file, filename=message.content.get("filename") or file.filename)


async def attach(
    context: SenderContext, message: OutgoingMessage, *, kind: str, capabilities: Capabilities
) -> Attachment:
    """What a message brings with it, for gateways that take an address or base64 in the same place.

    :raises BadMessage: it can be sent to nobody.
    :raises Temporary: it cannot be fetched just now.
    """
    check_message(message, kind=kind, capabilities=capabilities)
    if url := message.content["media"].get("url"):
        name = _name_in(url)
        return Attachment(_type_of(name, message.type), message.content.get("filename") or name, url=url)
    file = await load_file(context, message, kind=kind, capabilities=capabilities)
    return Attachment(file.content_type, file.filename, data=in_base64(file.content))


def in_base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def data_uri(content_type: str, encoded: str) -> str:
    """:param encoded: the content in base64."""
    return f"data:{content_type.replace(' ', '')};base64,{encoded}"


def _size_in_words(largest: int) -> str:
    return next((f"{largest // unit} MB" for unit in _UNITS if largest % unit == 0), f"{largest:,} bytes")


def _name_in(url: str) -> str:
    """The file name at the end of an address, which need not be a well-formed one."""
    path = url.partition("#")[0].partition("?")[0]
    return unquote(path.rpartition("/")[2]) or "file"


def _type_of(name: str, kind: str) -> str:
    """The MIME type of a file that nobody has looked into: by its name, if that fits what it is sent as."""
    found = _TYPES.get(PurePosixPath(name).suffix.lower(), "")
    if kind == "document":
        return found or "application/octet-stream"
    return found if found.startswith(f"{kind}/") else _USUAL_TYPES[kind]
