"""The webhook route: raw body, form, verification, response."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import httpx
import pytest
from litestar.exceptions import WebSocketDisconnect
from litestar.testing import TestClient
from pydantic import BaseModel, SecretStr

from host_litestar.app import create_app
from host_litestar.plugin import WABroadcastPlugin
from host_litestar.routes.webhooks import webhook_app
from tests.host.installations import HERE, Api
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import UnavailableError, WebhookRefusedError
from wabroadcast_core.hookspecs import Capabilities, Sender, SenderContext, hookimpl
from wabroadcast_core.inbound.refusals import REFUSAL
from wabroadcast_core.models.base import Model
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.models.receipt import ConnectionEvent, Inbound, Receipt, WebhookRequest

CALLS: list[WebhookRequest] = []


class NoSettings(Model):
    """No settings."""


class EchoSender:
    kind: ClassVar[str] = "echo"
    Settings: ClassVar[type[BaseModel]] = NoSettings
    capabilities: ClassVar[Capabilities] = Capabilities()

    def __init__(self, settings: Any, context: SenderContext) -> None: ...

    async def send(self, message: OutgoingMessage) -> Accepted:
        return Accepted(message.message_id)

    def verify_webhook(self, request: WebhookRequest) -> str | None:
        CALLS.append(request)
        if request.query.get("token") != "right":
            raise WebhookRefusedError("the token in the address is wrong")
        return request.query.get("hub.challenge")

    def parse_webhook(self, request: WebhookRequest) -> list[Receipt | Inbound | ConnectionEvent]:
        del request
        return []


class EchoPlugin:
    @hookimpl
    def wab_senders(self) -> Sequence[type[Sender]]:
        return [EchoSender]


@pytest.fixture
def webhook_api(host_settings: Settings) -> Iterator[Api]:
    """The application with API keys, which a provider does not have."""
    CALLS.clear()
    settings = host_settings.model_copy(update={"api_keys": [SecretStr("key")]})
    broadcaster = Broadcaster(settings, plugins=[EchoPlugin()])
    with TestClient(create_app(broadcaster), base_url=HERE, raise_server_exceptions=False) as client:
        broadcaster.connections.save("main", {"sender": "echo"})
        yield client


def test_a_request_is_verified_with_its_raw_body(webhook_api: Api) -> None:
    body = b'{"a":  "\\u00e9",\n"b": 1}'

    answer = webhook_api.post("/webhooks/main?token=right", content=body, headers={"X-Hub-Signature-256": "sha256=00"})

    assert (answer.status_code, answer.text) == (200, "ok")
    assert CALLS[0].body == body
    assert CALLS[0].headers["x-hub-signature-256"] == "sha256=00"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param({"data": {"jsonData": '{"type": "Message"}', "token": "t k"}}, id="urlencoded"),
        pytest.param(
            {"data": {"jsonData": '{"type": "Message"}', "token": "t k"}, "files": {"file": ("a.jpg", b"\xff\xd8")}},
            id="multipart-with-a-file",
        ),
    ],
)
def test_the_fields_of_a_form_are_read(webhook_api: Api, sent: dict[str, Any]) -> None:
    answer = webhook_api.post("/webhooks/main?token=right", **sent)

    assert answer.status_code == 200
    assert dict(CALLS[0].form) == {"jsonData": '{"type": "Message"}', "token": "t k"}


def test_a_handshake_is_answered_with_only_the_challenge(webhook_api: Api) -> None:
    answer = webhook_api.get("/webhooks/main?token=right&hub.challenge=1158201444")

    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.headers["content-type"].startswith("text/plain")


def test_another_method_is_refused_with_those_that_are_allowed(webhook_api: Api) -> None:
    answer = webhook_api.put("/webhooks/main", content=b"{}")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("query", "body", "status", "code"),
    [
        pytest.param("?token=wrong", b"a&" * 2_000, 400, "invalid_input", id="many-fields-of-a-form"),
        pytest.param("?token=wrong", b"{}", 403, "webhook_refused", id="wrong-proof"),
        pytest.param("", b"", 403, "webhook_refused", id="no-proof"),
        pytest.param("?token=wrong", bytes(9 * 1024 * 1024), 413, "too_large", id="large-body"),
        pytest.param(f"?token=wrong{'&a=1' * 2_000}", b"{}", 400, "invalid_input", id="many-fields"),
    ],
)
def test_a_stranger_does_not_learn_which_connections_exist(
    webhook_api: Api, method: str, query: str, body: bytes, status: int, code: str
) -> None:
    names = ("main", "sandbox", "unknown", "main")

    headers = {"Content-Type": "application/x-www-form-urlencoded"} if body.startswith(b"a&") else {}
    answers = [webhook_api.request(method, f"/webhooks/{name}{query}", content=body, headers=headers) for name in names]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(status, code)}
    assert len({answer.text for answer in answers}) == 1


def test_the_log_says_once_a_minute_why_the_calls_of_a_connection_are_refused(
    webhook_api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("main", "sandbox", "unknown", "main"):
        webhook_api.post(f"/webhooks/{name}?token=wrong", content=b"{}")

    main, sandbox = (record.message for record in caplog.records if "is refused" in record.message)
    assert main == "connection main: a webhook call is refused, and others like it: the token in the address is wrong"
    assert sandbox == (
        "connection sandbox: a webhook call is refused, and others like it:"
        " there is no webhook of connection 'sandbox': its sender accepts no webhook calls"
    )


def test_a_body_over_the_limit_is_413(webhook_api: Api) -> None:
    assert webhook_api.post("/webhooks/main?token=right", content=bytes(9 * 1024 * 1024)).status_code == 413


def test_a_stranger_does_not_learn_why_no_call_can_be_taken(idle_api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise UnavailableError("the store cannot be reached: db.internal:5432")

    monkeypatch.setattr(idle_api.app.plugins.get(WABroadcastPlugin).broadcaster.webhooks, "find", fail)

    answer = idle_api.post("/webhooks/main", content=b"{}")

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "db.internal" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


# --- webhooks alone ----------------------------------------------------------------------------------------------


def test_a_websocket_is_closed(webhook_api: Api) -> None:
    with pytest.raises(WebSocketDisconnect) as raised, webhook_api.websocket_connect("/webhooks/main"):
        pass

    assert raised.value.code == 1000
    assert CALLS == []


@pytest.fixture
def echo(host_settings: Settings) -> Iterator[Broadcaster]:
    CALLS.clear()
    with Broadcaster(host_settings, plugins=[EchoPlugin()]) as broadcaster:
        broadcaster.connections.save("main", {"sender": "echo"})
        yield broadcaster


@pytest.mark.parametrize("root_path", ["", "/hooks"])
def test_the_application_of_the_webhooks_alone_is_mounted_at_any_path(echo: Broadcaster, root_path: str) -> None:
    async def call() -> list[tuple[int, str]]:
        transport = httpx.ASGITransport(webhook_app(echo), root_path=root_path)  # type: ignore[arg-type]  # its own ASGI types
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            answers = [
                await client.post(f"{root_path}/main?token=right", content=b"{}"),
                await client.post(f"{root_path}/main?token=wrong", content=b"{}"),
                await client.post(f"{root_path}/unknown", content=b"{}"),
            ]
        return [(answer.status_code, answer.text) for answer in answers]

    accepted, refused, unknown = asyncio.run(call())

    assert accepted == (200, "ok")
    assert refused == unknown
    assert refused[0] == 403
    assert CALLS[0].body == b"{}"


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        pytest.param("POST", "/any/path/main?token=right", 200, "ok", id="a-call"),
        pytest.param("GET", "/main?token=right&hub.challenge=1158", 200, "1158", id="a-handshake"),
        pytest.param("POST", "main?token=right", 200, "ok", id="without-a-slash"),
        pytest.param("POST", "/main?token=wrong", 403, REFUSAL, id="wrong-proof"),
        pytest.param("POST", "/unknown", 403, REFUSAL, id="no-such-connection"),
        pytest.param("PUT", "/main?token=right", 405, "GET and POST", id="another-method"),
        pytest.param("POST", f"/main?token=right{'&a=1' * 2_000}", 400, "fields", id="many-fields"),
    ],
)
def test_a_call_is_answered_without_a_framework(
    echo: Broadcaster, method: str, path: str, status: int, text: str
) -> None:
    answer = echo.answer_webhook(method, path, {"X-Signature": "00"}, b"{}")

    assert answer[0] == status
    assert text in answer[1]


def test_a_call_without_a_framework_has_its_raw_body_and_its_form(echo: Broadcaster) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    echo.answer_webhook("POST", "/main?token=right", headers, b"a=1&b=%20")

    assert CALLS[0].body == b"a=1&b=%20"
    assert dict(CALLS[0].form) == {"a": "1", "b": " "}
    assert CALLS[0].headers["content-type"] == headers["Content-Type"]


def test_a_call_without_a_framework_that_is_too_large_is_refused(echo: Broadcaster) -> None:
    body = b"x" * (echo.settings.max_webhook_bytes + 1)

    assert echo.answer_webhook("POST", "/main?token=right", {}, body)[0] == 413
    assert CALLS == []
