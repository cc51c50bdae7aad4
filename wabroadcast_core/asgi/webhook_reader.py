"""Reading of webhook calls within limits, because their callers are strangers until the sender has verified them."""

from typing import Final

from wabroadcast_core.asgi.protocol import Receive, Scope
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.inbound.webhook_answers import TooLargeError, largest_body, make_request, read_query
from wabroadcast_core.models.receipt import WebhookRequest

WEBHOOK_BYTES_AT_ONCE: Final = 64 * 1024 * 1024  # of the bodies that are being received, all together


class ClientDisconnectedError(Exception):
    """The client has closed its connection before its request was complete: no answer can reach it."""


class WebhookReader:
    """Reads calls; all bodies that are being received share one amount of memory.

    :param most_bytes: the largest body of one call.
    :param at_once: the most bytes of all bodies together that are not complete yet.
    """

    def __init__(self, *, most_bytes: int, at_once: int = WEBHOOK_BYTES_AT_ONCE) -> None:
        self._most_bytes = most_bytes
        self._left = at_once

    async def read(self, scope: Scope, receive: Receive) -> WebhookRequest:
        """Read a call.

        :raises TooLargeError: its body is larger than the limit.
        :raises InvalidInputError: it has more fields than the limit.
        :raises UnavailableError: too many bodies are being received.
        :raises ClientDisconnectedError: the client is gone.
        """
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = read_query(scope["query_string"].decode("latin-1"))
        body = await self._read_body(receive, most=largest_body(headers, most_bytes=self._most_bytes))
        return make_request(scope["method"], query, headers=headers, body=body)

    async def _read_body(self, receive: Receive, *, most: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise ClientDisconnectedError
                part = message.get("body", b"")
                size += len(part)
                self._left -= len(part)
                if size > most:
                    raise TooLargeError(most)
                if self._left < 0:
                    raise UnavailableError("too many large webhook calls arrive at once: call again in a few seconds")
                parts.append(part)
                if not message.get("more_body"):
                    return b"".join(parts)
        finally:
            self._left += size
