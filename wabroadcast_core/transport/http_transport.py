"""The transport below the HTTP clients: exchanges over the pool's connections, for httpx and past it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor

import httpx

from wabroadcast_core.transport.connection_pool import ConnectionPool, Origin
from wabroadcast_core.transport.http_connection import Body, Headers, HttpConnection
from wabroadcast_core.transport.request_head import RequestHead


class HttpTransport(httpx.AsyncBaseTransport):
    """A transport of httpx that makes each request once and reports whether it was written completely.

    :param certificates: the TLS context of connections to https.
    :param on_departure: called in the task of a request when the request is about to be written.
    :param is_allowed: whether connections may be made to an IP address; None: to any.
    :param threads: those in which host names are looked up; None: the event loop's.
    """

    def __init__(
        self,
        certificates: ssl.SSLContext,
        *,
        on_departure: Callable[[], None] | None = None,
        is_allowed: Callable[[str], bool] | None = None,
        threads: Executor | None = None,
    ) -> None:
        self._pool = ConnectionPool(certificates, is_allowed=is_allowed, threads=threads)
        self._on_departure = on_departure

    async def exchange(
        self, head: RequestHead, body: bytes | None, *, seconds: float, connect_seconds: float, max_bytes: int
    ) -> tuple[int, Headers, bytes]:
        """Make a request and read its answer.

        :param head: says nothing about the body.
        :param seconds: the longest time for the whole request.
        :param connect_seconds: the longest time that connecting may take.
        :param max_bytes: reading the body stops at this size; the last piece read may exceed it.
        :returns: status, headers and body.
        :raises IncompleteRequestError: the request was not written completely.
        :raises httpx.HTTPError: no connection was made, or the answer is lost.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        connection = await self._pool.acquire(head.origin, seconds=min(connect_seconds, seconds))
        self._report_departure()
        timer = loop.call_at(deadline, connection.expire)  # asyncio.timeout_at costs four times as much
        try:
            await connection.send(head.with_length(body), body or b"", expects_body=head.method != "HEAD")
            await connection.read_head()
            return connection.status, connection.headers, await _read_start(connection, max_bytes)
        finally:
            timer.cancel()
            self._pool.release(head.origin, connection)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        head, limits = RequestHead.of(request), request.extensions.get("timeout", {})
        connection = await self._pool.acquire(head.origin, seconds=limits.get("connect"))
        self._report_departure()
        try:
            body = _body_of(request)
            has_body = head.method != "HEAD"
            await connection.send(head.lines + b"\r\n", body, expects_body=has_body, seconds=limits.get("write"))
            await connection.read_head(seconds=limits.get("read"))
        except BaseException as error:
            self._pool.release(head.origin, connection)
            if isinstance(error, TimeoutError):
                raise connection.time_out_error() from error
            raise
        stream = _AnswerStream(self._pool, head.origin, connection, seconds=limits.get("read"))
        return httpx.Response(connection.status, headers=connection.headers, stream=stream, request=request)

    async def aclose(self) -> None:
        await self._pool.close()

    def _report_departure(self) -> None:
        if self._on_departure is not None:
            self._on_departure()


class _AnswerStream(httpx.AsyncByteStream):
    """The body of an answer, from a connection that returns to its pool afterwards."""

    def __init__(
        self, pool: ConnectionPool, origin: Origin, connection: HttpConnection, *, seconds: float | None
    ) -> None:
        self._pool = pool
        self._origin = origin
        self._connection: HttpConnection | None = connection
        self._seconds = seconds

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while self._connection is not None and (part := await self._connection.read_part(seconds=self._seconds)):
                yield part
        except TimeoutError as error:
            raise httpx.ReadTimeout("the rest of the answer does not come") from error

    async def aclose(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._pool.release(self._origin, connection)


async def _read_start(connection: HttpConnection, max_bytes: int) -> bytes:
    content = await connection.read_part()
    while len(content) < max_bytes and (part := await connection.read_part()):
        content += part
    return content


def _body_of(request: httpx.Request) -> Body:
    try:
        return request.content
    except httpx.RequestNotRead:
        stream = request.stream
    if not isinstance(stream, httpx.AsyncByteStream):
        raise TypeError("the body of a request must be bytes or an asynchronous iterator")
    return _chunks(stream) if "transfer-encoding" in request.headers else stream


async def _chunks(parts: httpx.AsyncByteStream) -> AsyncIterator[bytes]:
    """Yield the parts of a body of unknown length in the chunked coding (RFC 9112, 7.1)."""
    async for part in parts:
        if part:  # an empty chunk would end the body
            yield b"%x\r\n%b\r\n" % (len(part), part)
    yield b"0\r\n\r\n"
