"""The address of a message's file, checked before a message is sent."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx

from wabroadcast_core.errors import Fault
from wabroadcast_core.models.message import Content, MediaContent
from wabroadcast_core.sentences import Sentence

_PATH = "message.media.url"
_HOST = re.compile(rb"^(?![.-]+$)[A-Za-z0-9_.-]+$|:")  # of a name, or of an address of version 6


def address_faults(message: Content) -> Iterator[Fault]:
    """Yield why the file's address cannot be requested by any client, if it cannot."""
    url = message.media.url if isinstance(message, MediaContent) else None
    if url is None:
        return
    if not _is_address(url):
        text = "this is not an address: give one like https://example.com/photo.jpg"
        yield Fault(_PATH, Sentence("no_media_address", text))
    elif "@" in urlsplit(url).netloc:
        text = "the address has a user or a password, which is not sent to providers: upload the file"
        yield Fault(_PATH, Sentence("media_with_password", text))


def _is_address(url: str) -> bool:
    try:
        host, port = httpx.URL(url).raw_host, urlsplit(url).port
        host.decode("ascii").encode("idna")  # refuses labels that are empty or too long
    except (ValueError, httpx.InvalidURL):
        return False
    return _HOST.search(host) is not None and port != 0
