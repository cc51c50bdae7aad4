"""Asking a provider goes by a short way where it can, past httpx: it is the same to the provider and to who asks."""

import asyncio
import gzip
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from wabroadcast_core.errors import ConnectionDown, OutcomeUnknown, SendError, Temporary
from wabroadcast_core.testing import FakeProvider, ProviderAnswer, ProviderRequest
from wabroadcast_core.transport.http_client import SenderClient, make_client
from wabroadcast_core.transport.http_requests import LONGEST_REPLY, Reply, ask

Extra = dict[str, Any]
SHORT: Extra = {}
LONG: Extra = {"extensions": {}}  # httpx's business
way = pytest.mark.parametrize("extra", [SHORT, LONG], ids=["short", "long"])


@pytest.fixture(scope="module")
def running() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


@pytest.fixture
def provider(running: FakeProvider) -> FakeProvider:
    running.requests.clear()
    running.answering = lambda _: ProviderAnswer(200, {"id": "1"})
    return running


def asked(url: str, *, method: str = "POST", times: int = 1, **request: Any) -> Reply:
    async def ask_on() -> Reply:
        async with make_client() as http:
            for _ in range(times):
                reply = await ask(http, method, url, **request)
            return reply

    return asyncio.run(ask_on())


def failure(url: str, *, seconds: float = 5, **request: Any) -> SendError:
    with pytest.raises(SendError) as failed:
        asked(url, seconds=seconds, **request)
    return failed.value


def seen(request: ProviderRequest) -> tuple[Any, ...]:
    """What a provider acts on; what a client says of itself is its own affair."""
    headers = {name: text for name, text in request.headers.items() if name in {"content-type", "x-key", "host"}}
    body = request.json if "json" in headers.get("content-type", "") else request.body
    return request.method, request.path, request.query, headers, body


def test_only_the_client_for_public_addresses_has_no_short_way() -> None:
    """It judges each hop of a redirect, and that is httpx's to do."""
    assert isinstance(make_client(), SenderClient)
    assert not isinstance(make_client(public_only=True), SenderClient)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({"json": {"to": "62", "text": "Halo 👋"}}, id="json"),
        pytest.param({"json": {"a": 1}, "headers": {"X-Key": "k"}}, id="json-with-headers"),
        pytest.param({"json": [1], "headers": {"content-type": "application/vnd.api+json"}}, id="json-of-a-kind"),
        pytest.param({"json": None}, id="json-that-is-none"),
        pytest.param({"content": b"raw"}, id="bytes-of-no-kind"),
        pytest.param({"content": b"raw", "headers": {"Content-Type": "text/plain"}}, id="bytes"),
        pytest.param({"method": "GET", "headers": {"X-Key": "k"}}, id="no-body"),
        pytest.param({"method": "DELETE"}, id="delete"),
    ],
)
def test_a_provider_sees_the_same_request_by_both_ways(provider: FakeProvider, request_: Extra) -> None:
    url = f"{provider.url}/a%20b/c?x=1&y=%2B"

    asked(url, **request_, **SHORT)
    asked(url, **request_, **LONG)

    short, long = map(seen, provider.requests)
    assert short == long


@way
def test_an_answer_is_the_same_by_both_ways(provider: FakeProvider, extra: Extra) -> None:
    provider.answering = lambda _: ProviderAnswer(429, {"error": "slow down"}, {"Retry-After": "7"})

    reply = asked(provider.url, json={}, **extra)

    assert (reply.status, reply.retry_after, reply.document) == (429, 7, {"error": "slow down"})
    assert reply.headers["content-type"] == "application/json"


@way
def test_a_packed_answer_is_unpacked(provider: FakeProvider, extra: Extra) -> None:
    provider.answering = lambda _: ProviderAnswer(200, gzip.compress(b'{"id": "2"}'), {"Content-Encoding": "gzip"})

    assert asked(provider.url, json={}, **extra).document == {"id": "2"}


@way
def test_a_long_answer_is_read_so_far_and_no_further(provider: FakeProvider, extra: Extra) -> None:
    provider.answering = lambda _: ProviderAnswer(200, b"x" * 3 * LONGEST_REPLY)

    reply = asked(provider.url, json={}, times=2, **extra)

    assert LONGEST_REPLY <= len(reply.content) < 2 * LONGEST_REPLY


@way
def test_a_redirect_is_an_answer(provider: FakeProvider, extra: Extra) -> None:
    provider.answering = lambda _: ProviderAnswer(302, b"", {"Location": "/elsewhere"})

    assert asked(provider.url, json={}, **extra).status == 302
    assert len(provider.requests) == 1


@way
def test_no_cookie_is_kept_since_many_accounts_share_a_client(provider: FakeProvider, extra: Extra) -> None:
    provider.answering = lambda _: ProviderAnswer(200, {}, {"Set-Cookie": "session=1; Path=/"})

    asked(provider.url.replace("127.0.0.1", "localhost"), json={}, times=2, **extra)

    assert "cookie" not in provider.last.headers


@way
@pytest.mark.parametrize("fault", ["drop", "cut", "hang", "trickle"])
def test_an_answer_that_gets_lost_leaves_the_outcome_unknown(provider: FakeProvider, extra: Extra, fault: Any) -> None:
    provider.answering = lambda _: ProviderAnswer(200, {"id": "1"}, fault=fault)

    assert type(failure(provider.url, seconds=0.3, json={}, **extra)) is OutcomeUnknown
    assert len(provider.requests) == 1


@way
@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", id="another-protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", id="a-length-that-is-none"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", id="bad-packing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="bad-chunks"),
    ],
)
def test_an_answer_that_is_no_http_leaves_the_outcome_unknown(extra: Extra, garbage: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(garbage)
        writer.close()

    async def ask_it() -> Reply:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server, make_client() as http:
            port = server.sockets[0].getsockname()[1]
            return await ask(http, "POST", f"http://127.0.0.1:{port}", json={}, **extra)

    with pytest.raises(OutcomeUnknown):
        asyncio.run(ask_it())


@way
def test_a_refused_connection_is_temporary(extra: Extra) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))

        found = failure(f"http://127.0.0.1:{taken.getsockname()[1]}", json={}, **extra)

    assert type(found) is Temporary


@way
@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "no address"])
def test_what_is_no_address_needs_a_person(extra: Extra, url: str) -> None:
    assert type(failure(url, json={}, **extra)) is ConnectionDown


@way
def test_the_departure_of_a_request_is_told(provider: FakeProvider, extra: Extra) -> None:
    departures: list[None] = []

    async def ask_once() -> None:
        async with make_client(departed=lambda: departures.append(None)) as http:
            await ask(http, "POST", provider.url, json={}, **extra)

    asyncio.run(ask_once())

    assert len(departures) == 1
