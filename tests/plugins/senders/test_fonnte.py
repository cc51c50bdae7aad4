import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.senders.garbage import QUICK, json_like
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
    Throttled,
    WebhookRefusedError,
    WebhookRequest,
)
from wabroadcast_core.plugins import build_plugins
from wabroadcast_core.testing import ProviderAnswer, fake_sender_context, message_to
from wabroadcast_core.testing.http_contract import HttpSenderContract
from wabroadcast_plugins.senders import fonnte
from wabroadcast_plugins.senders.fonnte import FonnteSender, FonnteSettings, StateIds

NUMBER = "+6281234567801"
TOKEN = "dev-ice@token"
AT = 1_758_000_000
ACCEPTED = {
    "detail": "success! message in queue",
    "id": ["80367170"],
    "process": "pending",
    "requestid": 2937124,
    "status": True,
    "target": ["6281234567801"],
}
JPEG = b"\xff\xd8\xff" + bytes(100)


class TestFonnteSender(HttpSenderContract):
    sender_class = FonnteSender
    settings: ClassVar[Mapping[str, Any]] = {"token": TOKEN, "webhookToken": "web-hook-token"}
    accepted: ClassVar[Any] = ACCEPTED

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
    with Loopback(FonnteSender, always(200, ACCEPTED), settings={"token": TOKEN}) as running:
        yield running


@pytest.fixture
def loopback(shared: Loopback) -> Loopback:
    """Return the provider without recorded requests, accepting everything."""
    return shared.reset()


def make_settings(**given_settings: Any) -> FonnteSettings:
    return FonnteSettings.model_validate({"token": TOKEN, **given_settings})


def make_sender(**given_settings: Any) -> FonnteSender:
    """Return a sender whose requests are refused."""
    return FonnteSender(make_settings(**given_settings), fake_sender_context())


def media_message(kind: str, media: Mapping[str, str], **content: str) -> OutgoingMessage:
    message = message_to(NUMBER, text="Lihat ini")
    message.type, message.content = kind, {"media": media, **content}
    return message


def send(
    loopback: Loopback, message: OutgoingMessage, *, media: Mapping[str, bytes] | None = None, **given_settings: Any
) -> Accepted:
    accepted: Accepted = loopback.run(lambda sender: sender.send(message), media=media, **given_settings)
    return accepted


def failure(loopback: Loopback, answer: ProviderAnswer) -> SendError:
    loopback.answering = lambda _: answer
    with pytest.raises(SendError) as caught:
        send(loopback, message_to(NUMBER))
    return caught.value


def test_fonnte_is_found_as_a_plugin() -> None:
    assert build_plugins([fonnte], discover=False).sender("fonnte") is FonnteSender


# sending


def test_a_text_is_one_form_with_an_unchanged_number(loopback: Loopback) -> None:
    accepted = send(loopback, message_to(NUMBER, text="Halo & selamat\npagi"))

    assert accepted == Accepted(provider_id="80367170")
    assert len(loopback.requests) == 1
    request = loopback.last
    assert (request.method, request.path) == ("POST", "/send")
    assert request.headers["authorization"] == TOKEN
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.form == {
        "target": "6281234567801",
        "message": "Halo & selamat\npagi",
        "countryCode": "0",
        "connectOnly": "true",
    }


def test_typing_and_delay_are_requested_if_set(loopback: Loopback) -> None:
    send(loopback, message_to(NUMBER), typing=True, delay="5-10")

    assert loopback.last.form["typing"] == "true"
    assert loopback.last.form["delay"] == "5-10"


@pytest.mark.parametrize("base", ["", "/", "/v1", "/v1/"])
def test_a_base_address_may_have_a_path_and_a_slash(loopback: Loopback, base: str) -> None:
    send(loopback, message_to(NUMBER), baseUrl=loopback.url + base)

    assert loopback.last.path == f"{base.rstrip('/')}/send"


@pytest.mark.parametrize("kind", ["image", "document", "audio", "video"])
def test_a_file_with_a_link_is_sent_as_the_link(loopback: Loopback, kind: str) -> None:
    send(loopback, media_message(kind, {"url": "https://files.example/a.pdf"}, filename="Daftar.pdf"))

    form = loopback.last.form
    assert (form["url"], form["filename"], form["message"]) == (
        "https://files.example/a.pdf",
        "Daftar.pdf",
        "Lihat ini",
    )


@pytest.mark.parametrize("kind", ["image", "document", "audio", "video"])
def test_an_uploaded_file_is_sent_in_the_form(loopback: Loopback, kind: str) -> None:
    send(loopback, media_message(kind, {"uploadId": "u1"}), media={"u1": JPEG})

    request = loopback.last
    assert request.path == "/send"
    assert request.headers["content-type"].startswith("multipart/form-data")
    assert JPEG in request.body
    assert b'name="file"; filename="u1"' in request.body
    assert b"Content-Type: image/jpeg" in request.body
    assert b'name="target"\r\n\r\n6281234567801\r\n' in request.body


def test_without_a_text_there_is_no_message_field(loopback: Loopback) -> None:
    message = media_message("image", {"url": "https://files.example/a.jpg"})
    message.text = None

    send(loopback, message)

    assert "message" not in loopback.last.form


def test_a_file_that_is_too_large_causes_no_request(loopback: Loopback) -> None:
    with pytest.raises(BadMessage, match="up to 4 MB"):
        send(loopback, media_message("image", {"uploadId": "u1"}), media={"u1": JPEG + bytes(4 * 1024 * 1024)})

    assert not loopback.requests


# failures


@pytest.mark.parametrize(
    ("reason", "error", "code"),
    [
        pytest.param("token invalid", ConnectionDown, "fonnte_token", id="token"),
        pytest.param("unknown user", ConnectionDown, "fonnte_token", id="account"),
        pytest.param("request invalid on disconnected device", ConnectionDown, "disconnected", id="disconnected"),
        pytest.param("device disconnected", ConnectionDown, "disconnected", id="disconnected-device"),
        pytest.param("insufficient quota", ConnectionDown, "fonnte_quota", id="quota"),
        pytest.param("device expired", ConnectionDown, "fonnte_expired", id="expired"),
        pytest.param("target invalid", Rejected, "fonnte_target", id="target"),
        pytest.param("target input invalid", Rejected, "fonnte_target", id="target-input"),
        pytest.param("rate limit exceeded", Throttled, "fonnte_throttled", id="rate"),
        pytest.param("too many requests", Throttled, "fonnte_throttled", id="too-many"),
        pytest.param("please wait 10 seconds", Throttled, "fonnte_throttled", id="wait"),
        pytest.param("url unreachable", BadMessage, "fonnte_file", id="url"),
        pytest.param("file format not supported", BadMessage, "fonnte_file", id="format"),
        pytest.param("request timeout", OutcomeUnknown, "fonnte_timeout", id="timeout"),
        pytest.param("invalid/empty body value", Rejected, "fonnte_refused", id="unknown-text"),
        pytest.param("", Rejected, "fonnte_refused", id="no-text"),
    ],
)
@pytest.mark.parametrize("key", ["status", "Status"])
def test_the_text_of_a_refusal_decides_what_it_means(
    loopback: Loopback, key: str, reason: str, error: type[SendError], code: str
) -> None:
    caught = failure(loopback, ProviderAnswer(200, {key: False, "reason": reason}))

    assert type(caught) is error
    assert (caught.reason, caught.detail) == (code, reason)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        pytest.param(400, {"status": False, "reason": "token invalid"}, ConnectionDown, id="text-outranks-the-status"),
        pytest.param(500, {"status": False, "reason": "nonsense"}, OutcomeUnknown, id="fault-with-unknown-text"),
        pytest.param(200, {"status": True}, OutcomeUnknown, id="success-without-an-id"),
        pytest.param(200, {"status": True, "id": []}, OutcomeUnknown, id="success-with-no-id-in-the-list"),
        pytest.param(200, {"detail": "success"}, OutcomeUnknown, id="no-status"),
        pytest.param(200, {"status": "maybe"}, OutcomeUnknown, id="unknown-status"),
    ],
)
def test_an_answer_is_classified_by_its_body(
    loopback: Loopback, status: int, body: Any, error: type[SendError]
) -> None:
    assert type(failure(loopback, ProviderAnswer(status, body))) is error


def test_a_status_may_be_a_text(loopback: Loopback) -> None:
    loopback.answering = lambda _: ProviderAnswer(200, {"Status": "true", "id": 7})

    assert send(loopback, message_to(NUMBER)).provider_id == "7"


def test_a_number_in_a_refusal_is_blanked(loopback: Loopback) -> None:
    caught = failure(loopback, ProviderAnswer(200, {"status": False, "reason": "target 6281234567801 invalid"}))

    assert caught.detail == "target … invalid"


# checks


def check_numbers(loopback: Loopback, answer: Any) -> Mapping[str, bool]:
    loopback.answering = lambda _: ProviderAnswer(200, answer)
    numbers = [NUMBER, "+6281234567802", "+6281234567803"]
    return loopback.run(lambda sender: sender.check_numbers(numbers))


def check_connection(loopback: Loopback, answer: Any) -> ConnectionEvent:
    loopback.answering = lambda _: ProviderAnswer(200, answer)
    event: ConnectionEvent = loopback.run(lambda sender: sender.check_connection())
    return event


def test_numbers_are_checked_in_one_request(loopback: Loopback) -> None:
    found = check_numbers(
        loopback, {"status": True, "registered": ["6281234567801"], "not_registered": ["6281234567802", "999"]}
    )

    assert found == {NUMBER: True, "+6281234567802": False}
    request = loopback.last
    assert (request.method, request.path) == ("POST", "/validate")
    assert request.form == {"target": "6281234567801,6281234567802,6281234567803", "countryCode": "0"}


@pytest.mark.parametrize("answer", [{"status": True}, {"status": True, "registered": None, "not_registered": [{}]}])
def test_numbers_without_a_result_are_left_out(loopback: Loopback, answer: Any) -> None:
    assert check_numbers(loopback, answer) == {}


def test_a_refused_check_is_an_error(loopback: Loopback) -> None:
    with pytest.raises(ConnectionDown):
        check_numbers(loopback, {"status": False, "reason": "request invalid on disconnected device"})


@pytest.mark.parametrize(("status", "state"), [("connect", "up"), ("disconnect", "down"), (None, "down")])
def test_the_connection_is_checked(loopback: Loopback, status: Any, state: str) -> None:
    event = check_connection(loopback, {"status": True, "device_status": status, "quota": "78"})

    assert event.state == state
    request = loopback.last
    assert (request.method, request.path) == ("POST", "/device")
    assert request.headers["authorization"] == TOKEN


def test_a_check_with_a_wrong_token_is_an_error(loopback: Loopback) -> None:
    with pytest.raises(ConnectionDown):
        check_connection(loopback, {"Status": False, "reason": "token invalid"})


# webhooks


def call(document: Any, *, token: str | None = "hook") -> WebhookRequest:
    query = {} if token is None else {"token": token}
    return WebhookRequest("POST", query, {"content-type": "application/json"}, json.dumps(document).encode())


def parse(*documents: Any) -> list[Receipt | Inbound | ConnectionEvent]:
    """Return what one sender parses from several calls."""
    sender = make_sender()
    return [event for document in documents for event in sender.parse_webhook(call(document))]


def test_a_call_with_the_token_in_its_address_is_accepted() -> None:
    make_sender(webhookToken="hook").verify_webhook(call({}))


@pytest.mark.parametrize(
    ("token", "given_settings", "message"),
    [
        pytest.param("wrong", {"webhookToken": "hook"}, "does not carry", id="wrong"),
        pytest.param("höök", {"webhookToken": "hook"}, "does not carry", id="not-ascii"),
        pytest.param(None, {"webhookToken": "hook"}, "does not carry", id="missing"),
        pytest.param("hook", {}, "set webhookToken", id="none-set"),
        pytest.param("", {"webhookToken": ""}, "set webhookToken", id="an-empty-one-set"),
    ],
)
def test_any_other_call_is_refused(token: str | None, given_settings: Mapping[str, str], message: str) -> None:
    with pytest.raises(WebhookRefusedError, match=message):
        make_sender(**given_settings).verify_webhook(call({}, token=token))


@pytest.mark.parametrize(
    ("word", "kind"),
    [("sent", "sent"), ("Sent", "sent"), ("delivered", "delivered"), ("read", "read")],
)
def test_a_status_is_a_receipt(word: str, kind: str) -> None:
    assert parse({"device": "62811", "id": "80367170", "stateid": "ABC", "status": word, "timestamp": AT}) == [
        Receipt(kind, AT, provider_id="80367170")  # type: ignore[arg-type]  # one of the kinds
    ]


@pytest.mark.parametrize("word", ["pending", "waiting", "processing", "", None, "else"])
def test_a_status_of_a_message_in_progress_is_no_receipt(word: Any) -> None:
    assert parse({"id": "80367170", "status": word}) == []


@pytest.mark.parametrize(
    ("word", "error"),
    [("invalid", Rejected), ("expired", Rejected), ("failed", Rejected), ("url unreachable", BadMessage)],
)
def test_a_status_of_failure_is_a_failed_receipt(word: str, error: type[SendError]) -> None:
    (receipt,) = parse({"id": 80367170, "status": word, "timestamp": str(AT)})

    assert isinstance(receipt, Receipt)
    assert (receipt.kind, receipt.provider_id, receipt.at) == ("failed", "80367170", AT)
    assert type(receipt.error) is error


def test_a_state_without_the_id_belongs_to_the_message_of_its_stateid() -> None:
    receipts = parse(
        {"id": "1", "stateid": "S1", "status": "sent", "timestamp": AT},
        {"stateid": "S1", "state": "delivered", "timestamp": AT + 1},
        {"stateid": "S1", "state": "read", "timestamp": AT + 2},
        {"stateid": "S2", "state": "read", "timestamp": AT + 2},
    )

    assert receipts == [
        Receipt("sent", AT, provider_id="1"),
        Receipt("delivered", AT + 1, provider_id="1"),
        Receipt("read", AT + 2, provider_id="1"),
    ]


def test_the_number_of_remembered_state_ids_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonnte, "MOST_STATE_IDS", 2)
    known = StateIds()

    for name in "abc":
        known.resolve(f"id-{name}", name)

    assert [known.resolve("", name) for name in "abc"] == ["", "id-b", "id-c"]


def test_a_message_from_a_person_is_inbound() -> None:
    message = {"device": "6281100", "sender": "6281234567801", "message": " STOP ", "name": "Budi", "inboxid": 55}

    assert parse({**message, "timestamp": AT}) == [Inbound(NUMBER, "STOP", AT, provider_id="55")]


def test_an_image_is_inbound_without_its_placeholder_text() -> None:
    assert parse({"sender": "6281234567801", "message": "non-text message", "timestamp": AT, "inboxid": 0}) == [
        Inbound(NUMBER, "", AT)
    ]


@pytest.mark.parametrize(
    "message",
    [
        pytest.param({"sender": "120363041234567890@g.us", "member": "6281234567801"}, id="a-group"),
        pytest.param({"sender": "6281234567801", "member": "6281234567802"}, id="a-member-of-a-group"),
        pytest.param({"sender": "6281100000000", "device": "6281100000000"}, id="from-ourselves"),
        pytest.param({"sender": "120363041234567890"}, id="too-long-for-a-number"),
        pytest.param({"sender": "status@broadcast"}, id="a-status"),
        pytest.param({"sender": ["6281234567801"]}, id="no-text"),
    ],
)
def test_a_message_that_is_not_from_one_person_is_not_inbound(message: Mapping[str, Any]) -> None:
    assert parse({"message": "halo", **message}) == []


def test_states_of_the_device_are_connection_events() -> None:
    device = {"device": "6281100", "token": TOKEN, "timestamp": AT}

    assert parse(
        {**device, "status": "connect"}, {**device, "status": "disconnect", "reason": "logged out by 6281234567801"}
    ) == [ConnectionEvent("up"), ConnectionEvent("down", "logged out by …")]


def test_a_call_may_be_a_form() -> None:
    request = WebhookRequest("POST", {}, {}, b"sender=62812", {"sender": "6281234567801", "message": "halo"})

    (inbound,) = make_sender().parse_webhook(request)

    assert isinstance(inbound, Inbound)
    assert (inbound.number, inbound.text) == (NUMBER, "halo")


def test_an_invalid_entry_does_not_lose_the_others() -> None:
    good = {"id": "1", "status": "sent", "timestamp": AT}

    assert parse([good, 7, {"id": {"a": 1}, "status": []}, None, good]) == [Receipt("sent", AT, provider_id="1")] * 2


JSON = json_like(
    ["id", "stateid", "status", "state", "sender", "member", "message", "timestamp", "device"],
    ["sent", "connect", "6281234567801"],
)


@QUICK
@given(document=JSON)
def test_parsing_never_raises_for_any_document(document: Any) -> None:
    assert isinstance(parse(document), list)


@QUICK
@given(body=st.binary(max_size=64))
def test_parsing_never_raises_for_any_bytes(body: bytes) -> None:
    assert isinstance(make_sender().parse_webhook(WebhookRequest("POST", {}, {}, body)), list)


# settings


@pytest.mark.parametrize("delay", ["x", "5-", "-5", "5-10-15", "5 - 10"])
def test_a_delay_is_seconds_or_a_range(delay: str) -> None:
    with pytest.raises(ValueError, match="delay"):
        make_sender(delay=delay)


def test_a_person_who_hides_the_number_is_known_by_the_id() -> None:
    [found] = parse({"message": "STOP", "sender": "123456789012345@lid"})

    assert isinstance(found, Inbound)
    assert (found.number, found.wa_id) == ("", "123456789012345@lid")
