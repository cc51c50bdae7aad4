"""The HTTP client of senders: lost answers, and public addresses."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from wabroadcast_core.errors import ConnectionDown, OutcomeUnknown, Temporary
from wabroadcast_core.testing import FakeProvider, ProviderAnswer
from wabroadcast_core.transport.http_client import make_client
from wabroadcast_core.transport.http_requests import send_request
from wabroadcast_core.transport.http_transport import HttpTransport
from wabroadcast_core.transport.public_addresses import NotPublicError, is_public


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider(lambda _: ProviderAnswer(200, {"id": "1"})) as running:
        yield running


def _ask(url: str, *, public_only: bool = False, times: int = 1, seconds: float = 5) -> Any:
    async def run() -> Any:
        async with make_client(public_only=public_only) as http:
            for _ in range(times):
                reply = await send_request(http, "POST", url, json={}, seconds=seconds)
            return reply

    return asyncio.run(run())


def test_a_server_that_closes_the_connection_may_have_read_the_request(provider: FakeProvider) -> None:
    provider.answering = lambda _: ProviderAnswer(fault="drop")

    with pytest.raises(OutcomeUnknown):
        _ask(provider.url)

    assert len(provider.requests) == 1


def test_a_server_that_closes_a_reused_connection_may_have_read_the_request(provider: FakeProvider) -> None:
    provider.answering = lambda _: ProviderAnswer(fault="drop" if len(provider.requests) > 1 else None)

    with pytest.raises(OutcomeUnknown):
        _ask(provider.url, times=2)

    assert len(provider.requests) == 2


def test_a_refused_connection_is_temporary() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))

        with pytest.raises(Temporary):
            _ask(f"http://127.0.0.1:{taken.getsockname()[1]}")


def test_an_unknown_host_name_is_temporary() -> None:
    with pytest.raises(Temporary):
        _ask("http://does-not-exist.invalid/")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "no address", "http://", "http://[::1"])
def test_an_invalid_url_is_reported(url: str) -> None:
    with pytest.raises((ConnectionDown, Temporary)):
        _ask(url)


def test_a_slow_body_does_not_extend_the_time_limit(provider: FakeProvider) -> None:
    provider.answering = lambda _: ProviderAnswer(200, {"id": "1"}, fault="trickle")

    with pytest.raises(OutcomeUnknown):
        _ask(provider.url, seconds=0.3)


# --- public addresses only -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_no_spelling_of_this_machine_is_public(provider: FakeProvider, host: str) -> None:
    url = provider.url.replace("127.0.0.1", host)

    with pytest.raises(Exception):  # noqa: B017, PT011 - any error counts, if nothing was sent
        _ask(url, public_only=True)

    assert not provider.requests


@pytest.mark.parametrize(
    ("address", "public"),
    [
        pytest.param("8.8.8.8", True, id="public"),
        pytest.param("2606:4700::1111", True, id="public-v6"),
        pytest.param("10.0.0.1", False, id="private"),
        pytest.param("172.16.5.4", False, id="private-too"),
        pytest.param("192.168.1.1", False, id="home"),
        pytest.param("169.254.169.254", False, id="cloud-metadata"),
        pytest.param("100.64.0.1", False, id="carrier-nat"),
        pytest.param("0.0.0.0", False, id="any"),
        pytest.param("224.0.0.1", False, id="multicast"),
        pytest.param("255.255.255.255", False, id="broadcast"),
        pytest.param("fe80::1", False, id="link-local"),
        pytest.param("fd00::1", False, id="unique-local"),
        pytest.param("::ffff:10.0.0.1", False, id="mapped-private"),
        pytest.param("64:ff9b::7f00:1", False, id="nat64-loopback"),
        pytest.param("2002:7f00:1::", False, id="6to4-loopback"),
        pytest.param("fec0::1", False, id="site-local"),
        pytest.param("192.0.0.8", False, id="dummy"),
        pytest.param("::ffff:192.0.0.8", False, id="mapped-dummy"),
        pytest.param("192.88.99.1", False, id="relay-of-6to4"),
        pytest.param("3fff::1", False, id="documentation"),
        pytest.param("5f00::1", False, id="segment-routing"),
        pytest.param("64:ff9b:1::7f00:1", False, id="local-nat64"),
        pytest.param("::7f00:1", False, id="compatible-loopback"),
        pytest.param("not an address", False, id="none"),
    ],
)
def test_an_address_is_public_or_not(address: str, *, public: bool) -> None:
    assert is_public(address) is public


def test_a_redirect_to_an_address_that_is_not_allowed_is_not_followed(provider: FakeProvider) -> None:
    """Each address is checked before the connection is made, so a public page cannot redirect to a private one."""
    other = provider.url.replace("127.0.0.1", "127.0.0.2")
    provider.answering = lambda _: ProviderAnswer(302, b"", {"Location": f"{other}/inside"})
    transport = HttpTransport(ssl.create_default_context(), is_allowed=lambda address: address == "127.0.0.1")

    async def run() -> None:
        async with httpx.AsyncClient(transport=transport, follow_redirects=True) as client:
            await client.get(f"{provider.url}/outside")

    with pytest.raises(httpx.ConnectError) as failed:
        asyncio.run(run())

    assert isinstance(failed.value.__cause__, NotPublicError)
    assert [request.path for request in provider.requests] == ["/outside"]


def test_a_name_is_resolved_once_for_the_check_and_the_connection(
    provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads elsewhere a moment later (DNS rebinding) does not get past the check."""
    port = int(provider.url.rpartition(":")[2])
    answers = iter(["127.0.0.1", "127.0.0.2"])
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]
    )
    transport = HttpTransport(ssl.create_default_context(), is_allowed=lambda address: address == "127.0.0.1")

    async def run() -> int:
        async with httpx.AsyncClient(transport=transport) as client:
            return (await client.get(f"http://rebinding.example:{port}/")).status_code

    assert asyncio.run(run()) == 200
    assert list(answers) == ["127.0.0.2"]


def test_another_address_of_a_host_is_tried(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """No host of the test has two addresses of which one does not answer, so the resolver's answer is given."""
    port = int(provider.url.rpartition(":")[2])
    silent = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port))
    refusing = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.9", 1))
    serving = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
    for found in ([refusing, serving], [silent, serving], [silent, refusing, serving]):
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, found=found, **__: found)

        assert _ask(f"http://several.example:{port}/").status == 200

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [refusing, refusing])
    with pytest.raises(Temporary):
        _ask(f"http://several.example:{port}/")


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_no_request_is_repeated(provider: FakeProvider, method: str) -> None:
    """Many clients repeat idempotent requests when a reused connection breaks."""
    provider.answering = lambda _: ProviderAnswer(200, {}, fault="drop" if len(provider.requests) > 1 else None)

    async def run() -> None:
        async with make_client() as http:
            for _ in range(2):
                await send_request(http, method, provider.url, seconds=5)

    with pytest.raises(OutcomeUnknown):
        asyncio.run(run())

    assert len(provider.requests) == 2
