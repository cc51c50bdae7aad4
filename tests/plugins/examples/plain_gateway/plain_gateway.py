"""Messages through a gateway with a plain HTTP API, and its webhook: receipts, and what people write.

Hooks: wab_senders. Settings: baseUrl, token, webhookSecret, timeoutSeconds.

The gateway takes ``POST /messages`` with ``{"to", "text"}`` and returns ``{"id"}``. It calls our webhook with
``{"events": [{"type", "id", "at", …}]}``. The header ``X-Signature`` is the HMAC-SHA256 of the body, in hexadecimal
digits.
"""

import hmac
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, Field, SecretStr

from wabroadcast_core import (
    Accepted,
    Capabilities,
    ConnectionEvent,
    Inbound,
    Model,
    OutcomeUnknown,
    OutgoingMessage,
    Receipt,
    ReceiptKind,
    Rejected,
    Sender,
    SenderContext,
    WebAddress,
    WebhookRefusedError,
    WebhookRequest,
    error_of,
    hookimpl,
    send_request,
)

RECEIPTS: Mapping[str, ReceiptKind] = {"delivered": "delivered", "read": "read", "failed": "failed"}


class PlainGatewaySettings(Model):
    """What an operator gives for a connection."""

    base_url: WebAddress = Field("https://gateway.example", description="The address of the gateway.")
    token: SecretStr = Field(description="The token of the gateway's API.")
    webhook_secret: SecretStr = Field(SecretStr(""), description="The secret that signs the gateway's webhook calls.")
    timeout_seconds: float = Field(30, gt=0, le=300, description="Longest time of a request.")


class PlainGatewaySender:
    """The sender of one connection."""

    kind: ClassVar[str] = "plain-gateway"
    Settings: ClassVar[type[BaseModel]] = PlainGatewaySettings
    capabilities: ClassVar[Capabilities] = Capabilities(types=frozenset({"text"}))

    def __init__(self, settings: PlainGatewaySettings, context: SenderContext) -> None:
        self._settings = settings
        self._http = context.http

    async def send(self, message: OutgoingMessage) -> Accepted:
        reply = await send_request(
            self._http,
            "POST",
            f"{self._settings.base_url}/messages",
            json={"to": message.number, "text": message.text},
            headers={"Authorization": f"Bearer {self._settings.token.get_secret_value()}"},
            seconds=self._settings.timeout_seconds,
        )
        if not reply.is_success:
            raise error_of(reply)
        if not isinstance(reply.document, dict) or "id" not in reply.document:
            raise OutcomeUnknown("no_id", reply.summary)
        return Accepted(provider_id=str(reply.document["id"]))

    def verify_webhook(self, request: WebhookRequest) -> None:
        secret = self._settings.webhook_secret.get_secret_value()
        if not secret:
            raise WebhookRefusedError("no webhookSecret is set: set it to the secret of the gateway's webhook")
        expected = hmac.digest(secret.encode(), request.body, "sha256").hex()
        given = request.headers.get("x-signature", "")
        if not hmac.compare_digest(given.encode(errors="replace"), expected.encode()):
            raise WebhookRefusedError("X-Signature does not match the body: set webhookSecret to the gateway's secret")

    def parse_webhook(self, request: WebhookRequest) -> list[Receipt | Inbound | ConnectionEvent]:
        found = [_parse_event(event) for event in json.loads(request.body)["events"]]
        return [event for event in found if event is not None]


@hookimpl
def wab_senders() -> list[type[Sender]]:
    return [PlainGatewaySender]


def _parse_event(event: Mapping[str, Any]) -> Receipt | Inbound | None:
    """Return what an event reports; None for one of another type, which a newer gateway may send."""
    name, at = event["type"], float(event["at"])
    if name == "message":
        return Inbound(event["from"], event["text"], at, provider_id=event["id"])
    if name not in RECEIPTS:
        return None
    error = Rejected(str(event.get("code", "failed"))) if name == "failed" else None
    return Receipt(RECEIPTS[name], at, provider_id=event["id"], error=error)
