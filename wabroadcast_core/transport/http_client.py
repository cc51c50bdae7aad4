"""The HTTP clients that senders use: httpx over connections of our own, and a way past httpx for the hot path.

What httpx adds to a request takes more time than the request itself, so senders' requests go past it
(:meth:`SenderClient.exchange`). Both ways use the same connections and raise the same errors.
"""

import functools
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpx

from wabroadcast_core.transport.http_connection import find_header
from wabroadcast_core.transport.http_transport import HttpTransport
from wabroadcast_core.transport.public_addresses import is_public
from wabroadcast_core.transport.request_head import DEFAULT_HEADERS, encode_head, write_json
from wabroadcast_core.transport.response_body import decode_body

MAX_REDIRECTS: Final = 5
NO_COOKIES: Final = DefaultCookiePolicy(allowed_domains=())
CACHED_HEADS: Final = 512  # most senders make all their requests with the same head
_OPTIONS: Final[Mapping[str, Any]] = {
    "timeout": httpx.Timeout(30, connect=10),
    "headers": DEFAULT_HEADERS,
    "trust_env": False,
}


class _OpenTransport(httpx.AsyncBaseTransport):
    """A transport that stays open when the client that uses it is closed."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._transport.handle_async_request(request)


class SenderClient(httpx.AsyncClient):
    """An httpx client that can also make a request without httpx. It keeps no cookies.

    :param owns_transport: whether to close the transport with the client.
    """

    def __init__(self, transport: HttpTransport, *, owns_transport: bool = True) -> None:
        used = transport if owns_transport else _OpenTransport(transport)
        super().__init__(transport=used, cookies=CookieJar(NO_COOKIES), **_OPTIONS)
        self._http_transport = transport
        self._encode_head = functools.lru_cache(CACHED_HEADS)(encode_head)

    def share(self) -> "SenderClient":
        """Return a client for one account, with the connections of this one.

        What a plugin sets on its client, a header with a token for example, is of this account only, and a plugin that
        closes it closes no connection of others.
        """
        return SenderClient(self._http_transport, owns_transport=False)

    async def exchange(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        connect_seconds: float,
        max_bytes: int,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        json: Any = None,
        **more: Any,
    ) -> tuple[int, httpx.Headers, bytes]:
        """Make a request and read its answer, without cookies and redirects.

        :param seconds: the longest time for the whole request.
        :param connect_seconds: the longest time that connecting may take.
        :param max_bytes: reading the body stops at this size; the last piece read may exceed it.
        :param more: ``params``, ``data`` and ``files`` of ``httpx.AsyncClient.request``.
        :returns: status, headers and body.
        :raises IncompleteRequestError: the request was not written completely.
        :raises httpx.HTTPError: the same errors as for any other request of this client.
        """
        if more:
            request = httpx.Request(method, url, headers=headers, content=content, json=json, **more)
            body: bytes | None = await request.aread()
            head = encode_head(method, str(request.url), tuple(request.headers.multi_items()), is_json=False)
        else:
            body = content if json is None else write_json(json)
            named = () if headers is None else tuple(headers.items())
            head = self._encode_head(method, url, named, is_json=json is not None)
        status, raw, encoded = await self._http_transport.exchange(
            head, body, seconds=seconds, connect_seconds=connect_seconds, max_bytes=max_bytes
        )
        encoding = find_header(raw, b"content-encoding")
        return status, httpx.Headers(raw), decode_body(encoded, encoding, max_bytes=max_bytes)


def make_client(
    *,
    on_departure: Callable[[], None] | None = None,
    public_only: bool = False,
    is_allowed: Callable[[str], bool] | None = None,
    threads: Executor | None = None,
    certificates: ssl.SSLContext | None = None,
) -> httpx.AsyncClient:
    """Create a client with keep-alive, for one event loop.

    :param on_departure: called in the task of a request when the request is about to be written. This is later than
        the start of the task if the request had to wait for a new connection.
    :param public_only: refuse every address that is not of the public internet, also if a host name or a redirect
        leads there.
    :param is_allowed: whether connections may be made to an IP address, where the public ones are not the only ones;
        None: to any.
    :param threads: those in which host names are looked up, which may hang; None: the event loop's.
    :param certificates: the TLS context of connections to https; by default one with the system's usual authorities.
    """
    allowed = is_public if public_only else is_allowed
    transport = make_transport(
        on_departure=on_departure, is_allowed=allowed, threads=threads, certificates=certificates
    )
    if not public_only:
        return SenderClient(transport)
    return httpx.AsyncClient(transport=transport, follow_redirects=True, max_redirects=MAX_REDIRECTS, **_OPTIONS)


def make_transport(
    *,
    on_departure: Callable[[], None] | None = None,
    is_allowed: Callable[[str], bool] | None = None,
    threads: Executor | None = None,
    certificates: ssl.SSLContext | None = None,
) -> HttpTransport:
    """Create the connections of clients on one event loop; the parameters are those of :func:`make_client`."""
    return HttpTransport(
        certificates or _certificates(), on_departure=on_departure, is_allowed=is_allowed, threads=threads
    )


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Load the CA certificates, once a process: this takes tens of milliseconds."""
    return httpx.create_ssl_context()
