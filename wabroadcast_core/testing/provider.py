"""A provider on loopback for tests of senders: a real HTTP server in a thread, whose answers the test chooses.

It stores every request. An answer can be slow, be cut off, or be missing.
"""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, TypeAlias
from urllib.parse import parse_qsl, urlsplit

START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ProviderRequest:
    """One request to the provider. Header names are in lower case."""

    method: str
    path: str  # without the query
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    at: float  # when it had been read, in seconds of the monotonic clock

    @property
    def json(self) -> Any:
        """The body, decoded as JSON."""
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        """The fields of a URL-encoded body."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """An answer of the provider, and how its delivery fails."""

    status: int = 200
    body: Any = field(default_factory=dict)  # bytes and str are sent unchanged, any other value as JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0  # seconds
    fault: Literal["drop", "hang", "cut", "trickle"] | None = None
    """``drop`` closes the connection after the request was read, ``hang`` never answers, ``cut`` closes it within the
    body, ``trickle`` sends one byte of the body per minute.
    """

    def encode(self) -> tuple[bytes, bytes]:
        """Return the head and the body of the answer."""
        match self.body:
            case bytes():
                body, kind = self.body, "application/octet-stream"
            case str():
                body, kind = self.body.encode(), "text/html"
            case _:
                body, kind = json.dumps(self.body).encode(), "application/json"
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), **self.headers}
        lines = [f"HTTP/1.1 {self.status} Answer", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode(), body


Answering: TypeAlias = Callable[[ProviderRequest], ProviderAnswer]


class FakeProvider:
    """A provider that runs within a ``with`` block.

    :param answering: returns the answer to a request; by default the status is always 404. The attribute of this name
        may be replaced at any time.
    """

    def __init__(self, answering: Answering | None = None) -> None:
        self.answering: Answering = answering or (lambda _: ProviderAnswer(404))
        self.requests: list[ProviderRequest] = []
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._port = 0
        self._thread = threading.Thread(target=self._run, name="fake-provider", daemon=True)

    @property
    def url(self) -> str:
        """The base address of the provider."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def last(self) -> ProviderRequest:
        """The last request."""
        return self.requests[-1]

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._started.wait(START_SECONDS):
            raise TimeoutError(f"the provider did not start within {START_SECONDS:g} s")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1_024))
        self._port = server.sockets[0].getsockname()[1]
        self._started.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._serve_one(reader, writer):
                pass
        writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request.

        :returns: whether the connection stays open.
        """
        request = await _read_request(reader)
        self.requests.append(request)
        answer = self.answering(request)
        if answer.delay:
            await asyncio.sleep(answer.delay)
        if answer.fault == "drop":
            return False
        if answer.fault == "hang":
            await asyncio.sleep(3_600)
        head, body = answer.encode()
        writer.write(head)
        if answer.fault == "cut":
            writer.write(body[: len(body) // 2])
            return False
        if answer.fault == "trickle":
            await _trickle(writer, body)
        writer.write(body)
        await writer.drain()
        return True


async def _trickle(writer: asyncio.StreamWriter, body: bytes) -> None:
    for byte in body:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(60)


async def _read_request(reader: asyncio.StreamReader) -> ProviderRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _read_chunks(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return ProviderRequest(method, parts.path, query, headers, body, time.monotonic())


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return bytes(body)
