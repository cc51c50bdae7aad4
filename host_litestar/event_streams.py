"""Event streams: live events as server-sent events, to all listeners of one event loop.

A stream never ends by itself. It ends when its key is revoked, when its numbers cannot be read, when its client reads
nothing for long, when it is old, and when the server stops.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from litestar import Request, Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from host_litestar.auth import AnyRequest, is_still_allowed
from host_litestar.threads import LISTENS
from wabroadcast_core.errors import BusyError, UnavailableError
from wabroadcast_core.live.feed import LiveFeed
from wabroadcast_core.live.listeners import Listener, LiveEvent

MEDIA_TYPE: Final = "text/event-stream"
NARROW: Final = "wabroadcast.narrow"  # ASGI extension of our own server, which then keeps little of what is not read
MOST_STREAMS: Final = 1_000  # open ones of one event loop

TICK_SECONDS: Final = 0.25  # between two looks at all streams, and at whether the server stops
CHECK_SECONDS: Final = 2.0  # between two checks of the keys
QUIET_SECONDS: Final = 15.0  # without an event, before a comment shows that the numbers are still true
STALE_SECONDS: Final = 30.0  # for which the store may be away
READER_SECONDS: Final = 30.0  # in which a client must read on; our own server notices earlier that it does not
LIFE_SECONDS: Final = 3_600.0  # then the client opens it again, and is checked as a new caller

_RETRY = b"retry: 3000\n\n"  # milliseconds before a browser opens a stream again
_COMMENT = b":\n\n"


class EventStreams:
    """The open event streams of one event loop.

    :param feed: the feed of the broadcaster.
    """

    def __init__(self, feed: LiveFeed) -> None:
        self._feed = feed
        self._loop = asyncio.get_running_loop()
        self._open: set[EventStream] = set()
        self._keeper: asyncio.Task[None] | None = None

    async def open(self, request: AnyRequest, job_id: str | None = None, *, last_event_id: str | None) -> "EventStream":
        """Open a stream of a broadcast, or of all that runs.

        :param job_id: the broadcast; None for all that runs.
        :param last_event_id: the event that the client has: if it is the present one, the next one is the first.
        :raises NotFoundError: no broadcast has this id.
        :raises UnavailableError: the store cannot be reached.
        :raises BusyError: as many streams are open as may be.
        """
        if len(self._open) >= MOST_STREAMS:
            raise BusyError(f"{MOST_STREAMS} event streams are open, as many as may be: close some of them")
        listener = await LISTENS.run(self._feed.listen, job_id, wake=self._wake, last_version=last_event_id)
        stream = EventStream(listener, is_allowed=partial(is_still_allowed, request), on_close=self._open.discard)
        self._open.add(stream)
        if self._keeper is None or self._keeper.done():
            self._keeper = self._loop.create_task(self._keep())
        return stream

    def end_all(self) -> None:
        """End all streams."""
        for stream in self._open:
            stream.end()

    def _wake(self) -> None:
        """Wake the streams that have something to send. Called in a thread of the feed."""
        self._loop.call_soon_threadsafe(self._wake_streams)

    def _wake_streams(self) -> None:
        for stream in self._open:
            stream.wake_if_needed()

    async def _keep(self) -> None:
        """Look after the streams as long as there are any."""
        next_check = self._loop.time() + CHECK_SECONDS
        while self._open:
            await asyncio.sleep(TICK_SECONDS)
            if _server_stops():
                self.end_all()
            now = self._loop.time()
            for stream in list(self._open):
                stream.check(now)
            if now >= next_check:
                await self._end_forbidden()
                next_check = self._loop.time() + CHECK_SECONDS

    async def _end_forbidden(self) -> None:
        """End the streams whose key is revoked. While the keys cannot be read, the age of the numbers decides."""
        for stream in list(self._open):
            try:
                if not await stream.is_allowed():
                    stream.end()
            except UnavailableError:
                return


class EventStream:
    """One open stream. It has no queue: what is written is the latest event.

    :param is_allowed: returns whether its client may still read it.
    :param on_close: called with the stream when it is closed.
    """

    def __init__(
        self,
        listener: Listener,
        *,
        is_allowed: Callable[[], Awaitable[bool]],
        on_close: "Callable[[EventStream], None]",
    ) -> None:
        self.is_allowed = is_allowed
        self._listener = listener
        self._on_close = on_close
        self._news = asyncio.Event()
        self._has_ended = False
        self._is_quiet = False
        self._opened_at = self._written_at = asyncio.get_running_loop().time()
        self._writer: asyncio.Task[None] | None = None
        self._is_writing = False

    async def run(self, receive: Receive, send: Send) -> None:
        """Write events until the stream ends or its client leaves."""
        self._writer = asyncio.create_task(self._write(send))
        leaving = asyncio.create_task(_await_disconnect(receive))
        try:
            await asyncio.wait((self._writer, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._writer.cancel()
            leaving.cancel()
            await asyncio.gather(self._writer, leaving, return_exceptions=True)

    def end(self) -> None:
        """End the stream after what is being written."""
        self._has_ended = True
        self._news.set()

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()
        self._on_close(self)

    def wake_if_needed(self) -> None:
        """Write on if there is an event to write, or if there will be none any more."""
        if self._listener.has_news or self._listener.has_ended:
            self._news.set()

    def check(self, now: float) -> None:
        """End the stream if it is old or its numbers are; write a comment if it is quiet; drop a client that is stuck.

        :param now: the present time of the event loop.
        """
        silence = now - self._written_at
        if self._is_writing:
            if silence > READER_SECONDS and self._writer is not None:
                self._writer.cancel()
        elif self._listener.age > STALE_SECONDS or now - self._opened_at > LIFE_SECONDS:
            self.end()
        elif silence >= QUIET_SECONDS and self._listener.age < QUIET_SECONDS:
            self._is_quiet = True
            self._news.set()

    async def _write(self, send: Send) -> None:
        await self._send(send, _RETRY)
        while not (self._has_ended or self._listener.has_ended):
            if (event := self._listener.take()) is not None:
                await self._send(send, _lines_of(event))
            elif self._is_quiet:
                await self._send(send, _COMMENT)
            else:
                await self._news.wait()
                self._news.clear()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, piece: bytes) -> None:
        self._is_writing, self._is_quiet = True, False
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        self._is_writing, self._written_at = False, asyncio.get_running_loop().time()


class EventStreamResponse(Response[None]):
    """The response whose body is an event stream."""

    def __init__(self, stream: EventStream) -> None:
        super().__init__(None, media_type=MEDIA_TYPE, headers={"X-Accel-Buffering": "no"})
        self._stream = stream

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **options: Any) -> "_StreamingResponse":
        """Return the response as Litestar sends it."""
        del app
        return _StreamingResponse(
            self._stream,
            cookies=options["cookies"],
            headers={**(options["headers"] or {}), **self.headers, "Content-Type": f"{MEDIA_TYPE}; charset=utf-8"},
            is_head_response=request.method == "HEAD",
            media_type=MEDIA_TYPE,
            status_code=options["status_code"],
        )


class _StreamingResponse(ASGIResponse):
    _should_set_content_length = False

    def __init__(self, stream: EventStream, **options: Any) -> None:
        super().__init__(**options)
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        server: Any = (scope.get("extensions") or {}).get(NARROW)
        if server is not None:
            server["narrow"]()
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._stream.close()

    async def send_body(self, send: Send, receive: Receive) -> None:
        await self._stream.run(receive, send)


async def _await_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _lines_of(event: LiveEvent) -> bytes:
    return b"id: %b\ndata: %b\n\n" % (event.version.encode(), event.json)


def _server_stops() -> bool:
    """Return whether the uvicorn of this process was told to stop.

    It waits for all responses before the application learns of it, and those of streams have no end. Its server is the
    object whose method handles the signal.
    """
    handler = signal.getsignal(signal.SIGTERM)
    return bool(getattr(getattr(handler, "__self__", None), "should_exit", False))
