"""What the senders for WAHA and the Evolution API have in common: reading JSON that may be anything, WhatsApp's
refusals of new contacts, media by address or as base64.

No plugin: it has no hooks.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import unquote

from wabroadcast_core import BadMessage, Capabilities, OutgoingMessage, SenderContext, Throttled, blank_numbers

LONGEST_DETAIL: Final = 200  # characters

_MILLISECONDS: Final = 100_000_000_000  # such a number of seconds is in the year 5138
_REFUSALS: Final = {
    "463": "WhatsApp lets this account write to nobody new for now (reach-out timelock)",
    "475": "this account has written to as many new people as WhatsApp lets it for now (message capping)",
}
_REFUSAL: Final = re.compile(rf"\berror ({'|'.join(_REFUSALS)})(?!\d)")
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


def read_json(content: bytes) -> Any:
    """A JSON document; None where it is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def fields_of(value: object) -> dict[str, Any]:
    """A JSON object's fields; none where it is no object."""
    return value if isinstance(value, dict) else {}


def text_of(value: object) -> str:
    """A JSON text; empty where it is none."""
    return value if isinstance(value, str) else ""


def seconds_of(value: object) -> float | None:
    """A UNIX time given as a number or digits, in seconds or milliseconds; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        moment = float(value)
    except (ValueError, OverflowError):
        return None
    if moment >= _MILLISECONDS:
        moment /= 1_000
    return moment if 0 < moment < _MILLISECONDS else None


def shown(text: str) -> str:
    """A gateway's words as an error's detail may show them."""
    return blank_numbers(" ".join(text.split()))[:LONGEST_DETAIL]


def find_refusal(text: str) -> str | None:
    """The code by which WhatsApp refused a new contact, where a gateway's error text tells of one."""
    found = _REFUSAL.search(text)
    return None if found is None else found[1]


def is_refusal(code: object) -> bool:
    """Whether a code of WhatsApp's is one of those that refuse a new contact."""
    return isinstance(code, str) and code in _REFUSALS


def refusal(code: str, *, kind: str, retry_after: float | None = None) -> Throttled:
    """Known people can still be written to; nobody else until that ends. :param kind: of the sender."""
    return Throttled(f"{kind}_{code}", _REFUSALS[code], retry_after=retry_after, scope="new_contacts")


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


async def attach(
    context: SenderContext, message: OutgoingMessage, *, kind: str, capabilities: Capabilities
) -> Attachment:
    """What a message brings with it.

    :param kind: of the sender; reasons of errors begin with it.
    :raises BadMessage: there is no such file, or it is too large, or it wants words where WhatsApp shows none.
    :raises Temporary: it cannot be fetched just now.
    """
    if message.type not in capabilities.media_bytes:
        raise BadMessage(f"{kind}_type", f"this gateway sends no {message.type}")
    if message.type == "audio" and message.text:
        raise BadMessage(f"{kind}_caption", "WhatsApp shows no caption with a voice message")
    source, filename = message.content["media"], message.content.get("filename")
    if url := source.get("url"):
        name = _name_in(url)
        return Attachment(_type_of(name, message.type), filename or name, url=url)
    media = await context.load_media(source)
    largest = capabilities.media_bytes[message.type]
    if len(media.content) > largest:
        raise BadMessage(f"{kind}_too_large", f"the {message.type} is larger than {largest:,} bytes")
    data = base64.b64encode(media.content).decode("ascii")
    return Attachment(media.content_type, filename or media.filename, data=data)


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
