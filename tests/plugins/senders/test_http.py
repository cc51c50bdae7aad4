import asyncio
import base64
import hashlib
import hmac
import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, ClassVar

import pytest

from tests.plugins.senders.loopback import Loopback, always
from wabroadcast_core import (
    Accepted,
    BadMessage,
    ConnectionDown,
    ConnectionEvent,
    Inbound,
    OutcomeUnknown,
    OutgoingMessage,
    Receipt,
    Rejected,
    SendError,
    Temporary,
    Throttled,
    WebhookRequest,
)
from wabroadcast_core.plugins import build_plugins
from wabroadcast_core.services.secret_settings import secret_fields
from wabroadcast_core.testing import ProviderAnswer, ProviderRequest, fake_sender_context, message_to
from wabroadcast_core.testing.http_contract import HttpSenderContract
from wabroadcast_plugins.senders import http_api
from wabroadcast_plugins.senders.http_api import HttpSender, HttpSettings

NUMBER, DIGITS = "+6281234567801", "6281234567801"
TOKEN = 'dev"ice/tok en'  # is escaped in addresses and in JSON
AT = 1_758_000_000
JPEG = b"\xff\xd8\xff" + bytes(100)
LINK = "https://files.example/a.jpg"
TEXT_BODY = {"to": "{{ digits }}", "text": "{{ text }}"}
SHORTEST: dict[str, Any] = {"baseUrl": "https://wa.example", "send": {"body": TEXT_BODY}}
GUIDE = (FilePath(http_api.__file__).parent.parent / "README.md").read_text(encoding="utf-8")


class TestHttpSender(HttpSenderContract):
    sender_class = HttpSender
    types = frozenset({"text"})  # these settings have no other body with a caption
    accepted: ClassVar[Any] = {"data": {"id": "m1"}}
    settings: ClassVar[Mapping[str, Any]] = {
        "secrets": {"token": TOKEN},
        "headers": {"Authorization": "Bearer {{ secrets.token }}"},
        "send": {
            "path": "/messages",
            "body": TEXT_BODY,
            "bodies": {"image": {"to": "{{ digits }}", "data": "{{ media.base64 }}"}},
            "providerId": "data.id",
        },
    }

    def messages(self) -> Sequence[OutgoingMessage]:
        return [
            *super().messages(),
            media_message({"uploadId": "u1"}),
            media_message({"uploadId": "none"}),
            media_message({"url": LINK}, kind="video"),
        ]

    def media(self) -> Mapping[str, bytes]:
        return {"u1": JPEG}

    def webhook_calls(self) -> Sequence[WebhookRequest]:
        return [WebhookRequest("POST", {}, {}, b"{}")]


@pytest.fixture(scope="module")
def shared() -> Iterator[Loopback]:
    with Loopback(
        HttpSender, always(200, {"ok": True, "id": "m1"}), settings={"send": SHORTEST["send"]}, media={"u1": JPEG}
    ) as running:
        yield running


@pytest.fixture
def loopback(shared: Loopback) -> Loopback:
    """Return the provider without recorded requests, accepting everything."""
    return shared.reset()


def make_settings(**given_settings: Any) -> HttpSettings:
    return HttpSettings.model_validate({**SHORTEST, **given_settings})


def make_sender(**given_settings: Any) -> HttpSender:
    """Return a sender whose requests are refused."""
    return HttpSender(make_settings(**given_settings), fake_sender_context())


def media_message(
    media: Mapping[str, str], *, kind: str = "image", text: str | None = None, **content: Any
) -> OutgoingMessage:
    message = message_to(NUMBER)
    message.type, message.text, message.content = kind, text, {"media": media, **content}
    return message


def send(loopback: Loopback, message: OutgoingMessage, **given_settings: Any) -> Accepted:
    accepted: Accepted = loopback.run(lambda sender: sender.send(message), **given_settings)
    return accepted


def failure(loopback: Loopback, answer: ProviderAnswer, **given_settings: Any) -> SendError:
    loopback.answering = lambda _: answer
    with pytest.raises(SendError) as caught:
        send(loopback, message_to(NUMBER), **given_settings)
    return caught.value


def request_for(
    loopback: Loopback, call: Mapping[str, Any], message: OutgoingMessage | None = None, **given_settings: Any
) -> ProviderRequest:
    """Send a message and return its only request."""
    send(loopback, message or message_to(NUMBER), send=call, **given_settings)
    (request,) = loopback.requests
    return request


def test_the_http_sender_is_found_as_a_plugin() -> None:
    assert build_plugins([http_api], discover=False).sender("http") is HttpSender


# the guide


def example(name: str) -> Any:
    found = re.search(rf"<!-- example: {name} -->\n```json\n(.*?)```", GUIDE, flags=re.DOTALL)
    assert found is not None, f"the guide has no example {name}"
    return json.loads(found[1])


def test_the_shortest_settings_of_the_guide_send(loopback: Loopback) -> None:
    send(loopback, message_to(NUMBER, text="Halo"), **{**example("shortest"), "baseUrl": f"{loopback.url}/api"})

    request = loopback.last
    assert (request.method, request.path) == ("POST", "/api/messages")
    assert request.headers["authorization"] == "Bearer change-me"
    assert request.json == {"to": DIGITS, "text": "Halo"}


def test_the_worked_example_of_the_guide_works(loopback: Loopback) -> None:
    given = {**example("settings"), "baseUrl": f"{loopback.url}/api"}
    loopback.answering = lambda _: ProviderAnswer(200, example("answer"))
    message = media_message({"url": LINK}, text="Halo Budi")
    message.message_id = "job-1"

    accepted = send(loopback, message, **given)

    assert accepted == Accepted(provider_id="m-77")
    assert loopback.last.path == "/api/messages"
    assert loopback.last.json == example("request")


def test_the_worked_example_reads_its_call() -> None:
    sender = make_sender(**example("settings"))
    body = json.dumps(example("call")).encode()
    digest = hmac.new(b"change-me-too", body, hashlib.sha256).hexdigest()
    request = WebhookRequest("POST", {}, {"x-signature": f"sha256={digest}"}, body)

    sender.verify_webhook(request)

    assert sender.parse_webhook(request) == [
        Receipt("delivered", AT, provider_id="m-77"),
        Inbound(NUMBER, "STOP", AT + 60, provider_id="m-78"),
    ]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        ({"code": "NOT_ON_WHATSAPP"}, Rejected),
        ({"code": "UNSUBSCRIBED"}, Rejected),
        ({"code": "BUSY", "wait": 9}, Throttled),
        ({"text": "The account was Logged Out"}, ConnectionDown),
        ({"code": "ELSE"}, Rejected),
    ],
)
def test_the_worked_example_classifies_its_failures(loopback: Loopback, error: Any, outcome: type[SendError]) -> None:
    caught = failure(
        loopback,
        ProviderAnswer(200, {"ok": False, "error": error}),
        **{**example("settings"), "baseUrl": loopback.url},
    )

    assert type(caught) is outcome
    assert getattr(caught, "retry_after", None) == error.get("wait")
    assert getattr(caught, "opt_out", False) == (error.get("code") == "UNSUBSCRIBED")


def test_every_sender_is_in_the_guide() -> None:
    listed = re.findall(r"^\| `([a-z-]+)` \|", GUIDE.partition("## Any")[0], flags=re.MULTILINE)

    assert listed == ["whatsapp-cloud", "evolution", "waha", "gowa", "wuzapi", "fonnte", "wablas", "http", "sandbox"]


# requests


def test_an_address_and_a_body_are_enough(loopback: Loopback) -> None:
    accepted = send(loopback, message_to(NUMBER, text='Halo "Budi"\npagi'))

    assert accepted == Accepted()
    request = loopback.last
    assert (request.method, request.path) == ("POST", "/")
    assert request.json == {"to": DIGITS, "text": 'Halo "Budi"\npagi'}


@pytest.mark.parametrize("base", ["", "/", "/v1", "/v1/"])
@pytest.mark.parametrize("path", ["send", "/send"])
def test_address_and_path_are_joined_by_one_slash(loopback: Loopback, base: str, path: str) -> None:
    send(loopback, message_to(NUMBER), baseUrl=loopback.url + base, send={"path": path, "body": TEXT_BODY})

    assert loopback.last.path == f"{base.rstrip('/')}/send"


def test_address_query_and_headers_are_rendered(loopback: Loopback) -> None:
    request = request_for(
        loopback,
        {
            "method": "GET",
            "path": "/to/{{ digits }}/{{ type }}",
            "query": {"text": "{{ text }}", "name": "{{ name }}", "key": "{{ secrets.key }}"},
            "headers": {"Idempotency-Key": "{{ message_id }}", "x-kind": "own"},
        },
        message_to(NUMBER, text="a&b=c ü"),
        secrets={"key": "k/1"},
        headers={"X-Kind": "shared", "X-Key": "Key {{ secrets.key }}"},
    )

    assert (request.method, request.path) == ("GET", f"/to/{DIGITS}/text")
    assert request.query == {"text": "a&b=c ü", "key": "k/1"}, "a name without a value is left out"
    assert request.body == b""
    assert request.headers["idempotency-key"] == message_to(NUMBER).message_id
    assert (request.headers["x-kind"], request.headers["x-key"]) == ("own", "Key k/1")


def test_every_text_of_a_body_is_rendered(loopback: Loopback) -> None:
    message = message_to(NUMBER, text="Halo")
    message.name, message.variables = "Budi", {"amount": 25_000, "vip": True, "none": None}
    body = {
        "n": 1,
        "yes": True,
        "null": None,
        "list": ["{{ number }}", {"deep": "{{ name | upper }}/{{ text }}"}],
        "amount": "{{ variables.amount }}",
        "amount_text": "{{ variables.amount | string }}",
        "words": "Rp {{ variables.amount }}{% if variables.vip %}!{% endif %}",
        "other": "{{ variables.none | default('-') }}",
        "local": "0{{ digits.removeprefix('62') }}",
        "template": "{{ template.name }}",
        "caption": "[{{ media.caption }}]",
    }

    assert request_for(loopback, {"body": body}, message).json == {
        "n": 1,
        "yes": True,
        "null": None,
        "list": ["+6281234567801", {"deep": "BUDI/Halo"}],
        "amount": 25_000,
        "amount_text": "25000",
        "words": "Rp 25000!",
        "other": "-",
        "local": "081234567801",
        "caption": "[]",
    }


def test_a_body_that_is_one_name_without_a_value_is_omitted(loopback: Loopback) -> None:
    request = request_for(loopback, {"query": {"to": "{{ digits }}", "text": "{{ text }}"}, "body": "{{ name }}"})

    assert request.body == b""


def test_a_form_is_url_encoded(loopback: Loopback) -> None:
    body = {"to": "{{ digits }}", "text": "{{ text }}", "flag": True, "n": 5, "name": "{{ name }}", "none": None}

    request = request_for(loopback, {"format": "form", "body": body})

    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.form == {"to": DIGITS, "text": message_to(NUMBER).text, "flag": "true", "n": "5"}


def test_a_provider_template_keeps_its_components(loopback: Loopback) -> None:
    components = [{"type": "body", "parameters": [{"type": "text", "text": "Budi"}]}]
    message = message_to(NUMBER)
    message.type, message.text = "template", None
    message.content = {"template": {"name": "promo_1", "language": "id", "components": components}}
    body = {
        "to": "{{ number }}",
        "text": "{{ text }}",
        "template": {
            "name": "{{ template.name }}",
            "lang": "{{ template.language }}",
            "components": "{{ template.components }}",
        },
    }

    assert request_for(loopback, {"body": body}, message).json == {
        "to": NUMBER,
        "template": {"name": "promo_1", "lang": "id", "components": components},
    }


@pytest.mark.parametrize(
    ("variables", "text"),
    [({}, "{{ variables.code }}"), ({"code": None}, "{{ variables.code }}"), ({}, "Kode {{ variables.code }}")],
)
def test_a_missing_variable_fails_only_its_recipient(
    loopback: Loopback, variables: Mapping[str, Any], text: str
) -> None:
    message = message_to(NUMBER)
    message.variables = variables

    with pytest.raises(Rejected, match=r"has no variable|does not exist"):
        send(loopback, message, send={"body": {**TEXT_BODY, "code": text}})

    assert not loopback.requests


def test_a_number_that_json_cannot_hold_fails_only_its_recipient(loopback: Loopback) -> None:
    message = message_to(NUMBER)
    message.variables = {"amount": float("nan")}

    with pytest.raises(Rejected, match=r"body|amount"):
        send(loopback, message, send={"body": {**TEXT_BODY, "amount": "{{ variables.amount }}"}})


# media


@pytest.mark.parametrize("media", [{"url": LINK}, {"uploadId": "u1"}], ids=["link", "upload"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("media.base64", base64.b64encode(JPEG).decode()),
        ("media.data_uri", f"data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}"),
    ],
)
def test_a_file_can_be_in_json(loopback: Loopback, media: Mapping[str, str], name: str, value: str) -> None:
    body = {"to": "{{ digits }}", "file": f"{{{{ {name} }}}}", "kind": "{{ media.content_type }}"}

    loopback.run(lambda sender: sender.send(media_message(media)), media={LINK: JPEG}, send={"body": body})

    assert loopback.last.json == {"to": DIGITS, "file": value, "kind": "image/jpeg"}


def test_a_file_is_encoded_once_for_many_recipients(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[bytes] = []

    def encode(content: bytes) -> str:
        encoded.append(content)
        return "QQ=="

    monkeypatch.setattr("wabroadcast_plugins.senders.http_api.sender.in_base64", encode)
    body = {"to": "{{ digits }}", "file": "{{ media.base64 }}"}

    async def send_three(sender: HttpSender) -> None:
        await asyncio.gather(*map(sender.send, [media_message({"uploadId": "u1"})] * 3))

    loopback.run(send_three, send={"body": body})

    assert encoded == [JPEG]
    assert [request.json["file"] for request in loopback.requests] == ["QQ=="] * 3


def test_a_file_can_be_a_part_of_a_multipart_form(loopback: Loopback) -> None:
    body = {"to": "{{ digits }}", "caption": "{{ media.caption }}", "upload": "{{ media.file }}"}

    request = request_for(
        loopback, {"format": "multipart", "body": body}, media_message({"uploadId": "u1"}, filename="foto.jpg")
    )

    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="to"\r\n\r\n6281234567801\r\n' in request.body
    assert b'name="upload"; filename="u1"\r\nContent-Type: image/jpeg\r\n\r\n' + JPEG in request.body
    assert b"caption" not in request.body


def test_a_multipart_form_needs_no_file(loopback: Loopback) -> None:
    request = request_for(loopback, {"format": "multipart", "body": TEXT_BODY})

    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="to"\r\n\r\n6281234567801\r\n' in request.body


@pytest.mark.parametrize(
    ("bodies", "kind", "used"),
    [
        pytest.param({"media": {"m": "{{ digits }}{{ media.url }}"}}, "audio", "m", id="all-media"),
        pytest.param(
            {"media": {"m": "{{ digits }}{{ media.url }}"}, "audio": {"a": "{{ digits }}{{ media.url }}"}},
            "audio",
            "a",
            id="the-types-own-body-first",
        ),
    ],
)
def test_a_type_may_have_its_own_body(loopback: Loopback, bodies: Any, kind: str, used: str) -> None:
    request = request_for(loopback, {"body": TEXT_BODY, "bodies": bodies}, media_message({"url": LINK}, kind=kind))

    assert request.json == {used: DIGITS + LINK}


@pytest.mark.parametrize("kind", ["image", "document", "audio", "video", "template"])
def test_a_body_that_does_not_contain_the_file_is_not_used(loopback: Loopback, kind: str) -> None:
    message = media_message({"url": LINK}, kind=kind, text="Halo")

    with pytest.raises(BadMessage, match=f"no body for {kind} messages"):
        send(loopback, message)

    assert not loopback.requests


def test_an_upload_is_not_sent_if_the_request_needs_a_link(loopback: Loopback) -> None:
    with pytest.raises(BadMessage, match="the message has an upload"):
        send(
            loopback, media_message({"uploadId": "u1"}), send={"body": {"to": "{{ digits }}", "url": "{{ media.url }}"}}
        )

    assert not loopback.requests


# answers


@pytest.mark.parametrize(
    ("answer", "call", "accepted"),
    [
        pytest.param(ProviderAnswer(202, "queued"), {}, Accepted(), id="any-success"),
        pytest.param(ProviderAnswer(200, {"id": 7}), {"providerId": "id"}, Accepted("7"), id="id"),
        pytest.param(
            ProviderAnswer(201, {"messages": [{"id": "wamid.1"}]}),
            {"providerId": "messages.0.id"},
            Accepted("wamid.1"),
            id="id-in-a-list",
        ),
        pytest.param(
            ProviderAnswer(409, {"id": "old"}),
            {"success": {"status": ["2xx", 409]}, "providerId": "id"},
            Accepted("old"),
            id="a-status-that-counts-as-success",
        ),
        pytest.param(
            ProviderAnswer(200, {"ok": "true"}), {"success": {"path": "ok", "equals": True}}, Accepted(), id="value"
        ),
    ],
)
def test_the_settings_decide_what_a_success_is(
    loopback: Loopback, answer: ProviderAnswer, call: Mapping[str, Any], accepted: Accepted
) -> None:
    loopback.answering = lambda _: answer

    assert send(loopback, message_to(NUMBER), send={"body": TEXT_BODY, **call}) == accepted


OK_IS_TRUE = {"success": {"path": "ok", "equals": True}}


@pytest.mark.parametrize(
    ("answer", "call", "error"),
    [
        pytest.param(ProviderAnswer(200, {"id": None}), {"providerId": "id"}, OutcomeUnknown, id="no-id"),
        pytest.param(ProviderAnswer(200, {"id": {"a": 1}}), {"providerId": "id"}, OutcomeUnknown, id="no-plain-id"),
        pytest.param(ProviderAnswer(200, {"ok": False}), OK_IS_TRUE, Rejected, id="another-value"),
        pytest.param(ProviderAnswer(200, {}), OK_IS_TRUE, OutcomeUnknown, id="no-value"),
        pytest.param(ProviderAnswer(200, "<html>"), OK_IS_TRUE, OutcomeUnknown, id="no-json"),
        pytest.param(ProviderAnswer(200, {}), {"success": {"status": 201}}, OutcomeUnknown, id="another-status"),
        pytest.param(
            ProviderAnswer(200, {"ok": True}),
            {"success": {"status": 201, "path": "ok", "equals": True}},
            OutcomeUnknown,
            id="the-value-with-another-status",
        ),
        pytest.param(ProviderAnswer(400, {"ok": True}), OK_IS_TRUE, Rejected, id="the-value-with-a-refusal"),
    ],
)
def test_an_answer_that_is_no_success_is_a_refusal_or_unknown(
    loopback: Loopback, answer: ProviderAnswer, call: Mapping[str, Any], error: type[SendError]
) -> None:
    assert type(failure(loopback, answer, send={"body": TEXT_BODY, **call})) is error


@pytest.mark.parametrize(
    ("means", "error"),
    [
        ("temporary", Temporary),
        ("rejected", Rejected),
        ("bad_message", BadMessage),
        ("throttled", Throttled),
        ("connection_down", ConnectionDown),
        ("unknown", OutcomeUnknown),
    ],
)
def test_a_rule_gives_its_meaning(loopback: Loopback, means: str, error: type[SendError]) -> None:
    rule = {"status": 200, "path": "code", "equals": [131026, "X"], "means": means}

    for code in (131026, "131026", "X"):
        caught = failure(loopback, ProviderAnswer(200, {"code": code}), failures=[rule])
        assert type(caught) is error
        assert caught.reason == means


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        pytest.param({"status": 422}, True, id="status"),
        pytest.param({"status": "4xx"}, True, id="hundred"),
        pytest.param({"status": "400-421"}, False, id="other-range"),
        pytest.param({"status": [404, "420-430"]}, True, id="list"),
        pytest.param({"path": "error.code"}, True, id="value-is-present"),
        pytest.param({"path": "error.none"}, False, id="value-is-null"),
        pytest.param({"path": "error.code.deeper"}, False, id="no-such-path"),
        pytest.param({"path": "error.text", "contains": "NOT registered"}, True, id="contains"),
        pytest.param({"path": "error.text", "contains": ["x", "regist"]}, True, id="contains-one-of"),
        pytest.param({"path": "error.text", "equals": "not registered"}, False, id="equals-all-of-it"),
        pytest.param({"path": "error.list", "contains": "deep"}, True, id="contains-in-a-list"),
        pytest.param({"path": "error.fatal", "equals": True}, True, id="boolean"),
        pytest.param({"status": 500, "path": "error.code"}, False, id="both-must-fit"),
    ],
)
def test_a_rule_fits_by_status_value_or_both(loopback: Loopback, rule: Mapping[str, Any], fits: bool) -> None:  # noqa: FBT001 - a table's column
    error = {"code": 7, "none": None, "text": "Number is not registered", "list": [{"a": "deep"}], "fatal": True}

    caught = failure(
        loopback, ProviderAnswer(422, {"error": error}), failures=[{**rule, "means": "bad_message", "reason": "mine"}]
    )

    assert (caught.reason == "mine") == fits


def test_the_first_rule_that_fits_decides(loopback: Loopback) -> None:
    rules = [
        {"status": 404, "means": "temporary"},
        {"status": "4xx", "means": "rejected", "optOut": True, "reason": "gone"},
        {"status": 400, "means": "bad_message"},
    ]

    caught = failure(loopback, ProviderAnswer(400, {}), failures=rules)

    assert isinstance(caught, Rejected)
    assert caught.opt_out


@pytest.mark.parametrize(
    ("body", "headers", "wait"),
    [
        pytest.param({"wait": 9}, {"Retry-After": "3"}, 9, id="at-the-path-of-the-rule"),
        pytest.param({"wait": "2.5"}, {}, 2.5, id="as-a-text"),
        pytest.param({}, {"Retry-After": "3"}, 3, id="header"),
        pytest.param({"wait": -1}, {}, None, id="negative"),
        pytest.param({"wait": "soon"}, {}, None, id="no-number"),
        pytest.param({"wait": "nan"}, {}, None, id="not-a-number"),
    ],
)
def test_a_throttled_message_waits_as_long_as_the_answer_says(
    loopback: Loopback, body: Any, headers: Mapping[str, str], wait: float | None
) -> None:
    rule = {"status": 400, "means": "throttled", "retryAfter": "wait", "scope": "recipient"}

    caught = failure(loopback, ProviderAnswer(400, body, headers), failures=[rule])

    assert isinstance(caught, Throttled)
    assert (caught.retry_after, caught.scope) == (wait, "recipient")


# secrets


def echo(request: ProviderRequest) -> ProviderAnswer:
    """Return the request in the answer, as debug pages of servers do."""
    return ProviderAnswer(
        400,
        {
            "path": request.path,
            "query": dict(request.query),
            "headers": dict(request.headers),
            "raw": request.body.decode(),
        },
    )


WITH_SECRETS: dict[str, Any] = {
    "secrets": {"token": TOKEN},
    "headers": {"X-Token": "{{ secrets.token }}"},
    "send": {
        "path": "/{{ secrets.token | urlencode }}",
        "query": {"key": "{{ secrets.token }}"},
        "body": {**TEXT_BODY, "key": "{{ secrets.token }}"},
    },
}
FORMS = ['dev"ice', r"dev\"ice", "tok en", "tok%20en", "ice%2Ftok"]


def test_secrets_that_a_server_repeats_are_removed(loopback: Loopback) -> None:
    loopback.answering = echo

    with pytest.raises(Rejected) as caught:
        send(loopback, message_to(NUMBER, text="x"), **WITH_SECRETS)

    assert TOKEN in loopback.last.query["key"]
    text = f"{caught.value} {caught.value.detail}"
    assert "HTTP 400" in text
    assert not [part for part in (*FORMS, DIGITS) if part in text]


def test_secrets_and_numbers_in_addresses_are_not_logged(loopback: Loopback, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        send(
            loopback, message_to(NUMBER), **{**WITH_SECRETS, "send": {**WITH_SECRETS["send"], "path": "/{{ digits }}"}}
        )

    assert not [part for part in (*FORMS, DIGITS) if part in caplog.text]


def test_secrets_are_not_in_the_repr_of_settings_and_senders() -> None:
    settings = make_settings(**WITH_SECRETS)
    shown = f"{settings!r} {settings} {settings.model_dump_json()} {make_sender(**WITH_SECRETS)!r}"

    assert not [part for part in FORMS if part in shown]


def test_only_the_secrets_are_hidden_from_an_operator() -> None:
    assert secret_fields(HttpSettings) == {"secrets": frozenset({"secrets"})}


# checks


CHECK = {"path": "/contacts/{{ digits }}", "answer": "data.exists"}


def check(loopback: Loopback, answer: ProviderAnswer, **call: Any) -> Mapping[str, bool]:
    loopback.answering = lambda _: answer
    numbers = [NUMBER, "+6281234567802"]
    return loopback.run(lambda sender: sender.check_numbers(numbers), checkNumber={**CHECK, **call})


def test_each_number_is_checked(loopback: Loopback) -> None:
    assert check(loopback, ProviderAnswer(200, {"data": {"exists": True}})) == {NUMBER: True, "+6281234567802": True}
    assert [(request.method, request.path) for request in loopback.requests] == [
        ("GET", "/contacts/6281234567801"),
        ("GET", "/contacts/6281234567802"),
    ]


@pytest.mark.parametrize(
    ("result", "call", "answer"),
    [
        (False, {}, False),
        ("valid", {"yes": ["valid", "business"], "no": "invalid"}, True),
        ("invalid", {"yes": ["valid", "business"], "no": "invalid"}, False),
        ("unsure", {"yes": ["valid", "business"], "no": "invalid"}, None),
        (None, {}, None),
    ],
)
def test_the_settings_decide_what_yes_and_no_are(
    loopback: Loopback, result: Any, call: Mapping[str, Any], answer: object
) -> None:
    assert check(loopback, ProviderAnswer(200, {"data": {"exists": result}}), **call).get(NUMBER) is answer


def test_a_refused_check_is_an_error(loopback: Loopback) -> None:
    with pytest.raises(Throttled):
        check(loopback, ProviderAnswer(429, {"data": {"exists": False}}))


FIND = {
    "path": "/messages",
    "query": {"ref": "{{ message_id }}"},
    "providerId": "items.0.id",
    "missing": {"status": 200, "path": "total", "equals": 0},
}


def find(loopback: Loopback, answer: ProviderAnswer) -> Accepted | None:
    loopback.answering = lambda _: answer
    body = {**TEXT_BODY, "ref": "{{ message_id }}"}
    found: Accepted | None = loopback.run(
        lambda sender: sender.find_message("job-1", NUMBER), send={"body": body}, findMessage=FIND
    )
    return found


def test_a_message_is_found_by_our_id(loopback: Loopback) -> None:
    assert find(loopback, ProviderAnswer(200, {"total": 1, "items": [{"id": "m1"}]})) == Accepted("m1")
    assert (loopback.last.path, loopback.last.query) == ("/messages", {"ref": "job-1"})


def test_a_message_that_certainly_never_arrived_is_none(loopback: Loopback) -> None:
    assert find(loopback, ProviderAnswer(200, {"total": 0, "items": []})) is None


@pytest.mark.parametrize(
    "answer",
    [
        ProviderAnswer(404, {"total": 0}),
        ProviderAnswer(200, "<html>"),
        ProviderAnswer(200, {"items": []}),
        ProviderAnswer(500, {"items": [{"id": "m1"}]}),
    ],
)
def test_any_other_answer_leaves_the_outcome_unknown(loopback: Loopback, answer: ProviderAnswer) -> None:
    with pytest.raises(SendError):
        find(loopback, answer)


UP = {"path": "/status", "up": {"path": "state", "equals": ["online", "open"]}, "reason": "state"}


def check_connection(loopback: Loopback, answer: ProviderAnswer, **call: Any) -> ConnectionEvent:
    loopback.answering = lambda _: answer
    settings: dict[str, Any] = {"secrets": {"token": TOKEN}, "checkConnection": call or UP}
    event: ConnectionEvent = loopback.run(lambda sender: sender.check_connection(), **settings)
    return event


@pytest.mark.parametrize(
    ("status", "state", "event"),
    [
        (200, "online", ConnectionEvent("up")),
        (200, "qr", ConnectionEvent("down", "qr")),
        (404, "gone", ConnectionEvent("down", "gone")),
        (200, f"no {TOKEN} of {DIGITS}", ConnectionEvent("down", "no … of …")),
    ],
)
def test_the_connection_is_checked(loopback: Loopback, status: int, state: str, event: ConnectionEvent) -> None:
    assert check_connection(loopback, ProviderAnswer(status, {"state": state})) == event
    assert (loopback.last.method, loopback.last.path) == ("GET", "/status")


def test_a_connection_may_be_up_by_its_status_only(loopback: Loopback) -> None:
    assert check_connection(loopback, ProviderAnswer(204, ""), path="/ping").state == "up"
    with pytest.raises(ConnectionDown):
        check_connection(loopback, ProviderAnswer(401, ""), path="/ping")


def test_checks_that_are_not_set_cause_no_request(loopback: Loopback) -> None:
    assert loopback.run(lambda sender: sender.check_numbers([NUMBER])) == {}
    with pytest.raises(SendError, match="no findMessage"):
        loopback.run(lambda sender: sender.find_message("job-1", NUMBER))
    with pytest.raises(SendError, match="checkConnection is not set"):
        loopback.run(lambda sender: sender.check_connection())
    assert not loopback.requests
