"""Clients that leave in the middle of a request or of its answer: the work ends, and the log has no error."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar

from wabroadcast_core.broadcaster import Broadcaster

FORM = b"multipart/form-data; boundary=b"
BODIES = {
    b"application/json": b'{"name": "Promo", ',
    FORM: b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nno\r\n',
}


class LeavingClient:
    """One request over ASGI, whose client leaves after the first piece of the body or of the answer.

    :param body: what it sends before it leaves; None: all, and it leaves once an answer has begun.
    """

    def __init__(self, method: str, path: str, *, media_type: bytes = b"application/json", body: bytes | None) -> None:
        self.statuses: list[int] = []
        self.pieces = 0
        self._body = body
        self._has_sent = False
        self._leaves = asyncio.Event()
        headers = [(b"host", b"127.0.0.1"), (b"content-type", media_type)]
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": headers if body is None else [*headers, (b"content-length", b"999")],
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 3004),
        }

    async def call(self, app: Litestar) -> None:
        await asyncio.wait_for(app(self._scope, self._receive, self._send), 20)  # type: ignore[arg-type]  # as a server has it

    async def _receive(self) -> Any:
        if not self._has_sent:
            self._has_sent = True
            return {"type": "http.request", "body": self._body or b"", "more_body": self._body is not None}
        if self._body is None:
            await self._leaves.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.statuses.append(message["status"])
        elif message.get("body"):
            self.pieces += 1
            self._leaves.set()
            await asyncio.sleep(0.01)  # as long as the system needs to notice it


@pytest.mark.parametrize(
    ("method", "path", "media_type"),
    [
        pytest.param("POST", "/contacts", b"application/json", id="json"),
        pytest.param("POST", "/broadcast", b"application/json", id="submit"),
        pytest.param("PUT", "/connections/main", b"application/json", id="settings"),
        pytest.param("POST", "/contacts/import", FORM, id="import"),
        pytest.param("POST", "/uploads", FORM, id="upload"),
    ],
)
def test_a_client_that_leaves_before_its_body_is_complete_is_no_error(
    idle_api: Any, caplog: pytest.LogCaptureFixture, method: str, path: str, media_type: bytes
) -> None:
    async def run() -> LeavingClient:
        client = LeavingClient(method, path, media_type=media_type, body=BODIES[media_type])
        await client.call(idle_api.app)
        return client

    client = asyncio.run(run())

    assert client.statuses == [400]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("query", [b"format=csv", b"format=xlsx"])
def test_a_client_that_leaves_ends_the_work_on_its_report(
    idle_api: Any, idle_host: tuple[Broadcaster, Any], monkeypatch: pytest.MonkeyPatch, query: bytes
) -> None:
    made, ended = 0, False

    def endless(*_: Any, **__: Any) -> Iterator[bytes]:
        nonlocal made, ended
        try:
            while True:
                made += 1
                yield bytes(65_536)
        finally:
            ended = True

    monkeypatch.setattr(idle_host[0], "report", endless)

    async def run() -> LeavingClient:
        client = LeavingClient("GET", "/broadcast/job/report", body=None)
        client._scope["query_string"] = query
        await client.call(idle_api.app)
        return client

    client = asyncio.run(run())

    assert client.statuses == [200]
    assert made <= client.pieces + 2
    assert ended
