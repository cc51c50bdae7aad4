"""The webhook route: raw body, form, verification, response."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytest
from litestar.testing import TestClient
from pydantic import BaseModel, SecretStr

from host_litestar.app import create_app
from host_litestar.plugin import WABroadcastPlugin
from tests.host.installations import HERE, Api
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import UnavailableError, WebhookRefusedError
from wabroadcast_core.hookspecs import Capabilities, Sender, SenderContext, hookimpl
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


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        pytest.param("/webhooks/main?token=wrong", 403, "webhook_refused", id="wrong-proof"),
        pytest.param("/webhooks/unknown", 404, "not_found", id="no-such-connection"),
        pytest.param("/webhooks/sandbox", 404, "not_found", id="sender-without-webhooks"),
    ],
)
def test_a_request_that_is_not_the_providers_is_refused(webhook_api: Api, path: str, status: int, code: str) -> None:
    answer = webhook_api.post(path, content=b"{}")

    assert (answer.status_code, answer.json()["code"]) == (status, code)


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
