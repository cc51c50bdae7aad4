"""A server that fails in a chosen way: real sockets, blocking, one thread a connection, plain or with TLS."""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from typing import Self, TypeAlias

OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"id":"1"}'
LINGER_ZERO = struct.pack("ii", 1, 0)  # makes close() reset the connection


class Conversation:
    """One connection of the server, as a script uses it."""

    def __init__(self, sock: socket.socket, server: "MisbehavingServer", number: int) -> None:
        self.number = number  # of the connection; the first is 1
        self._sock = sock
        self._server = server
        self._received = b""

    def start_tls(self, context: ssl.SSLContext) -> None:
        self._sock = context.wrap_socket(self._sock, server_side=True)

    def read_some(self, size: int) -> None:
        """Read at least ``size`` bytes of a request, and not the whole request."""
        while len(self._received) < size:
            self._received += self._receive()

    def read_request(self) -> None:
        """Read a whole request, and count it."""
        while b"\r\n\r\n" not in self._received:
            self._received += self._receive()
        head, _, rest = self._received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        while len(rest) < length:
            rest += self._receive()
        self._received = rest[length:]
        self._server.count_request(head)

    def write(self, data: bytes) -> None:
        self._sock.sendall(data)

    def wait_for_close(self) -> None:
        """Wait until the client closes the connection."""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while self._sock.recv(65_536):
                pass
        self._server.closed_by_client.set()

    def hold(self) -> None:
        """Read and write nothing more, until the test has ended."""
        self._server.ended.wait()

    def close(self) -> None:
        """Close in order: the client's side reads an end of file."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def reset(self) -> None:
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
        self._sock.close()

    def _receive(self) -> bytes:
        data = self._sock.recv(65_536)
        if not data:
            raise ConnectionResetError("the client closed the connection")
        return data


Script: TypeAlias = Callable[[Conversation], None]


class MisbehavingServer:
    """Runs a script for each connection, within a ``with`` block.

    :param tls: the context of a server with TLS.
    """

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None) -> None:
        self.requests = 0  # that were read completely
        self.heads: list[bytes] = []  # of these requests
        self.connections = 0
        self.closed_by_client = threading.Event()
        self.closed_by_server = threading.Event()
        self.ended = threading.Event()
        self._script = script
        self._tls = tls
        self._lock = threading.Lock()
        self._door = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._open: list[socket.socket] = []

    @property
    def url(self) -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self._door.getsockname()[1]}/messages"

    def count_request(self, head: bytes) -> None:
        with self._lock:
            self.requests += 1
            self.heads.append(head)

    def wait_for_requests(self, amount: int) -> None:
        """Wait until so many requests were read; return after 20 seconds in any case, for the test to judge."""
        until = time.monotonic() + 20
        while self.requests < amount and time.monotonic() < until:
            time.sleep(0.005)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._door.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            threading.Thread(target=self._serve, args=(sock, self.connections), daemon=True).start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        conversation = Conversation(sock, self, number)
        with contextlib.suppress(OSError):  # the client left, or the test has ended
            if self._tls is not None:
                conversation.start_tls(self._tls)
            self._script(conversation)
        with contextlib.suppress(OSError):
            conversation.close()
        self.closed_by_server.set()
