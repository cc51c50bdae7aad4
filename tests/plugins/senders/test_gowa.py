import email
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

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
from wabroadcast_plugins.senders import gowa
from wabroadcast_plugins.senders.gowa import GowaSender, GowaSettings

OWN_JID = "628999999999@s.whatsapp.net"
SECRET = "s3cr3t-of-the-hook"
SENT = {"code": "SUCCESS", "message": "ok", "results": {"message_id": "3EB0B430B6F8F1D0E053AC", "status": "sent"}}
NOT_LOGGED_IN = "gowa_not_logged_in: the device is not logged in to WhatsApp: log it in at the gateway"
NOT_CONNECTED = "gowa_not_connected: the device is not connected to WhatsApp: reconnect it at the gateway"
SPECIFICATION = Path(__file__).parents[3].parent / "shared/specs/go-whatsapp-web-multidevice-openapi.yaml"


class TestGowaSender(HttpSenderContract):
    sender_class = GowaSender
    settings: ClassVar[dict[str, Any]] = {"username": "admin", "password": "hunter2!", "webhookSecret": SECRET}
    accepted: ClassVar[Any] = SENT

    def webhook_calls(self) -> Sequence[WebhookRequest]:
        return [hook({"event": "message", "device_id": OWN_JID, "payload": MESSAGE})]


@pytest.fixture(scope="module")
def gateway_of_all() -> Iterator[Loopback]:
    with Loopback(GowaSender, always(200, SENT), media=MEDIA) as running:
        yield running


@pytest.fixture
def gateway(gateway_of_all: Loopback) -> Loopback:
    return gateway_of_all.reset()


def form_of(request: ProviderRequest) -> dict[str, tuple[str | None, str, bytes]]:
    """Return the file name, type and content of each field of a multipart form."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    fields = {}
    for part in email.message_from_bytes(head + request.body).walk():
        if not part.is_multipart():
            name = str(part.get_param("name", header="content-disposition"))
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            fields[name] = (part.get_filename(), part.get_content_type(), content)
    return fields


def plain(value: str) -> tuple[None, str, bytes]:
    return None, "text/plain", value.encode()


# sending


def test_gowa_is_found_as_a_plugin() -> None:
    assert build_plugins([gowa], discover=False).sender("gowa") is GowaSender
    sender = GowaSender(GowaSettings(base_url="http://gateway.example"), fake_sender_context())
    assert isinstance(sender, ChecksNumbers)
    assert isinstance(sender, ChecksConnection)
    assert isinstance(sender, ParsesWebhooks)
    assert sender.capabilities.ban_risk
    assert sender.capabilities.number_check


def test_a_text_is_sent_to_the_complete_id_of_the_person(gateway: Loopback) -> None:
    settings: dict[str, Any] = {
        "baseUrl": f"{gateway.url}/base/",
        "username": "admin",
        "password": "pw",
        "deviceId": "org_2",
    }
    accepted = gateway.run(lambda sender: sender.send(message_to(NUMBER, text="Halo")), **settings)

    assert accepted == Accepted(provider_id="3EB0B430B6F8F1D0E053AC")
    [request] = gateway.requests
    assert (request.method, request.path) == ("POST", "/base/send/message")
    assert request.json == {"phone": JID, "message": "Halo"}
    assert request.headers["authorization"] == "Basic YWRtaW46cHc="
    assert request.headers["x-device-id"] == "org_2"


def test_without_a_user_and_a_device_their_headers_are_missing(gateway: Loopback) -> None:
    gateway.run(lambda sender: sender.send(message_to(NUMBER)))

    assert not {"authorization", "x-device-id"} & set(gateway.last.headers)


@pytest.mark.parametrize(
    ("message", "path", "form"),
    [
        pytest.param(
            media_message("image", {"uploadId": "photo"}, text="Lihat"),
            "/send/image",
            {
                "caption": plain("Lihat"),
                "compress": plain("false"),
                "image": ("job-7.jpg", "image/jpeg", MEDIA["photo"]),
            },
            id="image",
        ),
        pytest.param(
            media_message("image", {"url": "https://files.example/p.jpg"}),
            "/send/image",
            {"compress": plain("false"), "image_url": plain("https://files.example/p.jpg")},
            id="image-by-address",
        ),
        pytest.param(
            media_message("document", {"uploadId": "letter"}, text="Surat", filename="Surat Budi.pdf"),
            "/send/file",
            {"caption": plain("Surat"), "file": ("Surat Budi.pdf", "application/pdf", MEDIA["letter"])},
            id="document",
        ),
        pytest.param(
            media_message("document", {"url": "https://files.example/letter.pdf"}, text="Surat"),
            "/send/file",
            {"caption": plain("Surat"), "file_url": plain("https://files.example/letter.pdf")},
            id="document-by-address",
        ),
        pytest.param(
            media_message("document", {"url": "https://files.example/letter.pdf"}, filename="Surat.pdf"),
            "/send/file",
            {"file": ("Surat.pdf", "application/pdf", MEDIA["letter"])},
            id="document-by-address-with-a-file-name",
        ),
        pytest.param(
            media_message("audio", {"uploadId": "song"}),
            "/send/audio",
            {"audio": ("song", "audio/ogg", MEDIA["song"])},
            id="audio",
        ),
        pytest.param(
            media_message("audio", {"uploadId": "note"}),
            "/send/audio",
            {"audio": ("note", "audio/m4a", MEDIA["note"])},
            id="audio-with-the-gateways-type-name",
        ),
        pytest.param(
            media_message("audio", {"url": "https://files.example/a.mp3"}),
            "/send/audio",
            {"audio_url": plain("https://files.example/a.mp3")},
            id="audio-by-address",
        ),
        pytest.param(
            media_message("video", {"uploadId": "film"}, text="Tonton"),
            "/send/video",
            {"caption": plain("Tonton"), "video": ("film", "video/mp4", MEDIA["film"])},
            id="video",
        ),
        pytest.param(
            media_message("video", {"url": "https://files.example/v.mp4"}),
            "/send/video",
            {"video_url": plain("https://files.example/v.mp4")},
            id="video-by-address",
        ),
    ],
)
def test_media_are_sent_as_a_form(
    gateway: Loopback, message: OutgoingMessage, path: str, form: dict[str, object]
) -> None:
    accepted = gateway.run(lambda sender: sender.send(message))

    assert accepted.provider_id == "3EB0B430B6F8F1D0E053AC"
    [request] = gateway.requests
    assert (request.method, request.path) == ("POST", path)
    assert form_of(request) == {"phone": plain(JID), **form}


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param(media_message("audio", {"uploadId": "song"}, text="Dengar"), "gowa_caption", id="audio-caption"),
        pytest.param(media_message("image", {"uploadId": "letter"}), "gowa_media_type", id="letter-as-image"),
        pytest.param(media_message("image", {"uploadId": "gone"}), "no_media", id="no-such-upload"),
        pytest.param(OutgoingMessage("job-7", NUMBER, "template"), "gowa_type", id="template"),
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

    assert error.value.reason == "gowa_media_too_large"
    assert not gateway.requests


def refusal(code: str, message: str = "no") -> dict[str, Any]:
    return {"code": code, "message": message, "results": None}


INTERNAL = "INTERNAL_SERVER_ERROR"


@pytest.mark.parametrize(
    ("status", "body", "error", "reason"),
    [
        pytest.param(
            400, refusal("VALIDATION_ERROR", "your image is not allowed"), BadMessage, "gowa_message", id="bad"
        ),
        pytest.param(400, refusal("VALIDATION_ERROR", "phone: too short"), Rejected, "gowa_number", id="bad-number"),
        pytest.param(400, refusal("400", "field cannot be blank"), Rejected, "http_400", id="any-other-400"),
        pytest.param(400, refusal("DEVICE_ID_REQUIRED"), ConnectionDown, "gowa_no_device", id="several-devices"),
        pytest.param(404, refusal("DEVICE_NOT_FOUND"), ConnectionDown, "gowa_no_device", id="no-such-device"),
        pytest.param(404, "Cannot POST /send/message", ConnectionDown, "gowa_not_found", id="another-server"),
        pytest.param(401, "Unauthorized", ConnectionDown, "http_401", id="wrong-password"),
        pytest.param(
            401,
            refusal("AUTHENTICATION_ERROR", "you are not login"),
            ConnectionDown,
            "disconnected",
            id="logged-out",
        ),
        pytest.param(500, refusal("INVALID_WA_CLI"), ConnectionDown, "disconnected", id="no-client"),
        pytest.param(500, refusal(INTERNAL, "you are not loggin"), ConnectionDown, "disconnected", id="not-logged-in"),
        pytest.param(413, "Request Entity Too Large", BadMessage, "gowa_too_large", id="too-large"),
        pytest.param(429, refusal("TOO_MANY"), Throttled, "http_429", id="too-many"),
        pytest.param(500, refusal("UPLOAD_MEDIA_ERROR"), Temporary, "gowa_media", id="upload-failed"),
        pytest.param(
            500, refusal(INTERNAL, "failed to download image from URL"), Temporary, "gowa_media", id="download-failed"
        ),
        pytest.param(500, refusal(INTERNAL, "ffmpeg not installed"), BadMessage, "gowa_no_ffmpeg", id="no-ffmpeg"),
        pytest.param(
            500, refusal(INTERNAL, "server returned error 479"), Temporary, "gowa_479", id="refused-by-whatsapp"
        ),
        pytest.param(500, refusal(INTERNAL, "context canceled"), OutcomeUnknown, "http_500", id="any-other-500"),
        pytest.param(504, refusal("GATEWAY_TIMEOUT", "timed out"), OutcomeUnknown, "http_504", id="timed-out"),
        pytest.param(200, {"code": "SUCCESS", "results": {}}, OutcomeUnknown, "gowa_no_id", id="no-id"),
        pytest.param(
            200, {"code": "SUCCESS", "results": {"message_id": 7}}, OutcomeUnknown, "gowa_no_id", id="invalid-id"
        ),
    ],
)
def test_a_failure_is_classified(
    gateway: Loopback, status: int, body: object, error: type[SendError], reason: str
) -> None:
    gateway.answering = lambda _: ProviderAnswer(status, body)

    with pytest.raises(error) as found:
        gateway.run(lambda sender: sender.send(message_to(NUMBER)))

    assert found.value.reason == reason
    assert len(gateway.requests) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(429, refusal("WA_REACHOUT_TIMELOCK"), id="by-its-code"),
        pytest.param(500, refusal(INTERNAL, "server returned error 463"), id="by-its-text"),
    ],
)
def test_the_reachout_timelock_throttles_new_contacts_only(gateway: Loopback, status: int, body: object) -> None:
    gateway.answering = lambda _: ProviderAnswer(status, body)

    with pytest.raises(Throttled) as found:
        gateway.run(lambda sender: sender.send(message_to(NUMBER)))

    assert found.value.scope == "new_contacts"
    assert found.value.reason == "gowa_463"


@pytest.mark.parametrize(("attempt", "error"), [(1, Temporary), (2, Rejected), (3, Rejected)])
def test_not_on_whatsapp_is_final_at_the_second_attempt(
    gateway: Loopback, attempt: int, error: type[SendError]
) -> None:
    body = refusal("INVALID_JID", f"Phone {JID} is not on whatsapp")
    gateway.answering = lambda _: ProviderAnswer(400, body)

    with pytest.raises(error) as found:
        gateway.run(lambda sender: sender.send(message_to(NUMBER, attempt=attempt)))

    assert found.value.reason == "gowa_not_on_whatsapp"
    assert NUMBER[1:] not in str(found.value)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            refusal(INTERNAL, "failed to download file from URL: https://files.example/x?sig=c0ffee"), id="ours"
        ),
        pytest.param(refusal("UPLOAD_MEDIA_ERROR", "Post https://mmg.example/m?auth=c0ffee: EOF"), id="of-whatsapp"),
    ],
)
def test_the_address_of_a_file_is_not_in_the_error(gateway: Loopback, body: object) -> None:
    gateway.answering = lambda _: ProviderAnswer(500, body)

    with pytest.raises(Temporary) as found:
        gateway.run(lambda sender: sender.send(media_message("document", {"uploadId": "letter"})))

    assert "c0ffee" not in str(found.value)


# numbers and the connection


def number_checks(
    *present: str, status: Mapping[str, Any] | None = None
) -> Callable[[ProviderRequest], ProviderAnswer]:
    """Return the answers of a gateway that finds these ids."""
    account = {"is_connected": True, "is_logged_in": True, "jid": OWN_JID} if status is None else status

    def answer(request: ProviderRequest) -> ProviderAnswer:
        if request.path == "/app/status":
            return ProviderAnswer(200, {"code": "SUCCESS", "results": account})
        found = request.query["phone"] in present
        return ProviderAnswer(200, {"code": "SUCCESS", "results": {"is_on_whatsapp": found}})

    return answer


def test_a_number_that_is_found_is_checked_once(gateway: Loopback) -> None:
    gateway.answering = number_checks(JID)

    assert gateway.run(lambda sender: sender.check_numbers([NUMBER])) == {NUMBER: True}

    [request] = gateway.requests
    assert (request.method, request.path, request.query) == ("GET", "/user/check", {"phone": JID})


def test_a_number_is_absent_if_the_accounts_own_number_is_found(gateway: Loopback) -> None:
    gateway.answering = number_checks(JID, OWN_JID)

    found = gateway.run(lambda sender: sender.check_numbers([NUMBER, "+628111111111"]))

    assert found == {NUMBER: True, "+628111111111": False}


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({"jid": OWN_JID}, id="own-number-is-not-found"),
        pytest.param({"jid": ""}, id="own-number-is-empty"),
        pytest.param({}, id="own-number-is-missing"),
    ],
)
def test_no_number_is_absent_if_the_look_ups_fail(gateway: Loopback, status: dict[str, Any]) -> None:
    gateway.answering = number_checks(JID, status=status)

    found = gateway.run(lambda sender: sender.check_numbers([NUMBER, "+628111111111"]))

    assert found == {NUMBER: True}


def test_an_invalid_result_of_a_number_check_is_left_out(gateway: Loopback) -> None:
    gateway.answering = lambda _: ProviderAnswer(200, {"code": "SUCCESS", "results": {"is_on_whatsapp": "yes"}})

    assert gateway.run(lambda sender: sender.check_numbers([NUMBER])) == {}


def test_a_gateway_that_is_logged_out_checks_no_number(gateway: Loopback) -> None:
    gateway.answering = lambda _: ProviderAnswer(401, refusal("AUTHENTICATION_ERROR"))

    with pytest.raises(ConnectionDown):
        gateway.run(lambda sender: sender.check_numbers([NUMBER]))


@pytest.mark.parametrize(
    ("status", "event"),
    [
        pytest.param({"is_connected": True, "is_logged_in": True}, ConnectionEvent("up"), id="up"),
        pytest.param(
            {"is_connected": True, "is_logged_in": False},
            ConnectionEvent("down", NOT_LOGGED_IN),
            id="logged-out",
        ),
        pytest.param(
            {"is_connected": False, "is_logged_in": True},
            ConnectionEvent("down", NOT_CONNECTED),
            id="no-network",
        ),
        pytest.param({}, ConnectionEvent("down", NOT_LOGGED_IN), id="no-state"),
    ],
)
def test_the_state_of_the_account_is_checked(gateway: Loopback, status: dict[str, Any], event: ConnectionEvent) -> None:
    gateway.answering = number_checks(status=status)

    assert gateway.run(lambda sender: sender.check_connection(), deviceId="org_2") == event
    assert gateway.last.headers["x-device-id"] == "org_2"


# settings and webhooks


def test_the_gateways_default_secret_is_refused_with_advice() -> None:
    with pytest.raises(ValidationError) as error:
        GowaSettings.model_validate({"baseUrl": "http://gateway.example", "webhookSecret": "secret"})

    [fault] = error.value.errors()
    assert fault["loc"] == ("webhookSecret",)
    assert "WHATSAPP_WEBHOOK_SECRET" in fault["msg"]


def test_a_device_that_fits_no_header_is_refused() -> None:
    with pytest.raises(ValidationError):
        GowaSettings.model_validate({"baseUrl": "http://gateway.example", "deviceId": "a\r\nb: c"})


def hook(body: object, *, secret: str = SECRET, **headers: str) -> WebhookRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    signature = "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    return WebhookRequest("POST", {}, {"x-hub-signature-256": signature, **headers}, raw)


def make_sender(secret: str = SECRET) -> GowaSender:
    return GowaSender(
        GowaSettings.model_validate({"baseUrl": "http://gateway.example", "webhookSecret": secret}),
        fake_sender_context(),
    )


def test_a_call_with_the_right_signature_is_accepted() -> None:
    make_sender().verify_webhook(hook({"event": "message"}))


@pytest.mark.parametrize(
    ("request_", "secret"),
    [
        pytest.param(hook({}, secret="another"), SECRET, id="signed-with-another-secret"),
        pytest.param(WebhookRequest("POST", {}, {}, b"{}"), SECRET, id="not-signed"),
        pytest.param(
            WebhookRequest("POST", {}, {"x-hub-signature-256": "sha256=\xff"}, b"{}"), SECRET, id="invalid-signature"
        ),
        pytest.param(hook({}, secret=""), "", id="no-secret-set"),
    ],
)
def test_a_call_without_the_proof_is_refused(request_: WebhookRequest, secret: str) -> None:
    with pytest.raises(WebhookRefusedError) as error:
        make_sender(secret).verify_webhook(request_)

    assert "webhookSecret" in str(error.value)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("kind", ["delivered", "read"])
def test_an_ack_is_a_receipt_for_each_of_its_ids(kind: Any) -> None:
    call = {
        "event": "message.ack",
        "device_id": OWN_JID,
        "timestamp": "2025-07-18T22:44:20Z",
        "payload": {"ids": ["3EB01", 7, "", "3EB02"], "chat_id": JID, "from": JID, "receipt_type": kind},
    }

    assert make_sender().parse_webhook(hook(call)) == [
        Receipt(kind, at=1_752_878_660, provider_id="3EB01"),
        Receipt(kind, at=1_752_878_660, provider_id="3EB02"),
    ]


MESSAGE: dict[str, Any] = {
    "id": "3EB0C127D7BACC83D6A1",
    "chat_id": JID,
    "from": JID,
    "from_lid": "251556368777322@lid",
    "from_name": "Budi",
    "timestamp": "2025-07-18T22:44:20Z",
    "is_from_me": False,
    "body": "STOP",
    "replied_to_id": "3EB01",
}


def test_a_message_from_a_person_is_inbound() -> None:
    found = make_sender().parse_webhook(hook({"event": "message", "device_id": OWN_JID, "payload": MESSAGE}))

    assert found == [
        Inbound(
            NUMBER,
            text="STOP",
            at=1_752_878_660,
            provider_id="3EB0C127D7BACC83D6A1",
            reply_to="3EB01",
            wa_id="251556368777322@lid",
        )
    ]


@pytest.mark.parametrize(
    ("chat", "number"),
    [pytest.param(JID, NUMBER, id="the-chat-shows-it"), pytest.param("251556368777322@lid", "", id="hidden")],
)
def test_a_person_whose_id_is_hidden_is_known_by_the_chat_or_by_the_id(chat: str, number: str) -> None:
    payload = {**MESSAGE, "from": "251556368777322@lid", "chat_id": chat}

    [found] = make_sender().parse_webhook(hook({"event": "message", "payload": payload}))

    assert isinstance(found, Inbound)
    assert (found.number, found.wa_id, found.reply_to) == (number, "251556368777322@lid", "3EB01")


def test_a_message_without_text_is_inbound_too() -> None:
    picture = {"id": "3EB03", "chat_id": JID, "from": JID, "timestamp": "2025-07-18T22:44:20Z", "image": "p.jpg"}

    assert make_sender().parse_webhook(hook({"event": "message", "payload": picture})) == [
        Inbound(NUMBER, text="", at=1_752_878_660, provider_id="3EB03")
    ]


@pytest.mark.parametrize(
    "call",
    [
        pytest.param({"event": "message", "payload": {**MESSAGE, "is_from_me": True}}, id="our-own-echo"),
        pytest.param({"event": "message", "payload": {**MESSAGE, "chat_id": "1203634@g.us"}}, id="group"),
        pytest.param({"event": "message", "payload": {**MESSAGE, "chat_id": "status@broadcast"}}, id="status"),
        pytest.param({"event": "message", "payload": {**MESSAGE, "chat_id": "12@newsletter"}}, id="channel"),
        pytest.param({"event": "message.reaction", "payload": {**MESSAGE, "reaction": "👍"}}, id="reaction"),
        pytest.param({"event": "message.ack", "payload": {"ids": ["1"], "receipt_type": "read-self"}}, id="read-by-us"),
        pytest.param({"event": "message.ack", "payload": {"ids": "1", "receipt_type": "read"}}, id="ids-are-no-list"),
        pytest.param({"event": "call.offer", "payload": {"from": JID}}, id="call"),
        pytest.param({"event": ["message"], "payload": MESSAGE}, id="event-is-no-text"),
        pytest.param({"event": "message", "payload": [MESSAGE]}, id="payload-is-no-object"),
        pytest.param([1], id="no-object"),
        pytest.param(b"\xff{", id="no-json"),
    ],
)
def test_irrelevant_or_malformed_calls_yield_nothing(call: object) -> None:
    assert make_sender().parse_webhook(hook(call)) == []


documents = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from([JID, "2025-07-18T22:44:20Z", "delivered"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*MESSAGE, "ids", "receipt_type"]), inner),
    max_leaves=12,
)


@QUICK
@given(event=st.sampled_from(["message", "message.ack"]) | documents, payload=documents, timestamp=documents)
def test_parsing_never_raises_for_any_document(event: object, payload: object, timestamp: object) -> None:
    found = make_sender().parse_webhook(hook({"event": event, "payload": payload, "timestamp": timestamp}))

    assert all(isinstance(item, Receipt | Inbound) for item in found)


@QUICK
@given(st.binary())
def test_parsing_never_raises_for_any_bytes(body: bytes) -> None:
    assert make_sender().parse_webhook(hook(body)) == []


# the published specification


@pytest.fixture(scope="module")
def specification() -> Any:
    if not SPECIFICATION.is_file():
        pytest.skip("the specification is not beside the repository")
    return pytest.importorskip("yaml").safe_load(SPECIFICATION.read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", ["text", "image", "document", "audio", "video"])
def test_a_request_fits_the_published_specification(gateway: Loopback, specification: Any, kind: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    upload = {"image": "photo", "document": "letter", "audio": "song", "video": "film"}
    message = message_to(NUMBER) if kind == "text" else media_message(kind, {"uploadId": upload[kind]})

    gateway.run(lambda sender: sender.send(message))

    bodies = specification["paths"][gateway.last.path]["post"]["requestBody"]["content"]
    sent_as = gateway.last.headers["content-type"].partition(";")[0]
    if sent_as == "application/json":
        fields = gateway.last.json
    else:  # a form has only texts, so convert those that are booleans in JSON
        values = {name: content.decode(errors="replace") for name, (_, _, content) in form_of(gateway.last).items()}
        fields = {name: {"true": True, "false": False}.get(value, value) for name, value in values.items()}
    jsonschema.validate(fields, {**bodies[sent_as]["schema"], "additionalProperties": False})
