import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.senders.garbage import QUICK
from wabroadcast_core import (
    Inbound,
    Receipt,
    Rejected,
    WebhookRefusedError,
    WebhookRequest,
)
from wabroadcast_core.testing import fake_sender_context
from wabroadcast_plugins.senders.http_api import HttpSender, HttpSettings
from wabroadcast_plugins.senders.http_api.paths import DEEPEST, Path

NUMBER, DIGITS = "+6281234567801", "6281234567801"
AT = 1_758_000_000
SHORTEST: dict[str, Any] = {
    "baseUrl": "https://wa.example",
    "send": {"body": {"to": "{{ digits }}", "text": "{{ text }}"}},
}


def make_sender(**given_settings: Any) -> HttpSender:
    """Return a sender whose requests are refused."""
    return HttpSender(HttpSettings.model_validate({**SHORTEST, **given_settings}), fake_sender_context())


# webhooks: the proof


HOOK = "hook-secret"
STATUS = {"providerId": "id", "status": "status", "time": "at"}


def sender_with_proof(proof: Mapping[str, Any]) -> HttpSender:
    return make_sender(secrets={"hook": HOOK}, webhook={"proof": {"secret": "hook", **proof}, "receipts": STATUS})


def signed(algorithm: str, body: bytes, *, secret: str = HOOK) -> str:
    return hmac.new(secret.encode(), body, algorithm).hexdigest()


@pytest.mark.parametrize(
    ("proof", "query", "headers"),
    [
        pytest.param({"kind": "header", "header": "X-Key"}, {}, {"x-key": HOOK}, id="header"),
        pytest.param(
            {"kind": "header", "header": "Authorization", "prefix": "Bearer "},
            {},
            {"authorization": f"Bearer {HOOK}"},
            id="header-with-a-prefix",
        ),
        pytest.param({"kind": "query"}, {"token": HOOK}, {}, id="query"),
        pytest.param({"kind": "query", "parameter": "key"}, {"key": HOOK}, {}, id="other-parameter"),
        pytest.param({"kind": "hmac", "header": "X-Sign"}, {}, {"x-sign": signed("sha256", b"{}")}, id="sha256"),
        pytest.param(
            {"kind": "hmac", "header": "X-Sign", "prefix": "sha512=", "algorithm": "sha512"},
            {},
            {"x-sign": f"sha512={signed('sha512', b'{}').upper()}"},
            id="sha512-in-capitals",
        ),
    ],
)
def test_a_call_with_its_proof_is_accepted(
    proof: Mapping[str, Any], query: Mapping[str, str], headers: Mapping[str, str]
) -> None:
    sender_with_proof(proof).verify_webhook(WebhookRequest("POST", query, headers, b"{}"))


@pytest.mark.parametrize(
    ("proof", "query", "headers"),
    [
        pytest.param({"kind": "header", "header": "X-Key"}, {}, {"x-key": "wrong"}, id="header"),
        pytest.param({"kind": "header", "header": "X-Key"}, {"token": HOOK}, {}, id="no-header"),
        pytest.param({"kind": "header", "header": "X-Key", "prefix": "Bearer "}, {}, {"x-key": HOOK}, id="no-prefix"),
        pytest.param({"kind": "query"}, {"token": HOOK[:-1]}, {}, id="query"),
        pytest.param({"kind": "query"}, {}, {"token": HOOK}, id="no-query"),
        pytest.param({"kind": "hmac", "header": "X-Sign"}, {}, {"x-sign": signed("sha256", b"{} ")}, id="another-body"),
        pytest.param(
            {"kind": "hmac", "header": "X-Sign"}, {}, {"x-sign": signed("sha256", b"{}", secret="x")}, id="another-key"
        ),
        pytest.param({"kind": "hmac", "header": "X-Sign"}, {}, {"x-sign": HOOK}, id="the-key-itself"),
        pytest.param({"kind": "hmac", "header": "X-Sign"}, {}, {}, id="no-signature"),
        pytest.param({"kind": "hmac", "header": "X-Sign"}, {}, {"x-sign": "ü"}, id="not-ascii"),
    ],
)
def test_a_call_without_its_proof_is_refused(
    proof: Mapping[str, Any], query: Mapping[str, str], headers: Mapping[str, str]
) -> None:
    with pytest.raises(WebhookRefusedError) as caught:
        sender_with_proof(proof).verify_webhook(WebhookRequest("POST", query, headers, b"{}"))

    assert HOOK not in str(caught.value)


def test_without_webhook_settings_every_call_is_refused() -> None:
    with pytest.raises(WebhookRefusedError, match="webhook is not set"):
        make_sender().verify_webhook(WebhookRequest("POST", {}, {}, b"{}"))
    assert make_sender().parse_webhook(WebhookRequest("POST", {}, {}, b"{}")) == []


# webhooks: the events


def parse(document: Any, **mapping: Any) -> list[Receipt | Inbound]:
    webhook = {"proof": {"kind": "query", "secret": "hook"}, **mapping}
    request = WebhookRequest("POST", {}, {}, json.dumps(document).encode())
    return make_sender(secrets={"hook": HOOK}, webhook=webhook).parse_webhook(request)


@pytest.mark.parametrize("word", ["sent", "delivered", "read", "READ"])
def test_the_usual_statuses_are_receipts(word: str) -> None:
    assert parse({"id": "m1", "status": word, "at": AT}, receipts=STATUS) == [
        Receipt(word.lower(), AT, provider_id="m1")  # type: ignore[arg-type]  # one of the kinds
    ]


def test_a_failed_receipt_has_its_reason_without_a_number() -> None:
    (receipt,) = parse(
        {"ref": "job-1", "status": "ERR", "why": f"{DIGITS} is not on WhatsApp"},
        receipts={"messageId": "ref", "status": "status", "statuses": {"err": "failed"}, "reason": "why"},
    )

    assert isinstance(receipt, Receipt)
    assert (receipt.kind, receipt.message_id, receipt.provider_id) == ("failed", "job-1", None)
    assert isinstance(receipt.error, Rejected)
    assert receipt.error.detail == "… is not on WhatsApp"


@pytest.mark.parametrize(
    "event", [{"id": "m1", "status": "queued"}, {"status": "sent"}, {"id": "m1"}, {"id": {}, "status": "sent"}]
)
def test_unknown_statuses_and_missing_ids_are_no_receipts(event: Any) -> None:
    assert parse(event, receipts=STATUS) == []


def test_events_are_found_in_lists_within_lists() -> None:
    def change(*ids: str) -> dict[str, Any]:
        return {"value": {"statuses": [{"id": id_, "status": "sent", "at": AT} for id_ in ids]}}

    document = {"entry": [{"changes": [change("a"), {"value": {}}]}, {}, {"changes": [change("b", "c")]}]}

    receipts = parse(document, receipts={**STATUS, "events": "entry.*.changes.*.value.statuses.*"})

    assert [receipt.provider_id for receipt in receipts] == ["a", "b", "c"]


def test_receipts_and_messages_may_come_in_one_list() -> None:
    events = [
        {"event": "ack", "id": "m1", "status": "read", "at": "2025-09-16T05:20:00Z"},
        {
            "event": "message",
            "id": "m2",
            "from": f"{DIGITS}@s.whatsapp.net",
            "text": "ya",
            "to": {"id": "m1"},
            "at": AT,
        },
        {"event": "message", "id": "m3", "from": DIGITS, "text": "mine", "fromMe": True},
        {"event": "message", "id": "m4", "from": "120363041234567890@g.us", "text": "group"},
    ]

    assert parse(
        events,
        receipts={**STATUS, "when": [{"path": "event", "equals": "ack"}]},
        inbound={
            "when": [{"path": "event", "contains": "mess"}],
            "unless": [{"path": "fromMe", "equals": True}],
            "number": "from",
            "text": "text",
            "providerId": "id",
            "replyTo": "to.id",
            "time": "at",
        },
    ) == [
        Receipt("read", AT, provider_id="m1"),
        Inbound(NUMBER, "ya", AT, provider_id="m2", reply_to="m1"),
    ]


def test_a_call_may_be_a_form() -> None:
    webhook = {"proof": {"kind": "query", "secret": "hook"}, "receipts": STATUS}
    sender = make_sender(secrets={"hook": HOOK}, webhook=webhook)

    receipts = sender.parse_webhook(
        WebhookRequest("POST", {}, {}, b"id=m1", {"id": "m1", "status": "sent", "at": str(AT)})
    )

    assert receipts == [Receipt("sent", AT, provider_id="m1")]


def test_an_invalid_event_does_not_lose_the_others() -> None:
    good = {"id": "m1", "status": "sent", "at": AT}

    assert parse([good, 7, None, [good], {"id": [], "status": {}}, good], receipts=STATUS) == parse(
        [good] * 2, receipts=STATUS
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["entry", "id", "status", "from", "text", "at", "why"]),
            inner | st.sampled_from(["sent", "failed", DIGITS]),
            max_size=6,
        )
    ),
    max_leaves=12,
)
SENDER = make_sender(
    secrets={"hook": HOOK},
    webhook={
        "proof": {"kind": "query", "secret": "hook"},
        "receipts": {**STATUS, "events": "entry.*", "reason": "why", "unless": [{"path": "id.0", "contains": "x"}]},
        "inbound": {"events": "entry", "number": "from", "text": "text", "time": "at"},
    },
)


@QUICK
@given(document=JSON)
def test_parsing_never_raises_for_any_document(document: Any) -> None:
    for body in (document, {"entry": document}):
        request = WebhookRequest("POST", {}, {}, json.dumps(body).encode())
        assert isinstance(SENDER.parse_webhook(request), list)


@QUICK
@given(body=st.binary(max_size=64))
def test_parsing_never_raises_for_any_bytes(body: bytes) -> None:
    assert SENDER.parse_webhook(WebhookRequest("POST", {}, {}, body)) == []


@QUICK
@given(
    leaf=JSON.filter(lambda value: value is not None),
    steps=st.lists(st.integers(0, 2) | st.sampled_from("abc"), max_size=DEEPEST - 1),
)
def test_a_path_finds_its_value(leaf: Any, steps: list[int | str]) -> None:
    document = leaf
    for step in reversed(steps):
        document = {step: document} if isinstance(step, str) else [None] * step + [document]

    path = Path.parse(".".join(map(str, ["top", *steps])))

    assert path.find({"top": document}) is leaf
    assert path.find({"else": document}) is None
