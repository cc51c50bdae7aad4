"""The server of the test gateway, a program of its own. It imports nothing of ours, so that it starts at once."""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any


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
