import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator, Sequence
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
from wabroadcast_plugins.senders import waha
from wabroadcast_plugins.senders.waha import WahaSender, WahaSettings

Found = TypeVar("Found")

KEY = "waha-not-a-real-key"
HOOK_SECRET = "my-secret-key"
NUMBER = "+628123456789"
DIGITS = NUMBER.lstrip("+")
SETTINGS = {"apiKey": KEY, "webhookSecret": HOOK_SECRET}
CHAT = f"{DIGITS}@c.us"
OWN_ID = "3EB0" + hashlib.sha256(message_to(NUMBER).message_id.encode()).hexdigest()[:18].upper()
SENT = {"id": f"true_{CHAT}_{OWN_ID}", "_data": {}}
NOT_FOUND = ProviderAnswer(404, {"message": "Message not found", "error": "Not Found", "statusCode": 404})
PNG = b"\x89PNG\r\n\x1a\n a poster"
VOICE = b"OggS" + b"\0" * 24 + b"OpusHead a voice"
WAV = b"RIFF\0\0\0\0WAVE a sound"
SPECIFICATION = Path(__file__).parents[3].parent / "shared/specs/waha-openapi.json"


class TestWahaSender(HttpSenderContract):
    sender_class = WahaSender
    settings: ClassVar[dict[str, Any]] = {"apiKey": KEY, "webhookSecret": HOOK_SECRET}
    accepted: ClassVar[Any] = SENT
    accepted_status = 201

    def is_send(self, request: ProviderRequest) -> bool:
        return request.path.startswith("/api/send")

    def webhook_calls(self) -> Sequence[WebhookRequest]:
        return [call("message.ack", {"id": "1", "ack": 3})]


@pytest.fixture(scope="module")
def running_gateway() -> Iterator[Loopback]:
    files = {"u1/poster.png": PNG, "u2/voice.ogg": VOICE, "u3/sound.wav": WAV}
    with Loopback(WahaSender, always(201, SENT), settings=SETTINGS, media=files) as running:
        yield running


@pytest.fixture
def gateway(running_gateway: Loopback) -> Loopback:
    return running_gateway.reset()


def make_settings(**given: Any) -> WahaSettings:
    return WahaSettings.model_validate({"baseUrl": "http://gateway.example", **SETTINGS, **given})


def answer_by_path(gateway: Loopback, answers: dict[str, ProviderAnswer]) -> None:
    """Answer each request by the first of these path prefixes that fits."""
    gateway.answering = lambda request: next(
        (answer for path, answer in answers.items() if request.path.startswith(path)), ProviderAnswer(404)
    )


def failure(gateway: Loopback, answer: ProviderAnswer, *, session: ProviderAnswer | None = None) -> SendError:
    """Send a text that gets this answer and return its error; ``session`` is the answer for the session's state."""
    answer_by_path(gateway, {"/api/send": answer, "/api/sessions/": session or ProviderAnswer(404)})
    with pytest.raises(SendError) as caught:
        gateway.run(lambda sender: sender.send(message_to(NUMBER)))
    return caught.value


def engine_error(text: str) -> ProviderAnswer:
    """Return an error of a WAHA engine in the server's form, which repeats the whole request."""
    request = {"path": "/api/sendText", "body": {"chatId": CHAT, "text": "Halo Budi, kode Anda A1", "id": "error 463"}}
    return ProviderAnswer(500, {"statusCode": 500, "exception": {"message": text, "code": 2}, "request": request})


def media_message(kind: str, *, text: str | None = "Menu hari ini", **media: str) -> OutgoingMessage:
    return replace(message_to(NUMBER), type=kind, text=text, content={"media": media})


# sending


def test_waha_is_found_as_a_plugin() -> None:
    sender = WahaSender(make_settings(), fake_sender_context())

    assert build_plugins([waha], discover=False).sender("waha") is WahaSender
    assert isinstance(sender, ChecksNumbers)
    assert isinstance(sender, ChecksConnection)
    assert isinstance(sender, FindsMessages)
    assert isinstance(sender, ParsesWebhooks)
    assert sender.capabilities.ban_risk
    assert sender.capabilities.number_check
    assert sender.capabilities.client_message_ids


def test_a_text_is_sent_with_an_id_made_from_ours(gateway: Loopback) -> None:
    accepted = gateway.run(
        lambda sender: sender.send(message_to(NUMBER, text="Halo")),
        baseUrl=f"{gateway.url}/waha/",
        session="toko",
    )

    assert accepted == Accepted(provider_id=OWN_ID, wa_id=DIGITS)
    [request] = gateway.requests
    assert (request.method, request.path) == ("POST", "/waha/api/sendText")
    assert request.headers["x-api-key"] == KEY
    assert request.json == {"session": "toko", "chatId": CHAT, "id": OWN_ID, "text": "Halo", "linkPreview": False}


def test_a_message_has_the_same_id_at_each_attempt_in_the_form_of_the_waha_engines(gateway: Loopback) -> None:
    first, second = message_to(NUMBER), message_to("+628111111111")

    for message in (first, second, replace(first, attempt=2)):
        gateway.run(lambda sender, message=message: sender.send(message))  # type: ignore[misc]

    ids = [request.json["id"] for request in gateway.requests]
    assert ids[0] == ids[2] != ids[1]
    assert len(ids[0]) == len("3EB0965B123D06E0B70741")
    assert ids[0].startswith("3EB0")
    assert set(ids[0]) <= set("0123456789ABCDEF")


def test_without_an_api_key_the_header_is_missing(gateway: Loopback) -> None:
    gateway.run(lambda sender: sender.send(message_to(NUMBER)), apiKey="")

    assert "x-api-key" not in gateway.last.headers


@pytest.mark.parametrize(
    ("message", "path", "body"),
    [
        pytest.param(
            media_message("image", url="https://x.example/a.png"),
            "sendImage",
            {
                "file": {"mimetype": "image/png", "filename": "a.png", "url": "https://x.example/a.png"},
                "caption": "Menu hari ini",
            },
            id="image-by-address",
        ),
        pytest.param(
            media_message("image", uploadId="u1/poster.png"),
            "sendImage",
            {
                "file": {"mimetype": "image/png", "filename": "poster.png", "data": base64.b64encode(PNG).decode()},
                "caption": "Menu hari ini",
            },
            id="image-uploaded",
        ),
        pytest.param(
            media_message("document", text=None, url="https://x.example/a.pdf"),
            "sendFile",
            {
                "file": {"mimetype": "application/pdf", "filename": "a.pdf", "url": "https://x.example/a.pdf"},
                "caption": "",
            },
            id="document-without-caption",
        ),
        pytest.param(
            media_message("video", text=None, url="https://x.example/a.mp4"),
            "sendVideo",
            {
                "file": {"mimetype": "video/mp4", "filename": "a.mp4", "url": "https://x.example/a.mp4"},
                "caption": "",
                "convert": False,
            },
            id="video-without-caption",
        ),
        pytest.param(
            media_message("video", url="https://x.example/a.mov"),
            "sendVideo",
            {
                "file": {"mimetype": "video/quicktime", "filename": "a.mov", "url": "https://x.example/a.mov"},
                "caption": "Menu hari ini",
                "convert": True,
            },
            id="video-to-convert",
        ),
        pytest.param(
            media_message("audio", text=None, uploadId="u2/voice.ogg"),
            "sendVoice",
            {
                "file": {
                    "mimetype": "audio/ogg; codecs=opus",
                    "filename": "voice.ogg",
                    "data": base64.b64encode(VOICE).decode(),
                },
                "convert": False,
            },
            id="voice-message",
        ),
        pytest.param(
            media_message("audio", text=None, uploadId="u3/sound.wav"),
            "sendVoice",
            {
                "file": {"mimetype": "audio/wav", "filename": "sound.wav", "data": base64.b64encode(WAV).decode()},
                "convert": True,
            },
            id="audio-to-convert",
        ),
    ],
)
def test_media_requests_have_the_form_that_the_gateway_requires(
    gateway: Loopback, message: OutgoingMessage, path: str, body: dict[str, Any]
) -> None:
    gateway.run(lambda sender: sender.send(message))

    [request] = gateway.requests
    assert (request.method, request.path) == ("POST", f"/api/{path}")
    assert request.json == {"session": "default", "chatId": CHAT, **body}


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


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [
        pytest.param({"id": "true_628111@c.us_ABC"}, Accepted("ABC", wa_id=DIGITS), id="too-short-for-a-number"),
        pytest.param(
            {"id": "true_553188887777@c.us_ABC"}, Accepted("ABC", wa_id="553188887777"), id="another-id-than-the-number"
        ),
        pytest.param({"id": "true_9988@lid_ABC"}, Accepted("ABC", wa_id="9988@lid"), id="hidden"),
        pytest.param(
            {"id": "true_628111222333@c.us_ABC_9@lid"}, Accepted("ABC", wa_id="628111222333"), id="four-parts"
        ),
        pytest.param({"id": {"_serialized": f"true_{CHAT}_ABC"}}, Accepted("ABC", wa_id=DIGITS), id="object"),
        pytest.param(
            {"key": {"remoteJid": f"{DIGITS}@s.whatsapp.net", "id": "ABC"}},
            Accepted("ABC", wa_id=DIGITS),
            id="raw-message",
        ),
        pytest.param({"id": "ABC"}, Accepted("ABC", wa_id=DIGITS), id="bare"),
    ],
)
def test_the_provider_id_is_the_bare_one_which_receipts_carry_too(
    gateway: Loopback, answer: Any, accepted: Accepted
) -> None:
    answer_by_path(gateway, {"/api/sendText": ProviderAnswer(201, answer)})

    assert gateway.run(lambda sender: sender.send(message_to(NUMBER))) == accepted
    chat = "9988@lid"
    assert [
        receipt.provider_id
        for receipt in parse("message.ack", {"id": f"true_{chat}_ABC", "from": chat, "ack": 2})
        if isinstance(receipt, Receipt)
    ] == [accepted.provider_id]


# failures

NOT_WORKING = "Session status is not as expected. Try again later or restart the session"


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        pytest.param(
            ProviderAnswer(422, {"error": NOT_WORKING, "session": "default", "status": "SCAN_QR_CODE"}),
            ConnectionDown,
            "disconnected",
            id="logged-out",
        ),
        pytest.param(
            ProviderAnswer(422, {"error": NOT_WORKING, "session": "default", "status": "STARTING"}),
            Temporary,
            "waha_starting",
            id="reconnecting",
        ),
        pytest.param(
            ProviderAnswer(422, {"message": "We didn't find a session with name 'default'"}),
            ConnectionDown,
            "waha_no_session",
            id="no-such-session",
        ),
        pytest.param(
            ProviderAnswer(422, {"message": "The feature is available only in Plus version"}),
            BadMessage,
            "waha_refused",
            id="not-in-this-version",
        ),
        pytest.param(ProviderAnswer(422, "<html>"), Rejected, "http_422", id="422-of-another-shape"),
        pytest.param(ProviderAnswer(404, {"message": "no session"}), ConnectionDown, "waha_no_session", id="not-found"),
        pytest.param(ProviderAnswer(404, "<html>"), ConnectionDown, "waha_no_session", id="another-server"),
        pytest.param(engine_error("2 UNKNOWN: server returned error 463"), Throttled, "waha_463", id="timelock"),
        pytest.param(engine_error("2 UNKNOWN: server returned error 475"), Throttled, "waha_475", id="capping"),
        pytest.param(engine_error("server returned error 429"), Throttled, "waha_429", id="too-fast-for-whatsapp"),
        pytest.param(engine_error("server returned error 479"), Temporary, "waha_479", id="another-refusal"),
        pytest.param(
            ProviderAnswer(500, {"error": "2 UNKNOWN: server returned error 463"}), Throttled, "waha_463", id="shorter"
        ),
        pytest.param(engine_error("context deadline exceeded"), OutcomeUnknown, "waha_fault", id="fault"),
        pytest.param(ProviderAnswer(500, {"error": {"code": 1}}), OutcomeUnknown, "waha_fault", id="no-text"),
        pytest.param(
            engine_error("Request failed with status code 404"), BadMessage, "waha_media", id="file-cannot-be-fetched"
        ),
        pytest.param(
            engine_error("Request failed with status code 500"),
            OutcomeUnknown,
            "waha_fault",
            id="file-cannot-be-fetched-now",
        ),
        pytest.param(ProviderAnswer(413, "<html>"), BadMessage, "waha_413", id="too-large"),
        pytest.param(
            ProviderAnswer(501, {"message": "not implemented"}),
            BadMessage,
            "waha_501",
            id="not-supported-by-the-waha-engine",
        ),
        pytest.param(
            ProviderAnswer(400, {"message": ["chatId must be a string"]}),
            Rejected,
            "http_400",
            id="refused-by-its-schema",
        ),
        pytest.param(ProviderAnswer(401, {}), ConnectionDown, "http_401", id="wrong-key"),
        pytest.param(ProviderAnswer(502, "<html>"), OutcomeUnknown, "http_502", id="a-proxy-lost-the-answer"),
        pytest.param(ProviderAnswer(201, {"id": None}), OutcomeUnknown, "waha_no_id", id="no-id"),
        pytest.param(ProviderAnswer(201, {"id": {}}), OutcomeUnknown, "waha_no_id", id="object-without-an-id"),
        pytest.param(ProviderAnswer(201, {"key": {"id": 7}}), OutcomeUnknown, "waha_no_id", id="id-is-not-a-text"),
    ],
)
def test_a_failure_is_classified_by_refusal_status_and_text(
    gateway: Loopback, answer: ProviderAnswer, error: type[SendError], reason: str
) -> None:
    caught = failure(gateway, answer)

    assert (type(caught), caught.reason) == (error, reason)
    assert sum(request.path.startswith("/api/send") for request in gateway.requests) == 1
    assert DIGITS not in str(caught)
    assert "kode Anda" not in str(caught), "the request that the server repeats is not in the error"


@pytest.mark.parametrize(
    ("lock", "cap", "lasts"),
    [
        pytest.param((True, 7_200), None, 7_200, id="lock"),
        pytest.param(None, ("CAPPED", 86_400), 86_400, id="capping"),
        pytest.param((True, 7_200), ("CAPPED", 86_400), 86_400, id="both"),
        pytest.param((True, -7_200), None, None, id="over"),
        pytest.param((False, 7_200), None, None, id="lifted"),
        pytest.param(None, ("NONE", 86_400), None, id="no-cap"),
        pytest.param(None, None, None, id="unknown-to-the-server"),
    ],
)
def test_a_refusal_of_new_contacts_lasts_as_long_as_the_session_reports(
    gateway: Loopback, lock: tuple[bool, int] | None, cap: tuple[str, int] | None, lasts: float | None
) -> None:
    now = int(time.time())
    account = {
        "reachoutTimelock": lock and {"isActive": lock[0], "timeEnforcementEnds": now + lock[1]},
        "messageCapping": cap and {"cappingStatus": cap[0], "cycleEnd": now + cap[1]},
    }

    caught = failure(
        gateway,
        engine_error("server returned error 463"),
        session=ProviderAnswer(200, {"status": "WORKING", "me": account}),
    )

    assert isinstance(caught, Throttled)
    assert caught.scope == "new_contacts"
    assert caught.retry_after == (None if lasts is None else pytest.approx(lasts, abs=60))
    assert [request.path for request in gateway.requests] == ["/api/sendText", "/api/sessions/default"]


@pytest.mark.parametrize(
    "session",
    [
        pytest.param(ProviderAnswer(500, "?"), id="fault"),
        pytest.param(ProviderAnswer(fault="drop"), id="no-answer"),
        pytest.param(ProviderAnswer(200, "?"), id="another-shape"),
        pytest.param(ProviderAnswer(200, {"status": "WORKING", "me": None}), id="no-account"),
    ],
)
def test_a_refusal_is_valid_without_the_state_of_the_session(gateway: Loopback, session: ProviderAnswer) -> None:
    caught = failure(gateway, engine_error("server returned error 463"), session=session)

    assert isinstance(caught, Throttled)
    assert (caught.scope, caught.retry_after) == ("new_contacts", None)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(ProviderAnswer(fault="drop"), id="no-answer"),
        pytest.param(ProviderAnswer(502, "<html>"), id="a-proxy-lost-the-answer"),
        pytest.param(engine_error("context deadline exceeded"), id="fault"),
        pytest.param(ProviderAnswer(201, {}), id="answer-without-an-id"),
    ],
)
def test_a_text_of_unknown_outcome_has_the_id_that_its_acks_will_carry(
    gateway: Loopback, answer: ProviderAnswer
) -> None:
    lost = failure(gateway, answer)

    assert isinstance(lost, OutcomeUnknown)
    assert lost.provider_id == OWN_ID
    [ack] = parse("message.ack", {"id": f"true_{CHAT}_{OWN_ID}", "from": CHAT, "fromMe": True, "ack": 2})
    assert isinstance(ack, Receipt)
    assert ack.provider_id == lost.provider_id


def test_a_file_of_unknown_outcome_has_no_id_of_ours(gateway: Loopback) -> None:
    gateway.answering = lambda _: ProviderAnswer(fault="drop")

    with pytest.raises(OutcomeUnknown) as lost:
        gateway.run(lambda sender: sender.send(media_message("image", url="https://x.example/a.png")))

    assert lost.value.provider_id is None


def test_a_session_that_is_connecting_is_retried_soon(gateway: Loopback) -> None:
    caught = failure(gateway, ProviderAnswer(422, {"error": NOT_WORKING, "status": "STARTING"}))

    assert isinstance(caught, Temporary)
    assert caught.retry_after == waha.STARTING_SECONDS


# finding a message


def messages_answer(known: dict[str, ProviderAnswer]) -> Callable[[ProviderRequest], ProviderAnswer]:
    """Return the answers of a server that accepts texts and returns messages by their id."""

    def answer(request: ProviderRequest) -> ProviderAnswer:
        if request.path.startswith("/api/send"):
            fault = "drop" if request.json["chatId"] == CHAT else None
            body = {"id": f"true_{request.json['chatId']}_{request.json.get('id', 'OTHER')}"}
            return ProviderAnswer(201, body, fault=fault)  # type: ignore[arg-type]
        return known.get(request.path.rpartition("/")[2], NOT_FOUND)

    return answer


OTHER_NUMBER = "+628111111111"
OTHER_ID = "3EB0" + hashlib.sha256(message_to(OTHER_NUMBER).message_id.encode()).hexdigest()[:18].upper()


def found_as(message_id: str) -> ProviderAnswer:
    return ProviderAnswer(200, {"id": f"true_9988@lid_{message_id}", "ack": 2})


async def lose_one(sender: WahaSender, lost: OutgoingMessage, *, others: int = 1) -> Accepted | None:
    """Send texts that are accepted, then one whose answer is lost, and find that one."""
    for _ in range(others):
        await sender.send(message_to(OTHER_NUMBER))
    with pytest.raises(OutcomeUnknown):
        await sender.send(lost)
    return await sender.find_message(lost.message_id, lost.number)


def test_a_message_that_the_server_finds_was_accepted(gateway: Loopback) -> None:
    gateway.answering = messages_answer({OWN_ID: found_as(OWN_ID)})

    found = gateway.run(lambda sender: lose_one(sender, message_to(NUMBER), others=0), session="toko 1")

    assert found == Accepted(provider_id=OWN_ID)
    assert (gateway.last.method, gateway.last.path) == ("GET", f"/api/toko%201/chats/all/messages/{OWN_ID}")
    assert gateway.last.query == {"downloadMedia": "false"}


def test_a_text_that_the_server_does_not_find_never_arrived_if_it_finds_others(gateway: Loopback) -> None:
    gateway.answering = messages_answer({OTHER_ID: found_as(OTHER_ID)})

    assert gateway.run(lambda sender: lose_one(sender, message_to(NUMBER))) is None


@pytest.mark.parametrize(
    ("lost", "others", "known"),
    [
        pytest.param(message_to(NUMBER), 0, {}, id="no-other-text"),
        pytest.param(message_to(NUMBER), 1, {}, id="the-server-stores-no-messages"),
        pytest.param(
            media_message("image", url="https://x.example/a.png"),
            1,
            {OTHER_ID: found_as(OTHER_ID)},
            id="media-may-have-other-ids",
        ),
        pytest.param(
            message_to(NUMBER), 1, {OTHER_ID: ProviderAnswer(500, "?")}, id="the-other-text-cannot-be-looked-up"
        ),
        pytest.param(message_to(NUMBER), 1, {OWN_ID: ProviderAnswer(500, "?")}, id="the-text-cannot-be-looked-up"),
        pytest.param(message_to(NUMBER), 1, {OWN_ID: ProviderAnswer(404, "?")}, id="something-else-is-not-found"),
        pytest.param(message_to(NUMBER), 1, {OWN_ID: found_as("ANOTHER")}, id="another-message"),
        pytest.param(
            message_to(NUMBER), 1, {OWN_ID: ProviderAnswer(422, {"error": "x", "status": "STOPPED"})}, id="stopped"
        ),
    ],
)
def test_a_message_that_is_not_found_proves_nothing_in_other_cases(
    gateway: Loopback, lost: OutgoingMessage, others: int, known: dict[str, ProviderAnswer]
) -> None:
    gateway.answering = messages_answer(known)

    with pytest.raises(SendError):
        gateway.run(lambda sender: lose_one(sender, lost, others=others))


def test_a_server_that_ignores_our_ids_proves_nothing(gateway: Loopback) -> None:
    usual = messages_answer({})

    def answer(request: ProviderRequest) -> ProviderAnswer:
        if request.path.startswith("/api/send") and request.json["chatId"] != CHAT:
            return ProviderAnswer(201, {"id": {"_serialized": f"true_{request.json['chatId']}_ITSOWN"}})
        return found_as("ITSOWN") if request.path.endswith("/ITSOWN") else usual(request)

    gateway.answering = answer

    with pytest.raises(Temporary):
        gateway.run(lambda sender: lose_one(sender, message_to(NUMBER)))


def test_a_text_that_is_not_in_the_cache_proves_nothing(gateway: Loopback) -> None:
    gateway.answering = messages_answer({OTHER_ID: found_as(OTHER_ID)})

    async def find_without_cache(sender: WahaSender) -> Accepted | None:
        await sender.send(message_to(OTHER_NUMBER))
        return await sender.find_message(message_to(NUMBER).message_id, NUMBER)

    with pytest.raises(Temporary):
        gateway.run(find_without_cache)


# numbers and the connection


def test_numbers_are_checked_one_by_one_and_unclear_results_are_left_out(gateway: Loopback) -> None:
    answers = {
        "628111111111": {"numberExists": True, "chatId": "628111111111@c.us"},
        "628222222222": {"numberExists": False},
        "628333333333": {"numberExists": "maybe"},
        "628444444444": [],
    }
    gateway.answering = lambda request: ProviderAnswer(200, answers[request.query["phone"]])

    found = gateway.run(lambda sender: sender.check_numbers([f"+{digits}" for digits in answers]), session="toko")

    assert found == {"+628111111111": True, "+628222222222": False}
    assert {(request.method, request.path) for request in gateway.requests} == {("GET", "/api/contacts/check-exists")}
    assert gateway.requests[0].query == {"phone": "628111111111", "session": "toko"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(ProviderAnswer(422, {"error": "x", "status": "FAILED"}), ConnectionDown, id="not-working"),
        pytest.param(ProviderAnswer(500, {"error": "x"}), OutcomeUnknown, id="fault"),
    ],
)
def test_a_failed_number_check_is_an_error(gateway: Loopback, answer: ProviderAnswer, error: type[SendError]) -> None:
    gateway.answering = lambda _: answer

    with pytest.raises(error):
        gateway.run(lambda sender: sender.check_numbers([NUMBER]))


@pytest.mark.parametrize(
    ("found", "chat", "wa_id"),
    [
        pytest.param("553188887777@c.us", "553188887777@c.us", "553188887777", id="brazil-before-the-9"),
        pytest.param(
            "553188887777@s.whatsapp.net", "553188887777@c.us", "553188887777", id="in-the-form-of-the-waha-engine"
        ),
        pytest.param("9988776655@lid", "9988776655@lid", "9988776655@lid", id="hidden"),
        pytest.param("1203@g.us", "5531988887777@c.us", "5531988887777", id="no-person"),
        pytest.param(None, "5531988887777@c.us", "5531988887777", id="no-chat-id"),
    ],
)
def test_a_chat_that_was_looked_up_is_written_to_by_the_id_it_has(
    gateway: Loopback, found: str | None, chat: str, wa_id: str | None
) -> None:
    number = "+5531988887777"
    answer_by_path(
        gateway,
        {
            "/api/contacts": ProviderAnswer(200, {"numberExists": True, "chatId": found}),
            "/api/sendText": ProviderAnswer(201, {"id": "ABC"}),
        },
    )

    async def look_up_and_send(sender: WahaSender) -> Accepted:
        await sender.check_numbers([number])
        return await sender.send(message_to(number))

    accepted = gateway.run(look_up_and_send)

    assert gateway.last.json["chatId"] == chat
    assert accepted == Accepted(provider_id="ABC", wa_id=wa_id)


@pytest.mark.parametrize(
    ("answer", "event"),
    [
        pytest.param({"name": "default", "status": "WORKING"}, ConnectionEvent("up"), id="working"),
        pytest.param(
            {"status": "STARTING"},
            ConnectionEvent("down", "waha_starting: the session is starting: test again in a few seconds"),
            id="starting",
        ),
        pytest.param(
            {"status": "SCAN_QR_CODE"},
            ConnectionEvent(
                "down", "waha_scan_qr_code: the session is not logged in to WhatsApp: scan its QR code in WAHA"
            ),
            id="to-scan",
        ),
        pytest.param(
            {"status": "+62 812 345"},
            ConnectionEvent("down", "waha_unknown: the state of the session is unknown: look it up in WAHA"),
            id="no-status",
        ),
        pytest.param(
            [],
            ConnectionEvent("down", "waha_unknown: the state of the session is unknown: look it up in WAHA"),
            id="another-shape",
        ),
    ],
)
def test_the_connection_is_up_when_its_session_works(gateway: Loopback, answer: Any, event: ConnectionEvent) -> None:
    gateway.answering = lambda _: ProviderAnswer(200, answer)

    assert gateway.run(lambda sender: sender.check_connection(), session="a/b") == event
    assert (gateway.last.method, gateway.last.path) == ("GET", "/api/sessions/a%2Fb")


def test_an_unknown_session_is_an_error(gateway: Loopback) -> None:
    gateway.answering = lambda _: ProviderAnswer(404, {"message": "Session not found"})

    with pytest.raises(ConnectionDown):
        gateway.run(lambda sender: sender.check_connection())


# webhooks


def call(event: Any, payload: Any, **envelope: Any) -> WebhookRequest:
    document = {"event": event, "session": "default", "payload": payload, "timestamp": 1_741_249_702_485, **envelope}
    return WebhookRequest("POST", {}, {}, json.dumps(document).encode())


def parse(event: Any, payload: Any, **envelope: Any) -> list[Receipt | Inbound | ConnectionEvent]:
    return WahaSender(make_settings(), fake_sender_context()).parse_webhook(call(event, payload, **envelope))


def signed(body: bytes, *, secret: str = HOOK_SECRET) -> dict[str, str]:
    return {"x-webhook-hmac": hmac.new(secret.encode(), body, "sha512").hexdigest()}


def test_a_signature_of_the_servers_documentation_is_right() -> None:
    """Verify the example from WAHA's manual."""
    example = (
        "208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8"
        "097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89"
    )
    body = b'{"event":"message","session":"default","engine":"WEBJS"}'
    sender = WahaSender(make_settings(webhookSecret="my-secret-key"), fake_sender_context())

    sender.verify_webhook(WebhookRequest("POST", {}, {"x-webhook-hmac": example}, body))
    sender.verify_webhook(WebhookRequest("POST", {}, {"x-webhook-hmac": example.upper()}, body))
    with pytest.raises(WebhookRefusedError):
        sender.verify_webhook(WebhookRequest("POST", {}, {"x-webhook-hmac": example}, body + b" "))


@pytest.mark.parametrize(
    ("settings", "headers", "advice"),
    [
        pytest.param({}, {}, "webhookSecret", id="no-signature"),
        pytest.param({}, signed(b"{}", secret="another"), "webhookSecret", id="another-secret"),
        pytest.param({}, signed(b"[]"), "webhookSecret", id="another-body"),
        pytest.param({}, {"x-webhook-hmac": "\udcff"}, "webhookSecret", id="no-text"),
        pytest.param({"webhookSecret": ""}, signed(b"{}", secret=""), "no webhookSecret is set", id="no-secret-set"),
    ],
)
def test_a_call_without_the_right_signature_is_refused_with_advice(
    settings: dict[str, Any], headers: dict[str, str], advice: str
) -> None:
    sender = WahaSender(make_settings(**settings), fake_sender_context())

    with pytest.raises(WebhookRefusedError) as caught:
        sender.verify_webhook(WebhookRequest("POST", {}, headers, b"{}"))

    assert advice in str(caught.value)
    assert HOOK_SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("ack", "kind"),
    [
        pytest.param(-1, "failed", id="error"),
        pytest.param(0, None, id="pending"),
        pytest.param(1, "sent", id="at-the-server"),
        pytest.param(2, "delivered", id="on-the-device"),
        pytest.param(3, "read", id="read"),
        pytest.param(4, "read", id="played"),
        pytest.param(9, None, id="unknown"),
        pytest.param(None, None, id="none"),
        pytest.param([2], None, id="list"),
        pytest.param("2", None, id="text"),
    ],
)
def test_an_ack_is_a_receipt_of_that_moment(ack: object, kind: str | None) -> None:
    receipts = parse("message.ack", {"id": f"true_{CHAT}_ABC", "from": CHAT, "fromMe": True, "ack": ack})

    assert [
        (receipt.kind, receipt.provider_id, receipt.at) for receipt in receipts if isinstance(receipt, Receipt)
    ] == ([] if kind is None else [(kind, "ABC", 1_741_249_702.485)])


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"id": f"false_{CHAT}_ABC", "fromMe": False, "ack": 3}, id="a-message-of-theirs"),
        pytest.param({"id": "true_1203@g.us_ABC_9@lid", "fromMe": True, "ack": 3}, id="group"),
        pytest.param({"id": "ABC", "from": "status@broadcast", "ack": 3}, id="status"),
        pytest.param({"id": "", "ack": 3}, id="no-id"),
        pytest.param({"ack": 3}, id="nothing"),
    ],
)
def test_acks_of_other_messages_than_ours_are_no_receipts(payload: dict[str, Any]) -> None:
    assert parse("message.ack", payload) == []


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        pytest.param({}, Rejected, id="no-reason"),
        pytest.param({"error": {"code": "463", "blocked": True}}, Throttled, id="timelock"),
        pytest.param({"error": {"code": "479"}}, Rejected, id="another-code"),
        pytest.param({"error": {"code": ["463"]}}, Rejected, id="no-text"),
    ],
)
def test_a_failed_receipt_has_its_reason(payload: dict[str, Any], error: type[SendError]) -> None:
    [receipt] = parse("message.ack", {"id": f"true_{CHAT}_ABC", "ack": -1, **payload})

    assert isinstance(receipt, Receipt)
    assert type(receipt.error) is error


def inbound(**payload: Any) -> dict[str, Any]:
    usual = {"id": f"false_{CHAT}_IN1", "from": CHAT, "fromMe": False, "body": "STOP", "timestamp": 1_667_561_485}
    return {**usual, **payload}


def test_a_persons_message_is_inbound() -> None:
    found = parse("message", inbound())

    assert found == [Inbound(NUMBER, "STOP", 1_667_561_485.0, provider_id="IN1")]


@pytest.mark.parametrize("replied", [f"true_{CHAT}_ABC", "ABC"])
def test_a_reply_has_the_id_of_the_message_that_it_answers(replied: str) -> None:
    [found] = parse("message", inbound(replyTo={"id": replied, "body": "Promo"}))

    assert isinstance(found, Inbound)
    assert found.reply_to == "ABC"


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        pytest.param({"body": None, "hasMedia": True}, "", id="media-without-text"),
        pytest.param({"timestamp": None}, "STOP", id="no-time"),
    ],
)
def test_a_message_without_text_or_time_is_inbound_too(payload: dict[str, Any], text: str) -> None:
    [found] = parse("message", inbound(**payload))

    assert isinstance(found, Inbound)
    assert found.text == text
    assert found.at in {1_667_561_485.0, 1_741_249_702.485}


@pytest.mark.parametrize(
    ("payload", "number"),
    [
        pytest.param({"from": f"{DIGITS}:3@s.whatsapp.net"}, NUMBER, id="another-form"),
        pytest.param(
            {"from": "9988@lid", "_data": {"Info": {"SenderAlt": f"{DIGITS}@s.whatsapp.net"}}}, NUMBER, id="gows"
        ),
        pytest.param({"from": "9988@lid", "_data": {"key": {"remoteJidAlt": CHAT}}}, NUMBER, id="noweb"),
        pytest.param({"from": "9988@lid", "_data": {"key": {"senderPn": CHAT}}}, NUMBER, id="older-noweb"),
        pytest.param({"from": "9988@lid", "_data": {"Info": {"SenderAlt": ""}}}, "", id="hidden"),
        pytest.param({"from": "9988@lid", "_data": "?"}, "", id="hidden-without-an-object"),
        pytest.param({"fromMe": True}, None, id="from-ourselves"),
        pytest.param({"from": "1203@g.us", "participant": CHAT}, None, id="group"),
        pytest.param({"from": "1203@newsletter"}, None, id="channel"),
        pytest.param({"from": "status@broadcast", "participant": CHAT}, None, id="status"),
        pytest.param({"from": None}, None, id="no-sender"),
    ],
)
def test_only_messages_from_people_are_inbound(payload: dict[str, Any], number: str | None) -> None:
    found = parse("message", inbound(**payload))

    assert [message.number for message in found if isinstance(message, Inbound)] == ([] if number is None else [number])


def test_a_person_who_hides_the_number_is_known_by_the_id_and_by_the_message_that_is_answered() -> None:
    reply = {"from": "77123400001@lid", "body": "STOP", "replyTo": {"id": "true_77123400001@lid_3EB0C1"}}

    [found] = parse("message", inbound(**reply))

    assert isinstance(found, Inbound)
    assert (found.number, found.wa_id, found.reply_to) == ("", "77123400001@lid", "3EB0C1")


def test_an_ack_in_a_chat_with_a_hidden_id_carries_the_id() -> None:
    [found] = parse("message.ack", {"id": "true_77123400001@lid_3EB0C1", "ack": 2})

    assert isinstance(found, Receipt)
    assert (found.provider_id, found.wa_ids) == ("3EB0C1", ("77123400001@lid",))


@pytest.mark.parametrize(
    ("payload", "events"),
    [
        pytest.param({"status": "WORKING"}, [ConnectionEvent("up")], id="working"),
        pytest.param(
            {"status": "WORKING", "data": {"reachoutTimelock": {"isActive": True}}},
            [ConnectionEvent("up")],
            id="locked",
        ),
        pytest.param(
            {"status": "STOPPED"},
            [ConnectionEvent("down", "waha_stopped: the session is stopped: start it in WAHA")],
            id="stopped",
        ),
        pytest.param(
            {"status": "FAILED"},
            [ConnectionEvent("down", "waha_failed: the session has failed: restart it in WAHA")],
            id="failed",
        ),
        pytest.param(
            {"status": "SCAN_QR_CODE"},
            [
                ConnectionEvent(
                    "down", "waha_scan_qr_code: the session is not logged in to WhatsApp: scan its QR code in WAHA"
                )
            ],
            id="to-scan",
        ),
        pytest.param(
            {"status": "PASSKEY_REQUIRED"},
            [
                ConnectionEvent(
                    "down", "waha_passkey_required: the session waits for a passkey: complete its login in WAHA"
                )
            ],
            id="passkey",
        ),
        pytest.param({"status": "STARTING"}, [], id="starting"),
        pytest.param({"status": ["WORKING"]}, [], id="another-shape"),
    ],
)
def test_session_states_are_connection_events(payload: dict[str, Any], events: list[ConnectionEvent]) -> None:
    assert parse("session.status", payload) == events


def test_events_of_another_session_are_ignored() -> None:
    assert parse("session.status", {"status": "FAILED"}, session="other") == []
    assert parse("message", inbound(), session="other") == []


@pytest.mark.parametrize("event", ["message.any", "message.reaction", "message.ack.group", "engine.event", "", None, 7])
def test_other_events_are_ignored(event: Any) -> None:
    assert parse(event, inbound(ack=3, status="FAILED")) == []


def test_a_call_without_a_time_gets_the_current_time() -> None:
    [receipt] = parse("message.ack", {"id": "ABC", "ack": 1}, timestamp=None)

    assert isinstance(receipt, Receipt)
    assert abs(receipt.at - time.time()) < 60


FIELDS = st.one_of(
    st.sampled_from(["id", "_serialized", "from", "fromMe", "ack", "error", "code", "status", "data"]),
    st.sampled_from(["body", "timestamp", "replyTo", "_data", "Info", "SenderAlt", "key", "remoteJidAlt"]),
)
VALUES = PLAIN | st.sampled_from([-1, 2, CHAT, "9988@lid", f"true_{CHAT}_ABC", "WORKING", "FAILED", "463"])
PAYLOADS = st.recursive(
    st.dictionaries(FIELDS, VALUES),
    lambda inner: st.dictionaries(FIELDS, inner | VALUES) | st.lists(inner),
    max_leaves=6,
)


@QUICK
@given(st.binary() | JSON.map(lambda document: json.dumps(document).encode()))
def test_a_call_of_another_shape_yields_nothing_and_raises_nothing(body: bytes) -> None:
    sender = WahaSender(make_settings(), fake_sender_context())

    assert sender.parse_webhook(WebhookRequest("POST", {}, {}, body)) == []


@QUICK
@given(st.sampled_from(["message", "message.ack", "session.status"]), PAYLOADS | JSON, JSON)
def test_an_unusual_call_raises_nothing(event: str, payload: Any, timestamp: Any) -> None:
    for found in parse(event, payload, timestamp=timestamp):
        assert not isinstance(found, Receipt) or found.provider_id
        assert not isinstance(found, Inbound) or found.number.startswith("+")


# settings and specification


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"baseUrl": "gateway.example"}, id="no-scheme"),
        pytest.param({"session": ""}, id="no-session"),
        pytest.param({"timeoutSeconds": 0}, id="no-time"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make_settings(**wrong)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(message_to(NUMBER), id="text"),
        pytest.param(media_message("image", uploadId="u1/poster.png"), id="image-uploaded"),
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
    specification = json.loads(SPECIFICATION.read_text(encoding="utf-8"))
    schemas = specification["components"]["schemas"]
    for name in ("VoiceRemoteFile", "VideoRemoteFile"):  # the specification declares these texts as objects
        for field in {"mimetype", "filename"} & set(schemas[name]["properties"]):
            schemas[name]["properties"][field]["type"] = "string"

    gateway.run(lambda sender: sender.send(message))

    operation = specification["paths"][gateway.last.path]["post"]
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schemas[reference.rpartition("/")[2]]["additionalProperties"] = False
    jsonschema.validate(gateway.last.json, {"$ref": reference, "components": {"schemas": schemas}})
