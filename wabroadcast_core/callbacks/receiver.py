"""One call of a receiver. Of its answer only the status is read: neither a long nor an endless body does harm."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from wabroadcast_core.transport.connect_errors import describe_cause
from wabroadcast_core.transport.http_requests import read_retry_after, unlogged
from wabroadcast_core.transport.public_addresses import NotPublicError

REDIRECTS = range(300, 400)
LONGEST_CONNECT = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """How a receiver answered. ``problem`` is None if it took the event; otherwise it says what to do."""

    problem: str | None = None
    status: int | None = None  # of HTTP; None without an answer
    is_gone: bool = False  # the receiver wants no more callbacks
    retry_after: float | None = None  # seconds


async def call_receiver(
    http: httpx.AsyncClient, url: str, body: bytes, *, headers: Mapping[str, str], seconds: float
) -> Answer:
    """Make a callback.

    :param http: a client that connects to allowed addresses only, and follows no redirect.
    :param seconds: the longest time until the status of the answer.
    """
    complete = {"Content-Type": "application/json", **headers}
    timeout = httpx.Timeout(seconds, connect=min(LONGEST_CONNECT, seconds))
    try:
        with unlogged():
            async with (
                asyncio.timeout(seconds),
                http.stream("POST", url, content=body, headers=complete, timeout=timeout) as answer,
            ):
                return _read(answer)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
        return Answer(_describe(error, seconds=seconds))


def _read(answer: httpx.Response) -> Answer:
    status = answer.status_code
    if answer.is_success:
        return Answer(status=status)
    if status == httpx.codes.GONE:
        return Answer("HTTP 410: the receiver wants no more callbacks of this broadcast", status, is_gone=True)
    if status in REDIRECTS:
        return Answer(f"HTTP {status}: redirects are not followed, set the address that it leads to", status)
    return Answer(f"HTTP {status}", status, retry_after=read_retry_after(answer.headers.get("retry-after")))


def _describe(error: Exception, *, seconds: float) -> str:
    """Return why there was no answer, without the address: it may contain a secret."""
    if _is_refused(error):
        return "the address is not of the public internet: allow its network with WABROADCAST_CALLBACK_NETWORKS"
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | UnicodeError):
        return "the address is not valid: correct callbackUrl or WABROADCAST_CALLBACK_URL"
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return f"the receiver cannot be reached: {describe_cause(error)}"
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return f"the receiver did not answer within {seconds:g} s: let it answer first and work afterwards"
    return f"the receiver did not answer: {type(error).__name__}"


def _is_refused(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, NotPublicError):
            return True
        error = error.__cause__
    return False
