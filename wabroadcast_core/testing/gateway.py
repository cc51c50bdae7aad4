"""A gateway for tests: a real HTTP server in a separate process, and the sender that sends to it.

The server logs each request when it arrives; tests count and time messages by this log. It can answer slowly, refuse
messages, throttle like the Cloud API, never answer, and drop the connection after it has read a request.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel

from wabroadcast_core.errors import OutcomeUnknown
from wabroadcast_core.hookspecs import Sender, SenderContext, hookimpl
from wabroadcast_core.models.capabilities import Capabilities
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.transport.http_requests import error_of, send_request

SERVER = Path(__file__).with_name("gateway_server.py")
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
        self._process = subprocess.Popen(  # noqa: S603 - starts our own file with options of the test
            [sys.executable, "-I", SERVER, str(directory), json.dumps(options)], stdin=subprocess.PIPE
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
        """Send the message to the gateway."""
        body = {"number": message.number, "messageId": message.message_id, "text": message.text}
        url = f"{self._settings.url}/{self._context.connection}"
        reply = await send_request(self._context.http, "POST", url, json=body, seconds=self._settings.timeout)
        if not reply.is_success:
            raise error_of(reply)
        if not isinstance(reply.document, dict) or "id" not in reply.document:
            raise OutcomeUnknown("no_id", reply.summary)
        return Accepted(provider_id=str(reply.document["id"]))


@hookimpl
def wab_senders() -> Sequence[type[Sender]]:
    return [GatewaySender]
