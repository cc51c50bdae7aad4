"""One HTTP/1.1 connection: it writes a request, reads the answer, and knows how much of the request has left."""

import asyncio
import select
from collections.abc import AsyncIterable, AsyncIterator
from typing import Final, TypeAlias

import httptools
import httpx

LONGEST_HEAD: Final = 64 * 1024  # bytes of an answer's headers
PIECE_BYTES: Final = 64 * 1024  # a longer request is written in pieces of this size
MOST_BUFFERED: Final = 256 * 1024  # bytes of an answer's body that the caller has not read; then reading pauses

Body: TypeAlias = bytes | AsyncIterable[bytes]
Headers: TypeAlias = list[tuple[bytes, bytes]]


class IncompleteRequestError(httpx.WriteError):
    """A part of the request was never written, so the server cannot have read it and did not act on it."""


class HttpConnection(asyncio.Protocol):
    """A connection that carries one request at a time. The pool of the connections makes it.

    Its errors are those of httpx. After an error, a time-out or a cancellation it must be aborted.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.status = 0
        self.headers: Headers = []
        self.reusable_until = 0.0  # by the loop's clock
        self.is_written = False  # whether the whole request was passed to the system, or will be
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        self._poll = select.poll()
        self._waiter: asyncio.Future[None] | None = None
        self._is_busy = False
        self._stays_open = False  # whether the server keeps the connection open after its answer
        self._is_clean = True  # whether nothing came that belongs to no request
        self._is_lost = False
        self._is_paused = False  # whether the system takes no more of the request for now
        self._is_reading_paused = False
        self._failure: httpx.HTTPError | None = None
        self._expects_body = True
        self._head_bytes = 0
        self._has_head = False
        self._is_complete = False
        self._parts: list[bytes] = []
        self._buffered = 0

    # --- a request and its answer ------------------------------------------------------------------------------

    @property
    def is_usable(self) -> bool:
        """Whether another request can be written now: the server has neither closed the connection nor sent anything.

        This polls the socket, because the event loop may not have seen the end of the connection yet.
        """
        return self._is_clean and not self._is_lost and not self._transport.is_closing() and not self._poll.poll(0)

    @property
    def is_reusable(self) -> bool:
        """Whether the exchange is complete and was read to its end, and both sides keep the connection open."""
        is_over = self._is_complete and self.is_written and not self._parts and self._failure is None
        return is_over and self._stays_open and self._is_clean and not self._is_lost

    async def send(self, head: bytes, body: Body, *, expects_body: bool = True, seconds: float | None = None) -> None:
        """Write a request. Return early if the answer comes before the whole request was written.

        :param head: with the empty line at its end.
        :param expects_body: whether the answer may have a body; to a HEAD request it has none.
        :param seconds: the longest time in which the server may take no more of the request.
        :raises IncompleteRequestError: the connection ended before the whole request was written.
        :raises TimeoutError: the server takes nothing for ``seconds``.
        """
        self._begin(expects_body=expects_body)
        if isinstance(body, bytes) and len(body) <= PIECE_BYTES:
            self._transport.write(head + body)
        else:
            is_first = True
            async for piece in _pieces(head, body):
                if not is_first and not await self._drain(seconds):
                    return
                self._transport.write(piece)  # after the last one the request counts as written
                is_first = False
        if self._transport.is_closing() and not self._has_head:  # then the system took nothing of the last piece
            raise IncompleteRequestError("the connection ended before the request was written")
        self.is_written = True

    async def read_head(self, *, seconds: float | None = None) -> None:
        """Wait for the status and the headers of the answer.

        :param seconds: the longest time without any byte of the server.
        :raises httpx.HTTPError: they do not come.
        :raises TimeoutError: nothing comes for ``seconds``.
        """
        while not self._has_head:
            await self._wait(seconds)

    async def read_part(self, *, seconds: float | None = None) -> bytes:
        """Read the next bytes of the body; none at its end.

        :param seconds: the longest time without any byte of the server.
        :raises httpx.HTTPError: the body is cut off.
        :raises TimeoutError: nothing comes for ``seconds``.
        """
        while not self._parts and not self._is_complete:
            await self._wait(seconds)
        part = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        self._buffered = 0
        if self._is_reading_paused:
            self._is_reading_paused = False
            self._transport.resume_reading()
        return part

    def expire(self) -> None:
        """End the exchange, because its time is over: what waits for the server fails."""
        self._fail(self.time_out_error())
        self._wake()

    def time_out_error(self) -> httpx.HTTPError:
        """Return the error of an exchange whose time is over."""
        if self.is_written:
            return httpx.ReadTimeout("no answer came in time")
        return IncompleteRequestError("the server did not take the whole request in time")

    def keep(self, *, until: float) -> None:
        """Keep the connection for another request.

        :param until: by the loop's clock.
        """
        self._is_busy = False
        self.reusable_until = until

    def abort(self) -> None:
        """Close the connection at once. What was not written yet is never sent."""
        self._is_clean = False
        self._transport.abort()

    def _begin(self, *, expects_body: bool) -> None:
        self._is_busy = True
        self.is_written = False
        self._expects_body = expects_body
        self._start_answer()
        self._is_complete = self._stays_open = False

    def _start_answer(self) -> None:
        self.headers = []
        self._head_bytes = 0
        self._has_head = False

    async def _drain(self, seconds: float | None) -> bool:
        """Wait until the system takes more of the request.

        :returns: False if there is no use in writing more: the server has answered already.
        """
        await asyncio.sleep(0)  # other connections go on meanwhile, and the end of this one is noticed
        while self._is_paused and not self._has_head and self._failure is None:
            await self._wait(seconds)
        if self._has_head:
            return False
        if isinstance(self._failure, IncompleteRequestError):
            raise self._failure
        if self._failure is not None:
            raise IncompleteRequestError("the connection ended before the request was written") from self._failure
        return True

    async def _wait(self, seconds: float | None) -> None:
        """Wait until anything happens on the connection."""
        if self._failure is not None:
            raise self._failure
        self._waiter = self._loop.create_future()
        if seconds is None:
            await self._waiter
        else:
            async with asyncio.timeout(seconds):
                await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, failure: httpx.HTTPError) -> None:
        if self._is_complete:
            self._is_clean = False
        elif self._failure is None:
            self._failure = failure

    # --- events of the transport -------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # create_connection makes no other
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        if not self._is_busy:  # such as the notice of a server that it closes an idle connection
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(httpx.RemoteProtocolError(f"the answer is not valid HTTP: {type(error).__name__}"))
        if not self._has_head:
            self._head_bytes += len(data)
            if self._head_bytes > LONGEST_HEAD:
                self._fail(httpx.RemoteProtocolError("the head of the answer is too long"))
        self._wake()

    def eof_received(self) -> None:
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self._end(exc)

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._wake()

    def _end(self, cause: Exception | None) -> None:
        """Note the end of the connection, which is also the end of a body without a length."""
        self._is_clean = False
        if self._has_head and not self._is_complete and cause is None and _ends_with_connection(self.headers):
            self._is_complete = True
        elif cause is None:
            self._fail(httpx.RemoteProtocolError("the server closed the connection"))
        else:
            self._fail(httpx.ReadError(f"the connection broke: {type(cause).__name__}"))
        self._wake()

    # --- events of the parser ----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._is_complete:
            self._is_clean = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._has_head:  # the others are trailers
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._is_complete:
            return
        status = self._parser.get_status_code()
        if status >= 200:  # noqa: PLR2004 - what is lower announces an answer and is none
            self.status = status
            self._has_head = True
            self._is_complete = not self._expects_body

    def on_body(self, part: bytes) -> None:
        if self._is_complete:
            return
        self._parts.append(part)
        self._buffered += len(part)
        if self._buffered > MOST_BUFFERED and not self._is_reading_paused:
            self._is_reading_paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._has_head and not self._is_complete:
            self._is_complete = True
            self._stays_open = self._parser.should_keep_alive()
        elif not self._has_head:
            self._start_answer()


async def _pieces(head: bytes, body: Body) -> AsyncIterator[bytes]:
    """Yield a long request in pieces, so that it is known how much of it was written."""
    yield head
    if isinstance(body, bytes):
        for start in range(0, len(body), PIECE_BYTES):
            yield body[start : start + PIECE_BYTES]
    else:
        async for part in body:
            for start in range(0, len(part), PIECE_BYTES):
                yield part[start : start + PIECE_BYTES]


def _ends_with_connection(headers: Headers) -> bool:
    """Return whether the end of the connection ends the body of an answer (RFC 9112, 6.3)."""
    return not any(name.lower() in {b"content-length", b"transfer-encoding"} for name, _ in headers)


def find_header(headers: Headers, name: bytes) -> bytes | None:
    """Return the first value of a header.

    :param name: in lower case.
    """
    length = len(name)  # comparing it spares most headers the rest
    return next((value for each, value in headers if len(each) == length and each.lower() == name), None)
