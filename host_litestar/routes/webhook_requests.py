"""Reading of webhook calls within limits, because their callers are strangers until the sender has verified them."""

from urllib.parse import parse_qsl

from litestar.types import HTTPScope, Receive

from host_litestar.limits import WEBHOOK_BYTES_AT_ONCE
from host_litestar.problems import Problem, problem_of
from wabroadcast_core.errors import Fault, InvalidInputError, UnavailableError
from wabroadcast_core.inbound.webhook_forms import FIELDS, FORM_BYTES, WebhookForm
from wabroadcast_core.models.receipt import WebhookRequest


class ClientDisconnectedError(Exception):
    """The client has closed its connection before its request was complete: no answer can reach it."""


class TooLargeError(Exception):
    """The body of a call is larger than the limit.

    :param most: the limit in bytes.
    """

    def __init__(self, most: int) -> None:
        super().__init__(f"the body is larger than {most:,} bytes")

    def problem(self) -> Problem:
        """Return the problem document of the answer."""
        return problem_of(413, "too_large", str(self))


class WebhookReader:
    """Reads calls; all bodies that are being received share one amount of memory.

    :param most_bytes: the largest body of one call.
    :param at_once: the most bytes of all bodies together that are not complete yet.
    """

    def __init__(self, *, most_bytes: int, at_once: int = WEBHOOK_BYTES_AT_ONCE) -> None:
        self._most_bytes = most_bytes
        self._left = at_once

    async def read(self, scope: HTTPScope, receive: Receive) -> WebhookRequest:
        """Read a call.

        :raises TooLargeError: its body is larger than the limit.
        :raises InvalidInputError: it has more fields than the limit.
        :raises UnavailableError: too many bodies are being received.
        :raises ClientDisconnectedError: the client is gone.
        """
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = _read_query(scope["query_string"])
        body = await self._read_body(receive, most=self._limit_of(headers))
        form = WebhookForm(headers.get("content-type", ""), body)
        if form.count_fields() > FIELDS:
            raise _too_many_fields("the form")
        return WebhookRequest(method=scope["method"], query=query, headers=headers, body=body, form=form)

    def _limit_of(self, headers: dict[str, str]) -> int:
        """Return the largest body for a call with these headers.

        :raises TooLargeError: the headers announce a larger one.
        """
        is_form = WebhookForm(headers.get("content-type", ""), b"").is_form
        most = min(FORM_BYTES, self._most_bytes) if is_form else self._most_bytes
        length = headers.get("content-length", "")
        if length.isascii() and length.isdigit() and (len(length) > len(str(most)) or int(length) > most):
            raise TooLargeError(most)
        return most

    async def _read_body(self, receive: Receive, *, most: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise ClientDisconnectedError
                part = message["body"]
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


def _read_query(query: bytes) -> dict[str, str]:
    if query.count(b"&") >= FIELDS:
        raise _too_many_fields("the query string")
    return dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))


def _too_many_fields(what: str) -> InvalidInputError:
    return InvalidInputError([Fault("", f"{what} has more than {FIELDS:,} fields")])
