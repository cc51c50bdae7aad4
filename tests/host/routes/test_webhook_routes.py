"""The webhook route: raw body, form, verification, response."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import httpx
import pytest
from litestar import Litestar
from litestar.exceptions import WebSocketDisconnect
from litestar.testing import TestClient
from pydantic import BaseModel, SecretStr

from host_litestar.app import create_app
from host_litestar.plugin import WABroadcastPlugin
from tests.host.installations import HERE, Api
from tests.stores import opened
from wabroadcast_core import Settings, webhook_app
from wabroadcast_core.asgi.protocol import ASGIApp
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import UnavailableError, WebhookRefusedError
from wabroadcast_core.hookspecs import Sender, SenderContext, hookimpl
from wabroadcast_core.inbound.refusals import REFUSAL
from wabroadcast_core.metrics.catalogue import REQUEST_DURATION
from wabroadcast_core.metrics.meters import Meters
from wabroadcast_core.models.base import Model
from wabroadcast_core.models.capabilities import Capabilities
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


@pytest.fixture(scope="module")
def webhook_host() -> tuple[Broadcaster, Litestar]:
    """An application with API keys, which a provider does not have, for ``webhook_api`` to open."""
    broadcaster = Broadcaster(Settings(api_keys=[SecretStr("key")]), plugins=[EchoPlugin()])
    return broadcaster, create_app(broadcaster)


@pytest.fixture
def webhook_api(webhook_host: tuple[Broadcaster, Litestar], host_settings: Settings) -> Iterator[Api]:
    CALLS.clear()
    broadcaster, app = webhook_host
    broadcaster.settings = host_settings.model_copy(update={"api_keys": [SecretStr("key")]})
    with TestClient(app, base_url=HERE, raise_server_exceptions=False) as client:
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


PLACES = ["/webhooks/main", "/webhooks/main/", "/webhooks//main"]  # the first is served in front of the framework


def _meters_of(api: Api) -> Meters:
    meters: Meters = api.app.plugins.get(WABroadcastPlugin).broadcaster.meters
    return meters


def test_a_call_is_answered_and_measured_alike_wherever_it_comes_in(webhook_api: Api) -> None:
    _meters_of(webhook_api).take()

    answers = [webhook_api.post(f"{place}?token=right", content=b"{}") for place in PLACES]

    measured = {cell.labels for cell in _meters_of(webhook_api).take() if cell.metric == REQUEST_DURATION.name}
    assert measured == {("POST", "/webhooks", "200")}
    assert {(answer.text, *sorted(answer.headers.items())) for answer in answers} == {
        ("ok", *sorted(answers[0].headers.items()))
    }


@pytest.mark.parametrize("place", PLACES)
def test_a_failure_of_our_own_is_a_problem_without_details_and_is_logged(
    webhook_api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    def fail(*_: Any) -> Any:
        raise ZeroDivisionError("of the shop")

    monkeypatch.setattr(webhook_api.app.plugins.get(WABroadcastPlugin).broadcaster.webhooks, "take_on_loop", fail)
    webhook_api.post("/webhooks/main?token=right", content=b"{}")
    caplog.clear()

    answer = webhook_api.post(f"{place}?token=right", content=b"{}")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "of the shop" not in answer.text
    [logged] = [record for record in caplog.records if record.name.startswith("host_litestar")]
    assert logged.getMessage() == "POST /webhooks failed"
    assert logged.exc_info is not None


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


@pytest.fixture(scope="module")
def unopened_echo() -> Broadcaster:
    return Broadcaster(Settings(), plugins=[EchoPlugin()])


@pytest.fixture
def echo(unopened_echo: Broadcaster, host_settings: Settings) -> Iterator[Broadcaster]:
    CALLS.clear()
    broadcaster = unopened_echo
    with opened(broadcaster, host_settings):
        broadcaster.connections.save("main", {"sender": "echo"})
        yield broadcaster


def call_app(app: ASGIApp, requests: Sequence[httpx.Request], *, root_path: str = "") -> list[httpx.Response]:
    async def call() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app, root_path=root_path)
        async with httpx.AsyncClient(transport=transport) as client:
            return [await client.send(request) for request in requests]

    return asyncio.run(call())


@pytest.mark.parametrize("root_path", ["", "/hooks"])
def test_the_application_of_the_webhooks_alone_is_mounted_at_any_path(echo: Broadcaster, root_path: str) -> None:
    places = (f"{root_path}/{place}" for place in ("main?token=right", "main?token=wrong", "unknown"))
    requests = [httpx.Request("POST", f"http://shop{place}", content=b"{}") for place in places]

    accepted, refused, unknown = call_app(webhook_app(echo), requests, root_path=root_path)

    assert (accepted.status_code, accepted.text) == (200, "ok")
    assert (refused.status_code, refused.text) == (unknown.status_code, unknown.text)
    assert refused.status_code == 403
    assert CALLS[0].body == b"{}"


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("method", "place", "headers", "body", "status", "text"),
    [
        pytest.param("POST", "main?token=right", {}, b"{}", 200, "ok", id="a-call"),
        pytest.param("GET", "main?token=right&hub.challenge=1158", {}, b"", 200, "1158", id="a-handshake"),
        pytest.param("POST", "main?token=wrong", {}, b"{}", 403, REFUSAL, id="wrong-proof"),
        pytest.param("POST", "unknown", {}, b"{}", 403, REFUSAL, id="no-such-connection"),
        pytest.param("PUT", "main?token=right", {}, b"{}", 405, "GET and POST", id="another-method"),
        pytest.param("POST", f"main?token=right{'&a=1' * 2_000}", {}, b"{}", 400, "fields", id="many-fields"),
        pytest.param("POST", "main?token=right", FORM, b"a&" * 2_000, 400, "fields", id="many-fields-of-a-form"),
        pytest.param("POST", "main?token=right", {}, bytes(5 * 1024 * 1024), 413, "larger", id="large-body"),
        pytest.param("POST", "main?token=right", FORM, bytes(2 * 1024 * 1024), 413, "larger", id="large-form"),
    ],
)
def test_a_call_has_the_same_answer_with_and_without_a_framework(
    echo: Broadcaster, method: str, place: str, headers: dict[str, str], body: bytes, status: int, text: str
) -> None:
    path, _, query = place.partition("?")

    answers = [
        echo.answer_webhook(method, f"/any/path/{place}", headers, body),
        echo.answer_webhook(method, path, headers, body, query=query),
    ]
    request = httpx.Request(method, f"http://shop/{place}", headers=headers, content=body)
    [mounted] = call_app(webhook_app(echo), [request])

    assert answers[0] == answers[1]
    assert answers[0].status == status
    assert text in answers[0].body.decode()
    sent = {name: value for name, value in mounted.headers.items() if name != "content-length"}
    assert (mounted.status_code, mounted.content) == (status, answers[0].body)
    assert sent == {name.lower(): value for name, value in answers[0].headers.items()}


def test_a_call_without_a_framework_has_its_raw_body_and_its_form(echo: Broadcaster) -> None:
    echo.answer_webhook("POST", "/main?token=right", FORM, b"a=1&b=%20")

    assert CALLS[0].body == b"a=1&b=%20"
    assert dict(CALLS[0].form) == {"a": "1", "b": " "}
    assert CALLS[0].headers["content-type"] == FORM["Content-Type"]
