"""The head of an HTTP/1.1 request: its first line and its headers, as bytes."""

import base64
import json
import re
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx

from wabroadcast_core.transport.connection_pool import Origin

PORTS: Final = {"http": 80, "https": 443}
DEFAULT_HEADERS: Final = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "User-Agent": "wabroadcast"}
_METHODS_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LINE_END: Final = re.compile(rb"[\r\n\0]")


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The head of a request, without the empty line at its end."""

    origin: Origin
    method: str
    lines: bytes

    @classmethod
    def of(cls, request: httpx.Request) -> Self:
        """Return the head of an httpx request.

        :raises httpx.UnsupportedProtocol: its URL is not of http or https.
        :raises httpx.LocalProtocolError: a header has characters that headers cannot have.
        """
        url, method = request.url, request.method
        origin = _origin_of(url)
        first = b"%b %b HTTP/1.1\r\n" % (method.encode("ascii"), url.raw_path)
        lines = (_header_line(name, value) for name, value in request.headers.raw)
        return cls(origin, method, first + b"".join(lines))

    def with_length(self, body: bytes | None) -> bytes:
        """Return the complete head of a request with this body, where the head says nothing about the body yet."""
        if body is None and self.method not in _METHODS_WITH_BODY:
            return self.lines + b"\r\n"
        return b"%bContent-Length: %d\r\n\r\n" % (self.lines, len(body or b""))


def encode_head(method: str, url: str, headers: tuple[tuple[str, str], ...], *, is_json: bool) -> RequestHead:
    """Return the head of a request whose headers say nothing about the length of its body.

    :raises httpx.InvalidURL: the URL is not valid.
    :raises httpx.UnsupportedProtocol: it is not of http or https.
    :raises httpx.LocalProtocolError: a header has characters that headers cannot have.
    """
    merged = httpx.Headers(DEFAULT_HEADERS)
    target = httpx.URL(url)
    if target.userinfo:
        login = f"{target.username}:{target.password}".encode()
        merged["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
    if is_json:
        merged["Content-Type"] = "application/json"
    merged.update(dict(headers))
    request = httpx.Request(method.upper(), target, headers=merged)
    for name in ("content-length", "transfer-encoding"):
        request.headers.pop(name, None)
    return RequestHead.of(request)


def write_json(document: Any) -> bytes:
    """Return a document as compact JSON.

    :raises ValueError: it holds a number that JSON does not have.
    """
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _origin_of(url: httpx.URL) -> Origin:
    if url.scheme not in PORTS:
        raise httpx.UnsupportedProtocol(f"the URL scheme {url.scheme!r} is not supported: use http or https")
    if not url.host:
        raise httpx.UnsupportedProtocol("the URL has no host")
    return Origin(url.scheme == "https", url.raw_host.decode("ascii"), url.port or PORTS[url.scheme])


def _header_line(name: bytes, value: bytes) -> bytes:
    if _NAME.fullmatch(name) is None or _LINE_END.search(value) is not None:
        raise httpx.LocalProtocolError(f"the header {name!r} has characters that a header cannot have")
    return b"%b: %b\r\n" % (name, value)
