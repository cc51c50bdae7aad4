"""Clients of the server that speak to it over plain sockets, as strangers do."""

import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Self
from urllib.parse import urlsplit


class RawClient:
    """One TCP connection to a server."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((str(parts.hostname), parts.port or 80), timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> bool:
        """Send bytes. Return whether the server still takes them."""
        try:
            self._socket.sendall(data)
        except OSError:
            return False
        return True

    def status(self) -> int | None:
        """Return the status of the next answer; None if the connection is closed without one."""
        received = b""
        with contextlib.suppress(ConnectionError):
            while b"\r\n" not in received and (part := self._socket.recv(65_536)):
                received += part
        return int(received.split()[1]) if received else None

    def rest(self) -> Iterator[bytes]:
        """Yield all that the server sends until it closes the connection."""
        with contextlib.suppress(ConnectionError):
            while part := self._socket.recv(65_536):
                yield part

    def is_open(self) -> bool:
        """Return whether the server has not closed the connection. Nothing may have been received."""
        self._socket.setblocking(False)
        try:
            return self._socket.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        finally:
            self._socket.settimeout(30)

    def seconds_open(self) -> float:
        """Wait until the server closes the connection. Return how long that took."""
        began = time.monotonic()
        for _ in self.rest():
            pass
        return time.monotonic() - began
