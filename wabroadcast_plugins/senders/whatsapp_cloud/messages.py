"""The body of the request that sends one message: ``POST /{phone-number-id}/messages``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from wabroadcast_core import BadMessage, OutgoingMessage
from wabroadcast_plugins.senders.sentences import say

MEDIA_KINDS: Final = frozenset({"image", "document", "audio", "video"})
WITH_CAPTION: Final = MEDIA_KINDS - {"audio"}


class UploadReference(NamedTuple):
    """A reference of a message to an upload."""

    kind: str
    """The message type that the file is used for."""
    upload_id: str


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """An upload that was stored at Meta."""

    media_id: str
    filename: str
    key: str
    """The cache key of the media id."""


Files = Mapping[UploadReference, UploadedFile]


def uploads_in(message: OutgoingMessage) -> set[UploadReference]:
    """Return the uploads that a message refers to: its file, or the files in a template's components."""
    match message.content:
        case {"media": {"uploadId": str(upload_id)}} if message.type in MEDIA_KINDS:
            return {UploadReference(message.type, upload_id)}
        case {"template": {"components": components}}:
            return set(_uploads_in(components))
    return set()


def build_body(message: OutgoingMessage, files: Files) -> dict[str, Any]:
    """Return the body of the request that sends a message.

    :param files: the uploaded file for each reference from :func:`uploads_in`.
    :raises BadMessage: the message lacks a part that its type needs.
    """
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": message.number,
        "type": message.type,
        message.type: _part_of(message, files),
        "biz_opaque_callback_data": message.message_id,  # Meta returns it with every status
    }


def _part_of(message: OutgoingMessage, files: Files) -> dict[str, Any]:
    if message.type == "text":
        return _text_part(message)
    if message.type == "template":
        return _template_part(message.content.get("template"), files)
    if message.type in MEDIA_KINDS:
        return _media_part(message, files)
    raise BadMessage("unsupported_type", say("cloud_type", type=message.type))


def _text_part(message: OutgoingMessage) -> dict[str, Any]:
    if not message.text:
        raise BadMessage("no_text", say("cloud_no_text"))
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
            file = files[UploadReference(kind, upload_id)]
            part, filename = {"id": file.media_id}, file.filename
        case {"url": str(url)}:
            part, filename = {"link": url}, _filename_in(url)
        case _:
            raise BadMessage("no_media", say("cloud_no_file"))
    return {**part, "filename": filename} if kind == "document" and filename else part


def _template_part(template: object, files: Files) -> dict[str, Any]:
    match template:
        case {"name": str(name), "language": str(language), **others}:
            part = {"name": name, "language": {"code": language}}
        case _:
            raise BadMessage("no_template", say("cloud_no_template"))
    components = others.get("components")
    return {**part, "components": _with_media_ids(components, files) if files else components} if components else part


def _with_media_ids(tree: Any, files: Files) -> Any:
    """Return the components with Meta's media ids in place of the uploads."""
    if isinstance(tree, list):
        return [_with_media_ids(part, files) for part in tree]
    if not isinstance(tree, dict):
        return tree
    return {
        kind: {**_reference(kind, part, files), **_without_upload_id(part)}
        if _is_upload(kind, part)
        else _with_media_ids(part, files)
        for kind, part in tree.items()
    }


def _uploads_in(tree: Any) -> Iterator[UploadReference]:
    if isinstance(tree, list):
        for part in tree:
            yield from _uploads_in(part)
    elif isinstance(tree, dict):
        for kind, part in tree.items():
            if _is_upload(kind, part):
                yield UploadReference(kind, part["uploadId"])
            else:
                yield from _uploads_in(part)


def _is_upload(kind: str, part: Any) -> bool:
    return kind in MEDIA_KINDS and isinstance(part, dict) and isinstance(part.get("uploadId"), str)


def _without_upload_id(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name != "uploadId"}


def _filename_in(url: str) -> str | None:
    try:
        path = urlsplit(url).path
    except ValueError as error:
        raise BadMessage("no_media", say("cloud_link")) from error
    name = unquote(path.rpartition("/")[2])
    return name if "." in name else None
