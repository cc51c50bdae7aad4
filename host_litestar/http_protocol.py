"""The HTTP protocol of the web process: uvicorn's, with limits on what a client may send, and on how slowly.

uvicorn with httptools takes heads of any size and waits for them for ever. h11 has a limit of the size, but costs three
times as much for each request and has no limit of the time either.
"""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from host_litestar.event_streams import NARROW
from host_litestar.limits import (
    ANSWER_SECONDS,
    BODY_BYTES,
    HEAD_BYTES,
    NARROW_BYTES,
    PIPELINED_REQUESTS,
    UNREAD_SECONDS,
)

PIECE_BYTES = 16 * 1024  # fed to the parser at once: the limits are checked after each piece
USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)  # of Linux
SWEEP_SECONDS = 1.0  # between two searches for connections whose time is over


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The limits of a server's connections that settings change.

    :param connections: the most that may be open.
    :param head_seconds: for a request's head, from the connection or the end of the last answer on.
    :param body_seconds: in which at least ``BODY_BYTES`` of a body come.
    """

    connections: int
    head_seconds: float
    body_seconds: float


class OpenConnections:
    """The open connections of a server, and since when each of them waits for its client. For one event loop.

    Each dictionary is in the order of its times, so that the connections whose time is over are its first ones.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._open: set[LimitedProtocol] = set()
        self._heads: dict[LimitedProtocol, float] = {}  # idle, or with a head that is not complete
        self._bodies: dict[LimitedProtocol, float] = {}  # with a body that is not complete
        self._answers: dict[LimitedProtocol, float] = {}  # whose client does not read
        self._sweep: asyncio.TimerHandle | None = None

    def open(self, connection: "LimitedProtocol") -> None:
        """Add a new connection. If there are too many, close the one that has waited longest for its client.

        A connection whose request is being answered is never closed for a new one; then the new one is refused.
        """
        self._open.add(connection)
        self.await_head(connection)
        if len(self._open) > self._limits.connections:
            oldest = next(iter(self._heads)) if len(self._heads) > 1 else next(iter(self._bodies), connection)
            oldest.refuse(HTTPStatus.SERVICE_UNAVAILABLE)
        if self._sweep is None:
            self._sweep = connection.loop.call_later(SWEEP_SECONDS, self._close_late, connection.loop)

    def close(self, connection: "LimitedProtocol") -> None:
        """Remove a connection that is closed."""
        self._open.discard(connection)
        self.end_wait(connection)
        self._answers.pop(connection, None)

    def await_head(self, connection: "LimitedProtocol") -> None:
        """Begin to wait for the head of a request."""
        self.end_wait(connection)
        self._heads[connection] = connection.loop.time()

    def await_body(self, connection: "LimitedProtocol") -> None:
        """Begin to wait for the next part of a body."""
        self.end_wait(connection)
        self._bodies[connection] = connection.loop.time()

    def end_wait(self, connection: "LimitedProtocol") -> None:
        """Stop waiting: the request is complete, or the connection is closed."""
        self._heads.pop(connection, None)
        self._bodies.pop(connection, None)

    def await_reader(self, connection: "LimitedProtocol") -> None:
        """Begin to wait for the client to read."""
        self._answers[connection] = connection.loop.time()

    def end_read(self, connection: "LimitedProtocol") -> None:
        """Stop waiting: the client has read."""
        self._answers.pop(connection, None)

    def _close_late(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweep = loop.call_later(SWEEP_SECONDS, self._close_late, loop) if self._open else None
        now, limits = loop.time(), self._limits
        for connection in _waiting_since(self._heads, now - limits.head_seconds):
            connection.refuse(HTTPStatus.REQUEST_TIMEOUT)
        for connection in _waiting_since(self._bodies, now - limits.body_seconds):
            if connection.takes_bytes():
                self.await_body(connection)
            else:
                connection.refuse(HTTPStatus.REQUEST_TIMEOUT)
        for connection in _waiting_since(self._answers, now - ANSWER_SECONDS):
            connection.transport.abort()


def _waiting_since(waiting: "dict[LimitedProtocol, float]", earliest: float) -> "Iterator[LimitedProtocol]":
    """Yield the connections that have waited since before a time. Each is removed."""
    while waiting and (first := next(iter(waiting.items())))[1] < earliest:
        del waiting[first[0]]
        yield first[0]


class LimitedProtocol(HttpToolsProtocol):
    """One connection.

    :param connections: all of the server.
    """

    def __init__(self, *args: Any, connections: OpenConnections, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connections = connections
        self._unparsed = 0  # bytes since the last complete head or part of a body
        self._body_bytes = 0  # in the present period

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._connections.open(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.close(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what was received, piece by piece, as long as it stays within the limits."""
        for start in range(0, len(data), PIECE_BYTES):
            if self.transport.is_closing():
                return
            piece = data[start : start + PIECE_BYTES]
            self._unparsed += len(piece)  # set to 0 if the parser comes to the end of a head or to a part of a body
            super().data_received(piece)
            if self._unparsed > HEAD_BYTES:
                self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            elif len(self.pipeline) > PIPELINED_REQUESTS:
                self.refuse(HTTPStatus.TOO_MANY_REQUESTS)  # without an answer, as others come first

    def on_headers_complete(self) -> None:
        self.scope["extensions"] = {NARROW: {"narrow": self.narrow}}
        self._unparsed = self._body_bytes = 0
        self._connections.await_body(self)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unparsed = 0
        super().on_message_complete()
        self._connections.end_wait(self)
        if self.cycle.response_complete:  # it was answered before its body was complete
            self._connections.await_head(self)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.cycle.more_body and self.cycle.response_complete:  # with requests behind it, one is in progress
            self._connections.await_head(self)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._connections.await_reader(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._connections.end_read(self)

    def narrow(self) -> None:
        """Keep little of what the client does not read: of an event stream, it is out of date when it is read.

        Events are small, so buffers fill late. The system ends the connection earlier: when that of the client has
        taken nothing of what waits for ``UNREAD_SECONDS``.
        """
        self.transport.set_write_buffer_limits(NARROW_BYTES)
        connection = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, NARROW_BYTES)
        if USER_TIMEOUT is not None and connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, USER_TIMEOUT, int(UNREAD_SECONDS * 1_000))

    def takes_bytes(self) -> bool:
        """Begin a new period for the body. Return whether enough of it came in the last one, or none was read here."""
        enough = self._body_bytes >= BODY_BYTES or self.flow.read_paused
        self._body_bytes = 0
        return enough

    def refuse(self, status: HTTPStatus) -> None:
        """Close the connection, with a status if the client is waiting for an answer and none has begun."""
        self._connections.end_wait(self)
        if self.transport.is_closing():  # and its client does not read the rest of an answer
            self.transport.abort()
            return
        cycle: RequestResponseCycle | None = self.cycle
        in_progress = cycle is not None and not cycle.response_complete
        has_begun = cycle is not None and in_progress and cycle.response_started
        if not has_begun and not self.pipeline and (in_progress or self._unparsed):
            lines = f"HTTP/1.1 {status.value} {status.phrase}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            self.transport.write(lines.encode())
        self._connections.await_reader(self)
        self.transport.close()
