"""Wablas, an Indonesian gateway service. It is unofficial: WhatsApp may ban the account.

Hooks: wab_senders. Settings: baseUrl, token, secretKey, timeoutSeconds, webhookToken.

API version: 2. Sources: its documentation (wablas.com/documentation/api), read in 2026, and, for the receipts, the
documentation of a service with the same API (manual.test.co.id).

Special behaviour:

- Only the body of an answer shows the result: a refusal may have any HTTP status.
- It fetches media from addresses. A file that was uploaded to us goes to the file store of Wablas first; its address
  there is cached for some hours.
- Its number check is reported to be gone, so this sender offers none.
- One address serves both its webhooks: enter ``/webhooks/{connection}?token=…`` as webhook and as tracking URL. "Get
  auto reply from webhook" must stay off, because Wablas would send our HTTP answer to people.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

from pydantic import BaseModel, Field, SecretStr

from wabroadcast_core import (
    Accepted,
    BadMessage,
    Capabilities,
    ConnectionDown,
    ConnectionEvent,
    Inbound,
    OutcomeUnknown,
    OutgoingMessage,
    Receipt,
    Rejected,
    Reply,
    Sender,
    SenderContext,
    Temporary,
    Throttled,
    WebhookRequest,
    hookimpl,
)
from wabroadcast_plugins.senders.reasons import reasons_of
from wabroadcast_plugins.senders.sentences import say
from wabroadcast_plugins.senders.shared.gateway import GatewaySettings, ask_gateway
from wabroadcast_plugins.senders.shared.jids import person_in
from wabroadcast_plugins.senders.shared.lenient_json import as_text, document_in, objects_in, time_of
from wabroadcast_plugins.senders.shared.media import MEGABYTE, check_message, load_file
from wabroadcast_plugins.senders.shared.refusals import TextRule, refusal_by_text, safe_detail, status_error
from wabroadcast_plugins.senders.shared.setting_types import Address, RequiredSecret
from wabroadcast_plugins.senders.shared.signatures import require_token

LARGEST_FILE: Final = 2 * MEGABYTE  # bytes
STORED_SECONDS: Final = 6 * 3_600  # for which a file's address at Wablas is used again

_MEDIA: Final = ("image", "document", "audio", "video")

_REFUSALS: Final[Sequence[TextRule]] = (
    (re.compile(r"token|secret.?key|unauthori[sz]ed"), ConnectionDown, "wablas_token"),
    (re.compile(r"disconnect|not connected|scan"), ConnectionDown, "disconnected"),
    (re.compile(r"quota"), ConnectionDown, "wablas_quota"),
    (re.compile(r"expired|whitelist"), ConnectionDown, "wablas_closed"),
    (re.compile(r"\brate\b|too (many|fast)|slow down|please wait"), Throttled, "wablas_throttled"),
    (re.compile(r"phone|number"), Rejected, "wablas_number"),
    (re.compile(r"\burl\b|file|extension|mime|\bsize\b"), BadMessage, "wablas_file"),
)
_RECEIPTS: Final[Mapping[str, Literal["sent", "delivered", "read"]]] = {
    "sent": "sent",
    "received": "delivered",
    "read": "read",
}
_FAILURES: Final = frozenset({"cancel", "reject"})


class WablasSettings(GatewaySettings):
    """The settings of a Wablas connection."""

    base_url: Address = Field(description="Address of the account's server: https://{server}.wablas.com")
    token: RequiredSecret = Field(description="The token from the device's settings at Wablas.")
    secret_key: SecretStr | None = Field(None, description="The secret key from the same settings, if there is one.")
    webhook_token: SecretStr | None = Field(
        None, description="A secret of your choice: the webhook and tracking URL at Wablas must end in ?token= and it."
    )


class WablasSender:
    """The sender for Wablas."""

    kind: ClassVar[str] = "wablas"
    reasons = reasons_of("wablas", name="Wablas")
    Settings: ClassVar[type[BaseModel]] = WablasSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        types=frozenset({"text", *_MEDIA}),
        media_bytes=dict.fromkeys(_MEDIA, LARGEST_FILE),
        media_types={
            "image": frozenset({"image/jpeg", "image/png"}),
            "audio": frozenset({"audio/mpeg", "audio/ogg"}),
            "video": frozenset({"video/mp4", "video/mpeg"}),
        },
        ban_risk=True,
    )

    def __init__(self, settings: WablasSettings, context: SenderContext) -> None:
        self._settings = settings
        self._context = context
        self._upload_lock = asyncio.Lock()

    @classmethod
    def account_of(cls, settings: WablasSettings) -> str:
        return settings.account_at(settings.token.get_secret_value())

    async def send(self, message: OutgoingMessage) -> Accepted:
        item: dict[str, Any] = {"phone": message.number.lstrip("+")}
        if "media" in message.content:
            item |= await self._media_fields(message)
            call = f"send-{message.type}"
        else:
            item["message"] = message.text or ""
            call = "send-message"
        return _accepted(await self._request("POST", f"v2/{call}", json={"data": [item]}))

    async def check_connection(self) -> ConnectionEvent:
        token = self._settings.token.get_secret_value()  # this call needs it as a parameter, without the secret key
        answer = _success_body(await self._request("GET", "device/info", params={"token": token}))
        device = next(iter(objects_in(answer.get("data"))), {})
        state = as_text(device.get("status")).lower()
        if state == "connected":
            return ConnectionEvent("up")
        state = safe_detail(state) or "unknown"
        return ConnectionEvent("down", say("state_of_device", name="Wablas", state=state))

    def verify_webhook(self, request: WebhookRequest) -> None:
        require_token(request, self._settings.webhook_token)

    def parse_webhook(self, request: WebhookRequest) -> list[Receipt | Inbound]:
        return [event for entry in objects_in(document_in(request)) for event in _read_entry(entry)]

    async def _media_fields(self, message: OutgoingMessage) -> dict[str, str]:
        check_message(message, kind=self.kind, capabilities=self.capabilities)
        filename = message.content.get("filename")
        fields = {message.type: message.content["media"].get("url") or await self._stored_url(message)}
        match message.type:
            case "video":
                fields["caption"] = message.text or ""  # Wablas requires the field
            case "document" if message.text or filename:
                fields["caption"] = message.text or filename
            case "image" if message.text:
                fields["caption"] = message.text
        return fields

    async def _stored_url(self, message: OutgoingMessage) -> str:
        """Return the address at Wablas of a file that was uploaded to us. The first message stores it, others reuse it.

        :raises SendError: the file could not be stored, and nothing was sent.
        """
        file = await load_file(self._context, message, kind=self.kind, capabilities=self.capabilities)
        key = f"{message.type}:{file.key}"
        async with self._upload_lock:
            if known := await self._context.cache.get(key):
                return known
            url = await self._upload(message.type, (file.filename, file.content, file.content_type))
            await self._context.cache.put(key, url, seconds=STORED_SECONDS)
        return url

    async def _upload(self, kind: str, part: tuple[str, bytes, str]) -> str:
        try:
            answer = _success_body(await self._request("POST", f"upload/{kind}", files={"file": part}))
        except OutcomeUnknown as error:  # only the outcome of the upload is unknown: no message was sent
            raise Temporary("wablas_upload", error.detail) from error
        except Rejected as error:  # Wablas refused the file, not the recipient
            raise BadMessage("wablas_file", error.detail) from error
        for item in (*objects_in(answer.get("data")), *_messages(answer)):
            if (url := as_text(item.get("url"))).startswith("http"):
                return url
        raise Temporary("wablas_upload", say("wablas_no_address"))

    async def _request(self, method: str, call: str, **request: Any) -> Reply:
        settings = self._settings
        token = settings.token.get_secret_value()
        if settings.secret_key is not None and settings.secret_key.get_secret_value():
            token = f"{token}.{settings.secret_key.get_secret_value()}"
        headers = {"Authorization": token}
        return await ask_gateway(self._context.http, settings, method, f"api/{call}", headers=headers, **request)


@hookimpl
def wab_senders() -> list[type[Sender]]:
    return [WablasSender]


def _accepted(reply: Reply) -> Accepted:
    """Read the only message of an answer. Wablas may refuse the message inside an answer of success.

    :raises SendError: the message was refused, or the answer names no message.
    """
    for item in _messages(_success_body(reply)):
        if item.get("status") is False:
            raise refusal_by_text(reply, as_text(item.get("message")), _REFUSALS, kind="wablas")
        if message_id := as_text(item.get("id")):
            return Accepted(provider_id=message_id)
    raise OutcomeUnknown("wablas_no_id", say("no_message_id", detail=reply.summary))


def _success_body(reply: Reply) -> Mapping[str, Any]:
    """Return the body of a success.

    :raises SendError: the answer is a refusal, or not from Wablas.
    """
    answer = reply.document if isinstance(reply.document, dict) else {}
    match answer.get("status"):
        case True:
            return answer
        case False:
            raise refusal_by_text(reply, as_text(answer.get("message")), _REFUSALS, kind="wablas")
    if reply.is_success:
        raise OutcomeUnknown("wablas_bad_answer", say("answer_of_another_form", name="Wablas", detail=reply.summary))
    raise status_error(reply)


def _messages(answer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the report on each message: Wablas writes one object or a list, under either of two names."""
    for part in objects_in(answer.get("data")):
        for name in ("messages", "message"):
            yield from objects_in(part.get(name))


def _read_entry(entry: Mapping[str, Any]) -> Iterator[Receipt | Inbound]:
    if "status" in entry:
        yield from _read_receipt(entry)
    else:
        yield from _read_inbound(entry)


def _read_receipt(entry: Mapping[str, Any]) -> Iterator[Receipt]:
    message_id, word = as_text(entry.get("id")), as_text(entry.get("status")).lower()
    if not message_id:
        return
    at = time_of(entry.get("timestamp"))
    if word in _RECEIPTS:
        yield Receipt(_RECEIPTS[word], at, provider_id=message_id)
    elif word in _FAILURES:
        note = safe_detail(as_text(entry.get("note")))
        error = Rejected(f"wablas_{word}", note or say("wablas_status", word=word))
        yield Receipt("failed", at, provider_id=message_id, error=error)


def _read_inbound(entry: Mapping[str, Any]) -> Iterator[Inbound]:
    """Read a message from a person. Messages from a group or from the connected phone itself are skipped."""
    person = person_in(entry.get("phone"))
    if person is None or _is_true(entry.get("isGroup")) or _is_true(entry.get("isFromMe")):
        return
    yield Inbound(
        person[0],
        as_text(entry.get("message")),
        time_of(entry.get("timestamp")),
        provider_id=as_text(entry.get("id")) or None,
        wa_id=person[1],
    )


def _is_true(value: Any) -> bool:
    return value is True or as_text(value).lower() in {"true", "1"}
