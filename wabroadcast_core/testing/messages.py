"""Sample numbers, and messages to them, for tests of plugins. The numbers belong to no person: 555-0100 to 555-0199."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from wabroadcast_core.media import MediaFile, fits
from wabroadcast_core.models.capabilities import Capabilities
from wabroadcast_core.models.message import OutgoingMessage

SAMPLE_NUMBERS: Final = tuple(f"+1867555{ending:04}" for ending in range(100, 150))
"""50 numbers in E.164, of those that are reserved for examples."""

_FILES: Final = {
    "image": ("image/png", "photo.png", b"\x89PNG\r\n\x1a\n"),
    "document": ("application/pdf", "price-list.pdf", b"%PDF-1.4\n%%EOF\n"),
    "audio": ("audio/ogg; codecs=opus", "greeting.ogg", b"OggS" + bytes(24) + b"OpusHead"),
    "video": ("video/mp4", "tour.mp4", b"\0\0\0\x18ftypmp42"),
}


def message_to(number: str, *, text: str = "Halo Budi, kode Anda A1", attempt: int = 1) -> OutgoingMessage:
    """Create a text message to a number, with an id made from the number."""
    return OutgoingMessage(
        message_id=f"test-{number.lstrip('+')}",
        number=number,
        type="text",
        text=text,
        content={"previewUrl": False},
        attempt=attempt,
    )


def message_of_type(kind: str, number: str = SAMPLE_NUMBERS[0]) -> OutgoingMessage:
    """Create a sample message of a type: text, image, document, audio, video or template."""
    message = message_to(number)
    message.type = kind
    if kind == "template":
        message.text, message.content = None, {"template": {"name": "promo", "language": "id", "components": []}}
    elif kind in _FILES:
        message.text = None if kind == "audio" else message.text
        message.content = {"media": {"url": f"https://files.example/{_FILES[kind][1]}"}, "filename": _FILES[kind][1]}
    return message


def message_with_upload(kind: str) -> OutgoingMessage:
    """Create a sample message of a type whose file is an upload; of a template it is the picture of the header."""
    message = message_of_type(kind)
    if kind == "template":
        picture = {"type": "header", "parameters": [{"type": "image", "image": {"uploadId": "sample"}}]}
        message.content = {"template": {"name": "promo", "language": "id", "components": [picture]}}
    else:
        message.content = {**message.content, "media": {"uploadId": "sample"}}
    return message


def load_sample(kind: str, capabilities: Capabilities) -> Callable[[Mapping[str, Any]], Awaitable[MediaFile]]:
    """Return a function for :attr:`SenderContext.load_media` that returns a small file of a kind.

    :param capabilities: those of the sender: the file has a type that it declares.
    """
    usual, name, content = _FILES.get("image" if kind == "template" else kind, ("text/plain", "note.txt", b"a note"))
    declared = capabilities.media_types.get(kind) or frozenset({usual})
    content_type = usual if fits(usual, declared) else min(declared)

    async def load_media(_source: Mapping[str, Any]) -> MediaFile:
        return MediaFile(content, content_type, name, f"sample-{kind}")

    return load_media
