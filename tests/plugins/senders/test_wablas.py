import asyncio
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.senders.garbage import QUICK, json_like
from tests.plugins.senders.loopback import Loopback
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
    WebhookRefusedError,
    WebhookRequest,
)
from wabroadcast_core.plugins import build_plugins
from wabroadcast_core.testing import ProviderAnswer, ProviderRequest, fake_sender_context, message_to
from wabroadcast_core.testing.http_contract import HttpSenderContract
from wabroadcast_plugins.senders import wablas
from wabroadcast_plugins.senders.wablas import WablasSender, WablasSettings

NUMBER = "+6281234567801"
TOKEN, SECRET_KEY = "dev-ice-token", "key-of-8"
AT = 1_758_000_000
JPEG = b"\xff\xd8\xff" + bytes(100)
LINK = "https://files.example/a.pdf"
STORED = "https://sby.wablas.com/image/abc.jpg"


def accepted(**item: Any) -> dict[str, Any]:
    messages = [{"id": "5be46e84-650c", "phone": "6281234567801", "status": "pending", **item}]
    return {"status": True, "message": "Message is pending", "data": {"device_id": "A5DOYJ", "messages": messages}}


UPLOADED = {"status": True, "message": "Upload file successfully", "data": {"messages": [{"url": STORED}]}}


def usual_answer(request: ProviderRequest) -> ProviderAnswer:
    return ProviderAnswer(200, UPLOADED if request.path.startswith("/api/upload/") else accepted())


class TestWablasSender(HttpSenderContract):
    sender_class = WablasSender
    settings: ClassVar[Mapping[str, Any]] = {"token": TOKEN, "secretKey": SECRET_KEY, "webhookToken": "web-hook-token"}

    def answer(self, request: ProviderRequest) -> ProviderAnswer:
        return usual_answer(request)

    def messages(self) -> Sequence[OutgoingMessage]:
        return [
            *super().messages(),
            media_message("image", {"uploadId": "u1"}),
            media_message("video", {"uploadId": "no"}),
        ]

    def media(self) -> Mapping[str, bytes]:
        return {"u1": JPEG}

    def webhook_calls(self) -> Sequence[WebhookRequest]:
        return [call({"id": "1", "status": "read"})]


@pytest.fixture(scope="module")
def shared() -> Iterator[Loopback]:
    with Loopback(WablasSender, usual_answer, settings={"token": TOKEN, "secretKey": SECRET_KEY}) as running:
        yield running


@pytest.fixture
def loopback(shared: Loopback) -> Loopback:
    """Return the provider without recorded requests, accepting everything."""
    return shared.reset()


def make_settings(**given_settings: Any) -> WablasSettings:
    usual = {"baseUrl": "https://sby.wablas.com", "token": TOKEN, "secretKey": SECRET_KEY}
    return WablasSettings.model_validate({**usual, **given_settings})


def make_sender(**given_settings: Any) -> WablasSender:
    """Return a sender whose requests are refused."""
    return WablasSender(make_settings(**given_settings), fake_sender_context())


def media_message(
    kind: str, media: Mapping[str, str], *, text: str | None = "Lihat ini", **content: str
) -> OutgoingMessage:
    message = message_to(NUMBER)
    message.type, message.text, message.content = kind, text, {"media": media, **content}
    return message


def send(
    loopback: Loopback, *messages: OutgoingMessage, media: Mapping[str, bytes] | None = None, **given_settings: Any
) -> list[Accepted]:
    """Send these messages at the same time through one sender."""

    async def send_all(sender: WablasSender) -> list[Accepted]:
        return await asyncio.gather(*map(sender.send, messages))

    return loopback.run(send_all, media=media, **given_settings)


def failure(loopback: Loopback, answer: ProviderAnswer) -> SendError:
    loopback.answering = lambda _: answer
    with pytest.raises(SendError) as caught:
        send(loopback, message_to(NUMBER))
    return caught.value


def test_wablas_is_found_as_a_plugin() -> None:
    assert build_plugins([wablas], discover=False).sender("wablas") is WablasSender


# sending


def test_a_text_is_one_request_for_one_person(loopback: Loopback) -> None:
    (answer,) = send(loopback, message_to(NUMBER, text="Halo\npagi"))

    assert answer == Accepted(provider_id="5be46e84-650c")
    assert len(loopback.requests) == 1
    request = loopback.last
    assert (request.method, request.path, request.query) == ("POST", "/api/v2/send-message", {})
    assert request.headers["authorization"] == f"{TOKEN}.{SECRET_KEY}"
    assert request.headers["content-type"] == "application/json"
    assert request.json == {"data": [{"phone": "6281234567801", "message": "Halo\npagi"}]}


@pytest.mark.parametrize("secret_key", [None, ""])
def test_without_a_secret_key_only_the_token_is_sent(loopback: Loopback, secret_key: str | None) -> None:
    send(loopback, message_to(NUMBER), secretKey=secret_key)

    assert loopback.last.headers["authorization"] == TOKEN


@pytest.mark.parametrize("base", ["/", "/wa", "/wa/"])
def test_a_base_address_may_have_a_path_and_a_slash(loopback: Loopback, base: str) -> None:
    send(loopback, message_to(NUMBER), baseUrl=loopback.url + base)

    assert loopback.last.path == f"{base.rstrip('/')}/api/v2/send-message"


@pytest.mark.parametrize(
    ("message", "path", "fields"),
    [
        pytest.param(
            media_message("image", {"url": LINK}), "send-image", {"image": LINK, "caption": "Lihat ini"}, id="image"
        ),
        pytest.param(media_message("image", {"url": LINK}, text=None), "send-image", {"image": LINK}, id="image-alone"),
        pytest.param(
            media_message("document", {"url": LINK}, filename="a.pdf"),
            "send-document",
            {"document": LINK, "caption": "Lihat ini"},
            id="document",
        ),
        pytest.param(
            media_message("document", {"url": LINK}, text=None, filename="a.pdf"),
            "send-document",
            {"document": LINK, "caption": "a.pdf"},
            id="document-with-its-file-name",
        ),
        pytest.param(
            media_message("document", {"url": LINK}, text=None),
            "send-document",
            {"document": LINK},
            id="document-alone",
        ),
        pytest.param(media_message("audio", {"url": LINK}, text=None), "send-audio", {"audio": LINK}, id="audio"),
        pytest.param(
            media_message("video", {"url": LINK}, text=None), "send-video", {"video": LINK, "caption": ""}, id="video"
        ),
    ],
)
def test_a_file_with_a_link_is_sent_as_the_link(
    loopback: Loopback, message: OutgoingMessage, path: str, fields: dict[str, str]
) -> None:
    send(loopback, message)

    assert len(loopback.requests) == 1
    assert loopback.last.path == f"/api/v2/{path}"
    assert loopback.last.json == {"data": [{"phone": "6281234567801", **fields}]}


def test_audio_with_a_caption_causes_no_request(loopback: Loopback) -> None:
    with pytest.raises(BadMessage, match="remove the text"):
        send(loopback, media_message("audio", {"url": LINK}))

    assert not loopback.requests


# files that were uploaded to us


def test_a_file_is_stored_once_and_sent_by_its_address(loopback: Loopback) -> None:
    messages = [media_message("image", {"uploadId": "u1"}, filename="foto.jpg") for _ in range(3)]

    send(loopback, *messages, media={"u1": JPEG})

    first, *others = loopback.requests
    assert (first.method, first.path) == ("POST", "/api/upload/image")
    assert first.headers["authorization"] == f"{TOKEN}.{SECRET_KEY}"
    assert JPEG in first.body
    assert b'name="file"; filename="foto.jpg"' in first.body
    assert [request.path for request in others] == ["/api/v2/send-image"] * 3
    assert {request.json["data"][0]["image"] for request in others} == {STORED}


def test_a_file_that_is_too_large_is_not_stored(loopback: Loopback) -> None:
    with pytest.raises(BadMessage, match="up to 2 MB"):
        send(loopback, media_message("image", {"uploadId": "u1"}), media={"u1": JPEG + bytes(wablas.LARGEST_FILE)})

    assert not loopback.requests


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(ProviderAnswer(200, "<html>"), Temporary, id="no-json"),
        pytest.param(ProviderAnswer(502, "Bad gateway"), Temporary, id="fault"),
        pytest.param(ProviderAnswer(200, UPLOADED, fault="drop"), Temporary, id="answer-lost"),
        pytest.param(ProviderAnswer(200, {"status": True, "data": {"messages": [{}]}}), Temporary, id="no-address"),
        pytest.param(ProviderAnswer(413, "too large"), BadMessage, id="refused"),
        pytest.param(
            ProviderAnswer(200, {"status": False, "message": "extension not allowed"}), BadMessage, id="refused-kind"
        ),
        pytest.param(
            ProviderAnswer(500, {"status": False, "message": "token invalid"}), ConnectionDown, id="refused-token"
        ),
    ],
)
def test_a_failed_upload_never_leaves_an_unknown_outcome(
    loopback: Loopback, answer: ProviderAnswer, error: type[SendError]
) -> None:
    loopback.answering = lambda _: answer

    with pytest.raises(error):
        send(loopback, media_message("image", {"uploadId": "u1"}), media={"u1": JPEG})

    assert [request.path for request in loopback.requests] == ["/api/upload/image"]


# failures


@pytest.mark.parametrize(
    ("text", "error", "code"),
    [
        pytest.param("token invalid or device expired", ConnectionDown, "wablas_token", id="token"),
        pytest.param("secret key invalid", ConnectionDown, "wablas_token", id="secret-key"),
        pytest.param(
            "device disconnected, need to scan qr code again", ConnectionDown, "disconnected", id="disconnected"
        ),
        pytest.param("your quota is empty", ConnectionDown, "wablas_quota", id="quota"),
        pytest.param("device expired", ConnectionDown, "wablas_closed", id="expired"),
        pytest.param("too many requests", Throttled, "wablas_throttled", id="rate"),
        pytest.param("format phone invalid", Rejected, "wablas_number", id="phone"),
        pytest.param("url image not valid", BadMessage, "wablas_file", id="address-of-a-file"),
        pytest.param("max file size is 2 MB", BadMessage, "wablas_file", id="size-of-a-file"),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_the_text_of_a_refusal_decides_what_it_means(
    loopback: Loopback, status: int, text: str, error: type[SendError], code: str
) -> None:
    caught = failure(loopback, ProviderAnswer(status, {"status": False, "message": text}))

    assert type(caught) is error
    assert (caught.reason, caught.detail) == (code, text)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        pytest.param(200, {"status": False, "message": "no"}, Rejected, id="unknown-text"),
        pytest.param(400, {"status": False}, Rejected, id="no-text"),
        pytest.param(500, {"status": False, "message": "no"}, OutcomeUnknown, id="fault-with-unknown-text"),
        pytest.param(200, accepted(id=None, status=False, message="phone invalid"), Rejected, id="refused-inside"),
        pytest.param(200, accepted(id=None), OutcomeUnknown, id="success-without-an-id"),
        pytest.param(200, {"status": True, "data": {"messages": []}}, OutcomeUnknown, id="success-without-a-message"),
        pytest.param(200, {"status": True, "data": None}, OutcomeUnknown, id="success-without-data"),
        pytest.param(200, {"message": "ok"}, OutcomeUnknown, id="no-status"),
    ],
)
def test_an_answer_is_classified_by_its_body(
    loopback: Loopback, status: int, body: Any, error: type[SendError]
) -> None:
    assert type(failure(loopback, ProviderAnswer(status, body))) is error


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"messages": [{"id": "m1"}]}, id="list"),
        pytest.param({"message": [{"id": "m1"}]}, id="list-under-the-other-name"),
        pytest.param({"messages": {"id": "m1"}}, id="object"),
        pytest.param([{"device_id": "A", "messages": {"id": "m1"}}], id="list-of-devices"),
    ],
)
def test_every_form_of_a_success_is_accepted(loopback: Loopback, data: Any) -> None:
    loopback.answering = lambda _: ProviderAnswer(200, {"status": True, "data": data})

    assert send(loopback, message_to(NUMBER)) == [Accepted(provider_id="m1")]


# checks


def check_connection(loopback: Loopback, answer: Any) -> ConnectionEvent:
    loopback.answering = lambda _: ProviderAnswer(200, answer)
    event: ConnectionEvent = loopback.run(lambda sender: sender.check_connection())
    return event


@pytest.mark.parametrize(("status", "state"), [("connected", "up"), ("disconnected", "down"), (None, "down")])
@pytest.mark.parametrize("in_a_list", [False, True])
def test_the_connection_is_checked(
    loopback: Loopback, caplog: pytest.LogCaptureFixture, status: Any, state: str, *, in_a_list: bool
) -> None:
    device = {"name": "eko", "status": status, "quota": 91}

    with caplog.at_level(logging.DEBUG):
        event = check_connection(loopback, {"status": True, "data": [device] if in_a_list else device})

    assert event.state == state
    request = loopback.last
    assert (request.method, request.path, request.query) == ("GET", "/api/device/info", {"token": TOKEN})
    assert TOKEN not in caplog.text


def test_a_check_with_a_wrong_token_is_an_error(loopback: Loopback) -> None:
    with pytest.raises(ConnectionDown):
        check_connection(loopback, {"status": False, "message": "token invalid"})


# webhooks


def call(document: Any, *, token: str | None = "hook") -> WebhookRequest:
    query = {} if token is None else {"token": token}
    return WebhookRequest("POST", query, {"content-type": "application/json"}, json.dumps(document).encode())


def parse(document: Any) -> list[Receipt | Inbound]:
    return make_sender().parse_webhook(call(document))


def test_a_call_with_the_token_in_its_address_is_accepted() -> None:
    make_sender(webhookToken="hook").verify_webhook(call({}))


@pytest.mark.parametrize("token", ["wrong", None, ""])
def test_any_other_call_is_refused(token: str | None) -> None:
    with pytest.raises(WebhookRefusedError, match="does not carry"):
        make_sender(webhookToken="hook").verify_webhook(call({}, token=token))


def test_every_call_is_refused_where_no_token_is_set() -> None:
    with pytest.raises(WebhookRefusedError, match="set webhookToken"):
        make_sender().verify_webhook(call({}))


@pytest.mark.parametrize(
    ("word", "kind"), [("sent", "sent"), ("received", "delivered"), ("read", "read"), ("Read", "read")]
)
def test_a_status_is_a_receipt(word: str, kind: str) -> None:
    status = {"id": "5be46e84", "phone": "6281234567801", "status": word, "deviceId": "A", "timestamp": AT}

    assert parse(status) == [Receipt(kind, AT, provider_id="5be46e84")]  # type: ignore[arg-type]  # one of the kinds


@pytest.mark.parametrize("word", ["cancel", "reject"])
def test_a_status_of_failure_is_a_failed_receipt(word: str) -> None:
    (receipt,) = parse({"id": "5be46e84", "status": word, "note": "6281234567801 is blocked"})

    assert isinstance(receipt, Receipt)
    assert (receipt.kind, receipt.provider_id) == ("failed", "5be46e84")
    assert isinstance(receipt.error, Rejected)
    assert (receipt.error.reason, receipt.error.detail) == (f"wablas_{word}", "… is blocked")


@pytest.mark.parametrize("status", [{"status": "pending"}, {"status": "else"}, {"status": None}, {"id": None}])
def test_anything_else_is_no_receipt(status: Mapping[str, Any]) -> None:
    assert parse({"id": "5be46e84", "status": "sent", **status}) == []


INBOUND = {
    "id": "809DE6896F2203BC296652E16DEEC90E",
    "pushName": "Marina",
    "isGroup": False,
    "group": {"sender": ""},
    "message": "STOP",
    "phone": "6281234567801",
    "messageType": "text",
    "sender": "6289628189000",
    "isFromMe": False,
    "timestamp": "2025-09-16T05:20:00Z",
}


def test_a_message_from_a_person_is_inbound() -> None:
    assert parse(INBOUND) == [Inbound(NUMBER, "STOP", AT, provider_id="809DE6896F2203BC296652E16DEEC90E")]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"isGroup": True, "phone": "120363064449269000"}, id="a-group"),
        pytest.param({"isGroup": "true"}, id="a-group-by-a-text"),
        pytest.param({"isFromMe": True}, id="from-ourselves"),
        pytest.param({"phone": "status@broadcast"}, id="a-status"),
        pytest.param({"phone": "081234567801"}, id="no-international-number"),
        pytest.param({"phone": None}, id="no-sender"),
    ],
)
def test_a_message_that_is_not_from_one_person_is_not_inbound(change: Mapping[str, Any]) -> None:
    assert parse({**INBOUND, **change}) == []


def test_an_invalid_entry_does_not_lose_the_others() -> None:
    assert parse([INBOUND, 7, {"id": {"a": 1}, "status": []}, None, INBOUND]) == parse(INBOUND) * 2


JSON = json_like(
    ["id", "status", "phone", "message", "isGroup", "isFromMe", "timestamp", "note"],
    ["sent", "cancel", "6281234567801"],
)


@QUICK
@given(document=JSON)
def test_parsing_never_raises_for_any_document(document: Any) -> None:
    assert isinstance(parse(document), list)


@QUICK
@given(body=st.binary(max_size=64))
def test_parsing_never_raises_for_any_bytes(body: bytes) -> None:
    assert isinstance(make_sender().parse_webhook(WebhookRequest("POST", {}, {}, body)), list)
