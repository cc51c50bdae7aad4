"""Every way in which a connection can fail, and what it must mean: nothing was sent, or the outcome is unknown.

A request that the server may have read must never count as one that was not sent: it would be sent twice. A request
that certainly was not read should not be unknown, because a person would have to decide about it. No failure may
make the client repeat a request by itself.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.certificates import Certificates, make_certificates
from tests.core.transport.misbehaving import OK, Conversation, MisbehavingServer, Script
from wabroadcast_core.errors import OutcomeUnknown, SendError, Temporary
from wabroadcast_core.transport.http_client import make_client
from wabroadcast_core.transport.http_requests import Reply, send_request

NOT_SENT: Final = Temporary
UNKNOWN: Final = OutcomeUnknown
SHORT: Final = 0.4  # seconds that a request may take where the server stays silent
BIG: Final = b"x" * 16 * 1024 * 1024  # more than the buffers of a connection take


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(params=["plain", "tls"])
def tls(request: pytest.FixtureRequest, certificates: Certificates) -> Any:
    return certificates.server if request.param == "tls" else None


class Requests:
    """Makes requests with one client; either as the senders make them, or through httpx as third parties do."""

    def __init__(self, certificates: Certificates, *, through_httpx: bool) -> None:
        self._certificates = certificates
        self._options: dict[str, Any] = {"extensions": {}} if through_httpx else {}

    def run(self, url: str, *, times: int = 1, pause: Callable[[], None] = lambda: None, **request: Any) -> Reply:
        """Make requests one after the other, with a pause between them in which the event loop stands still."""

        async def ask_repeatedly() -> Reply:
            async with make_client(certificates=self._certificates.client) as http:
                reply = await self.post(http, url, **request)
                for _ in range(times - 1):
                    pause()
                    reply = await self.post(http, url, **request)
                return reply

        return asyncio.run(ask_repeatedly())

    async def post(self, http: httpx.AsyncClient, url: str, *, seconds: float = 10, **request: Any) -> Reply:
        request = request or {"json": {}}
        return await send_request(http, "POST", url, seconds=seconds, **request, **self._options)

    def failure(self, url: str, **request: Any) -> type[SendError]:
        with pytest.raises(SendError) as failed:
            self.run(url, **request)
        return type(failed.value)


@pytest.fixture(params=["direct", "through-httpx"])
def requests(request: pytest.FixtureRequest, certificates: Certificates) -> Requests:
    return Requests(certificates, through_httpx=request.param == "through-httpx")


# --- no connection is made -------------------------------------------------------------------------------------


def test_a_refused_connection(requests: Requests) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))

        assert requests.failure(f"http://127.0.0.1:{taken.getsockname()[1]}/") is NOT_SENT


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_unknown_host(requests: Requests, scheme: str) -> None:
    assert requests.failure(f"{scheme}://does-not-exist.invalid/") is NOT_SENT


@pytest.mark.timed
def test_a_resolver_that_does_not_answer(requests: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    """No server of the test can stand in the way of the system's resolver."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(2 * SHORT))

    assert requests.failure("http://silent.example/", seconds=SHORT) is NOT_SENT


@pytest.fixture
def black_hole() -> Iterator[int]:
    """The port of a server that takes no more connections: its system drops what would open one."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as door:
        waiting = [socket.socket() for _ in range(3)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(door.getsockname())
        yield int(door.getsockname()[1])
        for sock in waiting:
            sock.close()


@pytest.mark.timed
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_host_that_does_not_answer(requests: Requests, black_hole: int, scheme: str) -> None:
    assert requests.failure(f"{scheme}://127.0.0.1:{black_hole}/", seconds=SHORT) is NOT_SENT


def _answer_plainly(conversation: Conversation) -> None:
    conversation.read_some(1)
    conversation.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.timed
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(Conversation.wait_for_close, id="silent"),
        pytest.param(Conversation.close, id="closed"),
        pytest.param(Conversation.reset, id="reset"),
        pytest.param(_answer_plainly, id="no-tls"),
    ],
)
def test_a_tls_handshake_that_fails(requests: Requests, script: Script) -> None:
    with MisbehavingServer(script) as server:
        assert requests.failure(server.url.replace("http:", "https:"), seconds=SHORT) is NOT_SENT


def test_a_certificate_for_another_host(requests: Requests, certificates: Certificates) -> None:
    with MisbehavingServer(Conversation.read_request, tls=certificates.wrong_name) as server:
        assert requests.failure(server.url) is NOT_SENT
        assert server.requests == 0


def test_a_certificate_of_an_unknown_authority(requests: Requests, tmp_path: Path) -> None:
    with MisbehavingServer(Conversation.read_request, tls=make_certificates(tmp_path).server) as server:
        assert requests.failure(server.url) is NOT_SENT
        assert server.requests == 0


# --- the connection fails while the request is written ---------------------------------------------------------


@pytest.mark.parametrize("end", [Conversation.close, Conversation.reset])
def test_a_server_that_accepts_and_leaves(requests: Requests, tls: Any, end: Script) -> None:
    """Whether the request was read cannot be seen from here, unless the end came before it was written."""
    with MisbehavingServer(end, tls=tls) as server:
        assert requests.failure(server.url) in {NOT_SENT, UNKNOWN}
        assert server.connections == 1


def _read_a_part(end: Script) -> Script:
    def script(conversation: Conversation) -> None:
        conversation.read_some(100_000)
        end(conversation)

    return script


@pytest.mark.timed
@pytest.mark.parametrize("end", [Conversation.close, Conversation.reset, Conversation.hold])
@pytest.mark.parametrize("body", [{"content": BIG}, {"files": {"file": BIG}}], ids=["bytes", "multipart"])
def test_a_request_of_which_only_a_part_was_written(
    requests: Requests, tls: Any, end: Script, body: dict[str, Any]
) -> None:
    with MisbehavingServer(_read_a_part(end), tls=tls) as server:
        assert requests.failure(server.url, seconds=1.5, **body) is NOT_SENT
        assert (server.connections, server.requests) == (1, 0)


# --- the request was written, the answer is lost -----------------------------------------------------------------


@dataclass(frozen=True)
class Answering:
    """Reads a request, then writes this and ends the connection, or keeps it open."""

    data: bytes = b""
    end: Script = Conversation.close

    def __call__(self, conversation: Conversation) -> None:
        conversation.read_request()
        conversation.write(self.data)
        self.end(conversation)


HALF_BODY: Final = OK[:-4]
CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LOST_ANSWERS: Final = {
    "closed": Answering(),
    "reset": Answering(end=Conversation.reset),
    "silent": Answering(end=Conversation.wait_for_close),
    "half-a-head": Answering(OK[:30]),
    "half-a-head-reset": Answering(OK[:30], Conversation.reset),
    "half-a-head-silent": Answering(OK[:30], Conversation.wait_for_close),
    "half-a-body": Answering(HALF_BODY),
    "half-a-body-reset": Answering(HALF_BODY, Conversation.reset),
    "half-a-body-silent": Answering(HALF_BODY, Conversation.wait_for_close),
    "no-last-chunk": Answering(CHUNKED + b"2\r\n{}\r\n"),
    "bad-chunk": Answering(CHUNKED + b"zz\r\n"),
    "another-protocol": Answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "an-invalid-length": Answering(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"),
    "two-lengths": Answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    "bad-compression": Answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"),
    "only-continue": Answering(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "switched-protocol": Answering(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    "endless-head": Answering(b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"a" * 300_000, Conversation.wait_for_close),
    "endless-headers": Answering(b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 100_000, Conversation.wait_for_close),
}


@pytest.mark.timed
@pytest.mark.parametrize("script", LOST_ANSWERS.values(), ids=LOST_ANSWERS)
def test_an_answer_that_is_lost(requests: Requests, tls: Any, script: Script) -> None:
    with MisbehavingServer(script, tls=tls) as server:
        assert requests.failure(server.url, seconds=2 * SHORT) is UNKNOWN
        assert server.requests == 1


@pytest.mark.parametrize("script", [LOST_ANSWERS["closed"], LOST_ANSWERS["reset"]], ids=["closed", "reset"])
def test_a_reused_connection_that_ends_when_the_request_was_read(requests: Requests, tls: Any, script: Script) -> None:
    def answer_first(conversation: Conversation) -> None:
        conversation.read_request()
        conversation.write(OK)
        script(conversation)

    with MisbehavingServer(answer_first, tls=tls) as server:
        assert requests.failure(server.url, times=2) is UNKNOWN
        assert (server.connections, server.requests) == (1, 2)


# --- no failure --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [Conversation.close, Conversation.reset])
def test_a_connection_that_was_closed_while_idle_is_not_used(requests: Requests, tls: Any, end: Script) -> None:
    """Its end is there already when the next request is written, but the event loop has not seen it yet."""

    def answer_then_end(conversation: Conversation) -> None:
        conversation.read_request()
        conversation.write(OK)
        time.sleep(0.05)  # a reset at once may destroy the answer
        end(conversation)

    with MisbehavingServer(answer_then_end, tls=tls) as server:

        def wait_for_end() -> None:
            assert server.closed_by_server.wait(2)
            time.sleep(0.05)

        assert requests.run(server.url, times=2, pause=wait_for_end).document == {"id": "1"}
        assert (server.connections, server.requests) == (2, 2)


def test_a_time_out_notice_on_an_idle_connection_is_no_answer(requests: Requests, tls: Any) -> None:
    notice = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

    def answer_then_notify(conversation: Conversation) -> None:
        conversation.read_request()
        conversation.write(OK)
        time.sleep(0.05)
        conversation.write(notice)

    with MisbehavingServer(answer_then_notify, tls=tls) as server:

        def wait_for_end() -> None:
            assert server.closed_by_server.wait(2)

        assert requests.run(server.url, times=2, pause=wait_for_end).status == 200
        assert (server.connections, server.requests) == (2, 2)


def test_a_redirect_is_an_answer(requests: Requests, tls: Any) -> None:
    redirect = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    with MisbehavingServer(Answering(redirect), tls=tls) as server:
        assert requests.run(server.url).status == 307
        assert server.requests == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + OK, id="after-continue"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, id="after-hints"),
        pytest.param(CHUNKED + b'a\r\n{"id":"1"}\r\n0\r\nX-After: 1\r\n\r\n', id="chunks-and-trailers"),
        pytest.param(b'HTTP/1.1 200 OK\r\n\r\n{"id":"1"}', id="up-to-the-end"),
        pytest.param(b'HTTP/1.0 200 OK\r\n\r\n{"id":"1"}', id="http-1.0"),
        pytest.param(b'HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\n{"id":"1"}', id="http-1.0-with-a-length"),
        pytest.param(OK + b"HTTP/1.1 500 Stray\r\nContent-Length: 0\r\n\r\n", id="with-a-second-answer"),
        pytest.param(OK + b"garbage", id="with-garbage-behind"),
    ],
)
def test_an_unusual_answer_is_read(requests: Requests, tls: Any, answer: bytes) -> None:
    with MisbehavingServer(Answering(answer), tls=tls) as server:
        assert requests.run(server.url, times=2, pause=lambda: time.sleep(0.05)).document == {"id": "1"}
        assert server.requests == 2


def test_an_answer_before_the_request_was_read_completely(requests: Requests, tls: Any) -> None:
    def refuse(conversation: Conversation) -> None:
        conversation.read_some(1_000)
        conversation.write(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        conversation.wait_for_close()

    with MisbehavingServer(refuse, tls=tls) as server:
        assert requests.run(server.url, content=BIG).status == 413
        assert server.connections == 1


@pytest.mark.parametrize(
    ("header", "seconds", "connections"),
    [
        pytest.param(b"Keep-Alive: timeout=2\r\n", 1.3, 2, id="less-than-the-server-says"),
        pytest.param(b"keep-alive: timeout=10, max=100\r\n", 1.3, 1, id="not-more"),
        pytest.param(b"Connection: close\r\n", 0, 2, id="not-at-all"),
        pytest.param(b"", 1.3, 1, id="not-said"),
    ],
)
def test_how_long_an_idle_connection_is_used_again(
    requests: Requests, header: bytes, seconds: float, connections: int
) -> None:
    def serve(conversation: Conversation) -> None:
        while True:
            conversation.read_request()
            conversation.write(OK.replace(b"\r\n\r\n", b"\r\n" + header + b"\r\n"))

    with MisbehavingServer(serve) as server:
        requests.run(server.url, times=2, pause=lambda: time.sleep(seconds))
        assert (server.connections, server.requests) == (connections, 2)


# --- cancellation --------------------------------------------------------------------------------------------------


def test_a_request_that_is_cancelled_while_connecting_is_not_sent(
    requests: Requests, certificates: Certificates
) -> None:
    with MisbehavingServer(Conversation.wait_for_close) as server:

        async def cancel() -> None:
            async with make_client(certificates=certificates.client) as http:
                posting = asyncio.create_task(requests.post(http, server.url.replace("http:", "https:")))
                await asyncio.sleep(0.1)
                posting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await posting
                assert await asyncio.to_thread(server.closed_by_client.wait, 2)

        asyncio.run(cancel())
        assert (server.connections, server.requests) == (1, 0)


def test_a_request_that_is_cancelled_closes_its_connection(
    requests: Requests, certificates: Certificates, tls: Any
) -> None:
    def answer_second(conversation: Conversation) -> None:
        conversation.read_request()
        if conversation.number == 1:
            conversation.wait_for_close()
        conversation.write(OK)

    with MisbehavingServer(answer_second, tls=tls) as server:

        async def cancel() -> None:
            async with make_client(certificates=certificates.client) as http:
                posting = asyncio.create_task(requests.post(http, server.url))
                await asyncio.to_thread(server.wait_for_requests, 1)
                posting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await posting
                assert await asyncio.to_thread(server.closed_by_client.wait, 2)
                assert (await requests.post(http, server.url)).status == 200

        asyncio.run(cancel())
        assert (server.connections, server.requests) == (2, 2)


def test_requests_that_hang_stop_no_other(requests: Requests, certificates: Certificates, tls: Any) -> None:
    def answer_last(conversation: Conversation) -> None:
        conversation.read_request()
        if conversation.number <= 150:
            conversation.wait_for_close()
        conversation.write(OK)

    with MisbehavingServer(answer_last, tls=tls) as server:

        async def hang() -> None:
            async with make_client(certificates=certificates.client) as http:
                hanging = [asyncio.create_task(requests.post(http, server.url, seconds=60)) for _ in range(150)]
                await asyncio.to_thread(server.wait_for_requests, 150)
                assert (await requests.post(http, server.url)).status == 200
                for posting in hanging:
                    posting.cancel()
                await asyncio.gather(*hanging, return_exceptions=True)

        asyncio.run(hang())
