"""The open connections of a client, by origin, and how new ones are made: resolve, check, connect, TLS."""

import asyncio
import contextlib
import socket
import ssl
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

import httpx

from wabroadcast_core.transport.connect_errors import describe_cause
from wabroadcast_core.transport.http_connection import Headers, HttpConnection, find_header
from wabroadcast_core.transport.public_addresses import NotPublicError

LOOKUP_SECONDS: Final = 10.0  # for which the addresses of a host name are used again
MOST_LOOKUPS: Final = 256  # host names; then those that are too old are removed
NEXT_ADDRESS_SECONDS: Final = 0.25  # after which the next address of a host is tried beside the one before (RFC 8305)
SWEEP_SECONDS: Final = 1.0
KEEP_ALIVE_SECONDS: Final = 4.0
"""How long an idle connection is used again where the server does not say it: common servers close theirs after 5 s,
and a request that is written just then has an unknown outcome."""
LONGEST_KEEP_ALIVE: Final = 60.0  # seconds

Address: TypeAlias = tuple[socket.AddressFamily, Any]  # the second is what sock_connect takes


class Origin(NamedTuple):
    """A server: connections to the same one can be used again."""

    is_secure: bool
    host: str
    port: int


class AddressBook:
    """The addresses of host names, looked up in threads and remembered for seconds.

    :param is_allowed: whether connections may be made to an IP address; None: to any.
    :param threads: those of the look-ups, which may hang; None: the event loop's.
    """

    def __init__(self, is_allowed: Callable[[str], bool] | None, threads: Executor | None = None) -> None:
        self._is_allowed = is_allowed
        self._threads = threads
        self._lookups: dict[tuple[str, int], tuple[float, asyncio.Task[list[Address]]]] = {}

    async def find(self, host: str, port: int) -> list[Address]:
        """Return the addresses of a host. Those that are returned were checked; no other may be connected to.

        :raises OSError: it has none.
        :raises NotPublicError: one of them is not allowed.
        """
        now = asyncio.get_running_loop().time()
        until, lookup = self._lookups.get((host, port), (0.0, None))
        if lookup is None or until < now or _has_failed(lookup):
            self._remove_old(now)
            lookup = asyncio.create_task(self._look_up(host, port))
            lookup.add_done_callback(_has_failed)  # retrieves the exception, if no request waits for it any more
            self._lookups[host, port] = now + LOOKUP_SECONDS, lookup
        return await asyncio.shield(lookup)

    async def _look_up(self, host: str, port: int) -> list[Address]:
        look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        if self._is_allowed is not None and not all(self._is_allowed(str(each[4][0])) for each in found):
            raise NotPublicError(f"requests to the address of {host} are refused")
        return [(family, address) for family, _, _, _, address in found]

    def _remove_old(self, now: float) -> None:
        if len(self._lookups) >= MOST_LOOKUPS:
            self._lookups = {name: entry for name, entry in self._lookups.items() if entry[0] >= now}


class ConnectionPool:
    """The connections of one client on one event loop. As many are opened as there are requests at once.

    :param certificates: the TLS context of connections to https.
    :param is_allowed: whether connections may be made to an IP address; None: to any.
    :param threads: those in which host names are looked up; None: the event loop's.
    """

    def __init__(
        self,
        certificates: ssl.SSLContext,
        *,
        is_allowed: Callable[[str], bool] | None = None,
        threads: Executor | None = None,
    ) -> None:
        self._certificates = certificates
        self._addresses = AddressBook(is_allowed, threads)
        self._idle: defaultdict[Origin, list[HttpConnection]] = defaultdict(list)  # the last used last
        self._open: set[HttpConnection] = set()
        self._sweep: asyncio.TimerHandle | None = None

    async def acquire(self, origin: Origin, *, seconds: float | None) -> HttpConnection:
        """Return a connection on which nothing was written yet, or that the server still keeps open.

        :param seconds: the longest time that making a connection may take, from the look-up to the TLS handshake.
        :raises httpx.ConnectError: no connection can be made.
        :raises httpx.ConnectTimeout: it takes too long.
        """
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.is_usable and connection.reusable_until > asyncio.get_running_loop().time():
                return connection
            self._drop(connection)
        try:
            async with asyncio.timeout(seconds):
                connection = await self._connect(origin)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"no connection within {seconds or 0:g} s") from error
        except OSError as error:
            raise httpx.ConnectError(f"no connection can be made: {describe_cause(error)}") from error
        self._open.add(connection)
        return connection

    def release(self, origin: Origin, connection: HttpConnection) -> None:
        """Take a connection back after an exchange. Unless the exchange is complete, the connection is closed."""
        if not connection.is_reusable:
            self._drop(connection)
            return
        loop = asyncio.get_running_loop()
        connection.keep(until=loop.time() + _keep_alive_seconds(connection.headers))
        self._idle[origin].append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(SWEEP_SECONDS, self._close_old)

    async def close(self) -> None:
        """Close all connections."""
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in list(self._open):
            self._drop(connection)
        self._idle.clear()
        for _ in range(3):  # the steps of the event loop in which it closes a TLS connection
            await asyncio.sleep(0)

    def _drop(self, connection: HttpConnection) -> None:
        self._open.discard(connection)
        connection.abort()

    def _close_old(self) -> None:
        """Close the connections that have been idle for too long, and do the same again while there are any."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for origin, idle in list(self._idle.items()):
            kept = [each for each in idle if each.reusable_until > now and each.is_usable]
            for connection in set(idle).difference(kept):
                self._drop(connection)
            idle[:] = kept
            if not kept:
                del self._idle[origin]
        self._sweep = loop.call_later(SWEEP_SECONDS, self._close_old) if self._idle else None

    async def _connect(self, origin: Origin) -> HttpConnection:
        loop = asyncio.get_running_loop()
        sock = await _dial(await self._addresses.find(origin.host, origin.port))
        _, connection = await loop.create_connection(
            lambda: HttpConnection(loop),
            sock=sock,
            ssl=self._certificates if origin.is_secure else None,
            server_hostname=origin.host if origin.is_secure else None,
        )
        return connection


def _keep_alive_seconds(headers: Headers) -> float:
    """Return for how long a connection is used again: a little less than its server says in ``Keep-Alive``."""
    value = find_header(headers, b"keep-alive") or b""
    seconds = value.partition(b"timeout=")[2].partition(b",")[0].strip()
    return min(LONGEST_KEEP_ALIVE, max(0.0, int(seconds) - 1.0)) if seconds.isdigit() else KEEP_ALIVE_SECONDS


def _has_failed(lookup: asyncio.Task[list[Address]]) -> bool:
    return lookup.done() and (lookup.cancelled() or lookup.exception() is not None)


async def _dial(addresses: Sequence[Address]) -> socket.socket:
    """Connect to the address that answers first. The next one is tried when one fails, or is slow to answer.

    :raises OSError: none can be reached.
    """
    if len(addresses) == 1:
        return await _dial_one(addresses[0])
    waiting = list(addresses)
    attempts: set[asyncio.Task[socket.socket]] = set()
    try:
        while True:
            if waiting:
                attempts.add(asyncio.create_task(_dial_one(waiting.pop(0))))
            delay = NEXT_ADDRESS_SECONDS if waiting else None
            ended, attempts = await asyncio.wait(attempts, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
            for attempt in ended:
                if attempt.exception() is None or not (waiting or attempts):
                    ended.discard(attempt)
                    attempts |= ended
                    return attempt.result()
    finally:
        for attempt in attempts:
            attempt.add_done_callback(_close_socket)
            attempt.cancel()


def _close_socket(attempt: asyncio.Task[socket.socket]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


async def _dial_one(address: Address) -> socket.socket:
    family, target = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, target)
    except BaseException:
        with contextlib.suppress(OSError):
            sock.close()
        raise
    return sock
