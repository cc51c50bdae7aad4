import base64
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.plugins.senders.garbage import JSON, PLAIN, QUICK
from tests.plugins.senders.loopback import Loopback, always
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
from wabroadcast_core.testing import ProviderAnswer, ProviderRequest, fake_sender_context, message_to
from wabroadcast_core.testing.http_contract import HttpSenderContract
from wabroadcast_plugins.senders import evolution
from wabroadcast_plugins.senders.evolution import EvolutionSender, EvolutionSettings

Found = TypeVar("Found")

KEY = "B6D711FC-not-a-real-key"
NUMBER = "+628123456789"
DIGITS = NUMBER.lstrip("+")
SETTINGS = {"instance": "main", "apiKey": KEY}
JID = f"{DIGITS}@s.whatsapp.net"
SENT = {"key": {"remoteJid": JID, "fromMe": True, "id": "3EB0C1"}, "message": {}, "status": "PENDING"}
STATE_PATH = "/instance/connectionState/main"
PNG = b"\x89PNG\r\n\x1a\n a poster"
CLOSED = "the instance is not connected to WhatsApp: connect it in Evolution by scanning its QR code"
CONNECTING = (
    "evolution_connecting: the instance is connecting to WhatsApp: test again in a few seconds, or scan its QR code"
)
SPECIFICATION = Path(__file__).parents[3].parent / "shared/specs/evolution-api-v2-openapi.json"


class TestEvolutionSender(HttpSenderContract):
    sender_class = EvolutionSender
    settings: ClassVar[dict[str, Any]] = {"instance": "main", "apiKey": KEY, "webhookToken": "t0ken-in-the-address"}
    accepted: ClassVar[Any] = SENT
    accepted_status = 201

    def is_send(self, request: ProviderRequest) -> bool:
        return request.path.startswith("/message/")

    def webhook_calls(self) -> Sequence[WebhookRequest]:
        return [call("messages.update", {})]


@pytest.fixture(scope="module")
def running_gateway() -> Iterator[Loopback]:
    with Loopback(EvolutionSender, always(201, SENT), settings=SETTINGS, media={"u1/poster.png": PNG}) as running:
        yield running


@pytest.fixture
def gateway(running_gateway: Loopback) -> Loopback:
    return running_gateway.reset()


def make_settings(**given: Any) -> EvolutionSettings:
    return EvolutionSettings.model_validate({"baseUrl": "http://gateway.example", **SETTINGS, **given})


def failure(gateway: Loopback, answer: ProviderAnswer, *, state: ProviderAnswer | None = None) -> SendError:
    """Send a text that gets this answer and return its error; ``state`` is the answer for the instance's state."""
    gateway.answering = lambda request: state if state and request.path == STATE_PATH else answer
    with pytest.raises(SendError) as caught:
        gateway.run(lambda sender: sender.send(message_to(NUMBER)))
    return caught.value


def refused(message: Any, *, status: int = 400) -> ProviderAnswer:
    """Return an error in the form of the server."""
    return ProviderAnswer(status, {"status": status, "error": "Bad Request", "response": {"message": message}})


def state_of(state: str) -> ProviderAnswer:
    return ProviderAnswer(200, {"instance": {"instanceName": "main", "state": state}})


def media_message(kind: str, *, text: str | None = "Menu hari ini", **media: str) -> OutgoingMessage:
    return replace(message_to(NUMBER), type=kind, text=text, content={"media": media})


# sending


def test_evolution_is_found_as_a_plugin() -> None:
    sender = EvolutionSender(make_settings(), fake_sender_context())

    assert build_plugins([evolution], discover=False).sender("evolution") is EvolutionSender
    assert isinstance(sender, ChecksNumbers)
    assert isinstance(sender, ChecksConnection)
    assert isinstance(sender, ParsesWebhooks)
    assert not isinstance(sender, FindsMessages)
    assert sender.capabilities.ban_risk
    assert sender.capabilities.number_check
    assert not sender.capabilities.client_message_ids


def test_a_text_request_has_the_form_that_the_gateway_requires(gateway: Loopback) -> None:
    accepted = gateway.run(
        lambda sender: sender.send(message_to(NUMBER, text="Halo")),
        baseUrl=f"{gateway.url}/evo/",
        instance="Toko 1/A",
    )

    assert accepted == Accepted(provider_id="3EB0C1", wa_id=DIGITS)
    [request] = gateway.requests
    assert (request.method, request.path) == ("POST", "/evo/message/sendText/Toko%201%2FA")
    assert request.headers["apikey"] == KEY
    assert request.json == {"number": DIGITS, "text": "Halo", "linkPreview": False}


@pytest.mark.parametrize(
    ("message", "path", "body"),
    [
        pytest.param(
            media_message("image", url="https://x.example/a.png"),
            "sendMedia",
            {
                "mediatype": "image",
                "mimetype": "image/png",
                "fileName": "a.png",
                "caption": "Menu hari ini",
                "media": "https://x.example/a.png",
            },
            id="image-by-address",
        ),
        pytest.param(
            media_message("image", uploadId="u1/poster.png"),
            "sendMedia",
            {
                "mediatype": "image",
                "mimetype": "image/png",
                "fileName": "poster.png",
                "caption": "Menu hari ini",
                "media": base64.b64encode(PNG).decode(),
            },
            id="image-uploaded",
        ),
        pytest.param(
            media_message("document", text=None, url="https://x.example/a.pdf"),
            "sendMedia",
            {
                "mediatype": "document",
                "mimetype": "application/pdf",
                "fileName": "a.pdf",
                "media": "https://x.example/a.pdf",
            },
            id="document-without-caption",
        ),
        pytest.param(
            media_message("video", text=None, url="https://x.example/a.mp4"),
            "sendMedia",
            {
                "mediatype": "video",
                "mimetype": "video/mp4",
                "fileName": "a.mp4",
                "media": "https://x.example/a.mp4",
            },
            id="video",
        ),
        pytest.param(
            media_message("audio", text=None, url="https://x.example/a.ogg"),
            "sendWhatsAppAudio",
            {"audio": "https://x.example/a.ogg"},
            id="voice-message",
        ),
    ],
)
def test_media_requests_have_the_form_that_the_gateway_requires(
    gateway: Loopback, message: OutgoingMessage, path: str, body: dict[str, Any]
) -> None:
    accepted = gateway.run(lambda sender: sender.send(message))

    assert accepted.provider_id == "3EB0C1"
    [request] = gateway.requests
    assert (request.method, request.path) == ("POST", f"/message/{path}/main")
    assert request.json == {"number": DIGITS, **body}


@pytest.mark.parametrize(
    ("setting", "message_option", "preview"),
    [
        pytest.param(False, False, False, id="neither"),
        pytest.param(False, True, True, id="by-the-message"),
        pytest.param(True, False, True, id="by-the-settings"),
    ],
)
def test_links_get_a_preview_if_the_settings_or_the_message_say_so(
    gateway: Loopback, *, setting: bool, message_option: bool, preview: bool
) -> None:
    message = replace(message_to(NUMBER), content={"previewUrl": message_option})

    gateway.run(lambda sender: sender.send(message), linkPreview=setting)

    assert gateway.last.json["linkPreview"] is preview


def test_the_time_limit_includes_the_typing_time(gateway: Loopback) -> None:
    """The gateway answers only after the typing time, so the usual time limit would be too short."""
    gateway.answering = lambda request: ProviderAnswer(201, SENT, delay=request.json["delay"] / 1_000)

    accepted = gateway.run(lambda sender: sender.send(message_to(NUMBER)), typingMilliseconds=400, timeoutSeconds=0.2)

    assert accepted.provider_id == "3EB0C1"
    assert gateway.last.json["delay"] == 400


@pytest.mark.parametrize(
    ("typing", "timeout", "seconds"),
    [
        pytest.param(0, 10, 10, id="no-typing"),
        pytest.param(20_000, 10, 50, id="at-least-half-a-minute-more"),
        pytest.param(20_000, 45, 65, id="more-if-set"),
    ],
)
def test_the_time_limit_of_a_send_exceeds_its_typing_time(typing: int, timeout: float, seconds: float) -> None:
    settings = make_settings(typingMilliseconds=typing, timeoutSeconds=timeout)

    assert EvolutionSender(settings, fake_sender_context())._send_seconds == seconds


@pytest.mark.parametrize(
    ("jid", "wa_id"),
    [
        pytest.param("553188887777@s.whatsapp.net", "553188887777", id="another-id-than-the-number"),
        pytest.param("212345678901234@lid", "212345678901234@lid", id="hidden"),
        pytest.param(None, None, id="none"),
    ],
)
def test_the_whatsapp_id_of_the_person_is_returned(gateway: Loopback, jid: str | None, wa_id: str | None) -> None:
    gateway.answering = lambda _: ProviderAnswer(201, {"key": {"remoteJid": jid, "id": "3EB0C1"}})

    accepted = gateway.run(lambda sender: sender.send(message_to("+5531988887777")))

    assert accepted == Accepted(provider_id="3EB0C1", wa_id=wa_id)


# failures


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        pytest.param(
            refused([{"jid": JID, "exists": False, "number": DIGITS}]),
            Rejected,
            "not_on_whatsapp",
            id="not-on-whatsapp",
        ),
        pytest.param(refused(["Error: Timed Out"]), OutcomeUnknown, "evolution_fault", id="time-out-inside"),
        pytest.param(refused(["Error: something"]), OutcomeUnknown, "evolution_fault", id="any-fault-inside"),
        pytest.param(refused(["PrismaClientError: x"]), OutcomeUnknown, "evolution_fault", id="after-it-was-sent"),
        pytest.param(refused("Timed Out", status=500), OutcomeUnknown, "evolution_fault", id="fault-with-500"),
        pytest.param(refused(None), OutcomeUnknown, "evolution_fault", id="no-text"),
        pytest.param(refused([7, {"exists": True}]), OutcomeUnknown, "evolution_fault", id="unknown-shape"),
        pytest.param(refused(["Error: server returned error 463"]), Throttled, "evolution_463", id="timelock"),
        pytest.param(
            refused(["Error: server returned error 479"]), OutcomeUnknown, "evolution_fault", id="another-refusal"
        ),
        pytest.param(refused(["Error: server returned error 475"]), Throttled, "evolution_475", id="capping"),
        pytest.param(
            refused("Cannot read properties of undefined (reading 'textMessage')", status=500),
            ConnectionDown,
            "evolution_not_loaded",
            id="instance-not-started",
        ),
        pytest.param(
            refused("Cannot read properties of undefined (reading 'id')", status=500),
            OutcomeUnknown,
            "evolution_fault",
            id="another-bug-of-the-server",
        ),
        pytest.param(
            refused([['requires property "text"', "number does not match"]]),
            Rejected,
            "evolution_invalid",
            id="refused-by-its-schema",
        ),
        pytest.param(refused(["Owned media must be a url or base64"]), BadMessage, "evolution_media", id="bad-file"),
        pytest.param(
            refused(['The "main" instance does not exist'], status=404),
            ConnectionDown,
            "evolution_no_instance",
            id="no-such-instance",
        ),
        pytest.param(refused("Unauthorized", status=401), ConnectionDown, "http_401", id="wrong-key"),
        pytest.param(refused("Forbidden", status=403), ConnectionDown, "http_403", id="forbidden"),
        pytest.param(ProviderAnswer(413, "<html>"), BadMessage, "evolution_too_large", id="too-large-for-the-server"),
        pytest.param(ProviderAnswer(400, "<html>"), Rejected, "http_400", id="a-proxy-refuses"),
        pytest.param(ProviderAnswer(502, "<html>"), OutcomeUnknown, "http_502", id="a-proxy-lost-the-answer"),
        pytest.param(ProviderAnswer(201, {"key": {"id": ""}}), OutcomeUnknown, "evolution_no_id", id="no-id"),
        pytest.param(ProviderAnswer(201, {"key": {"id": 7}}), OutcomeUnknown, "evolution_no_id", id="id-is-not-a-text"),
    ],
)
def test_a_failure_is_classified_by_the_shape_of_its_body(
    gateway: Loopback, answer: ProviderAnswer, error: type[SendError], reason: str
) -> None:
    caught = failure(gateway, answer)

    assert (type(caught), caught.reason) == (error, reason)
    assert DIGITS not in str(caught)
    assert len(gateway.requests) == 1


def test_a_refusal_of_new_contacts_throttles_only_new_contacts(gateway: Loopback) -> None:
    caught = failure(gateway, refused(["Error: server returned error 463"]))

    assert isinstance(caught, Throttled)
    assert (caught.scope, caught.retry_after) == ("new_contacts", None)


def test_numbers_in_the_gateways_text_are_blanked(gateway: Loopback) -> None:
    caught = failure(gateway, refused([f"Error: no session for {DIGITS} at 10:00"]))

    assert caught.detail == "HTTP 400: Error: no session for … at 10:00"


@pytest.mark.parametrize(
    "closed",
    [
        pytest.param(refused(["Error: Connection Closed"]), id="at-the-send"),
        pytest.param(refused("Connection Closed", status=500), id="at-the-number-look-up"),
    ],
)
@pytest.mark.parametrize(
    ("state", "error", "reason"),
    [
        pytest.param(state_of("close"), ConnectionDown, "disconnected", id="logged-out"),
        pytest.param(state_of("connecting"), Temporary, "evolution_connection_closed", id="reconnecting"),
        pytest.param(state_of("open"), Temporary, "evolution_connection_closed", id="connected-again"),
        pytest.param(ProviderAnswer(200, "?"), Temporary, "evolution_connection_closed", id="no-state"),
        pytest.param(ProviderAnswer(500, "?"), Temporary, "evolution_connection_closed", id="state-fails"),
        pytest.param(ProviderAnswer(fault="drop"), Temporary, "evolution_connection_closed", id="no-answer"),
        pytest.param(ProviderAnswer(404, "?"), ConnectionDown, "evolution_no_instance", id="instance-gone"),
    ],
)
def test_a_closed_link_is_retried_unless_the_account_is_logged_out(
    gateway: Loopback, closed: ProviderAnswer, state: ProviderAnswer, error: type[SendError], reason: str
) -> None:
    caught = failure(gateway, closed, state=state)

    assert (type(caught), caught.reason) == (error, reason)
    first, *others = [request.path for request in gateway.requests]
    assert first == "/message/sendText/main"
    assert set(others) == {STATE_PATH}, "nothing is sent again"
    if isinstance(caught, Temporary):
        assert caught.retry_after == evolution.RECONNECT_SECONDS


def test_a_message_that_no_recipient_can_receive_causes_no_request(gateway: Loopback) -> None:
    with pytest.raises(BadMessage):
        gateway.run(lambda sender: sender.send(media_message("audio", url="https://x.example/a.ogg")))

    assert not gateway.requests


# numbers and the connection


def test_numbers_are_checked_in_one_request_and_unclear_results_are_left_out(gateway: Loopback) -> None:
    numbers = ["+628111111111", "+628222222222", "+628333333333", "+628444444444"]
    gateway.answering = lambda _: ProviderAnswer(
        200,
        [
            {"exists": True, "jid": "628111111111@s.whatsapp.net", "number": "628111111111"},
            {"exists": False, "jid": "628222222222@s.whatsapp.net", "number": "628222222222"},
            {"exists": "maybe", "number": "628333333333"},
            {"exists": False, "number": "628999999999"},
            "?",
        ],
    )

    found = gateway.run(lambda sender: sender.check_numbers(numbers))

    assert found == {"+628111111111": True, "+628222222222": False}
    [request] = gateway.requests
    assert (request.method, request.path) == ("POST", "/chat/whatsappNumbers/main")
    assert request.json == {"numbers": ["628111111111", "628222222222", "628333333333", "628444444444"]}


@pytest.mark.parametrize(
    ("answer", "state", "error"),
    [
        pytest.param(refused("Connection Closed", status=500), state_of("close"), ConnectionDown, id="logged-out"),
        pytest.param(refused("Connection Closed", status=500), state_of("open"), Temporary, id="closed-for-a-moment"),
        pytest.param(refused("x", status=500), state_of("open"), OutcomeUnknown, id="fault"),
        pytest.param(ProviderAnswer(401, {}), state_of("open"), ConnectionDown, id="wrong-key"),
    ],
)
def test_a_failed_number_check_is_an_error(
    gateway: Loopback, answer: ProviderAnswer, state: ProviderAnswer, error: type[SendError]
) -> None:
    gateway.answering = lambda request: state if request.path == STATE_PATH else answer

    with pytest.raises(error):
        gateway.run(lambda sender: sender.check_numbers([NUMBER]))


@pytest.mark.parametrize(
    ("answer", "event"),
    [
        pytest.param(state_of("open"), ConnectionEvent("up"), id="open"),
        pytest.param(state_of("connecting"), ConnectionEvent("down", CONNECTING), id="connecting"),
        pytest.param(state_of("close"), ConnectionEvent("down", f"evolution_close: {CLOSED}"), id="close"),
        pytest.param(
            ProviderAnswer(200, []),
            ConnectionEvent("down", "evolution_unknown: the state of the instance is unknown: look it up in Evolution"),
            id="another-shape",
        ),
    ],
)
def test_the_connection_is_up_when_its_state_is_open(
    gateway: Loopback, answer: ProviderAnswer, event: ConnectionEvent
) -> None:
    gateway.answering = lambda _: answer

    assert gateway.run(lambda sender: sender.check_connection()) == event
    assert (gateway.last.method, gateway.last.path) == ("GET", STATE_PATH)
    assert gateway.last.headers["apikey"] == KEY


def test_an_unknown_instance_is_an_error(gateway: Loopback) -> None:
    gateway.answering = lambda _: refused(["no such instance"], status=404)

    with pytest.raises(ConnectionDown):
        gateway.run(lambda sender: sender.check_connection())


# webhooks


def call(event: str, data: Any, *, token: str | None = None, **envelope: Any) -> WebhookRequest:
    document = {"event": event, "instance": "main", "data": data, "apikey": KEY, **envelope}
    query = {} if token is None else {"token": token}
    return WebhookRequest("POST", query, {}, json.dumps(document).encode())


def parse(event: str, data: Any, **envelope: Any) -> list[Receipt | Inbound | ConnectionEvent]:
    return EvolutionSender(make_settings(), fake_sender_context()).parse_webhook(call(event, data, **envelope))


@pytest.mark.parametrize(
    ("settings", "request_"),
    [
        pytest.param({}, call("messages.update", {}), id="the-key-in-the-body"),
        pytest.param({"webhookToken": "t0k"}, call("x", {}, token="t0k", apikey=None), id="the-token-in-the-address"),
    ],
)
def test_a_call_with_its_proof_is_accepted(settings: Mapping[str, Any], request_: WebhookRequest) -> None:
    sender = EvolutionSender(make_settings(**settings), fake_sender_context())

    sender.verify_webhook(request_)


@pytest.mark.parametrize(
    ("settings", "request_", "advice"),
    [
        pytest.param({}, call("x", {}, apikey="another"), "set webhookToken", id="another-key"),
        pytest.param({}, call("x", {}, apikey=None), "set webhookToken", id="no-key"),
        pytest.param({}, call("x", {}, apikey="\ud800"), "set webhookToken", id="lone-surrogate"),
        pytest.param({}, call("x", {}, apikey=None, token=KEY), "set webhookToken", id="the-key-in-the-address"),
        pytest.param({}, WebhookRequest("POST", {}, {}, b"\xff"), "set webhookToken", id="no-json"),
        pytest.param({"webhookToken": "t0k"}, call("x", {}, token="t0"), "?token=", id="another-token"),
        pytest.param({"webhookToken": "t0k"}, call("x", {}), "?token=", id="only-the-key"),
    ],
)
def test_a_call_without_its_proof_is_refused_with_advice(
    settings: Mapping[str, Any], request_: WebhookRequest, advice: str
) -> None:
    sender = EvolutionSender(make_settings(**settings), fake_sender_context())

    with pytest.raises(WebhookRefusedError) as caught:
        sender.verify_webhook(request_)

    assert advice in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        pytest.param("PENDING", "sent", id="pending"),
        pytest.param("SERVER_ACK", "sent", id="at-the-server"),
        pytest.param("DELIVERY_ACK", "delivered", id="delivered"),
        pytest.param("READ", "read", id="read"),
        pytest.param("PLAYED", "read", id="played"),
        pytest.param("ERROR", "failed", id="error"),
        pytest.param(3, "delivered", id="as-a-number"),
        pytest.param("DELETED", None, id="deleted"),
        pytest.param(None, None, id="no-status"),
        pytest.param(99, None, id="unknown-number"),
        pytest.param(["READ"], None, id="list"),
    ],
)
@pytest.mark.parametrize("event", ["messages.update", "MESSAGES_UPDATE", "messages-update"])
def test_an_update_is_a_receipt_for_the_gateways_id(event: str, status: object, kind: str | None) -> None:
    entry = {"keyId": "3EB0C1", "remoteJid": JID, "fromMe": True, "status": status, "messageId": "cm9", "id": "x"}

    receipts = parse(event, entry)

    assert [(receipt.kind, receipt.provider_id) for receipt in receipts if isinstance(receipt, Receipt)] == (
        [] if kind is None else [(kind, "3EB0C1")]
    )
    assert all(abs(receipt.at - time.time()) < 60 for receipt in receipts if isinstance(receipt, Receipt))


def test_updates_may_be_in_a_list_and_in_the_form_of_baileys() -> None:
    entries = [
        {"keyId": "A", "fromMe": True, "status": "READ"},
        "?",
        {"key": {"id": "B", "fromMe": True, "remoteJid": JID}, "update": {"status": 3}},
        {"status": "READ"},
    ]

    receipts = parse("messages.update", entries)

    assert [(receipt.kind, receipt.provider_id) for receipt in receipts if isinstance(receipt, Receipt)] == [
        ("read", "A"),
        ("delivered", "B"),
    ]


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({"keyId": "A", "fromMe": False, "status": "READ"}, id="a-message-of-theirs"),
        pytest.param(
            {"key": {"id": "A", "fromMe": False}, "update": {"status": 4}}, id="theirs-in-the-form-of-baileys"
        ),
        pytest.param({"keyId": "A", "remoteJid": "1203@g.us", "status": "READ"}, id="group"),
        pytest.param({"keyId": "A", "remoteJid": "status@broadcast", "status": "READ"}, id="status"),
    ],
)
def test_updates_of_other_messages_than_ours_are_no_receipts(entry: dict[str, Any]) -> None:
    assert parse("messages.update", entry) == []


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        pytest.param({}, Rejected, id="no-reason"),
        pytest.param({"messageStubParameters": ["463", "restricted"]}, Throttled, id="timelock"),
        pytest.param({"update": {"messageStubParameters": ["463"]}}, Throttled, id="timelock-in-the-form-of-baileys"),
        pytest.param({"messageStubParameters": ["479"]}, Rejected, id="another-code"),
        pytest.param({"messageStubParameters": [["463"]]}, Rejected, id="no-text"),
    ],
)
def test_a_failed_receipt_has_its_reason(entry: dict[str, Any], error: type[SendError]) -> None:
    [receipt] = parse("messages.update", {"keyId": "A", "status": "ERROR", **entry})

    assert isinstance(receipt, Receipt)
    assert type(receipt.error) is error


def inbound(message: Any, **entry: Any) -> dict[str, Any]:
    key = {"remoteJid": JID, "fromMe": False, "id": "IN1"}
    return {"key": key, "pushName": "Budi", "message": message, "messageTimestamp": 1_717_689_097, **entry}


@pytest.mark.parametrize(
    ("message", "text", "payload"),
    [
        pytest.param({"conversation": "STOP"}, "STOP", None, id="plain"),
        pytest.param({"extendedTextMessage": {"text": "Ya, mau"}}, "Ya, mau", None, id="with-a-link-or-a-quote"),
        pytest.param({"imageMessage": {"caption": "ini"}}, "ini", None, id="caption"),
        pytest.param({"audioMessage": {"seconds": 3}}, "", None, id="voice-without-text"),
        pytest.param(
            {"documentWithCaptionMessage": {"message": {"documentMessage": {"caption": "surat"}}}},
            "surat",
            None,
            id="document-with-a-caption",
        ),
        pytest.param({"ephemeralMessage": {"message": {"conversation": "stop"}}}, "stop", None, id="disappearing"),
        pytest.param(
            {"buttonsResponseMessage": {"selectedButtonId": "STOP", "selectedDisplayText": "Berhenti"}},
            "Berhenti",
            "STOP",
            id="button",
        ),
        pytest.param(
            {"templateButtonReplyMessage": {"selectedId": "STOP", "selectedDisplayText": "Berhenti"}},
            "Berhenti",
            "STOP",
            id="button-of-a-template",
        ),
        pytest.param(
            {"listResponseMessage": {"title": "Menu A", "singleSelectReply": {"selectedRowId": "a"}}},
            "Menu A",
            "a",
            id="row-of-a-list",
        ),
    ],
)
def test_a_persons_message_is_inbound(message: dict[str, Any], text: str, payload: str | None) -> None:
    found = parse("messages.upsert", inbound(message))

    assert found == [Inbound(NUMBER, text, 1_717_689_097.0, provider_id="IN1", payload=payload)]


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({"contextInfo": {"stanzaId": "3EB0C1"}}, id="beside-the-message"),
        pytest.param(
            {"message": {"extendedTextMessage": {"text": "STOP", "contextInfo": {"stanzaId": "3EB0C1"}}}},
            id="within-the-message",
        ),
    ],
)
def test_a_reply_has_the_id_of_the_message_that_it_answers(entry: dict[str, Any]) -> None:
    [found] = parse("MESSAGES_UPSERT", [inbound({"conversation": "STOP"}) | entry])

    assert isinstance(found, Inbound)
    assert (found.text, found.reply_to) == ("STOP", "3EB0C1")


@pytest.mark.parametrize(
    ("key", "number"),
    [
        pytest.param({"remoteJid": "9988@lid", "remoteJidAlt": JID}, NUMBER, id="beside-a-hidden-id"),
        pytest.param({"remoteJid": "9988@lid", "senderPn": f"{DIGITS}:4@s.whatsapp.net"}, NUMBER, id="older-name"),
        pytest.param({"remoteJid": "5215512345678@s.whatsapp.net"}, "+525512345678", id="old-form-of-mexico"),
        pytest.param({"remoteJid": "9988@lid"}, "", id="hidden"),
        pytest.param({"remoteJid": JID, "fromMe": True}, None, id="our-own"),
        pytest.param({"remoteJid": "1203@g.us", "participant": JID}, None, id="group"),
        pytest.param({"remoteJid": "1203@newsletter"}, None, id="channel"),
        pytest.param({"remoteJid": "status@broadcast", "participant": JID}, None, id="status"),
        pytest.param({}, None, id="no-sender"),
    ],
)
def test_only_messages_from_people_are_inbound(key: dict[str, Any], number: str | None) -> None:
    found = parse("messages.upsert", inbound({"conversation": "hi"}) | {"key": {"id": "IN1", **key}})

    assert [message.number for message in found if isinstance(message, Inbound)] == ([] if number is None else [number])


def test_a_person_who_hides_the_number_is_known_by_the_id_and_by_the_message_that_is_answered() -> None:
    entry = inbound({"conversation": "STOP"}) | {"contextInfo": {"stanzaId": "3EB0C1"}}

    [found] = parse("messages.upsert", entry | {"key": {"id": "IN1", "remoteJid": "77123400001:3@lid"}})

    assert isinstance(found, Inbound)
    assert (found.number, found.wa_id, found.reply_to) == ("", "77123400001@lid", "3EB0C1")


def test_a_receipt_in_a_chat_with_a_hidden_id_carries_the_id() -> None:
    [found] = parse("messages.update", {"keyId": "3EB0C1", "remoteJid": "77123400001@lid", "status": "READ"})

    assert isinstance(found, Receipt)
    assert found.wa_ids == ("77123400001@lid",)


@pytest.mark.parametrize("message", [{}, None, {"reactionMessage": {"text": "👍"}}, {"protocolMessage": {"type": 0}}])
def test_an_event_that_is_no_message_is_not_inbound(message: Any) -> None:
    assert parse("messages.upsert", inbound(message)) == []


def test_a_message_without_a_time_gets_the_current_time() -> None:
    [found] = parse("messages.upsert", inbound({"conversation": "hi"}) | {"messageTimestamp": {"low": 1}})

    assert isinstance(found, Inbound)
    assert abs(found.at - time.time()) < 60


@pytest.mark.parametrize(
    ("data", "events"),
    [
        pytest.param({"state": "open", "statusReason": 200}, [ConnectionEvent("up")], id="open"),
        pytest.param(
            {"state": "close", "statusReason": 401},
            [ConnectionEvent("down", f"evolution_close_401: {CLOSED}")],
            id="logged-out",
        ),
        pytest.param({"state": "close"}, [ConnectionEvent("down", f"evolution_close: {CLOSED}")], id="closed"),
        pytest.param({"state": "connecting"}, [], id="connecting"),
        pytest.param({"state": ["open"]}, [], id="another-shape"),
    ],
)
@pytest.mark.parametrize("event", ["connection.update", "CONNECTION_UPDATE"])
def test_instance_states_are_connection_events(event: str, data: dict[str, Any], events: list[ConnectionEvent]) -> None:
    assert parse(event, data) == events


def test_events_of_another_instance_are_ignored() -> None:
    assert parse("connection.update", {"state": "close"}, instance="other") == []
    assert parse("messages.update", {"keyId": "A", "status": "READ"}, instance="other") == []


@pytest.mark.parametrize("event", ["send.message", "messages.delete", "qrcode.updated", "", None, 7])
def test_other_events_are_ignored(event: Any) -> None:
    assert parse(event, {"keyId": "A", "status": "READ", "state": "close"}) == []


FIELDS = st.one_of(
    st.sampled_from(["key", "keyId", "id", "fromMe", "remoteJid", "remoteJidAlt", "status", "update", "state"]),
    st.sampled_from(["message", "conversation", "messageTimestamp", "contextInfo", "messageStubParameters"]),
    st.sampled_from(["imageMessage", "extendedTextMessage", "text", "buttonsResponseMessage", "selectedButtonId"]),
)
VALUES = PLAIN | st.sampled_from(["ERROR", "READ", JID, "1@lid", "open", "close", "hi"])
ENTRIES = st.recursive(
    st.dictionaries(FIELDS, VALUES),
    lambda inner: st.dictionaries(FIELDS, inner | VALUES) | st.lists(inner),
    max_leaves=6,
)
EVENTS = st.sampled_from(["messages.update", "messages.upsert", "connection.update"])


@QUICK
@given(st.binary() | JSON.map(lambda document: json.dumps(document).encode()))
def test_a_call_of_another_shape_yields_nothing_and_raises_nothing(body: bytes) -> None:
    sender = EvolutionSender(make_settings(), fake_sender_context())

    assert sender.parse_webhook(WebhookRequest("POST", {}, {}, body)) == []


@QUICK
@given(EVENTS, ENTRIES | JSON)
def test_an_invalid_entry_does_not_lose_the_valid_one_beside_it(event: str, invalid: Any) -> None:
    good = {
        "messages.update": {"keyId": "A", "fromMe": True, "status": "READ"},
        "messages.upsert": inbound({"conversation": "hi"}),
        "connection.update": {"state": "open"},
    }[event]

    found = parse(event, [invalid, good])

    assert len(found) >= 1
    assert type(found[-1]) is type(parse(event, good)[0])


# settings and specification


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"baseUrl": "gateway.example"}, id="no-scheme"),
        pytest.param({"instance": ""}, id="no-instance"),
        pytest.param({"apiKey": ""}, id="no-key"),
        pytest.param({"timeoutSeconds": 0}, id="no-time"),
        pytest.param({"typingMilliseconds": 3_600_000}, id="an-hour-of-typing"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make_settings(**wrong)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(message_to(NUMBER), id="text"),
        *(
            pytest.param(media_message(kind, text=None, url=f"https://x.example/a.{ending}"), id=kind)
            for kind, ending in (("image", "png"), ("document", "pdf"), ("audio", "ogg"), ("video", "mp4"))
        ),
    ],
)
def test_requests_fit_the_servers_specification(gateway: Loopback, message: OutgoingMessage) -> None:
    if not SPECIFICATION.exists():
        pytest.skip("the server's specification is not beside the repository")
    jsonschema = pytest.importorskip("jsonschema")
    paths = json.loads(SPECIFICATION.read_text(encoding="utf-8"))["paths"]

    gateway.run(lambda sender: sender.send(message), typingMilliseconds=1)

    path = gateway.last.path.replace("/main", "/{instance}")
    schema = paths[path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    required = [name for name in schema["required"] if name != "caption"]  # the server does not require it
    jsonschema.validate(gateway.last.json, {**schema, "required": required, "additionalProperties": False})
