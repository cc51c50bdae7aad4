"""A gateway for tests: a real HTTP server in a separate process, and the sender that sends to it.

The server logs each request when it arrives; tests count and time messages by this log. It can answer slowly, refuse
messages, throttle like the Cloud API, never answer, and drop the connection after it has read a request.
"""

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel

from wabroadcast_core.errors import OutcomeUnknown
from wabroadcast_core.hookspecs import Capabilities, Sender, SenderContext, hookimpl
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.transport.http_requests import ask, error_of

START_SECONDS = 20.0  # that a test waits for the start at most


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request to the gateway."""

    at: float  # seconds of the machine's monotonic clock
    connection: str
    number: str
    message_id: str
    text: str
    verdict: str  # ok, temporary, rejected, throttled, down, drop, hang


class Gateway:
    """A running gateway.

    :param directory: for the log and the port number of the gateway.
    :param latency: seconds until the gateway answers.
    :param rules: the verdict by the last digits of a number, such as ``{"13": "temporary"}``. ``once`` is temporary for
        the first request of a message and ok for its later ones.
    :param limit: messages per second; further ones are throttled as the Cloud API does it.
    """

    def __init__(
        self, directory: Path, *, latency: float = 0.0, rules: dict[str, str] | None = None, limit: int | None = None
    ) -> None:
        self._log_path = directory / "gateway.log"
        self._port_path = directory / "gateway.port"
        options = {"latency": latency, "rules": rules or {}, "limit": limit}
        self._process = subprocess.Popen(  # noqa: S603 - starts this module with options of the test
            [sys.executable, "-m", __name__, str(directory), json.dumps(options)], stdin=subprocess.PIPE
        )
        self.url = f"http://127.0.0.1:{self._await_port()}"

    def arrivals(self) -> list[Arrival]:
        """Return the requests that have arrived so far, in their order."""
        lines = self._log_path.read_text(encoding="utf-8").splitlines()
        return [Arrival(**json.loads(line)) for line in lines if line.endswith("}")]

    def counts(self) -> Counter[str]:
        """Return how often each message arrived, by message id; without the refused requests."""
        return Counter(arrival.message_id for arrival in self.arrivals() if arrival.verdict in {"ok", "drop", "hang"})

    def close(self) -> None:
        """Kill the process of the gateway."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _await_port(self) -> int:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                return int(self._port_path.read_text(encoding="utf-8"))
            time.sleep(0.02)
        self._process.kill()
        raise TimeoutError(f"the gateway did not start within {START_SECONDS:g} s")


def most_in_window(times: Sequence[float], seconds: float) -> int:
    """Return the largest number of times in any window of this length, wherever the window starts.

    :param times: in seconds, in any order.
    :param seconds: the length of the window; for a length of 0 or less the result is 0.
    """
    if seconds <= 0:
        return 0
    window: deque[float] = deque()
    most = 0
    for moment in sorted(times):
        window.append(moment)
        while window[0] <= moment - seconds:
            window.popleft()
        most = max(most, len(window))
    return most


class GatewaySettings(BaseModel):
    """The settings of the sender."""

    url: str
    timeout: float = 30.0  # seconds


class GatewaySender:
    """A sender that sends to a :class:`Gateway`."""

    Settings: ClassVar[type[BaseModel]] = GatewaySettings
    kind: ClassVar[str] = "gateway"
    capabilities: ClassVar[Capabilities] = Capabilities()

    def __init__(self, settings: GatewaySettings, context: SenderContext) -> None:
        self._settings = settings
        self._context = context

    async def send(self, message: OutgoingMessage) -> Accepted:
        body = {"number": message.number, "messageId": message.message_id, "text": message.text}
        url = f"{self._settings.url}/{self._context.connection}"
        reply = await ask(self._context.http, "POST", url, json=body, seconds=self._settings.timeout)
        if not reply.is_success:
            raise error_of(reply)
        if not isinstance(reply.document, dict) or "id" not in reply.document:
            raise OutcomeUnknown("no_id", reply.summary)
        return Accepted(provider_id=str(reply.document["id"]))


@hookimpl
def wab_senders() -> Sequence[type[Sender]]:
    return [GatewaySender]


# --- the server, in its own process ----------------------------------------------------------------------------


class _Server:
    def __init__(self, directory: Path, options: dict[str, Any]) -> None:
        self._log = (directory / "gateway.log").open("a", encoding="utf-8", buffering=1)
        self._port_path = directory / "gateway.port"
        self._latency: float = options["latency"]
        self._rules: dict[str, str] = options["rules"]
        self._limit: int | None = options["limit"]
        self._recent: deque[float] = deque()
        self._seen: Counter[str] = Counter()

    async def run(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=4_096)
        port: int = server.sockets[0].getsockname()[1]
        partial = self._port_path.with_suffix(".partial")
        partial.write_text(str(port), encoding="utf-8")
        partial.rename(self._port_path)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, sys.stdin.read)  # returns when the test that started this process has ended

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                at = time.monotonic()
                body = await reader.readexactly(_length_of(head))
                if not await self._answer(head, json.loads(body), at, writer):
                    break
        writer.close()

    async def _answer(self, head: bytes, body: dict[str, Any], at: float, writer: asyncio.StreamWriter) -> bool:
        """Log and answer one request.

        :returns: whether the connection stays open.
        """
        connection = head.split(b" ", 2)[1].decode().strip("/")
        verdict = self._verdict_on(body["number"], body["messageId"], at)
        fields = {"number": body["number"], "message_id": body["messageId"], "text": body["text"]}
        self._log.write(json.dumps({"at": at, "connection": connection, **fields, "verdict": verdict}) + "\n")
        if verdict == "drop":
            return False
        if verdict == "hang":
            await asyncio.sleep(3_600)
        if self._latency:
            await asyncio.sleep(self._latency)
        writer.write(_ANSWERS[verdict] if verdict != "ok" else _accepted(body["messageId"]))
        return True

    def _verdict_on(self, number: str, message_id: str, at: float) -> str:
        if self._limit is not None:
            while self._recent and self._recent[0] <= at - 1:
                self._recent.popleft()
            if len(self._recent) >= self._limit:
                return "throttled"
            self._recent.append(at)
        self._seen[message_id] += 1
        verdict = next((verdict for ending, verdict in self._rules.items() if number.endswith(ending)), "ok")
        if verdict == "once" and self._seen[message_id] > 1:
            return "ok"
        return "temporary" if verdict == "once" else verdict


def _length_of(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _accepted(message_id: str) -> bytes:
    body = json.dumps({"id": f"gw.{message_id}"}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def _refusal(status: bytes, extra: bytes = b"") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n" + extra + b"\r\n"


_ANSWERS = {
    "temporary": _refusal(b"503 Service Unavailable"),
    "rejected": _refusal(b"400 Bad Request"),
    "down": _refusal(b"401 Unauthorized"),
    "throttled": _refusal(b"429 Too Many Requests", b"Retry-After: 0.2\r\n"),
}


def _main() -> None:
    parser = argparse.ArgumentParser(description="The server of the test gateway.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("options", type=json.loads)
    arguments = parser.parse_args()
    asyncio.run(_Server(arguments.directory, arguments.options).run())


if __name__ == "__main__":
    _main()
