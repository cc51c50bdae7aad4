"""The webhooks: each request of a provider is verified, stored and answered at once; a worker processes it later.

The route is plain ASGI, because there are many such requests, one for each step of each message, and Litestar's path
from a request to a handler would cost more than everything that is done here.
"""

import asyncio
import io
import json
import threading
from concurrent.futures import Future
from http import HTTPStatus
from typing import ClassVar
from urllib.parse import parse_qsl
from weakref import WeakKeyDictionary

from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import HTTPScope, Receive, Scope, Send
from multipart import MultipartError, MultipartParser, parse_options_header

from host_litestar.auth import PUBLIC
from host_litestar.problems import MEDIA_TYPE, Problem, describe, problem_of
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import BroadcastError, UnavailableError
from wabroadcast_core.models.receipt import WebhookRequest

LARGEST_BODY = 8 * 1024 * 1024  # bytes
METHODS = frozenset({"GET", "POST"})
ACKNOWLEDGEMENT = "ok"
PLAIN = "text/plain; charset=utf-8"
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
_NOSNIFF = (b"x-content-type-options", b"nosniff")


class NotAllowedError(Exception):
    """The request has a method other than GET and POST."""


class TooLargeError(Exception):
    """The body of the request is larger than the limit."""


def webhook_route(broadcaster: Broadcaster) -> ASGIRouteHandler:
    """Create the route of ``GET`` and ``POST /webhooks/{connection}``.

    It needs no API key: the sender verifies the provider's signature or token instead.
    """

    # mounted, because Litestar does not find an ASGI handler whose path has a parameter
    @asgi("/webhooks", is_mount=True, opt=PUBLIC, copy_scope=False)
    async def webhooks(scope: Scope, receive: Receive, send: Send) -> None:
        await _serve(broadcaster, scope, receive, send)  # type: ignore[arg-type]  # the router passes HTTP requests only

    return webhooks


async def _serve(broadcaster: Broadcaster, scope: HTTPScope, receive: Receive, send: Send) -> None:
    try:
        webhook = await _read_request(scope, receive)
        reply = await FutureWaiter.of_loop().wait_for(broadcaster.webhooks.take(scope["path"].strip("/"), webhook))
    except (BroadcastError, NotAllowedError, TooLargeError) as error:
        problem = _problem_of(error)
        body = json.dumps(problem.model_dump(mode="json", by_alias=True, exclude_none=True))
        await _answer(send, problem.status, MEDIA_TYPE, body.encode())
    else:
        await _answer(send, HTTPStatus.OK, PLAIN, (ACKNOWLEDGEMENT if reply is None else reply).encode())


def _problem_of(error: Exception) -> Problem:
    match error:
        case TooLargeError():
            return problem_of(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", "the body is larger than 8 MiB")
        case NotAllowedError():
            return problem_of(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "webhooks have only GET and POST")
        case UnavailableError():  # its text names addresses, and the caller may be anybody
            return problem_of(
                HTTPStatus.SERVICE_UNAVAILABLE, error.code, "the server cannot take calls now: call again"
            )
    return describe(error)


async def _answer(send: Send, status: int, media_type: str, body: bytes) -> None:
    headers = [(b"content-type", media_type.encode()), (b"content-length", b"%d" % len(body)), _NOSNIFF]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _read_request(scope: HTTPScope, receive: Receive) -> WebhookRequest:
    """Read a request.

    :raises NotAllowedError: its method is not GET or POST.
    :raises TooLargeError: its body is larger than the limit.
    """
    if scope["method"] not in METHODS:
        raise NotAllowedError
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    body = await _read_body(receive)
    return WebhookRequest(
        method=scope["method"],
        query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
        headers=headers,
        body=body,
        form=_read_form(headers.get("content-type", ""), body),
    )


async def _read_body(receive: Receive) -> bytes:
    """Read the body of a request.

    :raises TooLargeError: it is larger than the limit.
    """
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return body
        body += message["body"]  # type: ignore[typeddict-item]  # every other message is a part of the body
        if len(body) > LARGEST_BODY:
            raise TooLargeError
        if not message.get("more_body"):
            return body


def _read_form(content_type: str, body: bytes) -> dict[str, str]:
    """Return the text fields of a form, without its files; empty if the body is not a form."""
    media_type, options = parse_options_header(content_type)
    if media_type == URLENCODED:
        return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    if media_type != MULTIPART or "boundary" not in options:
        return {}
    try:
        parts = list(MultipartParser(io.BytesIO(body), options["boundary"]))
    except MultipartError:
        return {}
    return {part.name: part.value for part in parts if not part.filename}


class FutureWaiter:
    """Waits on an event loop for futures of other threads, with one wake-up of the loop for all that are done together.

    ``asyncio.wrap_future`` would wake the loop once for each future.
    """

    _of_loops: ClassVar["WeakKeyDictionary[asyncio.AbstractEventLoop, FutureWaiter]"] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._done: list[tuple[asyncio.Future[str | None], Future[str | None]]] = []

    @classmethod
    def of_loop(cls) -> "FutureWaiter":
        """Return the instance of the running event loop."""
        loop = asyncio.get_running_loop()
        if loop not in cls._of_loops:
            cls._of_loops[loop] = cls(loop)
        return cls._of_loops[loop]

    async def wait_for(self, future: "Future[str | None]") -> str | None:
        """Wait for a future, and return its result or raise its exception."""
        waiting: asyncio.Future[str | None] = self._loop.create_future()
        future.add_done_callback(lambda done: self._add_done(waiting, done))
        return await waiting

    def _add_done(self, waiting: "asyncio.Future[str | None]", done: "Future[str | None]") -> None:
        """Queue a future that is done. Called from any thread."""
        with self._lock:
            self._done.append((waiting, done))
            is_first = len(self._done) == 1
        if is_first and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._resolve_done)

    def _resolve_done(self) -> None:
        with self._lock:
            batch, self._done = self._done, []
        for waiting, done in batch:
            if waiting.done():  # cancelled: the client has disconnected
                continue
            error = done.exception()
            if error is None:
                waiting.set_result(done.result())
            else:
                waiting.set_exception(error)
