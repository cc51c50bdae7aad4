"""What senders share: asking a provider over HTTP, and sorting what can go wrong on the way.

The border that matters is whether a request may have been accepted. Before it left, a fault is :class:`Temporary`;
from then on, without an answer, it is :class:`OutcomeUnknown`: nobody may be sent to twice.
"""

import asyncio
import json
import logging
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from wabroadcast_core.errors import ConnectionDown, OutcomeUnknown, Rejected, SendError, Temporary, Throttled
from wabroadcast_core.transport.http_client import SenderClient

LONGEST_REPLY: Final = 1024 * 1024  # bytes; what follows is not read
LONGEST_CONNECT: Final = 10.0  # seconds
SHOWN_REPLY: Final = 200  # characters of a reply that a detail may show
_PLAIN: Final = frozenset({"headers", "content", "json"})
_MANY_DIGITS: Final = re.compile(r"\+?\d[\d -]{6,}\d")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a provider answered. ``document`` is its JSON; None where it is none."""

    status: int
    headers: httpx.Headers
    content: bytes
    document: Any

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 - the HTTP statuses of success

    @property
    def retry_after(self) -> float | None:
        """Seconds that the provider asks to wait (RFC 9110, 10.2.3): a number, or a date."""
        return read_retry_after(self.headers.get("retry-after"))

    @property
    def summary(self) -> str:
        """A short piece of the reply, fit for an error's detail: whatever looks like a phone number is blanked."""
        text = " ".join(self.content[: 4 * SHOWN_REPLY].decode(errors="replace").split())
        return f"HTTP {self.status}: {blank_numbers(text)[:SHOWN_REPLY]}" if text else f"HTTP {self.status}"


async def ask(http: httpx.AsyncClient, method: str, url: str, *, seconds: float = 30, **request: Any) -> Reply:
    """Make one request and read its answer.

    :param seconds: for all of it; a body that trickles in does not stretch that.
    :param request: as for ``httpx.AsyncClient.request``: ``json``, ``data``, ``files``, ``headers``, ``params``, …
    :raises Temporary: the request surely did not arrive.
    :raises OutcomeUnknown: it may have arrived, and there is no answer.
    :raises ConnectionDown: the address is none.
    """
    try:
        async with asyncio.timeout(seconds):
            status, headers, content = await _exchange(http, method, url, seconds=seconds, **request)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
        raise Temporary("unreachable", type(error).__name__) from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeError) as error:
        raise ConnectionDown("bad_address", type(error).__name__) from error
    except (httpx.HTTPError, TimeoutError, OSError) as error:
        raise OutcomeUnknown("no_answer", type(error).__name__) from error
    return Reply(status, headers, content, read_json(content))


def error_of(reply: Reply) -> SendError:
    """What a reply that is no success means, where nothing better is known of it than its HTTP status.

    Only 503 says that the request was not worked on; of another 5xx the work may have been done.
    """
    status, detail = reply.status, reply.summary
    match status:
        case 401 | 403:
            return ConnectionDown(f"http_{status}", detail)
        case 429:
            return Throttled("http_429", detail, retry_after=reply.retry_after)
        case 503:
            return Temporary("http_503", detail, retry_after=reply.retry_after)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return OutcomeUnknown(f"http_{status}", detail)
    return Rejected(f"http_{status}", detail)


_UNLOGGED: ContextVar[bool] = ContextVar("_UNLOGGED", default=False)


class _Discreet(logging.Filter):
    """httpx logs the address of every request, and ours may hold a number or a secret."""

    def filter(self, record: logging.LogRecord) -> bool:
        del record
        return not _UNLOGGED.get()


logging.getLogger("httpx").addFilter(_Discreet())


@contextmanager
def unlogged() -> Iterator[None]:
    """Keep the addresses of requests out of httpx's log."""
    token = _UNLOGGED.set(True)
    try:
        yield
    finally:
        _UNLOGGED.reset(token)


async def _exchange(
    http: httpx.AsyncClient, method: str, url: str, *, seconds: float, **request: Any
) -> tuple[int, httpx.Headers, bytes]:
    """Status, headers and the start of the body; by the short way where there is one."""
    connect_seconds = min(seconds, LONGEST_CONNECT)
    if isinstance(http, SenderClient) and request.keys() <= _PLAIN:
        return await http.exchange(method, url, connect_seconds=connect_seconds, most=LONGEST_REPLY, **request)
    limits = httpx.Timeout(seconds, connect=connect_seconds)
    with unlogged():
        async with http.stream(method, url, timeout=limits, **request) as answer:
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
    """A JSON document; None where it is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def read_retry_after(header: str | None) -> float | None:
    """The seconds of a ``Retry-After`` header; None where there is none that makes sense."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        return _seconds_until(header)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _seconds_until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def blank_numbers(text: str) -> str:
    """``text`` without anything that may be a phone number: error texts reach logs and lists."""
    return _MANY_DIGITS.sub("…", text)
