"""A receiver of callbacks on loopback that does what a test has written."""

import base64
import hashlib
import hmac
import json
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLD_SECRET = "whsec_" + base64.b64encode(bytes(range(32, 64))).decode()


@dataclass(frozen=True, slots=True)
class Call:
    """One callback as it was received."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def status(self) -> str:
        """The status of the broadcast that the event reports."""
        return str(self.document["data"]["status"])

    def is_signed_with(self, secret: str) -> bool:
        """Whether a signature is right, as the text of Standard Webhooks says, and not as our code does it."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        text = (
            self.headers["webhook-id"].encode() + b"." + self.headers["webhook-timestamp"].encode() + b"." + self.body
        )
        expected = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
        return f"v1,{expected}" in self.headers["webhook-signature"].split(" ")


Script = Callable[[BaseHTTPRequestHandler], None]


def answering(status: int, **headers: str) -> Script:
    """Answer with a status and headers, whose names have ``_`` for ``-``."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # they are joined, so that each closes its socket

    def handle_error(self, *_: object) -> None:
        """Print nothing: a caller that has gone is what a test wants."""


class Receiver:
    """An HTTP server that records callbacks. Each is answered by the next script, or by the last one again."""

    def __init__(self, *scripts: Script) -> None:
        self.calls: list[Call] = []
        self.ends = threading.Event()  # scripts that hang wait for it
        self._scripts = deque(scripts or [answering(204)])
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/events?token=hidden"

    def script(self, *scripts: Script) -> None:
        self._scripts = deque(scripts)

    def hang(self, request: BaseHTTPRequestHandler) -> None:
        """Answer nothing until the test ends."""
        request.close_connection = True
        self.ends.wait(30)

    def pour(self, request: BaseHTTPRequestHandler) -> None:
        """Answer with a body of 1 GB, slowly."""
        request.close_connection = True
        request.send_response(200)
        request.send_header("Content-Length", str(1 << 30))
        request.end_headers()
        try:
            while not self.ends.wait(0.01):
                request.wfile.write(bytes(65_536))
        except OSError:
            return  # the caller has read enough

    def drip(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a byte every 50 ms, so that a caller always has something to read."""
        self._write_slowly(request, b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000, size=1, pause=0.05)

    def pour_head(self, request: BaseHTTPRequestHandler) -> None:
        """Answer with a head that never ends."""
        self._write_slowly(request, b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000_000, size=65_536, pause=0)

    def _write_slowly(self, request: BaseHTTPRequestHandler, answer: bytes, *, size: int, pause: float) -> None:
        request.close_connection = True
        try:
            for start in range(0, len(answer), size):
                if self.ends.wait(pause):
                    return
                request.wfile.write(answer[start : start + size])
        except OSError:
            return  # the caller has read enough

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ends.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.calls.append(Call(self.path, headers, body))
                scripts = receiver._scripts
                (scripts.popleft() if len(scripts) > 1 else scripts[0])(self)

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        return Handler
