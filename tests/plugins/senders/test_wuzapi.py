import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.plugins.senders.garbage import QUICK
from tests.plugins.senders.loopback import JID, MEDIA, NUMBER, Loopback, always, media_message
from wabroadcast_core import (
    Accepted,
    BadMessage,
    ChecksConnection,
    ChecksNumbers,
    ConnectionDown,
    ConnectionEvent,
    FindsMessages,
    Inbound,
    OutcomeUnknown,
    OutgoingMessage,
    ParsesWebhooks,
    Receipt,
    Rejected,
    SendError,
    Temporary,
    Throttled,
    WebhookRefusedError,
    WebhookRequest,
)
from wabroadcast_core.plugins import build_plugins
from wabroadcast_core.testing import ProviderAnswer, fake_sender_context, message_to
from wabroadcast_core.testing.http_contract import HttpSenderContract
from wabroadcast_plugins.senders import wuzapi
from wabroadcast_plugins.senders.wuzapi import WuzapiSender, WuzapiSettings

TOKEN = "t0ken-of-the-user"
KEY = "hmac-key-of-the-user"
GIVEN_ID = "3EB0C37BD1A8462D7AD637"
NOT_LOGGED_IN = "wuzapi_not_logged_in: the account is not logged in to WhatsApp: scan its QR code in WuzAPI"
NOT_CONNECTED = "wuzapi_not_connected: the account is not connected to WhatsApp: connect it in WuzAPI"
SPECIFICATION = Path(__file__).parents[3].parent / "shared/specs/wuzapi-spec.yml"


def sent(data: object = None) -> dict[str, Any]:
    timestamp = "2022-04-20T12:49:08-03:00"
    return {"code": 200, "data": data or {"Details": "Sent", "Id": GIVEN_ID, "Timestamp": timestamp}, "success": True}


def refused(error: str, *, code: int = 500) -> dict[str, Any]:
    return {"code": code, "error": error, "success": False}


class TestWuzapiSender(HttpSenderContract):
    sender_class = WuzapiSender
    settings: ClassVar[dict[str, Any]] = {"token": TOKEN, "webhookSecret": KEY}
    accepted: ClassVar[Any] = sent()

    def webhook_calls(self) -> Sequence[WebhookRequest]:
        return [json_call(RECEIPT)]


@pytest.fixture(scope="module")
def gateway_of_all() -> Iterator[Loopback]:
    with Loopback(WuzapiSender, always(200, sent()), settings={"token": TOKEN}, media=MEDIA) as running:
        yield running


@pytest.fixture
def gateway(gateway_of_all: Loopback) -> Loopback:
    return gateway_of_all.reset()


def data_uri(content_type: str, name: str) -> str:
    return f"data:{content_type};base64,{base64.b64encode(MEDIA[name]).decode()}"


# sending


def test_wuzapi_is_found_as_a_plugin() -> None:
    assert build_plugins([wuzapi], discover=False).sender("wuzapi") is WuzapiSender
    sender = make_sender()
    assert isinstance(sender, ChecksNumbers)
    assert isinstance(sender, ChecksConnection)
    assert isinstance(sender, ParsesWebhooks)
    assert sender.capabilities.ban_risk
    assert sender.capabilities.number_check


def test_it_does_not_claim_to_find_messages() -> None:
    assert not WuzapiSender.capabilities.client_message_ids
    assert not isinstance(make_sender(), FindsMessages)


def test_a_text_is_sent(gateway: Loopback) -> None:
    message = OutgoingMessage("job-7", NUMBER, "text", text="Halo")

    answer = gateway.run(lambda sender: sender.send(message), baseUrl=f"{gateway.url}/wa/")

    assert answer == Accepted(provider_id=GIVEN_ID)
    [request] = gateway.requests
    assert (request.method, request.path) == ("POST", "/wa/chat/send/text")
    assert request.headers["token"] == TOKEN
    assert request.json == {"Phone": "628123456789", "Body": "Halo", "Id": GIVEN_ID}


def test_a_message_has_the_same_id_at_each_attempt_and_no_other_message_has_it(gateway: Loopback) -> None:
    def id_of(message: OutgoingMessage) -> str:
        gateway.run(lambda sender: sender.send(message))
        return str(gateway.last.json["Id"])

    first = id_of(message_to(NUMBER, attempt=1))

    assert re.fullmatch(r"3EB0[0-9A-F]{18}", first)
    assert id_of(message_to(NUMBER, attempt=2)) == first
    assert id_of(message_to("+628111111111")) != first


@pytest.mark.parametrize(
    ("message", "body"),
    [
        pytest.param(
            media_message("image", {"uploadId": "photo"}, text="Lihat"),
            {"Image": data_uri("image/jpeg", "photo"), "Caption": "Lihat"},
            id="image",
        ),
        pytest.param(
            media_message("video", {"uploadId": "film"}, text="Tonton"),
            {"Video": data_uri("video/mp4", "film"), "Caption": "Tonton"},
            id="video",
        ),
        pytest.param(
            media_message("audio", {"uploadId": "song"}), {"Audio": data_uri("audio/ogg", "song")}, id="audio"
        ),
        pytest.param(
            media_message("document", {"url": "https://files.example/letter.pdf"}),
            {
                "Document": data_uri("application/octet-stream", "letter"),
                "FileName": "letter.pdf",
                "MimeType": "application/pdf",
            },
            id="document-by-address",
        ),
        pytest.param(
            media_message("document", {"uploadId": "letter"}, text="Surat", filename="Surat Budi.pdf"),
            {
                "Document": data_uri("application/octet-stream", "letter"),
                "FileName": "Surat Budi.pdf",
                "MimeType": "application/pdf",
                "Caption": "Surat",
            },
            id="document-with-a-file-name",
        ),
    ],
)
def test_media_are_sent_within_the_request(gateway: Loopback, message: OutgoingMessage, body: dict[str, str]) -> None:
    assert gateway.run(lambda sender: sender.send(message)) == Accepted(provider_id=GIVEN_ID)

    [request] = gateway.requests
    assert (request.method, request.path) == ("POST", f"/chat/send/{message.type}")
    assert request.headers["token"] == TOKEN
    assert request.json == {"Phone": "628123456789", "Id": GIVEN_ID, **body}


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param(media_message("audio", {"uploadId": "song"}, text="Dengar"), "wuzapi_caption", id="audio-caption"),
        pytest.param(media_message("audio", {"uploadId": "note"}), "wuzapi_media_type", id="audio-other-than-opus"),
        pytest.param(media_message("image", {"uploadId": "gone"}), "no_media", id="no-such-upload"),
        pytest.param(OutgoingMessage("job-7", NUMBER, "template"), "wuzapi_type", id="template"),
    ],
)
def test_a_message_that_no_recipient_can_receive_causes_no_request(
    gateway: Loopback, message: OutgoingMessage, reason: str
) -> None:
    with pytest.raises(BadMessage) as error:
        gateway.run(lambda sender: sender.send(message))

    assert error.value.reason == reason
    assert not gateway.requests


def test_a_file_that_is_too_large_causes_no_request(gateway: Loopback) -> None:
    with pytest.raises(BadMessage) as error:
        gateway.run(lambda sender: sender.send(media_message("image", {"uploadId": "scan"})))

    assert error.value.reason == "wuzapi_media_too_large"
    assert not gateway.requests


@pytest.mark.parametrize(
    ("status", "body", "error", "reason"),
    [
        pytest.param(401, refused("unauthorized", code=401), ConnectionDown, "http_401", id="wrong-token"),
        pytest.param(500, refused("No session"), ConnectionDown, "disconnected", id="no-session"),
        pytest.param(
            500,
            refused("Error sending message: websocket not connected"),
            ConnectionDown,
            "disconnected",
            id="not-connected",
        ),
        pytest.param(
            500,
            refused("Error sending message: the store doesn't contain a device JID"),
            ConnectionDown,
            "disconnected",
            id="not-logged-in",
        ),
        pytest.param(404, "404 page not found", ConnectionDown, "wuzapi_not_found", id="another-server"),
        pytest.param(400, refused("could not parse Phone", code=400), Rejected, "wuzapi_number", id="bad-number"),
        pytest.param(
            400, refused("missing Body in Payload", code=400), BadMessage, "wuzapi_message", id="something-missing"
        ),
        pytest.param(
            400,
            refused('audio data should start with "data:audio/"', code=400),
            BadMessage,
            "wuzapi_message",
            id="bad-file",
        ),
        pytest.param(400, refused("no", code=400), Rejected, "http_400", id="any-other-400"),
        pytest.param(413, "too large", BadMessage, "wuzapi_too_large", id="too-large"),
        pytest.param(
            500,
            refused("could not decode image for thumbnail preparation: unknown format"),
            BadMessage,
            "wuzapi_media",
            id="broken-image",
        ),
        pytest.param(
            500,
            refused("Failed to upload file: Post https://mmg.example?auth=x"),
            Temporary,
            "wuzapi_media",
            id="upload",
        ),
        pytest.param(
            500,
            refused("Error sending message: server returned error 479"),
            Temporary,
            "wuzapi_479",
            id="refused-by-whatsapp",
        ),
        pytest.param(500, refused("Error sending message: timed out"), OutcomeUnknown, "http_500", id="any-other-500"),
        pytest.param(200, refused("who knows"), OutcomeUnknown, "wuzapi_no_success", id="refusal-with-200"),
        pytest.param(200, refused("no session"), ConnectionDown, "disconnected", id="no-session-as-a-success"),
        pytest.param(200, sent({"Details": "Sent"}), OutcomeUnknown, "wuzapi_no_id", id="no-id"),
        pytest.param(200, sent({"Id": 7}), OutcomeUnknown, "wuzapi_no_id", id="invalid-id"),
    ],
)
def test_a_failure_is_classified(
    gateway: Loopback, status: int, body: object, error: type[SendError], reason: str
) -> None:
    gateway.answering = lambda _: ProviderAnswer(status, body)

    with pytest.raises(error) as found:
        gateway.run(lambda sender: sender.send(message_to(NUMBER)))

    assert found.value.reason == reason
    assert "auth=" not in str(found.value), "a file address may contain an access token"
    assert len(gateway.requests) == 1


def test_the_reachout_timelock_throttles_new_contacts_only(gateway: Loopback) -> None:
    body = refused("Error sending message: server returned error 463")
    gateway.answering = lambda _: ProviderAnswer(500, body)

    with pytest.raises(Throttled) as found:
        gateway.run(lambda sender: sender.send(message_to(NUMBER)))

    assert found.value.scope == "new_contacts"
    assert found.value.reason == "wuzapi_463"


def test_a_lost_answer_keeps_the_id_that_receipts_will_carry(gateway: Loopback) -> None:
    gateway.answering = lambda _: ProviderAnswer(fault="drop")

    with pytest.raises(OutcomeUnknown) as lost:
        gateway.run(lambda sender: sender.send(message_to(NUMBER)))

    assert lost.value.provider_id == gateway.last.json["Id"]


# numbers and the connection


def test_numbers_are_checked_in_one_request(gateway: Loopback) -> None:
    users = [
        {"IsInWhatsapp": True, "JID": JID, "Query": "628123456789", "VerifiedName": ""},
        {"IsInWhatsapp": False, "JID": "5511@s.whatsapp.net", "Query": "+5511987654321"},
        {"IsInWhatsapp": "yes", "Query": "628111111111"},
        {"IsInWhatsapp": True, "Query": "628222222222"},
        "invalid",
    ]
    gateway.answering = lambda _: ProviderAnswer(200, sent({"Users": users}))
    numbers = [NUMBER, "+5511987654321", "+628111111111", "+628333333333"]

    found = gateway.run(lambda sender: sender.check_numbers(numbers))

    assert found == {NUMBER: True, "+5511987654321": False}
    [request] = gateway.requests
    assert (request.method, request.path) == ("POST", "/user/check")
    assert request.json == {"Phone": ["628123456789", "5511987654321", "628111111111", "628333333333"]}


@pytest.mark.parametrize("data", [{"Users": None}, {"Users": {}}, {"x": 1}, [1]])
def test_an_invalid_answer_to_a_number_check_has_no_results(gateway: Loopback, data: object) -> None:
    gateway.answering = lambda _: ProviderAnswer(200, sent(data))

    assert gateway.run(lambda sender: sender.check_numbers([NUMBER])) == {}


def test_a_gateway_without_a_session_checks_no_number(gateway: Loopback) -> None:
    gateway.answering = lambda _: ProviderAnswer(500, refused("no session"))

    with pytest.raises(ConnectionDown):
        gateway.run(lambda sender: sender.check_numbers([NUMBER]))


@pytest.mark.parametrize(
    ("status", "event"),
    [
        pytest.param({"Connected": True, "LoggedIn": True}, ConnectionEvent("up"), id="up"),
        pytest.param({"connected": True, "loggedIn": True, "token": TOKEN}, ConnectionEvent("up"), id="newer-release"),
        pytest.param({"Connected": True, "LoggedIn": False}, ConnectionEvent("down", NOT_LOGGED_IN), id="logged-out"),
        pytest.param({"Connected": False, "LoggedIn": True}, ConnectionEvent("down", NOT_CONNECTED), id="no-network"),
        pytest.param({"token": TOKEN}, ConnectionEvent("down", NOT_LOGGED_IN), id="no-state"),
    ],
)
def test_the_state_of_the_account_is_checked(gateway: Loopback, status: dict[str, Any], event: ConnectionEvent) -> None:
    gateway.answering = lambda _: ProviderAnswer(200, sent(status))

    assert gateway.run(lambda sender: sender.check_connection()) == event
    assert (gateway.last.method, gateway.last.path) == ("GET", "/session/status")


# settings and webhooks


@pytest.mark.parametrize("token", ["", "a\r\nb: c", "tokén"])
def test_a_token_that_fits_no_header_is_refused(token: str) -> None:
    with pytest.raises(ValidationError):
        WuzapiSettings.model_validate({"baseUrl": "http://gateway.example", "token": token})


def make_sender(**settings: str) -> WuzapiSender:
    given_settings = {"baseUrl": "http://gateway.example", "token": TOKEN, **settings}
    return WuzapiSender(WuzapiSettings.model_validate(given_settings), fake_sender_context())


def form_call(call: object, **headers: str) -> WebhookRequest:
    form = {"jsonData": json.dumps(call), "token": TOKEN}
    return WebhookRequest("POST", {}, headers, urlencode(form).encode(), form)


def json_call(call: object, **headers: str) -> WebhookRequest:
    return WebhookRequest("POST", {}, headers, json.dumps(call).encode())


def signed(request: WebhookRequest, *, key: str = KEY) -> WebhookRequest:
    signature = hmac.new(key.encode(), request.body, hashlib.sha256).hexdigest()
    return WebhookRequest("POST", {}, {"x-hmac-signature": signature}, request.body, request.form)


UNPROVEN = WebhookRequest("POST", {}, {}, b"jsonData=%7B%7D", {"jsonData": "{}"})


@pytest.mark.parametrize(
    ("request_", "settings"),
    [
        pytest.param(form_call({"type": "Message"}), {}, id="token-in-a-form"),
        pytest.param(json_call({"type": "Message", "token": TOKEN}), {}, id="token-in-json"),
        pytest.param(signed(UNPROVEN), {"webhookSecret": KEY}, id="signed-form"),
        pytest.param(signed(json_call({"type": "Message"})), {"webhookSecret": KEY}, id="signed-json"),
    ],
)
def test_a_call_with_a_proof_is_accepted(request_: WebhookRequest, settings: dict[str, str]) -> None:
    make_sender(**settings).verify_webhook(request_)


@pytest.mark.parametrize(
    ("request_", "settings"),
    [
        pytest.param(UNPROVEN, {}, id="no-token"),
        pytest.param(WebhookRequest("POST", {}, {}, b"", {"token": "another"}), {}, id="another-token"),
        pytest.param(WebhookRequest("POST", {}, {}, b"", {"token": "\ud800"}), {}, id="lone-surrogate"),
        pytest.param(json_call({"token": ["t"]}), {}, id="token-is-no-text"),
        pytest.param(WebhookRequest("POST", {"token": TOKEN}, {}, b"{}"), {}, id="token-in-the-address"),
        pytest.param(form_call({}), {"webhookSecret": KEY}, id="token-in-place-of-a-signature"),
        pytest.param(signed(UNPROVEN, key="another"), {"webhookSecret": KEY}, id="signed-with-another-key"),
    ],
)
def test_a_call_without_the_proof_is_refused(request_: WebhookRequest, settings: dict[str, str]) -> None:
    with pytest.raises(WebhookRefusedError) as error:
        make_sender(**settings).verify_webhook(request_)

    assert "webhookSecret" in str(error.value)
    assert TOKEN not in str(error.value)
    assert KEY not in str(error.value)


RECEIPT: dict[str, Any] = {
    "type": "ReadReceipt",
    "state": "Delivered",
    "event": {
        "Chat": JID,
        "Sender": JID,
        "IsFromMe": False,
        "IsGroup": False,
        "MessageIDs": [GIVEN_ID, "3EB02"],
        "Timestamp": "2025-07-18T22:44:20Z",
        "Type": "",
    },
}
INFO: dict[str, Any] = {
    "Chat": JID,
    "Sender": "628123456789:12@s.whatsapp.net",
    "IsFromMe": False,
    "IsGroup": False,
    "ID": "3EB0C127",
    "PushName": "Budi",
    "Timestamp": "2025-07-18T22:44:20Z",
}


def message_call(message: object, **info: object) -> dict[str, Any]:
    return {"type": "Message", "event": {"Info": {**INFO, **info}, "Message": message}}


@pytest.mark.parametrize(
    "make_call",
    [
        pytest.param(form_call, id="in-a-form"),
        pytest.param(json_call, id="in-json"),
        pytest.param(lambda call: json_call({"jsonData": json.dumps(call), "token": TOKEN}), id="in-json-in-json"),
    ],
)
@pytest.mark.parametrize(("state", "kind"), [("Delivered", "delivered"), ("Read", "read")])
def test_a_read_receipt_is_a_receipt_for_each_of_its_ids(
    make_call: Callable[[object], WebhookRequest], state: str, kind: Any
) -> None:
    found = make_sender().parse_webhook(make_call({**RECEIPT, "state": state}))

    assert found == [
        Receipt(kind, at=1_752_878_660, provider_id=GIVEN_ID),
        Receipt(kind, at=1_752_878_660, provider_id="3EB02"),
    ]


@pytest.mark.parametrize(
    ("message", "text", "reply_to"),
    [
        pytest.param({"conversation": "STOP"}, "STOP", None, id="plain"),
        pytest.param(
            {"extendedTextMessage": {"text": "STOP", "contextInfo": {"stanzaID": "3EB01"}}}, "STOP", "3EB01", id="reply"
        ),
        pytest.param(
            {"extendedTextMessage": {"text": "STOP", "contextInfo": {"stanzaId": "3EB01"}}},
            "STOP",
            "3EB01",
            id="reply-in-an-older-release",
        ),
        pytest.param({"imageMessage": {"caption": "Ini", "mimetype": "image/jpeg"}}, "Ini", None, id="caption"),
        pytest.param({"stickerMessage": {"mimetype": "image/webp"}}, "", None, id="no-text"),
    ],
)
def test_a_message_from_a_person_is_inbound(message: object, text: str, reply_to: str | None) -> None:
    assert make_sender().parse_webhook(form_call(message_call(message))) == [
        Inbound(NUMBER, text=text, at=1_752_878_660, provider_id="3EB0C127", reply_to=reply_to)
    ]


def test_a_person_whose_number_is_hidden_is_known_by_the_id() -> None:
    hidden = message_call({"conversation": "STOP"}, Chat="2515@lid", Sender="2515:3@lid")

    [found] = make_sender().parse_webhook(form_call(hidden))

    assert isinstance(found, Inbound)
    assert (found.number, found.wa_id) == ("", "2515@lid")


def test_a_person_with_a_hidden_id_is_identified_by_the_alternative_id() -> None:
    hidden = message_call({"conversation": "Ya"}, Chat="2515@lid", Sender="2515:3@lid", SenderAlt=JID)

    [found] = make_sender().parse_webhook(form_call(hidden))

    assert isinstance(found, Inbound)
    assert found.number == NUMBER


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("Connected", ConnectionEvent("up")),
        (
            "Disconnected",
            ConnectionEvent(
                "down",
                "wuzapi_disconnected: the account lost its link to WhatsApp: if this lasts, connect it in WuzAPI",
            ),
        ),
        (
            "LoggedOut",
            ConnectionEvent(
                "down", "wuzapi_logged_out: the account was logged out of WhatsApp: scan its QR code in WuzAPI"
            ),
        ),
        (
            "TemporaryBan",
            ConnectionEvent(
                "down", "wuzapi_temporary_ban: WhatsApp has banned the account for some time: wait until the ban ends"
            ),
        ),
    ],
)
def test_states_of_the_account_are_connection_events(kind: str, event: ConnectionEvent) -> None:
    assert make_sender().parse_webhook(form_call({"type": kind, "event": {}})) == [event]


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(message_call({"conversation": "Ya"}, IsFromMe=True), id="our-own-echo"),
        pytest.param(message_call({"conversation": "Ya"}, IsGroup=True, Chat="1203634@g.us"), id="group"),
        pytest.param(message_call({"conversation": "Ya"}, Chat="status@broadcast"), id="status"),
        pytest.param(message_call({"conversation": "Ya"}, Chat="12@newsletter"), id="channel"),
        pytest.param(message_call({"reactionMessage": {"text": "👍"}}), id="reaction"),
        pytest.param(message_call({"protocolMessage": {"type": 0}}), id="revoked"),
        pytest.param(message_call("Ya"), id="message-is-no-object"),
        pytest.param({**RECEIPT, "state": "ReadSelf"}, id="read-by-us"),
        pytest.param({**RECEIPT, "state": ["Read"]}, id="state-is-no-text"),
        pytest.param({**RECEIPT, "event": {**RECEIPT["event"], "IsFromMe": True}}, id="receipt-of-our-own-devices"),
        pytest.param({"type": "Presence", "event": {}}, id="presence"),
        pytest.param({"type": ["Message"]}, id="type-is-no-text"),
        pytest.param([1], id="no-object"),
    ],
)
def test_irrelevant_or_malformed_calls_yield_nothing(call: object) -> None:
    assert make_sender().parse_webhook(form_call(call)) == []


KEYS = ["Info", "Message", "conversation", "extendedTextMessage", "contextInfo", "text", *INFO, *RECEIPT["event"]]
documents = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from([JID, "2025-07-18T22:44:20Z", "Read"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=12,
)


@QUICK
@given(kind=st.sampled_from(["Message", "ReadReceipt", "LoggedOut"]) | documents, event=documents, state=documents)
def test_parsing_never_raises_for_any_document(kind: object, event: object, state: object) -> None:
    found = make_sender().parse_webhook(form_call({"type": kind, "event": event, "state": state}))

    assert all(isinstance(item, Receipt | Inbound | ConnectionEvent) for item in found)


@QUICK
@given(body=st.binary(), text=st.text())
def test_parsing_never_raises_for_any_bytes(body: bytes, text: str) -> None:
    for request in (WebhookRequest("POST", {}, {}, body), WebhookRequest("POST", {}, {}, body, {"jsonData": text})):
        assert make_sender().parse_webhook(request) == []


# the published specification


@pytest.fixture(scope="module")
def schemas() -> Any:
    if not SPECIFICATION.is_file():
        pytest.skip("the specification is not beside the repository")
    return pytest.importorskip("yaml").safe_load(SPECIFICATION.read_text(encoding="utf-8"))["definitions"]


@pytest.mark.parametrize("kind", ["text", "image", "document", "audio", "video"])
def test_a_request_fits_the_published_specification(gateway: Loopback, schemas: Any, kind: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = schemas[f"Message{kind.capitalize()}"]
    upload = {"image": "photo", "document": "letter", "audio": "song", "video": "film"}
    message = message_to(NUMBER) if kind == "text" else media_message(kind, {"uploadId": upload[kind]})

    gateway.run(lambda sender: sender.send(message))

    newer_fields = {"MimeType"}  # newer releases accept it
    assert set(gateway.last.json) - newer_fields <= set(schema["properties"])
    jsonschema.validate(gateway.last.json, schema)
