"""What the gateways built on the whatsmeow library have in common: its words for a refusal, its times, their media.

No plugin: it has no hooks.
"""

import json
import re
import time
from datetime import UTC, datetime
from typing import Any, Final

from wabroadcast_core import (
    BadMessage,
    Capabilities,
    MediaFile,
    OutgoingMessage,
    SenderContext,
    SendError,
    Temporary,
    Throttled,
    fits,
)

REACHOUT_TIMELOCK: Final = 463  # nobody new may be written to for hours or days; known chats go on
RATE_OVERLIMIT: Final = 429

_SERVER_ERROR: Final = re.compile(r"server returned error (\d{3})(?!\d)")
_EARLIEST: Final = 1_000_000_000.0  # seconds; Go writes its zero time where it has none


def find_refusal(text: str, *, kind: str) -> SendError | None:
    """WhatsApp's own refusal in a gateway's error text: it answered, so the message was surely not taken.

    :param kind: of the sender; error reasons begin with it.
    """
    found = _SERVER_ERROR.search(text)
    if found is None:
        return None
    code = int(found[1])
    if code == REACHOUT_TIMELOCK:
        return reachout_timelock(kind=kind)
    if code == RATE_OVERLIMIT:
        return Throttled(f"{kind}_too_fast", "WhatsApp told the gateway to slow down")
    return Temporary(f"{kind}_error_{code}", f"WhatsApp answered the gateway with error {code}")


def reachout_timelock(*, kind: str, retry_after: float | None = None) -> Throttled:
    detail = "WhatsApp does not let this account write to new people for now"
    return Throttled(f"{kind}_reachout_timelock", detail, retry_after=retry_after, scope="new_contacts")


async def load_media(
    context: SenderContext, message: OutgoingMessage, *, kind: str, capabilities: Capabilities
) -> MediaFile:
    """The file of a message, once it is one that the gateway takes.

    :raises BadMessage: there is none, or the gateway takes no such file.
    :raises Temporary: it cannot be fetched just now.
    """
    media = await context.load_media(message.content["media"])
    allowed = capabilities.media_types.get(message.type)
    if allowed is not None and not fits(media.content_type, allowed):
        names = " or ".join(sorted(allowed))
        raise BadMessage(f"{kind}_media_type", f"the {message.type} is {media.content_type}, not {names}")
    largest = capabilities.media_bytes[message.type]
    if len(media.content) > largest:
        raise BadMessage(f"{kind}_media_too_large", f"the {message.type} is larger than {largest:,} bytes")
    return media


def read_json(text: bytes | str) -> Any:
    """A JSON document; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def fields_of(value: object) -> dict[str, Any]:
    """A JSON object's fields; none where it is no object."""
    return value if isinstance(value, dict) else {}


def text_of(value: object) -> str:
    """A JSON text; empty where it is none."""
    return value if isinstance(value, str) else ""


def texts_in(value: object) -> list[str]:
    """The texts of a JSON list that hold something."""
    return [item for item in value if isinstance(item, str) and item] if isinstance(value, list) else []


def read_time(value: object) -> float:
    """The UNIX time (seconds) of a time in RFC 3339; now, where it is none that a message can have."""
    try:
        moment = datetime.fromisoformat(text_of(value))
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return time.time()
    return seconds if seconds > _EARLIEST else time.time()
