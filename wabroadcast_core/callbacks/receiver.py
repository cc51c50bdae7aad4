"""One call of a receiver. Of its answer only the status is read: neither a long nor an endless body does harm."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from wabroadcast_core.sentence_texts import say
from wabroadcast_core.sentences import Sentence
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
        return Answer(say("receiver_gone"), status, is_gone=True)
    if status in REDIRECTS:
        return Answer(say("receiver_redirects", status=status), status)
    return Answer(f"HTTP {status}", status, retry_after=read_retry_after(answer.headers.get("retry-after")))


def _describe(error: Exception, *, seconds: float) -> Sentence:
    """Return why there was no answer, without the address: it may contain a secret."""
    if _is_refused(error):
        return say("receiver_not_public")
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | UnicodeError):
        return say("receiver_address_invalid")
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return say("receiver_unreachable", cause=describe_cause(error))
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return say("receiver_slow", seconds=seconds)
    return say("receiver_silent", error=type(error).__name__)


def _is_refused(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, NotPublicError):
            return True
        error = error.__cause__
    return False
