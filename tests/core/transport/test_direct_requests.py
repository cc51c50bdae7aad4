"""Requests made past httpx: the same for the provider and for the caller as requests made through httpx."""

import asyncio
import gzip
import socket
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.core.transport.misbehaving import OK, Conversation, MisbehavingServer
from wabroadcast_core.errors import ConnectionDown, OutcomeUnknown, Rejected, SendError, Temporary
from wabroadcast_core.testing import FakeProvider, ProviderAnswer, ProviderRequest
from wabroadcast_core.transport.http_client import SenderClient, make_client
from wabroadcast_core.transport.http_requests import LONGEST_REPLY, Reply, send_request
from wabroadcast_core.transport.response_body import decode_body

Extra = dict[str, Any]
DIRECT: Extra = {}
THROUGH_HTTPX: Extra = {"extensions": {}}  # an option that only httpx supports
both_ways = pytest.mark.parametrize("extra", [DIRECT, THROUGH_HTTPX], ids=["direct", "through-httpx"])


@pytest.fixture(scope="module")
def running() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


@pytest.fixture
def provider(running: FakeProvider) -> FakeProvider:
    running.requests.clear()
    running.answering = lambda _: ProviderAnswer(200, {"id": "1"})
    return running


def ask_provider(url: str, *, method: str = "POST", times: int = 1, **request: Any) -> Reply:
    async def ask_repeatedly() -> Reply:
        async with make_client() as http:
            for _ in range(times):
                reply = await send_request(http, method, url, **request)
            return reply

    return asyncio.run(ask_repeatedly())


def failure(url: str, *, seconds: float = 5, **request: Any) -> SendError:
    with pytest.raises(SendError) as failed:
        ask_provider(url, seconds=seconds, **request)
    return failed.value


def seen(request: ProviderRequest) -> tuple[Any, ...]:
    """Return the parts of a request that a provider acts on: not the headers that describe the client."""
    headers = {name: text for name, text in request.headers.items() if name in {"content-type", "x-key", "host"}}
    body = request.json if "json" in headers.get("content-type", "") else request.body
    return request.method, request.path, request.query, headers, body


def test_only_the_client_for_public_addresses_makes_no_direct_requests() -> None:
    """It must check the URL of each redirect, and only httpx follows redirects."""
    assert isinstance(make_client(), SenderClient)
    assert not isinstance(make_client(public_only=True), SenderClient)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({"json": {"to": "62", "text": "Halo 👋"}}, id="json"),
        pytest.param({"json": {"a": 1}, "headers": {"X-Key": "k"}}, id="json-with-headers"),
        pytest.param({"json": [1], "headers": {"content-type": "application/vnd.api+json"}}, id="json-with-a-type"),
        pytest.param({"json": None}, id="json-null"),
        pytest.param({"content": b"raw"}, id="bytes-without-a-type"),
        pytest.param({"content": b"raw", "headers": {"Content-Type": "text/plain"}}, id="bytes"),
        pytest.param({"method": "GET", "headers": {"X-Key": "k"}}, id="no-body"),
        pytest.param({"method": "DELETE"}, id="delete"),
        pytest.param({"params": {"to": "62 1", "x": "ü"}, "json": {}}, id="query"),
        pytest.param({"data": {"to": "62", "text": "a b"}}, id="form"),
        pytest.param({"headers": {"User-Agent": "mine", "accept-encoding": "identity"}, "json": {}}, id="own-headers"),
    ],
)
def test_a_provider_sees_the_same_request_by_both_ways(provider: FakeProvider, request_: Extra) -> None:
    url = f"{provider.url}/a%20b/c?x=1&y=%2B"

    ask_provider(url, **request_, **DIRECT)
    ask_provider(url, **request_, **THROUGH_HTTPX)

    direct, through_httpx = map(seen, provider.requests)
    assert direct == through_httpx


@both_ways
def test_an_answer_is_the_same_by_both_ways(provider: FakeProvider, extra: Extra) -> None:
    provider.answering = lambda _: ProviderAnswer(429, {"error": "slow down"}, {"Retry-After": "7"})

    reply = ask_provider(provider.url, json={}, **extra)

    assert (reply.status, reply.retry_after, reply.document) == (429, 7, {"error": "slow down"})
    assert reply.headers["content-type"] == "application/json"


@both_ways
def test_a_compressed_answer_is_decompressed(provider: FakeProvider, extra: Extra) -> None:
    provider.answering = lambda _: ProviderAnswer(200, gzip.compress(b'{"id": "2"}'), {"Content-Encoding": "gzip"})

    assert ask_provider(provider.url, json={}, **extra).document == {"id": "2"}


def test_files_are_sent_as_multipart(provider: FakeProvider) -> None:
    ask_provider(provider.url, data={"to": "62"}, files={"file": ("a.png", b"image", "image/png")})

    assert provider.last.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'filename="a.png"\r\nContent-Type: image/png\r\n\r\nimage\r\n' in provider.last.body
    assert b'name="to"\r\n\r\n62\r\n' in provider.last.body


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({"json": {}}, id="json"),
        pytest.param({"content": b"x"}, id="bytes"),
        pytest.param({"content": b"x" * 100_000}, id="long"),
        pytest.param({"files": {"file": b"x"}}, id="multipart"),
        pytest.param({"data": {"a": "b"}}, id="form"),
        pytest.param({"json": {}, "headers": {"Content-Length": "2"}}, id="with-the-header-given"),
        pytest.param({}, id="no-body"),
    ],
)
@both_ways
def test_a_request_has_each_header_once(extra: Extra, request_: Extra) -> None:
    def answer(conversation: Conversation) -> None:
        conversation.read_request()
        conversation.write(OK)

    with MisbehavingServer(answer) as server:
        ask_provider(server.url, **request_, **extra)

    names = [line.partition(b":")[0].lower() for line in server.heads[0].split(b"\r\n")[1:]]
    assert len(names) == len(set(names))
    assert {b"host", b"content-length", b"user-agent"} <= set(names)


@both_ways
def test_name_and_password_in_a_url_are_sent_as_a_header(provider: FakeProvider, extra: Extra) -> None:
    ask_provider(provider.url.replace("//", "//admin:p%40ss@"), json={}, **extra)

    assert provider.last.headers["authorization"] == "Basic YWRtaW46cEBzcw=="


@both_ways
@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0b"])
def test_a_header_cannot_bring_in_another_one(provider: FakeProvider, extra: Extra, value: str) -> None:
    assert type(failure(provider.url, json={}, headers={"X-Key": value}, **extra)) is ConnectionDown
    assert not provider.requests


@pytest.mark.timed
@both_ways
def test_an_answer_to_head_has_no_body(extra: Extra) -> None:
    def answer(conversation: Conversation) -> None:
        conversation.read_request()
        conversation.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
        conversation.wait_for_close()

    with MisbehavingServer(answer) as server:
        assert ask_provider(server.url, method="HEAD", seconds=1, **extra).content == b""


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "bare deflate"])
def test_a_compressed_body_is_decompressed_up_to_a_limit(encoding: str) -> None:
    wbits = {"gzip": 31, "deflate": 15, "bare deflate": -15}[encoding]
    compressor = zlib.compressobj(wbits=wbits)
    body = compressor.compress(b"x" * 1_000_000) + compressor.flush()
    named = encoding.removeprefix("bare ").encode()

    assert decode_body(body, named, max_bytes=2_000_000) == b"x" * 1_000_000
    assert decode_body(body, named, max_bytes=10_000) == b"x" * 10_000
    with pytest.raises(httpx.DecodingError):
        decode_body(body[:-20], named, max_bytes=2_000_000)


@both_ways
def test_a_long_answer_is_read_up_to_the_limit(provider: FakeProvider, extra: Extra) -> None:
    provider.answering = lambda _: ProviderAnswer(200, b"x" * 3 * LONGEST_REPLY)

    reply = ask_provider(provider.url, json={}, times=2, **extra)

    assert LONGEST_REPLY <= len(reply.content) < 2 * LONGEST_REPLY


@both_ways
def test_a_redirect_is_not_followed(provider: FakeProvider, extra: Extra) -> None:
    provider.answering = lambda _: ProviderAnswer(302, b"", {"Location": "/elsewhere"})

    assert ask_provider(provider.url, json={}, **extra).status == 302
    assert len(provider.requests) == 1


@both_ways
def test_no_cookie_is_stored_because_many_accounts_share_a_client(provider: FakeProvider, extra: Extra) -> None:
    provider.answering = lambda _: ProviderAnswer(200, {}, {"Set-Cookie": "session=1; Path=/"})

    ask_provider(provider.url.replace("127.0.0.1", "localhost"), json={}, times=2, **extra)

    assert "cookie" not in provider.last.headers


@both_ways
@pytest.mark.parametrize("fault", ["drop", "cut", "hang", "trickle"])
def test_a_lost_answer_leaves_the_outcome_unknown(provider: FakeProvider, extra: Extra, fault: Any) -> None:
    provider.answering = lambda _: ProviderAnswer(200, {"id": "1"}, fault=fault)

    assert type(failure(provider.url, seconds=0.3, json={}, **extra)) is OutcomeUnknown
    assert len(provider.requests) == 1


@both_ways
@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", id="another-protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", id="an-invalid-length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", id="bad-compression"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="bad-chunks"),
    ],
)
def test_an_answer_that_is_not_http_leaves_the_outcome_unknown(extra: Extra, garbage: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(garbage)
        writer.close()

    async def ask_server() -> Reply:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server, make_client() as http:
            port = server.sockets[0].getsockname()[1]
            return await send_request(http, "POST", f"http://127.0.0.1:{port}", json={}, **extra)

    with pytest.raises(OutcomeUnknown):
        asyncio.run(ask_server())


@both_ways
def test_a_refused_connection_is_temporary(extra: Extra) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))

        found = failure(f"http://127.0.0.1:{taken.getsockname()[1]}", json={}, **extra)

    assert type(found) is Temporary


@both_ways
@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "no address"])
def test_an_invalid_url_pauses_the_connection(extra: Extra, url: str) -> None:
    assert type(failure(url, json={}, **extra)) is ConnectionDown


@both_ways
@pytest.mark.parametrize(
    "request_options",
    [
        pytest.param({"data": {"text": "Halo \ud800"}}, id="form"),
        pytest.param({"json": {"text": "Halo \ud800"}}, id="json"),
        pytest.param({"params": {"text": "Halo \ud800"}, "json": {}}, id="query"),
        pytest.param({"files": {"text": (None, "Halo \ud800")}}, id="multipart"),
        pytest.param({"files": {"file": ("\ud800.pdf", b"x", "application/pdf")}}, id="name-of-a-file"),
    ],
)
def test_half_a_character_is_a_fault_of_the_message(
    provider: FakeProvider, extra: Extra, request_options: dict[str, Any]
) -> None:
    assert type(failure(provider.url, **request_options, **extra)) is Rejected
    assert not provider.requests


@both_ways
def test_a_header_that_cannot_be_encoded_pauses_the_connection(provider: FakeProvider, extra: Extra) -> None:
    assert type(failure(provider.url, json={}, headers={"X-Key": "cl\xe9"}, **extra)) is ConnectionDown


@both_ways
def test_the_departure_of_a_request_is_reported(provider: FakeProvider, extra: Extra) -> None:
    departures: list[None] = []

    async def ask_once() -> None:
        async with make_client(on_departure=lambda: departures.append(None)) as http:
            await send_request(http, "POST", provider.url, json={}, **extra)

    asyncio.run(ask_once())

    assert len(departures) == 1
