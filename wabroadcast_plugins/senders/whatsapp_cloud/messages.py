"""What Meta is asked, to send one message: the body of ``POST /{phone-number-id}/messages``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from wabroadcast_core import BadMessage, OutgoingMessage

MEDIA_KINDS: Final = frozenset({"image", "document", "audio", "video"})
WITH_CAPTION: Final = MEDIA_KINDS - {"audio"}


class Wanted(NamedTuple):
    """An upload that a message refers to, and as what."""

    kind: str
    upload_id: str


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An upload as Meta knows it."""

    media_id: str
    filename: str
    key: str  # of its content


Files = Mapping[Wanted, Uploaded]


def uploads_in(message: OutgoingMessage) -> set[Wanted]:
    """The uploads that a message refers to: its medium, or those in a template's components."""
    match message.content:
        case {"media": {"uploadId": str(upload_id)}} if message.type in MEDIA_KINDS:
            return {Wanted(message.type, upload_id)}
        case {"template": {"components": components}}:
            return set(_uploads_in(components))
    return set()


def build_body(message: OutgoingMessage, files: Files) -> dict[str, Any]:
    """:param files: for each of :func:`uploads_in`.

    :raises BadMessage: the message lacks what its type needs.
    """
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": message.number,
        "type": message.type,
        message.type: _part_of(message, files),
        "biz_opaque_callback_data": message.message_id,  # comes back with every status
    }


def _part_of(message: OutgoingMessage, files: Files) -> dict[str, Any]:
    if message.type == "text":
        return _text_part(message)
    if message.type == "template":
        return _template_part(message.content.get("template"), files)
    if message.type in MEDIA_KINDS:
        return _media_part(message, files)
    raise BadMessage("unsupported_type", f"there are no messages of type {message.type}")


def _text_part(message: OutgoingMessage) -> dict[str, Any]:
    if not message.text:
        raise BadMessage("no_text", "the message has no text")
    return {"body": message.text, "preview_url": bool(message.content.get("previewUrl"))}


def _media_part(message: OutgoingMessage, files: Files) -> dict[str, Any]:
    part = _reference(message.type, message.content.get("media"), files)
    if message.text and message.type in WITH_CAPTION:
        part["caption"] = message.text
    filename = message.content.get("filename")
    if filename and message.type == "document":
        part["filename"] = filename
    return part


def _reference(kind: str, source: object, files: Files) -> dict[str, Any]:
    filename: str | None
    match source:
        case {"uploadId": str(upload_id)}:
            file = files[Wanted(kind, upload_id)]
            part, filename = {"id": file.media_id}, file.filename
        case {"url": str(url)}:
            part, filename = {"link": url}, _filename_in(url)
        case _:
            raise BadMessage("no_media", "the message names neither a link nor an upload")
    return {**part, "filename": filename} if kind == "document" and filename else part


def _template_part(template: object, files: Files) -> dict[str, Any]:
    match template:
        case {"name": str(name), "language": str(language), **others}:
            part = {"name": name, "language": {"code": language}}
        case _:
            raise BadMessage("no_template", "the message names no template and language")
    components = others.get("components")
    return {**part, "components": _filled(components, files) if files else components} if components else part


def _filled(tree: Any, files: Files) -> Any:
    """The components, with Meta's ids in the place of uploads."""
    if isinstance(tree, list):
        return [_filled(part, files) for part in tree]
    if not isinstance(tree, dict):
        return tree
    return {
        kind: {**_reference(kind, part, files), **_others(part)} if _is_upload(kind, part) else _filled(part, files)
        for kind, part in tree.items()
    }


def _uploads_in(tree: Any) -> Iterator[Wanted]:
    if isinstance(tree, list):
        for part in tree:
            yield from _uploads_in(part)
    elif isinstance(tree, dict):
        for kind, part in tree.items():
            if _is_upload(kind, part):
                yield Wanted(kind, part["uploadId"])
            else:
                yield from _uploads_in(part)


def _is_upload(kind: str, part: Any) -> bool:
    return kind in MEDIA_KINDS and isinstance(part, dict) and isinstance(part.get("uploadId"), str)


def _others(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name != "uploadId"}


def _filename_in(url: str) -> str | None:
    try:
        path = urlsplit(url).path
    except ValueError as error:
        raise BadMessage("no_media", "the link is no address") from error
    name = unquote(path.rpartition("/")[2])
    return name if "." in name else None
