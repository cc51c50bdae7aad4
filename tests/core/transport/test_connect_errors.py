"""A provider that cannot be reached: the words name the true cause, through each client."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing

import httpx
import pytest

from wabroadcast_core.errors import Temporary
from wabroadcast_core.transport.connect_errors import describe_cause
from wabroadcast_core.transport.http_client import make_client
from wabroadcast_core.transport.http_requests import send_request


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port on which nothing listens."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@asynccontextmanager
async def client(kind: str) -> AsyncIterator[httpx.AsyncClient]:
    made = make_client() if kind == "ours" else httpx.AsyncClient()
    try:
        yield made
    finally:
        await made.aclose()


def failure(kind: str, url: str) -> Temporary:
    async def send() -> None:
        async with client(kind) as http:
            await send_request(http, "POST", url, json={}, seconds=3)

    with pytest.raises(Temporary) as failed:
        asyncio.run(send())
    return failed.value


@pytest.mark.parametrize("kind", ["ours", "httpx"])
def test_a_refused_connection_is_called_refused(kind: str, free_port: int) -> None:
    error = failure(kind, f"http://127.0.0.1:{free_port}/send")

    assert error.reason == "unreachable"
    assert "the connection was refused: nothing listens at this address and port" in error.detail


@pytest.mark.parametrize("kind", ["ours", "httpx"])
def test_a_name_that_does_not_exist_is_called_so(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    assert "there is no host of this name" in failure(kind, "http://gate.invalid/send").detail


@pytest.mark.parametrize("kind", ["ours", "httpx"])
def test_a_host_that_speaks_no_tls_is_called_so(kind: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.settimeout(0.01)
        error = _against_plain_server(kind, listener)

    assert "the host speaks no TLS that this machine accepts" in error.detail


def _against_plain_server(kind: str, listener: socket.socket) -> Temporary:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async def send() -> None:
        server = await asyncio.start_server(answer, sock=listener)
        async with server, client(kind) as http:
            port = listener.getsockname()[1]
            await send_request(http, "POST", f"https://127.0.0.1:{port}/send", json={}, seconds=3)

    with pytest.raises(Temporary) as failed:
        asyncio.run(send())
    return failed.value


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(httpx.ConnectTimeout("x"), "no answer to the attempt to connect", id="time-out"),
        pytest.param(socket.gaierror(socket.EAI_AGAIN, "x"), "cannot be looked up now", id="name-server-away"),
        pytest.param(OSError(113, "x"), "no route leads to it", id="no-route"),
        pytest.param(OSError(24, "x"), "too many files open", id="files"),
        pytest.param(httpx.PoolTimeout("x"), "too many requests wait", id="pool"),
        pytest.param(ValueError("S3CRET"), "ValueError", id="anything-else"),
    ],
)
def test_other_causes_are_named_too(error: Exception, words: str) -> None:
    assert words in describe_cause(error)
    assert "S3CRET" not in describe_cause(error)
