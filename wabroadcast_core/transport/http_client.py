"""The HTTP clients that senders use: httpx over aiohttp, which stays fast with many requests at once."""

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
MOST_REDIRECTS = 5
NO_COOKIES = DefaultCookiePolicy(allowed_domains=())


class NotPublicError(OSError):
    """The address is not one of the public internet."""


@contextlib.contextmanager
def told_apart() -> Iterator[None]:
    """Tells apart what the underlying transport lumps together.

    To it, every failure of a connection is one to connect. But a peer that hangs up on a request may have read it: that
    is an answer which got lost, and taking it for a request that never left would send it twice.
    """
    try:
        with map_aiohttp_exceptions():
            yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        if isinstance(error.__cause__, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            raise
        raise httpx.ReadError(type(error.__cause__).__name__) from error
    except aiohttp.ClientResponseError as error:  # the answer is no HTTP; the transport lets this through
        raise httpx.RemoteProtocolError(type(error).__name__) from error


class Transport(httpx_aiohttp.AiohttpTransport):
    @property
    def session(self) -> aiohttp.ClientSession:
        if not isinstance(self.client, aiohttp.ClientSession):
            self.client = self.get_client()
        return self.client

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with told_apart():
            return await super().handle_async_request(request)


class SenderClient(httpx.AsyncClient):
    """httpx's client, with a short way past httpx: what that adds to a request costs more than the request itself."""

    def __init__(self, transport: Transport, **options: Any) -> None:
        super().__init__(transport=transport, **options)
        self._way = transport

    async def exchange(
        self,
        method: str,
        url: str,
        *,
        connect_seconds: float,
        most: int,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        json: Any = None,
    ) -> tuple[int, httpx.Headers, bytes]:
        """Make a request without cookies and redirects.

        :param most: bytes of the answer; what follows is not read.
        :returns: status, headers and body.
        :raises httpx.HTTPError: as any other request.
        """
        try:
            async with self._way.session.request(
                method,
                url,
                headers=headers,
                data=content,
                json=json,
                allow_redirects=False,
                timeout=_connect_timeout(connect_seconds),
            ) as answer:
                return answer.status, httpx.Headers(answer.raw_headers), await _read_start(answer.content, most)
        except (aiohttp.ClientError, OSError):
            with told_apart():  # not around it all: that is felt at thousands of requests a second
                raise


async def _read_start(stream: aiohttp.StreamReader, most: int) -> bytes:
    content = await stream.readany()
    while len(content) < most and not stream.at_eof():
        content += await stream.readany()
    return content


@functools.lru_cache(maxsize=64)
def _connect_timeout(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, sock_connect=seconds)


def make_client(*, departed: Callable[[], None] | None = None, public_only: bool = False) -> httpx.AsyncClient:
    """A client with keep-alive, for one event loop.

    :param departed: called in the task of a request as its head leaves, which is later than the task began where the
        request had to wait for a new connection.
    :param public_only: refuse every address that is not of the public internet, whatever name leads there.
    """

    async def note_departure(*_: object) -> None:
        if departed is not None:
            departed()

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(note_departure)

    def make_session() -> aiohttp.ClientSession:
        # No limit of open requests: 100 that hang, aiohttp's own limit, would stop every connection.
        connector = aiohttp.TCPConnector(
            limit=0,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            ssl=_certificates(),
            resolver=PublicResolver() if public_only else None,
        )
        session = aiohttp.ClientSession(connector=connector, trace_configs=[trace], cookie_jar=aiohttp.DummyCookieJar())
        session._retry_connection = False  # noqa: SLF001 - it would repeat a GET or PUT by itself: somebody is sent to twice
        return session

    transport = Transport(client=make_session, verify=_certificates())
    timeout = httpx.Timeout(30, connect=10)
    if not public_only:  # many accounts share it, and no cookies
        return SenderClient(transport, timeout=timeout, trust_env=False, cookies=CookieJar(NO_COOKIES))
    return httpx.AsyncClient(
        transport=transport,
        timeout=timeout,
        follow_redirects=True,
        max_redirects=MOST_REDIRECTS,
        trust_env=False,
        event_hooks={"request": [_refuse_private]},
    )


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Read once a process: it takes tens of milliseconds."""
    return httpx.create_ssl_context()


class PublicResolver(AbstractResolver):
    """Resolves names to public addresses only. The connection is made to the very address that was judged."""

    def __init__(self) -> None:
        self._resolver = DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found: Sequence[ResolveResult] = await self._resolver.resolve(host, port, family)
        if not all(is_public(each["host"]) for each in found):
            raise NotPublicError(f"{host} is not a public address")
        return list(found)

    async def close(self) -> None:
        await self._resolver.close()


async def _refuse_private(request: httpx.Request) -> None:
    """Asked for each redirect too. Addresses given as numbers never reach a resolver."""
    if request.url.scheme not in {"http", "https"}:
        raise NotPublicError(f"{request.url.scheme} addresses are not fetched")
    host = request.url.host.strip("[]")
    if is_numeric(host) and not is_public(host):
        raise NotPublicError(f"{host} is not a public address")


def is_numeric(host: str) -> bool:
    """Whether the system takes a host for an address without asking a resolver, as it does ``0x7f.1`` and ``127.1``."""
    try:
        socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except OSError:
        return False
    return True


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet; an IPv4 address inside an IPv6 one counts as itself."""
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
    """The IPv4 address that an IPv6 address stands for: mapped, 6to4, Teredo, NAT64 (RFC 6052)."""
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
_LOCAL = tuple(map(ipaddress.ip_network, ("fec0::/10", "64:ff9b:1::/48", "::/96")))  # some Pythons call them global
