"""What senders share and what they do not, and how they are closed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.core.rows import connection
from tests.stores import ON_SQLITE
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.hookspecs import SenderContext
from wabroadcast_core.testing import FakeProvider, ProviderAnswer
from wabroadcast_core.transport.http_requests import send_request
from wabroadcast_core.transport.sender_contexts import SenderContexts, close_senders

pytestmark = pytest.mark.anyio

TIMES = 2  # each provider is called with each client


@ON_SQLITE
async def test_what_a_plugin_does_to_its_client_does_not_concern_other_connections(broadcaster: Broadcaster) -> None:
    context = broadcaster.context
    redis = context.async_redis()
    contexts = SenderContexts(context.database, redis, context.keys)
    first, second = (contexts.context_for(connection(key), receive=lambda *_: None) for key in (1, 2))

    with FakeProvider(lambda _: ProviderAnswer(200)) as provider:
        first.http.headers["Authorization"] = "Bearer S3CRET"
        await call_both_ways(first, provider.url)
        await first.http.aclose()
        await call_both_ways(second, provider.url)
        own, others = provider.requests[:TIMES], provider.requests[TIMES:]
    await contexts.close()
    await redis.aclose()

    assert own[0].headers["authorization"] == "Bearer S3CRET"
    assert ["authorization" in request.headers for request in others] == [False] * TIMES


async def call_both_ways(context: SenderContext, url: str) -> None:
    assert (await context.http.get(url)).status_code == 200
    assert (await send_request(context.http, "GET", url, seconds=10)).status == 200


class Closing:
    """A sender that closes in a way of its own."""

    kind = "closing"

    def __init__(self, close: Callable[[], Awaitable[None]] | None) -> None:
        self._close = close
        self.is_closed = False

    async def aclose(self) -> None:
        if self._close is not None:
            await self._close()
        self.is_closed = True


class Odd(BaseException):
    """No Exception."""


def raising(error: BaseException) -> Any:
    async def close() -> None:
        raise error

    return close


async def holding_out() -> None:
    for _ in range(2):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue


@pytest.mark.parametrize(
    ("close", "words"),
    [
        pytest.param(raising(ValueError("S3CRET")), "failed: ValueError at", id="raises"),
        pytest.param(raising(SystemExit("S3CRET")), "failed: SystemExit at", id="exits"),
        pytest.param(raising(Odd("S3CRET")), "failed: Odd at", id="raises-no-exception"),
        pytest.param(asyncio.Event().wait, "has not returned within 0.1 s", id="hangs"),
        pytest.param(holding_out, "has not returned within 0.1 s", id="swallows-its-cancellation"),
    ],
)
async def test_a_sender_that_does_not_close_keeps_no_other_from_closing(
    close: Callable[[], Awaitable[None]], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    senders = [Closing(None), Closing(close), Closing(None)]

    await close_senders([*senders, object()], seconds=0.1)

    assert [each.is_closed for each in senders] == [True, False, True]
    assert [words in message for message in caplog.messages] == [True]
    assert "S3CRET" not in caplog.text
