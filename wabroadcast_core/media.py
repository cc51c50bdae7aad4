"""Media files, and how their MIME type is found: from the first bytes, not from the file name."""

import codecs
import re
from dataclasses import dataclass
from typing import Final

HEAD_BYTES: Final = 4_096  # enough to recognise the type
OTHER: Final = "application/octet-stream"

_OPEN_XML: Final = "application/vnd.openxmlformats-officedocument"
_SIGNATURES: Final = tuple(
    (re.compile(pattern, re.DOTALL), name)
    for pattern, name in (
        (rb"\xff\xd8\xff", "image/jpeg"),
        (rb"\x89PNG\r\n\x1a\n", "image/png"),
        (rb"GIF8[79]a", "image/gif"),
        (rb"RIFF.{4}WEBP", "image/webp"),
        (rb".{4}ftyp3g", "video/3gpp"),
        (rb".{4}ftyp(M4A|M4B|F4A)", "audio/mp4"),
        (rb".{4}ftypqt", "video/quicktime"),
        (rb".{4}ftyp", "video/mp4"),
        (rb"OggS.{24,300}OpusHead", "audio/ogg; codecs=opus"),
        (rb"OggS", "audio/ogg"),
        (rb"#!AMR", "audio/amr"),
        (rb"RIFF.{4}WAVE", "audio/wav"),
        (rb"ID3|\xff[\xfa\xfb\xf2\xf3\xe2\xe3]", "audio/mpeg"),
        (rb"\xff[\xf0\xf1\xf8\xf9]", "audio/aac"),
        (rb"%PDF-", "application/pdf"),
        (rb"PK\x03\x04.*word/", f"{_OPEN_XML}.wordprocessingml.document"),
        (rb"PK\x03\x04.*xl/", f"{_OPEN_XML}.spreadsheetml.sheet"),
        (rb"PK\x03\x04.*ppt/", f"{_OPEN_XML}.presentationml.presentation"),
        (rb"PK\x03\x04", "application/zip"),
        (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/msword"),  # or another of the old Office types
    )
)
_OLD_OFFICE: Final = {
    ".xls": "application/vnd.ms-excel",
    ".ppt": "application/vnd.ms-powerpoint",
}


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A media file as a sender sends it. It is held whole in memory, because providers accept at most about 100 MB.

    ``key`` identifies the content: the same content has the same key. Use it to cache what a provider returned for
    the file, such as its media id.
    """

    content: bytes
    content_type: str
    filename: str
    key: str


def media_type(head: bytes, *, filename: str | None = None) -> str:
    """Return the MIME type of a file.

    :param head: the first :data:`HEAD_BYTES` of the file.
    :param filename: only decides between types that share a container format (old Office files).
    """
    found = next((name for signature, name in _SIGNATURES if signature.match(head)), None)
    if found == "application/msword":
        return _OLD_OFFICE.get((filename or "")[-4:].lower(), found)
    if found is not None:
        return found
    return "text/plain" if is_text(head) else OTHER


def fits(content_type: str, allowed: frozenset[str]) -> bool:
    """Return whether a MIME type is allowed. ``audio/ogg; codecs=opus`` also counts as ``audio/ogg``."""
    return content_type in allowed or content_type.partition(";")[0] in allowed


def is_text(head: bytes) -> bool:
    """Return whether the first bytes of a file are text in UTF-8."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # incremental: the last character may be cut off
    except UnicodeDecodeError:
        return False
    return bool(head) and b"\0" not in head
