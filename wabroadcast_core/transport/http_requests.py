"""HTTP requests to providers, as all senders make them, and the mapping of their failures to send errors.

The mapping depends on whether the request may have been accepted. A failure before the request left is
:class:`Temporary`. A failure after that, without an answer, is :class:`OutcomeUnknown`, because a second request might
send the message twice.
"""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx
from pydantic_core import from_json

from wabroadcast_core.errors import (
    ConnectionDown,
    OutcomeUnknown,
    Rejected,
    SendError,
    Temporary,
    Throttled,
    bounded_wait,
)
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.transport.connect_errors import describe_cause
from wabroadcast_core.transport.http_client import SenderClient
from wabroadcast_core.transport.http_connection import IncompleteRequestError

LONGEST_REPLY: Final = 1024 * 1024  # bytes; reading stops there
LONGEST_CONNECT: Final = 10.0  # seconds
SHOWN_REPLY: Final = 200  # characters of a reply that an error's detail may contain
CONNECT_SHARE: Final = 0.9  # of the whole time: what could not be sent fails before what has no answer
_TOO_DEEP: Final = "recursion limit"  # in the error of from_json
_DIRECT_OPTIONS: Final = frozenset(
    {"headers", "content", "json", "params", "data", "files"}
)  # of SenderClient.exchange
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_MANY_DIGITS: Final = re.compile(r"\+?\d[\d -]{6,}\d")


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of a provider. ``document`` is its body parsed as JSON, or None if the body is not JSON."""

    status: int
    headers: httpx.Headers
    content: bytes
    document: Any

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the HTTP statuses of success

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait, from the header ``Retry-After`` (RFC 9110, 10.2.3), which is a number or a date."""
        return read_retry_after(self.headers.get("retry-after"))

    @property
    def summary(self) -> str:
        """The status and the start of the body, for an error's detail. Everything like a phone number is blanked."""
        text = " ".join(self.content[: 4 * SHOWN_REPLY].decode(errors="replace").split())
        return f"HTTP {self.status}: {blank_numbers(text)[:SHOWN_REPLY]}" if text else f"HTTP {self.status}"


async def send_request(http: httpx.AsyncClient, method: str, url: str, *, seconds: float = 30, **request: Any) -> Reply:
    """Send one request and read its answer.

    :param seconds: the longest time for the whole request, also if the body arrives slowly.
    :param request: options of ``httpx.AsyncClient.request``: ``json``, ``data``, ``files``, ``headers``, ``params``, …
    :raises Temporary: the request certainly did not arrive.
    :raises OutcomeUnknown: the request may have arrived, and no answer came.
    :raises ConnectionDown: the URL is not valid.
    :raises Rejected: a text of the message cannot be encoded.
    """
    try:
        status, headers, content = await _exchange(http, method, url, seconds=seconds, **request)
    except (
        IncompleteRequestError,
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.PoolTimeout,
        httpx.ProxyError,
    ) as error:
        raise Temporary("unreachable", say("provider_unreachable", cause=describe_cause(error))) from error
    except UnicodeEncodeError as error:
        raise _encoding_error(error) from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeError) as error:
        raise _address_error(error) from error
    except (httpx.HTTPError, TimeoutError, OSError) as error:
        raise OutcomeUnknown("no_answer", say("answer_missing", error=type(error).__name__)) from error
    return Reply(status, headers, content, read_json(content))


def _address_error(error: Exception) -> ConnectionDown:
    return ConnectionDown("bad_address", say("url_invalid", error=type(error).__name__))


def _encoding_error(error: UnicodeEncodeError) -> Rejected | ConnectionDown:
    """Return the error for a text that cannot be encoded: half a character is the message's, settings have none."""
    if any(map(_SURROGATE.match, error.object[error.start : error.end])):
        return Rejected("bad_text", say("half_character_sent"))
    return _address_error(error)


def error_of(reply: Reply) -> SendError:
    """Return the send error for a reply that is not a success, if only its HTTP status is known.

    Of the 5xx statuses, only 503 means that the request was not processed. After another one it may have been, and
    after 303 and 408 too: proxies and gateways that waited for WhatsApp in vain send the latter as well.

    A redirection and 405 show a wrong address, which is no recipient's fault. So does 404, unless its body is JSON:
    then the API itself may have answered that it does not know the recipient.
    """
    status, reason, detail = reply.status, f"http_{reply.status}", reply.summary
    match status:
        case 401 | 402 | 403 | 407:
            return ConnectionDown(reason, detail)
        case 429:
            return Throttled(reason, detail, retry_after=reply.retry_after)
        case 503:
            return Temporary(reason, detail, retry_after=reply.retry_after)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status in {httpx.codes.SEE_OTHER, httpx.codes.REQUEST_TIMEOUT}:
        return OutcomeUnknown(reason, detail)
    if _is_from_elsewhere(reply):
        return ConnectionDown(reason, f"{detail}: correct the address in the connection's settings")
    return Rejected(reason, detail)


def _is_from_elsewhere(reply: Reply) -> bool:
    """Return whether a reply shows that the API is at another address."""
    if reply.status == httpx.codes.NOT_FOUND:
        return not isinstance(reply.document, dict | list)
    return httpx.codes.is_redirect(reply.status) or reply.status == httpx.codes.METHOD_NOT_ALLOWED


_UNLOGGED: ContextVar[bool] = ContextVar("_UNLOGGED", default=False)


class _UnloggedFilter(logging.Filter):
    """Drops httpx's log lines inside :func:`unlogged`: httpx logs every URL, which may contain a number or a secret."""

    def filter(self, record: logging.LogRecord) -> bool:
        del record
        return not _UNLOGGED.get()


logging.getLogger("httpx").addFilter(_UnloggedFilter())


@contextmanager
def unlogged() -> Iterator[None]:
    """Keep the URLs of the requests inside the block out of httpx's log."""
    token = _UNLOGGED.set(True)
    try:
        yield
    finally:
        _UNLOGGED.reset(token)


async def _exchange(
    http: httpx.AsyncClient, method: str, url: str, *, seconds: float, **request: Any
) -> tuple[int, httpx.Headers, bytes]:
    """Make a request, past httpx if that supports its options.

    :returns: status, headers and the start of the body.
    """
    connect_seconds = min(CONNECT_SHARE * seconds, LONGEST_CONNECT)
    if isinstance(http, SenderClient) and request.keys() <= _DIRECT_OPTIONS:
        return await http.exchange(
            method, url, seconds=seconds, connect_seconds=connect_seconds, max_bytes=LONGEST_REPLY, **request
        )
    timeout = httpx.Timeout(seconds, connect=connect_seconds, write=CONNECT_SHARE * seconds)
    with unlogged():
        async with asyncio.timeout(seconds), http.stream(method, url, timeout=timeout, **request) as answer:
            return answer.status_code, answer.headers, await _read_start(answer)


async def _read_start(answer: httpx.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in answer.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size >= LONGEST_REPLY:
            break
    return b"".join(parts)


def read_json(content: bytes | str) -> Any:
    """Parse a JSON document. Return None if it is not valid JSON, or nested deeper than any provider's is.

    The first parser has a limit of depth. Without it, a document could fill the stack, and whatever the garbage
    collector finalizes just then would fail. The second one takes halves of surrogate pairs too, which cut texts have.
    """
    try:
        return from_json(content)
    except ValueError as error:
        if _TOO_DEEP in str(error):
            return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def read_retry_after(header: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header, at most a day; None if it is absent, not valid or absurd."""
    if not header:
        return None
    try:
        seconds: float | None = float(header)
    except ValueError:
        seconds = _seconds_until(header)
    return bounded_wait(0.0 if seconds is not None and seconds < 0 else seconds)


def _seconds_until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):  # no date, or a year of more digits than a date can have
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - datetime.now(UTC)).total_seconds()


def blank_numbers(text: str) -> str:
    """Return ``text`` without anything that may be a phone number, because error texts reach logs and lists."""
    return _MANY_DIGITS.sub("…", text)
