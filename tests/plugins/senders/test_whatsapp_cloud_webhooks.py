"""Meta's webhook calls: the proof, receipts, messages from people and account events."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wabroadcast_core import (
    ConnectionDown,
    ConnectionEvent,
    Inbound,
    Receipt,
    Rejected,
    SendError,
    Temporary,
    WebhookRefusedError,
    WebhookRequest,
)
from wabroadcast_core.hookspecs import ParsesWebhooks
from wabroadcast_core.testing import fake_sender_context
from wabroadcast_plugins.senders.whatsapp_cloud import WhatsAppCloudSender, WhatsAppCloudSettings
from wabroadcast_plugins.senders.whatsapp_cloud.webhooks import ProviderEvent

OUR_ID = "106540352242922"
SECRET, VERIFY = "0123456789abcdef", "grüße token"
CANNOT_SEND = "Meta reports that the account cannot send: look it up in WhatsApp Manager"
META_SPECIFICATION = Path(__file__).parents[4] / "shared/specs/meta-business-messaging-api_v23.0.yaml"


def make_sender(**changes: Any) -> WhatsAppCloudSender:
    given = {"phoneNumberId": OUR_ID, "accessToken": "t", "appSecret": SECRET, "verifyToken": VERIFY, **changes}
    return WhatsAppCloudSender(WhatsAppCloudSettings.model_validate(given), fake_sender_context())


def call(body: bytes, signature: str | None = None) -> WebhookRequest:
    headers = {} if signature is None else {"x-hub-signature-256": signature}
    return WebhookRequest("POST", {}, headers, body)


def signature_of(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def read(document: object) -> list[ProviderEvent]:
    return make_sender().parse_webhook(call(json.dumps(document).encode()))


def callback(*changes: Mapping[str, Any]) -> dict[str, Any]:
    return {"object": "whatsapp_business_account", "entry": [{"id": "1029", "changes": list(changes)}]}


def change(field: str = "messages", *, number_id: str = OUR_ID, **value: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": "15550783881", "phone_number_id": number_id}
    return {"field": field, "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}


def status(kind: str = "delivered", **fields: Any) -> dict[str, Any]:
    usual = {"id": "wamid.1", "status": kind, "timestamp": "1698266945", "recipient_id": "628123456789"}
    return {**usual, "biz_opaque_callback_data": "job-1", **fields}


def message(
    kind: str = "text", part: object = None, *, sender: object = "628123456789", **fields: Any
) -> dict[str, Any]:
    usual = {"from": sender, "id": "wamid.in", "timestamp": "1749416383", "type": kind}
    return {**usual, kind: {"body": "Halo"} if part is None else part, **fields}


def without(part: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key != name}


def test_the_sender_parses_webhooks() -> None:
    assert isinstance(make_sender(), ParsesWebhooks)


# --- the proof


def handshake(**query: str) -> WebhookRequest:
    usual = {"hub.mode": "subscribe", "hub.verify_token": VERIFY, "hub.challenge": "1158201444"}
    return WebhookRequest("GET", {**usual, **{f"hub.{name}": value for name, value in query.items()}}, {})


def test_the_handshake_is_answered_with_its_challenge() -> None:
    assert make_sender().verify_webhook(handshake()) == "1158201444"


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(handshake(verify_token="another"), id="another-token"),
        pytest.param(handshake(verify_token=""), id="empty-token"),
        pytest.param(handshake(verify_token="\ud800"), id="lone-surrogate"),
        pytest.param(handshake(mode="unsubscribe"), id="another-mode"),
        pytest.param(WebhookRequest("GET", {}, {}), id="nothing"),
        pytest.param(
            WebhookRequest("GET", {"hub.mode": "subscribe", "hub.verify_token": VERIFY}, {}), id="no-challenge"
        ),
    ],
)
def test_a_handshake_that_is_not_metas_is_refused(request_: WebhookRequest) -> None:
    with pytest.raises(WebhookRefusedError) as refused:
        make_sender().verify_webhook(request_)

    assert VERIFY not in str(refused.value)


def test_a_signed_body_is_accepted() -> None:
    body = json.dumps(callback(), indent=3).encode()  # the signature covers the received bytes

    assert make_sender().verify_webhook(call(body, signature_of(body))) is None


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("sha256=", id="no-digest"),
        pytest.param(signature_of(b"{}", secret="another"), id="another-secret"),
        pytest.param(signature_of(b"{} "), id="another-body"),
        pytest.param(signature_of(b"{}").upper(), id="in-capitals"),
        pytest.param(signature_of(b"{}").removeprefix("sha256="), id="no-prefix"),
        pytest.param("sha256=é\ud800", id="no-ascii"),
    ],
)
def test_a_body_without_the_right_signature_is_refused(signature: str | None) -> None:
    with pytest.raises(WebhookRefusedError) as refused:
        make_sender().verify_webhook(call(b"{}", signature))

    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("unset", [None, ""], ids=["absent", "empty"])
@pytest.mark.parametrize(
    ("setting", "request_"),
    [
        pytest.param("appSecret", call(b"{}", signature_of(b"{}", secret="")), id="app-secret"),
        pytest.param("verifyToken", handshake(verify_token=""), id="verify-token"),
    ],
)
def test_without_the_secret_every_call_is_refused_with_advice(
    setting: str, request_: WebhookRequest, unset: str | None
) -> None:
    with pytest.raises(WebhookRefusedError, match=f"no {setting} is set: set it to"):
        make_sender(**{setting: unset}).verify_webhook(request_)


# --- receipts


@pytest.mark.parametrize(
    ("word", "kind"), [("sent", "sent"), ("delivered", "delivered"), ("read", "read"), ("played", "read")]
)
def test_a_status_is_a_receipt_with_both_ids(word: str, kind: Any) -> None:
    found = read(callback(change(statuses=[status(word)])))

    assert found == [Receipt(kind, 1698266945.0, message_id="job-1", provider_id="wamid.1")]


def test_a_status_without_our_id_has_metas_id() -> None:
    found = read(callback(change(statuses=[without(status(), "biz_opaque_callback_data")])))

    assert found == [Receipt("delivered", 1698266945.0, provider_id="wamid.1")]


@pytest.mark.parametrize(
    ("errors", "expected", "reason", "opt_out"),
    [
        pytest.param([{"code": 131026, "title": "Undeliverable"}], Rejected, "131026", False, id="undeliverable"),
        pytest.param([{"code": 131049}], Rejected, "131049", False, id="healthy-ecosystem"),
        pytest.param([{"code": 131050}], Rejected, "131050", True, id="opted-out"),
        pytest.param([{"code": 131053}], Rejected, "131053", False, id="media"),
        pytest.param([{"code": 131042}], ConnectionDown, "131042", False, id="payment"),
        pytest.param([{"code": 131000}, {"code": 131026}], Temporary, "131000", False, id="the-first-counts"),
        pytest.param([{"title": "?"}, 7, {"code": 131026}], Rejected, "131026", False, id="the-first-with-a-code"),
        pytest.param([], Rejected, "failed", False, id="no-reason"),
        pytest.param(None, Rejected, "failed", False, id="no-list"),
    ],
)
def test_a_failed_receipt_has_its_reason(errors: object, expected: type[SendError], reason: str, opt_out: bool) -> None:  # noqa: FBT001 - a table's column
    [found] = read(callback(change(statuses=[status("failed", errors=errors)])))

    assert isinstance(found, Receipt)
    assert (found.kind, found.message_id) == ("failed", "job-1")
    assert type(found.error) is expected
    assert found.error.reason == reason
    assert getattr(found.error, "opt_out", False) is opt_out


def test_the_detail_of_a_failed_receipt_holds_no_number() -> None:
    error = {"code": 131026, "error_data": {"details": "628123456789 cannot be reached"}}

    [found] = read(callback(change(statuses=[status("failed", errors=[error])])))

    assert isinstance(found, Receipt)
    assert found.error is not None
    assert found.error.detail == "… cannot be reached"


def test_every_status_of_every_change_of_every_entry_is_read() -> None:
    def statuses_of(*names: str) -> dict[str, Any]:
        return change(statuses=[status(biz_opaque_callback_data=name) for name in names])

    document = callback(statuses_of("job-1", "job-2"), statuses_of("job-3"))
    document["entry"].append({"id": "1030", "changes": [statuses_of("job-4")]})

    assert [event.message_id for event in read(document) if isinstance(event, Receipt)] == [
        "job-1",
        "job-2",
        "job-3",
        "job-4",
    ]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(status("warning"), id="unknown-status"),
        pytest.param(status(["read"]), id="status-is-a-list"),  # type: ignore[arg-type]  # this case tests the type
        pytest.param(without(status(), "timestamp"), id="no-time"),
        pytest.param(status(timestamp="soon"), id="a-time-in-words"),
        pytest.param(status(timestamp="9" * 400), id="a-time-out-of-range"),
        pytest.param(status(timestamp=True), id="a-time-that-is-a-boolean"),
        pytest.param(status(id=None, biz_opaque_callback_data=7), id="no-id"),
        pytest.param(status(recipient_type="group", recipient_id="Y2FwaV9ncm91cA"), id="of-a-group"),
        pytest.param("read", id="a-text"),
    ],
)
def test_an_invalid_status_yields_nothing_and_loses_no_other(other: Any) -> None:
    found = read(callback(change(statuses=[status("sent"), other, status("read")])))

    assert [event.kind for event in found if isinstance(event, Receipt)] == ["sent", "read"]


def test_a_time_may_come_as_a_number() -> None:
    [found] = read(callback(change(statuses=[status(timestamp=1698266945)])))

    assert isinstance(found, Receipt)
    assert found.at == 1698266945.0


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(change(number_id="999", statuses=[status()], messages=[message()]), id="another-number"),
        pytest.param({"field": "messages", "value": {"statuses": [status()]}}, id="no-number"),
        pytest.param(change("smb_message_echoes", message_echoes=[message()]), id="our-own-echo"),
        pytest.param(change("message_template_status_update", event="PAUSED"), id="template-status"),
        pytest.param(change("group_lifecycle_update", groups=[{}]), id="groups"),
        pytest.param({"field": ["messages"], "value": []}, id="invalid-change"),
    ],
)
def test_events_of_another_number_yield_nothing(other: dict[str, Any]) -> None:
    found = read(callback(other, change(statuses=[status()])))

    assert len(found) == 1


# --- messages from people


@pytest.mark.parametrize(
    ("item", "text", "payload"),
    [
        pytest.param(message("text", {"body": "Berhenti"}), "Berhenti", None, id="text"),
        pytest.param(message("button", {"payload": "STOP", "text": "Stop"}), "Stop", "STOP", id="button"),
        pytest.param(
            message("interactive", {"type": "button_reply", "button_reply": {"id": "no", "title": "Tidak"}}),
            "Tidak",
            "no",
            id="button-reply",
        ),
        pytest.param(
            message("interactive", {"type": "list_reply", "list_reply": {"id": "x", "title": "Ekspres"}}),
            "Ekspres",
            "x",
            id="list-reply",
        ),
        pytest.param(message("image", {"id": "1", "caption": "Bukti"}), "Bukti", None, id="caption"),
        pytest.param(message("document", {"id": "1", "filename": "a.pdf"}), "", None, id="document"),
        pytest.param(message("audio", {"id": "1", "voice": True}), "", None, id="voice"),
    ],
)
def test_a_message_from_a_person_is_inbound(item: dict[str, Any], text: str, payload: str | None) -> None:
    found = read(callback(change(messages=[item])))

    assert found == [Inbound("+628123456789", text, 1749416383.0, provider_id="wamid.in", payload=payload)]


def test_a_reply_has_the_id_of_the_message_that_it_answers() -> None:
    [found] = read(callback(change(messages=[message(context={"from": "15550783881", "id": "wamid.out"})])))

    assert isinstance(found, Inbound)
    assert found.reply_to == "wamid.out"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(message("reaction", {"message_id": "wamid.out", "emoji": "👍"}), id="reaction"),
        pytest.param(message("system", {"type": "user_changed_number", "wa_id": "1"}), id="system"),
        pytest.param(message("unsupported", {}, errors=[{"code": 131051}]), id="unsupported"),
        pytest.param(message("interactive", {"type": "nfm_reply", "nfm_reply": {}}), id="a-form"),
        pytest.param(message(group_id="Y2FwaV9ncm91cA"), id="in-a-group"),
        pytest.param(message(sender=628123456789), id="a-number-as-an-integer"),
        pytest.param(without(message(), "from"), id="no-sender"),
        pytest.param(without(message(), "timestamp"), id="no-time"),
    ],
)
def test_a_message_without_text_or_number_yields_nothing(other: dict[str, Any]) -> None:
    found = read(callback(change(messages=[message(), other, message()])))

    assert len(found) == 2


def test_the_number_may_be_in_the_contacts() -> None:
    hidden = without(message(user_id="US.134912"), "from")

    [found] = read(callback(change(contacts=[{"wa_id": "628123456789"}], messages=[hidden])))

    assert isinstance(found, Inbound)
    assert found.number == "+628123456789"


@pytest.mark.parametrize(
    "hidden",
    [
        pytest.param(without(message(from_user_id="ID.777"), "from"), id="in-the-message"),
        pytest.param(without(message(), "from"), id="in-the-contacts"),
        pytest.param(message(sender="ID.777"), id="in-place-of-the-number"),
    ],
)
def test_a_person_who_hides_the_number_is_known_by_the_user_id(hidden: dict[str, Any]) -> None:
    [found] = read(callback(change(contacts=[{"user_id": "ID.777"}], messages=[hidden])))

    assert isinstance(found, Inbound)
    assert (found.number, found.wa_id) == ("", "ID.777")


def test_a_user_id_beside_the_number_is_kept() -> None:
    contact = {"wa_id": "628123456789", "user_id": "ID.777"}

    [found] = read(callback(change(contacts=[contact], messages=[message()])))

    assert isinstance(found, Inbound)
    assert (found.number, found.wa_id) == ("+628123456789", "ID.777")


def test_the_contact_of_another_person_is_not_taken() -> None:
    contact = {"wa_id": "628111111111", "user_id": "ID.1"}

    [found] = read(callback(change(contacts=[contact], messages=[message(from_user_id="ID.777")])))

    assert isinstance(found, Inbound)
    assert (found.number, found.wa_id) == ("+628123456789", "ID.777")


def test_a_status_says_whose_a_user_id_is() -> None:
    [found] = read(callback(change(statuses=[status(recipient_user_id="ID.777")])))

    assert isinstance(found, Receipt)
    assert (found.number, found.wa_ids) == ("+628123456789", ("ID.777",))


@pytest.mark.parametrize(
    ("wa_id", "number"),
    [
        pytest.param("551187650001", "+5511987650001", id="brazil"),
        pytest.param("5215512340001", "+525512340001", id="mexico"),
    ],
)
def test_an_id_in_an_old_form_gives_the_number_that_is_stored(wa_id: str, number: str) -> None:
    [written, preferred] = read(callback(change(messages=[message(sender=wa_id)]), preference("stop", wa_id=wa_id)))

    assert isinstance(written, Inbound)
    assert isinstance(preferred, Inbound)
    assert (written.number, preferred.number) == (number, number)


def test_a_preference_of_a_person_who_hides_the_number_carries_the_user_id() -> None:
    [found] = read(callback(preference("stop", wa_id=None, user_id="ID.777")))

    assert found == Inbound("", "", 1731705721.0, preference="stop", wa_id="ID.777")


def test_a_text_holds_only_characters_that_a_database_accepts() -> None:
    [found] = read(callback(change(messages=[message("text", {"body": "ha\0lo \ud83d!"})])))

    assert isinstance(found, Inbound)
    assert found.text == "halo !"


def preference(value: object, **fields: Any) -> dict[str, Any]:
    usual = {"wa_id": "628123456789", "category": "marketing_messages", "value": value, "timestamp": 1731705721}
    return change("user_preferences", user_preferences=[{**usual, "detail": "User requested", **fields}])


@pytest.mark.parametrize("choice", ["stop", "resume"])
def test_a_preference_is_inbound(choice: Any) -> None:
    assert read(callback(preference(choice))) == [Inbound("+628123456789", "", 1731705721.0, preference=choice)]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(preference("signup"), id="signup"),
        pytest.param(preference("stop", category="other"), id="another-category"),
        pytest.param(preference("stop", wa_id=None), id="no-number"),
        pytest.param(preference(["stop"]), id="a-list"),
    ],
)
def test_another_preference_yields_nothing(other: dict[str, Any]) -> None:
    assert read(callback(other)) == []


# --- account events


def account(event: str, **value: Any) -> dict[str, Any]:
    return {"field": "account_update", "value": {"event": event, **value}}


def restricted(*kinds: str) -> dict[str, Any]:
    return account("ACCOUNT_RESTRICTION", restriction_info=[{"restriction_type": kind} for kind in kinds])


def quality(event: str) -> dict[str, Any]:
    value = {"display_phone_number": "15550783881", "event": event, "current_limit": "TIER_2K"}
    return {"field": "phone_number_quality_update", "value": value}


@pytest.mark.parametrize(
    ("event", "state", "reason"),
    [
        pytest.param(
            account("DISABLED_UPDATE", ban_info={"waba_ban_state": "DISABLE"}), "down", "account_disable", id="disabled"
        ),
        pytest.param(
            account("DISABLED_UPDATE", ban_info={"waba_ban_state": "SCHEDULE_FOR_DISABLE"}),
            "down",
            "account_schedule_for_disable",
            id="soon-disabled",
        ),
        pytest.param(
            account("DISABLED_UPDATE", ban_info={"waba_ban_state": "REINSTATE"}),
            "up",
            "account_reinstate",
            id="reinstated",
        ),
        pytest.param(account("ACCOUNT_DELETED"), "down", "account_deleted", id="deleted"),
        pytest.param(account("ACCOUNT_OFFBOARDED"), "down", "account_offboarded", id="offboarded"),
        pytest.param(account("ACCOUNT_RECONNECTED"), "up", "account_reconnected", id="reconnected"),
        pytest.param(
            restricted("RESTRICTED_ADD_PHONE_NUMBER_ACTION", "RESTRICTED_BIZ_INITIATED_MESSAGING"),
            "down",
            "account_restricted",
            id="no-messages",
        ),
        pytest.param(account("ACCOUNT_RESTRICTION"), "down", "account_restricted", id="restricted-without-a-type"),
        pytest.param(quality("RESTRICTED"), "down", "quality_restricted", id="restricted"),
    ],
)
def test_account_events_change_the_state_of_the_connection(event: dict[str, Any], state: Any, reason: str) -> None:
    assert read(callback(event)) == [ConnectionEvent(state, f"{reason}: {CANNOT_SEND}" if state == "down" else reason)]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(quality("THROUGHPUT_UPGRADE"), id="throughput"),
        pytest.param(quality("FLAGGED"), id="flagged-still-sends"),
        pytest.param(quality("UNFLAGGED"), id="unflagged"),
        pytest.param(quality(["FLAGGED"]), id="quality-is-a-list"),  # type: ignore[arg-type]  # this case tests the type
        pytest.param(restricted("RESTRICTED_ADD_PHONE_NUMBER_ACTION"), id="no-new-numbers"),
        pytest.param(account("PARTNER_ADDED"), id="partner"),
        pytest.param(account("DISABLED_UPDATE"), id="no-ban-state"),
        pytest.param(account("ACCOUNT_VIOLATION", violation_info={"violation_type": "ADULT"}), id="a-warning"),
    ],
)
def test_other_account_events_yield_nothing(event: dict[str, Any]) -> None:
    assert read(callback(event)) == []


# --- two numbers of one app: Meta calls one address for both

OTHER_ID = "106540352249999"


@pytest.mark.parametrize(
    ("change_", "concerns"),
    [
        pytest.param(change(number_id=OTHER_ID, statuses=[status()]), True, id="statuses"),
        pytest.param(change(number_id=OTHER_ID, messages=[message()]), True, id="messages"),
        pytest.param(change("user_preferences", number_id=OTHER_ID, user_preferences=[]), True, id="preferences"),
        pytest.param(account("ACCOUNT_DELETED"), True, id="news-of-the-account"),
        pytest.param(change(statuses=[status()]), False, id="of-the-called-number"),
        pytest.param(quality("RESTRICTED"), False, id="quality-of-a-number-that-is-not-known-as-this-one"),
    ],
)
def test_a_call_to_another_address_concerns_the_number_that_it_names(
    *, change_: dict[str, Any], concerns: bool
) -> None:
    body = json.dumps(callback(change_)).encode()

    assert make_sender(phoneNumberId=OTHER_ID).concerned_by(call(body)) is concerns


def test_news_of_another_account_or_number_of_the_app_changes_nothing() -> None:
    sender = make_sender()
    sender.parse_webhook(call(json.dumps(callback(change(statuses=[status()]))).encode()))
    other_account = {"entry": [{"id": "77", "changes": [account("ACCOUNT_DELETED")]}]}
    other_number = callback({**quality("RESTRICTED"), "value": {"display_phone_number": "1555", "event": "RESTRICTED"}})

    for document in (other_account, other_number):
        request = call(json.dumps(document).encode())
        assert (sender.parse_webhook(request), sender.concerned_by(request)) == ([], False)
    own = call(json.dumps(callback(account("ACCOUNT_DELETED"), quality("RESTRICTED"))).encode())
    assert (len(sender.parse_webhook(own)), sender.concerned_by(own)) == (2, True)


# --- any document

WORDS = st.sampled_from(
    ["entry", "changes", "field", "value", "messages", "statuses", "metadata", "contacts", "type", "text", "failed"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=8)
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=8
)
ITEMS = st.lists(LEAVES | st.dictionaries(st.sampled_from([*status(), *message()]), LEAVES, max_size=4), max_size=3)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first text that is drawn takes long
@given(DOCUMENTS)
def test_any_document_is_parsed(document: object) -> None:
    assert read(document) == []


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(["messages", "user_preferences", "account_update", "phone_number_quality_update"]),
    st.dictionaries(
        st.sampled_from(["statuses", "messages", "user_preferences", "contacts", "event", "ban_info"]), ITEMS | LEAVES
    ),
)
def test_any_change_is_parsed_and_loses_no_other(field: str, value: dict[str, Any]) -> None:
    found = read(callback(change(field, **value), change(statuses=[status()])))

    assert found[-1] == Receipt("delivered", 1698266945.0, message_id="job-1", provider_id="wamid.1")


@given(st.binary())
def test_any_bytes_are_parsed(body: bytes) -> None:
    assert make_sender().parse_webhook(call(body)) == []


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"entry": ' + b"9" * 5_000 + b"}"], ids=["deep", "a-huge-number"])
def test_a_body_that_cannot_be_parsed_yields_nothing(body: bytes) -> None:
    assert make_sender().parse_webhook(call(body)) == []


def test_metas_own_examples_are_parsed() -> None:
    if not META_SPECIFICATION.exists():
        pytest.skip("Meta's specification is not here")
    yaml = pytest.importorskip("yaml", reason="PyYAML reads Meta's specification")
    document = yaml.load(META_SPECIFICATION.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    operation = document["paths"]["/whatsapp/webhooks"]["post"]
    examples = operation["requestBody"]["content"]["application/json"]["examples"]

    texts_by_name = {
        name: [getattr(event, "text", None) for event in read(each["value"])] for name, each in examples.items()
    }

    assert {name: texts for name, texts in texts_by_name.items() if texts} == {
        "Text Message": ["Does it come in another color?"],
        "Text Message with Context (Product Inquiry)": ["Is this still available?"],
        "Text Message from Click to WhatsApp Ad": ["Hello! Can I get more info on this?"],
        "Image Message": ["Taj Mahal"],
        "Button Message": ["Unsubscribe"],
        "Interactive List Reply Message": ["Priority Mail Express"],
        "Interactive Button Reply Message": ["Cancel"],
    }
