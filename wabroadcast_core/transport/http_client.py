"""The HTTP clients that senders use: httpx on top of aiohttp, which stays fast with many requests at once."""

import contextlib
import functools
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import aiohttp
import httpx
import httpx_aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver
from httpx_aiohttp.transport import map_aiohttp_exceptions

KEEP_ALIVE_SECONDS = 60
MAX_REDIRECTS = 5
NO_COOKIES = DefaultCookiePolicy(allowed_domains=())


class NotPublicError(OSError):
    """A URL that does not lead to the public internet: its host is not public, or its scheme not http or https."""


@contextlib.contextmanager
def map_transport_errors() -> Iterator[None]:
    """Raise a ConnectError only where no connection was made, and a ReadError where the answer was lost.

    The transport of httpx_aiohttp reports every failure of a connection as a failure to connect. But a server that
    closes the connection after a request may have read the request. The answer was lost then; if this counted as a
    request that never left, the message would be sent twice.

    :raises httpx.HTTPError: the error inside the block, as httpx names it.
    """
    try:
        with map_aiohttp_exceptions():
            yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        if isinstance(error.__cause__, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            raise
        raise httpx.ReadError(type(error.__cause__).__name__) from error
    except aiohttp.ClientResponseError as error:  # the answer is not HTTP; the transport does not map this error
        raise httpx.RemoteProtocolError(type(error).__name__) from error


class Transport(httpx_aiohttp.AiohttpTransport):
    """The aiohttp transport for httpx, with the errors of :func:`map_transport_errors`."""

    @property
    def session(self) -> aiohttp.ClientSession:
        """The aiohttp session of this transport, made when it is first used."""
        if not isinstance(self.client, aiohttp.ClientSession):
            self.client = self.get_client()
        return self.client

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with map_transport_errors():
            return await super().handle_async_request(request)


class SenderClient(httpx.AsyncClient):
    """An httpx client that can also make a request on aiohttp directly.

    What httpx adds to a request takes more time than the request itself.
    """

    def __init__(self, transport: Transport, **options: Any) -> None:
        super().__init__(transport=transport, **options)
        self._aiohttp_transport = transport

    async def exchange(
        self,
        method: str,
        url: str,
        *,
        connect_seconds: float,
        max_bytes: int,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        json: Any = None,
    ) -> tuple[int, httpx.Headers, bytes]:
        """Make a request on aiohttp directly, without cookies and redirects.

        :param connect_seconds: the longest time that connecting may take.
        :param max_bytes: reading the body stops at this size; the last piece read may exceed it.
        :returns: status, headers and body.
        :raises httpx.HTTPError: the same errors as for any other request of this client.
        """
        try:
            async with self._aiohttp_transport.session.request(
                method,
                url,
                headers=headers,
                data=content,
                json=json,
                allow_redirects=False,
                timeout=_connect_timeout(connect_seconds),
            ) as answer:
                return answer.status, httpx.Headers(answer.raw_headers), await _read_start(answer.content, max_bytes)
        except (aiohttp.ClientError, OSError):
            with map_transport_errors():  # only here: around the whole request it costs time at thousands a second
                raise


async def _read_start(stream: aiohttp.StreamReader, max_bytes: int) -> bytes:
    content = await stream.readany()
    while len(content) < max_bytes and not stream.at_eof():
        content += await stream.readany()
    return content


@functools.lru_cache(maxsize=64)
def _connect_timeout(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, sock_connect=seconds)


def make_client(*, on_departure: Callable[[], None] | None = None, public_only: bool = False) -> httpx.AsyncClient:
    """Create a client with keep-alive, for one event loop.

    :param on_departure: called in the task of a request when the request's headers are sent. This is later than the
        start of the task if the request had to wait for a new connection.
    :param public_only: refuse every address that is not of the public internet, also if a host name or a redirect
        leads there.
    """

    async def report_departure(*_: object) -> None:
        if on_departure is not None:
            on_departure()

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(report_departure)

    def make_session() -> aiohttp.ClientSession:
        # No limit of open requests: aiohttp's default is 100, and 100 requests that hang would stop every connection.
        connector = aiohttp.TCPConnector(
            limit=0,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            ssl=_certificates(),
            resolver=PublicResolver() if public_only else None,
        )
        session = aiohttp.ClientSession(connector=connector, trace_configs=[trace], cookie_jar=aiohttp.DummyCookieJar())
        # aiohttp would repeat a GET or a PUT by itself, and the message would be sent twice.
        session._retry_connection = False  # noqa: SLF001 - aiohttp has no public option for this
        return session

    transport = Transport(client=make_session, verify=_certificates())
    timeout = httpx.Timeout(30, connect=10)
    if not public_only:  # many accounts share this client: it must keep no cookies
        return SenderClient(transport, timeout=timeout, trust_env=False, cookies=CookieJar(NO_COOKIES))
    return httpx.AsyncClient(
        transport=transport,
        timeout=timeout,
        follow_redirects=True,
        max_redirects=MAX_REDIRECTS,
        trust_env=False,
        event_hooks={"request": [_refuse_private]},
    )


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Load the CA certificates, once a process: this takes tens of milliseconds."""
    return httpx.create_ssl_context()


class PublicResolver(AbstractResolver):
    """A resolver that accepts public addresses only. The connection is made to the same address that was checked."""

    def __init__(self) -> None:
        self._resolver = DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a host name.

        :raises NotPublicError: one of its addresses is not public.
        """
        found: Sequence[ResolveResult] = await self._resolver.resolve(host, port, family)
        if not all(is_public(each["host"]) for each in found):
            raise NotPublicError(f"{host} is not a public address")
        return list(found)

    async def close(self) -> None:
        await self._resolver.close()


async def _refuse_private(request: httpx.Request) -> None:
    """Refuse a URL with a private numeric address or another scheme than http and https.

    Called for each redirect too. Numeric addresses need this check, because they never reach a resolver.

    :raises NotPublicError: the URL is refused.
    """
    if request.url.scheme not in {"http", "https"}:
        raise NotPublicError(f"the URL scheme {request.url.scheme!r} is not supported: use http or https")
    host = request.url.host.strip("[]")
    if is_numeric(host) and not is_public(host):
        raise NotPublicError(f"{host} is not a public address")


def is_numeric(host: str) -> bool:
    """Return whether the system reads a host as an address without a resolver, such as ``0x7f.1`` and ``127.1``."""
    try:
        socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except OSError:
        return False
    return True


def is_public(address: str) -> bool:
    """Return whether an IP address is public. For an IPv6 address with an IPv4 address inside, both must be public."""
    try:
        found = socket.getaddrinfo(address, None, flags=socket.AI_NUMERICHOST)[0][4][0]
        parsed = ipaddress.ip_address(str(found).partition("%")[0])
    except (OSError, ValueError):
        return False
    inner = _inner_ipv4(parsed)
    if any(parsed in network for network in _LOCAL if network.version == parsed.version):
        return False
    return parsed.is_global and not parsed.is_multicast and (inner is None or inner.is_global)


def _inner_ipv4(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address inside an IPv6 address (mapped, 6to4, Teredo, NAT64 of RFC 6052), or None."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    if address.teredo:
        return address.teredo[1]
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LOCAL = tuple(map(ipaddress.ip_network, ("fec0::/10", "64:ff9b:1::/48", "::/96")))  # some Pythons call these global
