import hmac
import json
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
from plain_gateway import PlainGatewaySender, PlainGatewaySettings

from wabroadcast_core import Inbound, Receipt, Rejected, WebhookRefusedError, WebhookRequest
from wabroadcast_core.testing import SAMPLE_NUMBERS, fake_sender_context
from wabroadcast_core.testing.http_contract import HttpSenderContract

SECRET = "not-a-real-one"
EVENTS = [
    {"type": "delivered", "id": "1", "at": 1_758_000_000},
    {"type": "failed", "id": "2", "at": 1_758_000_001, "code": "blocked"},
    {"type": "message", "id": "3", "at": 1_758_000_002, "from": SAMPLE_NUMBERS[0], "text": "stop"},
    {"type": "typing", "id": "4", "at": 1_758_000_003},
]


def call(signature: str | None = None) -> WebhookRequest:
    """Return a call of the gateway, signed with the secret or as given."""
    body = json.dumps({"events": EVENTS}).encode()
    right = hmac.digest(SECRET.encode(), body, "sha256").hex()
    return WebhookRequest("POST", {}, {"x-signature": right if signature is None else signature}, body)


def make_sender(secret: str = SECRET) -> PlainGatewaySender:
    return PlainGatewaySender(PlainGatewaySettings(token="t", webhook_secret=secret), fake_sender_context())


class TestPlainGatewaySender(HttpSenderContract):
    sender_class = PlainGatewaySender
    settings: ClassVar[dict[str, Any]] = {"token": "not-a-real-one", "webhookSecret": SECRET}
    accepted: ClassVar[Any] = {"id": "1"}

    def webhook_calls(self) -> Sequence[WebhookRequest]:
        return [call()]


def test_a_signed_call_is_taken_and_parsed() -> None:
    sender = make_sender()
    sender.verify_webhook(call())

    delivered, failed, written = sender.parse_webhook(call())

    assert delivered == Receipt("delivered", 1_758_000_000, provider_id="1")
    assert isinstance(failed, Receipt)
    assert isinstance(failed.error, Rejected)
    assert written == Inbound(SAMPLE_NUMBERS[0], "stop", 1_758_000_002, provider_id="3")


@pytest.mark.parametrize(("secret", "signature"), [(SECRET, "00"), (SECRET, "é"), ("another", None), ("", None)])
def test_a_call_without_the_signature_is_refused(secret: str, signature: str | None) -> None:
    with pytest.raises(WebhookRefusedError, match="webhookSecret"):
        make_sender(secret).verify_webhook(call(signature))
