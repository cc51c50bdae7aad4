"""A client of event streams, as a browser is one."""

import contextlib
import json
import socket
import ssl
import threading
import time
from types import TracebackType
from typing import Any, Self

import httpx

from tests.host.programs import NO_TLS
from tests.waiting import wait_for


class EventReader:
    """Reads one stream in a thread of its own, until the server or the test ends it."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        cookie: str | None = None,
        last_id: str | None = None,
        certificates: ssl.SSLContext | None = None,
    ) -> None:
        self.events: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.moments: list[float] = []
        self.has_ended = threading.Event()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        headers |= {"Cookie": cookie} if cookie else {}
        headers |= {"Last-Event-ID": last_id} if last_id else {}
        self._client = httpx.Client(timeout=60, verify=NO_TLS if certificates is None else certificates)
        request = self._client.build_request("GET", url, headers=headers)
        self.response = self._client.send(request, stream=True)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hang_up()
        self._client.close()
        self._thread.join(timeout=30)
        self.response.close()

    @property
    def status(self) -> str | None:
        """The status of the broadcast by the last event; None before the first one."""
        return self.events[-1]["broadcast"]["status"] if self.events else None

    def await_status(self, status: str) -> float:
        """Wait for an event with a status. Return how long that took."""
        began = time.monotonic()
        wait_for(lambda: self.status == status, what=f"an event with {status}", seconds=60)
        return time.monotonic() - began

    def _hang_up(self) -> None:
        """Wake the thread: one that waits for bytes does not notice that its socket is closed, only that it is shut."""
        connection = self.response.extensions["network_stream"].get_extra_info("socket")
        with contextlib.suppress(OSError):  # the stream has ended
            connection.shutdown(socket.SHUT_RDWR)

    def _read(self) -> None:
        try:
            for line in self.response.iter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    self.ids.append(value)
                elif name == "data":
                    self.events.append(json.loads(value))
                    self.moments.append(time.monotonic())
            self.has_ended.set()
        except (httpx.TransportError, httpx.StreamError):
            pass  # the test closed the client, or the server did not end the stream in order
