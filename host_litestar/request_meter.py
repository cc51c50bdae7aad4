"""Measures how long requests take, by their routes."""

import time

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

from host_litestar.event_streams import MEDIA_TYPE as EVENT_TYPE
from wabroadcast_core.metrics.catalogue import REQUEST_DURATION
from wabroadcast_core.metrics.meters import Meters

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_RESPONSE = 499  # the client has left before the response began; nginx writes it so


class RequestMeter(ASGIMiddleware):
    """Middleware that measures each request. The label of its route is the path with the names of its parameters.

    An event stream is measured until its response begins: how long it lasts is decided by its listener.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(self, meters: Meters) -> None:
        self._meters = meters

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass a request on, and measure it until its response has ended."""
        began, ended, status = time.monotonic(), 0.0, NO_RESPONSE

        async def send_on(message: Message) -> None:
            nonlocal ended, status
            if message["type"] == "http.response.start":
                status = message["status"]
                if _is_event_stream(message):
                    ended = time.monotonic()
            await send(message)

        try:
            await next_app(scope, receive, send_on)
        finally:
            method = str(scope.get("method"))
            method = method if method in METHODS else "other"  # a client must not add labels
            route = str(scope.get("path_template") or "/")
            self._meters.observe(REQUEST_DURATION, (ended or time.monotonic()) - began, method, route, str(status))


def _is_event_stream(start: HTTPResponseStartEvent) -> bool:
    types = [value for name, value in start["headers"] if name.lower() == b"content-type"]
    return any(value.startswith(EVENT_TYPE.encode()) for value in types)
