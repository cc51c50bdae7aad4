"""Event streams on a real feed, with clients that read slowly, not at all, or leave."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import uvicorn
from litestar.testing import RequestFactory
from uvicorn.server import ServerState

from host_litestar import event_streams, http_protocol
from host_litestar.event_streams import NARROW, EventStreams
from host_litestar.http_protocol import ConnectionLimits, LimitedProtocol, OpenConnections
from tests.host.installations import draft
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store.changes import Changes

Check = Callable[[], object]


class Client:
    """The other side of an ASGI application: it takes what is sent while it reads."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.reads.set()
        self.leaves = asyncio.Event()
        self.received: list[bytes] = []
        self.is_complete = False

    @property
    def sents(self) -> list[int]:
        """The number of sent messages by each event."""
        data = [piece.partition(b"data: ")[2] for piece in self.received if piece.startswith(b"id: ")]
        return [json.loads(one)["broadcast"]["counts"]["sent"] for one in data]

    async def send(self, message: Any) -> None:
        await self.reads.wait()
        self.received.append(message["body"])
        self.is_complete = not message["more_body"]

    async def receive(self) -> Any:
        await self.leaves.wait()
        return {"type": "http.disconnect"}


@pytest.fixture
def broadcaster(host_settings: Settings) -> Iterator[Broadcaster]:
    with Broadcaster(host_settings) as started:
        yield started


@pytest.fixture
def job_id(broadcaster: Broadcaster) -> str:
    return broadcaster.submit(draft(), [{"number": "081200000001"}]).job_id


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "TICK_SECONDS", 0.05)


def _send_one(broadcaster: Broadcaster, job_id: str) -> None:
    """Count one message more as sent, as a worker does."""
    with broadcaster.context.database.write() as conn:
        row = broadcast_store.find_broadcast(conn, job_id)
        assert row is not None
        changes = Changes()
        changes.update({(row["id"], "total"): 1, (row["id"], "sent"): 1})
        broadcast_store.apply_changes(conn, changes, now=time.time())


async def _until(check: Check, *, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not check():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


@asynccontextmanager
async def _streaming(broadcaster: Broadcaster, job_id: str, client: Client) -> AsyncIterator["asyncio.Task[None]"]:
    """Stream to a client that has got its first event."""
    streams = EventStreams(broadcaster.live)
    stream = await streams.open(RequestFactory().get("/"), job_id, last_event_id=None)
    running = asyncio.create_task(stream.run(client.receive, client.send))
    try:
        await _until(lambda: client.sents)
        yield running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        stream.close()


def test_a_client_that_reads_slowly_gets_the_latest_event_and_not_those_before_it(
    broadcaster: Broadcaster, job_id: str
) -> None:
    async def run(client: Client) -> None:
        async with _streaming(broadcaster, job_id, client):
            client.reads.clear()
            known = broadcaster.live.listen(job_id, wake=lambda: None)
            await _until(known.take)
            for _ in range(4):
                await asyncio.to_thread(_send_one, broadcaster, job_id)
                await _until(known.take)
            known.close()
            client.reads.set()
            await _until(lambda: client.sents[-1] == 4)

    assert _run(run).sents == [0, 1, 4]  # the first one was being written when the client stopped


def _run(test: Callable[[Client], Awaitable[None]]) -> Client:
    async def run() -> Client:
        client = Client()
        await test(client)
        return client

    return asyncio.run(run())


@pytest.mark.usefixtures("quick")
def test_a_client_that_stops_reading_is_dropped(
    broadcaster: Broadcaster, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_streams, "READER_SECONDS", 0.5)

    async def run(client: Client) -> None:
        async with _streaming(broadcaster, job_id, client) as running:
            client.reads.clear()
            await asyncio.to_thread(_send_one, broadcaster, job_id)
            await asyncio.wait_for(running, 10)

    assert _run(run).sents == [0]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("limit", ["LIFE_SECONDS", "STALE_SECONDS"])
def test_a_stream_ends_in_order_when_it_or_its_numbers_are_old(
    broadcaster: Broadcaster, job_id: str, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_streams, limit, 0.5)

    async def run(client: Client) -> None:
        async with _streaming(broadcaster, job_id, client) as running:
            await asyncio.wait_for(running, 10)

    assert _run(run).is_complete


@pytest.mark.usefixtures("quick")
def test_a_quiet_stream_has_comments(broadcaster: Broadcaster, job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "QUIET_SECONDS", 3.0)

    async def run(client: Client) -> None:
        async with _streaming(broadcaster, job_id, client):
            await _until(lambda: client.received.count(b":\n\n") == 2)

    client = _run(run)
    assert client.received[0] == b"retry: 3000\n\n"
    assert len(client.sents) == 1


def test_a_client_that_leaves_ends_its_stream(broadcaster: Broadcaster, job_id: str) -> None:
    async def run(client: Client) -> None:
        async with _streaming(broadcaster, job_id, client) as running:
            client.leaves.set()
            await asyncio.wait_for(running, 10)

    assert not _run(run).is_complete


async def _unread_bytes(*, narrow: bool) -> int:
    """Return how much of an answer the server takes for a client that does not read."""
    taken = 0
    is_stuck = asyncio.Event()

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        nonlocal taken
        del receive
        if narrow:
            scope["extensions"][NARROW]["narrow"]()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not is_stuck.is_set():
            try:
                async with asyncio.timeout(0.5):
                    await send({"type": "http.response.body", "body": bytes(PIECE), "more_body": True})
            except TimeoutError:
                is_stuck.set()
            taken += PIECE

    async with _serving(endless) as address:
        with socket.create_connection(address) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            await is_stuck.wait()
    return taken


@asynccontextmanager
async def _serving(application: Any) -> AsyncIterator[tuple[str, int]]:
    """Serve an application with the protocol of the web process. Yields its address."""
    state, config = ServerState(), uvicorn.Config(application, lifespan="off", log_config=None)
    many = OpenConnections(ConnectionLimits(connections=10, head_seconds=60, body_seconds=60))
    made = partial(LimitedProtocol, config, state, {}, connections=many)
    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()
    server.close()
    await asyncio.gather(*state.tasks)


PIECE = 1_024  # bytes
EVENTS = 8  # of this size: less than the server keeps


def test_the_server_keeps_little_of_a_stream_that_is_not_read() -> None:
    narrow, wide = asyncio.run(_unread_bytes(narrow=True)), asyncio.run(_unread_bytes(narrow=False))

    assert narrow < wide / 4


async def end_of_unread_stream() -> float:
    """Return the seconds until the server ends a stream that is not read, after a few events that no buffer fills."""
    left = asyncio.Event()

    async def quiet(scope: Any, receive: Any, send: Any) -> None:
        scope["extensions"][NARROW]["narrow"]()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(EVENTS):
            await send({"type": "http.response.body", "body": bytes(PIECE), "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        left.set()

    async with _serving(quiet) as address:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE)
            client.connect(address)
            client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            began = asyncio.get_running_loop().time()
            await asyncio.wait_for(left.wait(), 20)
            return asyncio.get_running_loop().time() - began


@pytest.mark.skipif(http_protocol.USER_TIMEOUT is None, reason="this system cannot end a connection that is not read")
def test_a_stream_that_is_not_read_ends_before_any_buffer_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "UNREAD_SECONDS", 1.0)

    assert asyncio.run(end_of_unread_stream()) >= 0.9
