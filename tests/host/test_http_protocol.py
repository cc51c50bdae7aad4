"""Connections of strangers to the real server: large and slow heads and bodies, and many at once."""

import contextlib
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_litestar.limits import HEAD_BYTES, PIPELINED_REQUESTS
from tests.host.programs import Served
from tests.host.raw_clients import RawClient
from tests.waiting import wait_for

pytestmark = pytest.mark.slow

LINE = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n"
POST = b"POST /webhooks/sandbox HTTP/1.1\r\nHost: 127.0.0.1\r\n"
SECONDS = 1.0  # of the limits of time here
MOST = 40  # connections of the server here


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with low limits, and few open files as its soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1_024, hard))
    limits = {
        "WABROADCAST_HEAD_SECONDS": str(SECONDS),
        "WABROADCAST_BODY_SECONDS": str(SECONDS),
        "WABROADCAST_MAX_CONNECTIONS": str(MOST),
    }
    try:
        served = Served(tmp_path_factory.mktemp("strict"), "--port", "0", "--workers", "0", environment=limits)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    yield served
    served.stop()


def _memory(pid: int) -> int:
    """Return the most memory that a process has used, in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(LINE + b"".join(b"X-%d: %s\r\n" % (number, b"v" * 90) for number in range(1_000)), id="headers"),
        pytest.param(LINE + b"X: " + b"v" * 2 * HEAD_BYTES, id="one-header"),
        pytest.param(LINE + b"x" * 2 * HEAD_BYTES, id="name-of-a-header"),
        pytest.param(b"GET /" + b"p" * 2 * HEAD_BYTES, id="path"),
        pytest.param(b"GET /?" + b"a&" * HEAD_BYTES, id="query"),
    ],
)
def test_a_head_beyond_the_limit_is_431(server: Served, head: bytes) -> None:
    with RawClient(server.url) as client:
        client.send(head)

        assert client.status() == 431


def test_a_head_within_the_limit_is_read(server: Served) -> None:
    with RawClient(server.url) as client:
        client.send(LINE + b"X: " + b"v" * (HEAD_BYTES - 1_000) + b"\r\n\r\n")

        assert client.status() == 200


def test_an_endless_head_costs_no_memory(server: Served) -> None:
    (web,) = server.children("web")
    before = _memory(web)
    with RawClient(server.url) as client:
        client.send(LINE)
        sent = 0
        while sent < 64 * 1024 * 1024 and client.send(b"X: " + b"v" * 1024 * 1024 + b"\r\n"):
            sent += 1024 * 1024

    assert sent < 64 * 1024 * 1024
    assert _memory(web) - before < 16 * 1024


def test_trailers_of_a_body_are_limited_as_the_head_is(server: Served) -> None:
    with RawClient(server.url) as client:
        client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
        for _ in range(4):
            client.send(b"X: " + b"v" * HEAD_BYTES + b"\r\n")

        assert client.seconds_open() < 20


def test_a_client_cannot_queue_requests_without_end(server: Served) -> None:
    request = LINE + b"\r\n"
    with RawClient(server.url) as client:
        for _ in range(50):
            if not client.send(request * 50 * PIPELINED_REQUESTS):
                break

        assert client.seconds_open() < 20
    assert server.get("/health/live").status_code == 200


def test_a_few_requests_may_be_sent_at_once(server: Served) -> None:
    with RawClient(server.url) as client:
        client.send((LINE + b"\r\n") * 4 + LINE + b"Connection: close\r\n\r\n")

        assert client.status() == 200


@pytest.mark.parametrize("sent", [pytest.param(b"", id="idle"), pytest.param(LINE, id="half-a-head")])
def test_a_connection_without_a_whole_head_is_closed(strict: Served, sent: bytes) -> None:
    with RawClient(strict.url) as client:
        client.send(sent)

        assert client.status() == (408 if sent else None)


def test_a_head_that_comes_byte_by_byte_is_cut_off(strict: Served) -> None:
    with RawClient(strict.url) as client:
        began = time.monotonic()
        while client.send(b"G") and client.is_open() and time.monotonic() - began < 20:
            time.sleep(0.1)

        assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/broadcast", id="submit"),
        pytest.param("/contacts", id="json"),
        pytest.param("/webhooks/sandbox", id="webhook"),
        pytest.param("/webhooks/unknown", id="webhook-of-no-connection"),
    ],
)
def test_a_body_that_does_not_come_is_408(strict: Served, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    with RawClient(strict.url) as client:
        client.send(head.encode() + b"{")

        assert client.status() == 408


def test_a_body_that_comes_byte_by_byte_is_cut_off(strict: Served) -> None:
    head = (
        b"POST /broadcast HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n"
    )
    with RawClient(strict.url) as client:
        began = time.monotonic()
        client.send(head)
        while client.send(b" ") and client.is_open() and time.monotonic() - began < 20:
            time.sleep(0.1)

        assert client.status() == 408


def test_a_body_that_comes_slowly_but_steadily_is_read(strict: Served) -> None:
    body = b'{"number": "081200001001"' + b" " * 40_000 + b"}"
    head = b"POST /contacts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with RawClient(strict.url) as client:
        client.send(head % len(body))
        for start in range(0, len(body), 4_000):
            time.sleep(SECONDS / 3)
            client.send(body[start : start + 4_000])

        assert client.status() in {200, 201}


def test_other_clients_are_served_while_one_holds_all_connections(strict: Served) -> None:
    (web,) = strict.children("web")
    with contextlib.ExitStack() as held:
        clients = [held.enter_context(RawClient(strict.url)) for _ in range(4 * MOST)]
        for client in clients[::2]:
            client.send(LINE)

        answers = [strict.get("/health/live").status_code for _ in range(5)]
        sockets = _sockets(web)

    assert answers == [200] * 5
    assert sockets <= MOST + 10  # and those to Redis, and the one that listens


def test_held_bodies_do_not_keep_others_out(strict: Served) -> None:
    head = (
        b"POST /broadcast HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n"
    )
    with contextlib.ExitStack() as held:
        for _ in range(2 * MOST):
            held.enter_context(RawClient(strict.url)).send(head)

        assert strict.get("/health/live").status_code == 200


def test_a_request_in_progress_is_not_closed_for_new_connections(strict: Served) -> None:
    with RawClient(strict.url) as busy, contextlib.ExitStack() as held:
        busy.send(LINE + b"\r\n")
        for _ in range(2 * MOST):
            held.enter_context(RawClient(strict.url))

        assert busy.status() == 200


def test_the_processes_use_the_hard_limit_of_open_files(strict: Served) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    (web,) = strict.children("web")

    limits = Path(f"/proc/{web}/limits").read_text()

    soft = next(int(line.split()[3]) for line in limits.splitlines() if line.startswith("Max open files"))
    assert soft == min(hard, 65_536)


OTHERS = 10  # sockets that the process itself may open meanwhile, to Redis and others


def test_a_client_that_does_not_read_its_answer_is_cut_off(strict: Served) -> None:
    (web,) = strict.children("web")
    wait_for(lambda: strict.get("/health/live").is_success, what="the server")
    before = _sockets(web)
    with contextlib.ExitStack() as held:
        for _ in range(2 * OTHERS):
            client = held.enter_context(RawClient(strict.url))
            client.send(b"GET /schema/openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        time.sleep(SECONDS)  # all are accepted

        wait_for(lambda: _sockets(web) < before + OTHERS, seconds=20, what="the end of the connections")


def _sockets(pid: int) -> int:
    count = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            count += "socket" in str(entry.readlink())
    return count
