"""Providers' calls: verified, kept, and answered at once; what they say is worked through later.

Plain ASGI: a provider calls for each step of each message, and the framework's way from a request to a handler costs
more than all that is done here.
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
from wabroadcast_core.errors import BroadcastError
from wabroadcast_core.models.receipt import WebhookRequest

LARGEST_CALL = 8 * 1024 * 1024  # bytes
METHODS = frozenset({"GET", "POST"})
TAKEN = "ok"
PLAIN = "text/plain; charset=utf-8"
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


class NotAllowedError(Exception):
    """A call with another method."""


class TooLargeError(Exception):
    """A call's body is over the limit."""


def webhook_route(broadcaster: Broadcaster) -> ASGIRouteHandler:
    """``GET`` and ``POST /webhooks/{connection}``: the provider's proof stands in the place of an API key."""

    @asgi("/webhooks", is_mount=True, opt=PUBLIC, copy_scope=False)  # a handler with a parameter is not found
    async def webhooks(scope: Scope, receive: Receive, send: Send) -> None:
        await _serve(broadcaster, scope, receive, send)  # type: ignore[arg-type]  # the router sends HTTP only

    return webhooks


async def _serve(broadcaster: Broadcaster, scope: HTTPScope, receive: Receive, send: Send) -> None:
    try:
        call = await _read(scope, receive)
        said = await Answers.of_loop().wait_for(broadcaster.webhooks.take(scope["path"].strip("/"), call))
    except (BroadcastError, NotAllowedError, TooLargeError) as error:
        problem = _problem_of(error)
        body = json.dumps(problem.model_dump(mode="json", by_alias=True, exclude_none=True))
        await _answer(send, problem.status, MEDIA_TYPE, body.encode())
    else:
        await _answer(send, HTTPStatus.OK, PLAIN, (TAKEN if said is None else said).encode())


def _problem_of(error: Exception) -> Problem:
    match error:
        case TooLargeError():
            return problem_of(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", "the call is too large")
        case NotAllowedError():
            return problem_of(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "webhooks are called with POST")
    return describe(error)


async def _answer(send: Send, status: int, kind: str, body: bytes) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _read(scope: HTTPScope, receive: Receive) -> WebhookRequest:
    """:raises NotAllowedError: :raises TooLargeError: it is no call to take."""
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
    """:raises TooLargeError: it is."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return body
        body += message["body"]  # type: ignore[typeddict-item]  # what else comes are parts of the body
        if len(body) > LARGEST_CALL:
            raise TooLargeError
        if not message.get("more_body"):
            return body


def _read_form(content_type: str, body: bytes) -> dict[str, str]:
    """The text fields of a form; files are left out."""
    kind, options = parse_options_header(content_type)
    if kind == URLENCODED:
        return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    if kind != MULTIPART or "boundary" not in options:
        return {}
    try:
        parts = list(MultipartParser(io.BytesIO(body), options["boundary"]))
    except MultipartError:
        return {}
    return {part.name: part.value for part in parts if not part.filename}


class Answers:
    """Brings answers from the thread that takes calls in to the event loop: one wake-up for all that come together."""

    _of_loops: ClassVar["WeakKeyDictionary[asyncio.AbstractEventLoop, Answers]"] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._done: list[tuple[asyncio.Future[str | None], Future[str | None]]] = []

    @classmethod
    def of_loop(cls) -> "Answers":
        loop = asyncio.get_running_loop()
        if loop not in cls._of_loops:
            cls._of_loops[loop] = cls(loop)
        return cls._of_loops[loop]

    async def wait_for(self, answer: "Future[str | None]") -> str | None:
        waiting: asyncio.Future[str | None] = self._loop.create_future()
        answer.add_done_callback(lambda done: self._put(waiting, done))
        return await waiting

    def _put(self, waiting: "asyncio.Future[str | None]", done: "Future[str | None]") -> None:
        """From any thread."""
        with self._lock:
            self._done.append((waiting, done))
            is_first = len(self._done) == 1
        if is_first and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hand_out)

    def _hand_out(self) -> None:
        with self._lock:
            together, self._done = self._done, []
        for waiting, done in together:
            if waiting.done():  # who asked has gone
                continue
            error = done.exception()
            if error is None:
                waiting.set_result(done.result())
            else:
                waiting.set_exception(error)
