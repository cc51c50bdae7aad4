"""The webhooks: each request of a provider is verified, stored and answered at once; a worker processes it later.

The route is plain ASGI, because there are many such requests, one for each step of each message, and Litestar's path
from a request to a handler would cost more than everything that is done here.
"""

import asyncio
import json
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from http import HTTPStatus
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import ASGIApp, HTTPScope, Receive, Send

from host_litestar.auth import PUBLIC
from host_litestar.problems import MEDIA_TYPE, RETRY_AFTER_SECONDS, Problem, describe, problem_of
from host_litestar.routes.webhook_requests import ClientDisconnectedError, TooLargeError, WebhookReader
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import BroadcastError, NotFoundError, UnavailableError, WebhookRefusedError
from wabroadcast_core.inbound.refusals import REFUSAL

METHODS = frozenset({"GET", "POST"})
ACKNOWLEDGEMENT = "ok"
PLAIN = "text/plain; charset=utf-8"
_NOSNIFF = (b"x-content-type-options", b"nosniff")


class NotAllowedError(Exception):
    """The request has a method other than GET and POST."""


def webhook_app(broadcaster: Broadcaster) -> ASGIApp:
    """Create an ASGI application of the webhooks alone, which any ASGI framework mounts under a path.

    It serves ``GET`` and ``POST /{connection}`` below that path. The broadcaster is started and closed by the host.
    """
    reader = WebhookReader(most_bytes=broadcaster.settings.max_webhook_bytes)

    async def app(scope: Any, receive: Any, send: Any) -> None:  # Litestar's types know no lifespan
        if scope["type"] == "http":
            await _serve(broadcaster, reader, scope, receive, send)
        elif scope["type"] == "lifespan":  # where a server runs it on its own
            await _answer_lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000, "reason": None})

    return app


async def _answer_lifespan(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def webhook_route(broadcaster: Broadcaster, *, opt: Mapping[str, Any] = PUBLIC) -> ASGIRouteHandler:
    """Create the route of ``GET`` and ``POST /webhooks/{connection}``.

    It needs no API key: the sender verifies the provider's signature or token instead.
    """
    # mounted, because Litestar does not find an ASGI handler whose path has a parameter
    return asgi("/webhooks", is_mount=True, opt=dict(opt), copy_scope=False)(webhook_app(broadcaster))


async def _serve(
    broadcaster: Broadcaster, reader: WebhookReader, scope: HTTPScope, receive: Receive, send: Send
) -> None:
    try:
        reply = await _take(broadcaster, reader, scope, receive)
    except ClientDisconnectedError:
        return
    except (BroadcastError, NotAllowedError, TooLargeError) as error:
        problem = _problem_of(error)
        body = json.dumps(problem.model_dump(mode="json", by_alias=True, exclude_none=True))
        await _answer(send, problem.status, MEDIA_TYPE, body.encode())
    else:
        await _answer(send, HTTPStatus.OK, PLAIN, (ACKNOWLEDGEMENT if reply is None else reply).encode())


async def _take(broadcaster: Broadcaster, reader: WebhookReader, scope: HTTPScope, receive: Receive) -> str | None:
    """Read, verify and store a call; its limits are the same where there is no such connection.

    :returns: the text to answer a handshake with; None for any other call.
    """
    if scope["method"] not in METHODS:
        raise NotAllowedError
    name, intake, waiter = _connection_in(scope), broadcaster.webhooks, FutureWaiter.of_loop()
    if not intake.knows(name):
        try:
            await waiter.wait_for(intake.find(name))
        except NotFoundError:
            await reader.read(scope, receive)  # its size or its fields may be refused, as of any connection
            raise
    return await waiter.wait_for(intake.take(name, await reader.read(scope, receive)))


def _connection_in(scope: HTTPScope) -> str:
    """Return the name of a connection from a path, with or without the path that the application is mounted at."""
    return scope["path"].removeprefix(f"{scope.get('root_path', '').rstrip('/')}/").strip("/")


def _problem_of(error: Exception) -> Problem:
    match error:
        case TooLargeError():
            return error.problem()
        case NotAllowedError():
            return problem_of(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "webhooks have only GET and POST")
        case NotFoundError() | WebhookRefusedError():  # the caller may be a stranger
            return problem_of(HTTPStatus.FORBIDDEN, WebhookRefusedError.code, REFUSAL)
        case UnavailableError():  # its text names addresses, and the caller may be a stranger
            return problem_of(
                HTTPStatus.SERVICE_UNAVAILABLE, error.code, "the server cannot take calls now: call again"
            )
    return describe(error)


async def _answer(send: Send, status: int, media_type: str, body: bytes) -> None:
    headers = [(b"content-type", media_type.encode()), (b"content-length", b"%d" % len(body)), _NOSNIFF]
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append((b"allow", ", ".join(sorted(METHODS)).encode()))
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", b"%d" % RETRY_AFTER_SECONDS))
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


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
