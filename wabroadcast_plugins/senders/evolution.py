"""Evolution API, a self-hosted gateway. It is unofficial: WhatsApp may ban the account.

Hooks: wab_senders. Settings: baseUrl, instance, apiKey, webhookToken, timeoutSeconds, typingMilliseconds, linkPreview.

API version: 2 (server 2.3.6). Sources: its OpenAPI specification (2.1.1) and, where the server differs, its source code
(EvolutionAPI/evolution-api on GitHub).

Special behaviour:

- It answers every internal fault with 400 or 500, so only the text shows whether a message may have left.
- It looks each number up before it sends.
- Its webhook carries the key of the instance, if the server is configured to expose it. It needs the events
  MESSAGES_UPSERT, MESSAGES_UPDATE and CONNECTION_UPDATE, all at one address (``byEvents`` off).
"""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final
from urllib.parse import quote

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
    SendError,
    Sentence,
    Temporary,
    WebhookRefusedError,
    WebhookRequest,
    hookimpl,
    kept_call,
    read_json,
)
from wabroadcast_plugins.senders.reasons import reasons_of
from wabroadcast_plugins.senders.sentences import say
from wabroadcast_plugins.senders.shared.gateway import GatewaySettings, ask_gateway
from wabroadcast_plugins.senders.shared.jids import is_for_many, is_one_person, known_as, lids_of, person_in
from wabroadcast_plugins.senders.shared.lenient_json import fields_of, objects_in, text_of, time_of, without_fields
from wabroadcast_plugins.senders.shared.media import WHATSAPP_BYTES, attach
from wabroadcast_plugins.senders.shared.refusals import (
    find_refusal,
    is_for_new_contacts,
    late_failure,
    safe_detail,
    status_error,
)
from wabroadcast_plugins.senders.shared.setting_types import RequiredSecret
from wabroadcast_plugins.senders.shared.signatures import require_token, same_text

SECONDS_BESIDE_TYPING: Final = 30.0  # minimum; the gateway answers only after the typing time and the send
RECONNECT_SECONDS: Final = 30.0

_CLOSED_TEXT: Final = "connection closed"
_NOT_LOADED: Final = re.compile(r"undefined \(reading '(textMessage|mediaMessage|audioWhatsapp|whatsappNumber)'\)")
_BAD_FILE_TEXTS: Final = ("owned media must be a url", "for base64 the file name must be informed")  # nothing was sent
_STATUSES: Final = ("ERROR", "PENDING", "SERVER_ACK", "DELIVERY_ACK", "READ", "PLAYED")  # by Baileys' numbers, from 0
_RECEIPTS: Final[Mapping[str, Any]] = {
    "ERROR": "failed",
    "PENDING": "sent",
    "SERVER_ACK": "sent",
    "DELIVERY_ACK": "delivered",
    "READ": "read",
    "PLAYED": "read",
}
_REASONS: Final[Mapping[str, str]] = {  # why an instance in this state cannot send, and what to do
    "connecting": say("evolution_connecting"),
    "close": say("evolution_close"),
}
_WRAPPERS: Final = ("ephemeralMessage", "viewOnceMessage", "viewOnceMessageV2", "documentWithCaptionMessage")
_MEDIA: Final = ("imageMessage", "videoMessage", "documentMessage", "audioMessage", "stickerMessage")


class EvolutionSettings(GatewaySettings):
    """The settings of an Evolution API connection."""

    instance: str = Field(min_length=1, max_length=255, description="Name of the instance that sends.")
    api_key: RequiredSecret = Field(
        description="The instance's own key, which its webhook calls carry too, or the server's key."
    )
    webhook_token: SecretStr = Field(
        SecretStr(""),
        description="If set, the webhook address must end in ?token= and this value, and the key in the calls is "
        "ignored. Needed if apiKey is the server's key, or the server does not expose the instance's key.",
    )
    timeout_seconds: float = Field(
        30, gt=0, le=120, description="Longest time in seconds that the server may take, without the typing time."
    )
    typing_milliseconds: int = Field(
        0, ge=0, le=60_000, description="How long the recipient sees the typing indicator before the message."
    )
    link_preview: bool = Field(
        False, description="Show a preview of links in every text; if off, only where the message requests it."
    )


class EvolutionSender:
    """The sender for Evolution API."""

    kind: ClassVar[str] = "evolution"
    reasons = reasons_of("evolution", name="Evolution")
    Settings: ClassVar[type[BaseModel]] = EvolutionSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        types=frozenset({"text", *WHATSAPP_BYTES}),
        media_bytes=WHATSAPP_BYTES,  # all below the 100 MB of base64 that the server reads
        ban_risk=True,
        number_check=True,
    )

    def __init__(self, settings: EvolutionSettings, context: SenderContext) -> None:
        self._settings = settings
        self._context = context

    @classmethod
    def account_of(cls, settings: EvolutionSettings) -> str:
        return settings.account_at(settings.instance)

    async def send(self, message: OutgoingMessage) -> Accepted:
        action, body = await self._compose(message)
        reply = await self._request("POST", f"message/{action}", json=body, seconds=self._send_seconds)
        if not reply.is_success:
            raise await self._error_with_state(reply)
        key = fields_of(fields_of(reply.document).get("key"))
        if not text_of(key.get("id")):
            raise OutcomeUnknown("evolution_no_id", say("no_message_id", detail=f"HTTP {reply.status}"))
        return Accepted(provider_id=key["id"], wa_id=known_as(key.get("remoteJid")))

    async def check_numbers(self, numbers: Sequence[str]) -> dict[str, bool]:
        by_digits = {number.lstrip("+"): number for number in numbers}
        reply = await self._request("POST", "chat/whatsappNumbers", json={"numbers": list(by_digits)})
        if not reply.is_success:
            raise await self._error_with_state(reply)
        answers: dict[str, bool] = {}
        for entry in objects_in(reply.document):
            number, found = by_digits.get(text_of(entry.get("number"))), entry.get("exists")
            if number is not None and isinstance(found, bool):
                answers[number] = found
        return answers

    async def check_connection(self) -> ConnectionEvent:
        state = await self._read_state()
        return ConnectionEvent("up") if state == "open" else ConnectionEvent("down", _reason_of(state))

    def verify_webhook(self, request: WebhookRequest) -> None:
        if self._settings.webhook_token.get_secret_value():
            require_token(request, self._settings.webhook_token)
            return
        given = text_of(fields_of(read_json(request.body)).get("apikey"))
        if not same_text(given, self._settings.api_key.get_secret_value()):
            raise WebhookRefusedError(
                "the call does not carry this connection's apiKey: set apiKey to the instance's own key and let the "
                "server expose it, or set webhookToken and end the webhook address in ?token= and that token"
            )

    def kept_call(self, request: WebhookRequest) -> WebhookRequest:
        return replace(kept_call(request), body=without_fields(request.body, frozenset({"apikey"})))

    def parse_webhook(self, request: WebhookRequest) -> list[Receipt | Inbound | ConnectionEvent]:
        document = fields_of(read_json(request.body))
        if text_of(document.get("instance")) not in {"", self._settings.instance}:
            return []  # the server calls one webhook for all its instances
        entries = objects_in(document.get("data"))
        match re.sub(r"[_-]", ".", text_of(document.get("event")).lower()):
            case "messages.update":
                return [receipt for entry in entries for receipt in _receipts_in(entry)]
            case "messages.upsert":
                return [message for entry in entries for message in _inbound_in(entry)]
            case "connection.update":
                return [event for entry in entries for event in _events_in(entry)]
        return []

    @property
    def _send_seconds(self) -> float:
        settings = self._settings
        if not settings.typing_milliseconds:
            return settings.timeout_seconds
        return settings.typing_milliseconds / 1_000 + max(settings.timeout_seconds, SECONDS_BESIDE_TYPING)

    async def _compose(self, message: OutgoingMessage) -> tuple[str, dict[str, Any]]:
        """Return the API action that sends a message, and the body of the request."""
        body: dict[str, Any] = {"number": message.number.lstrip("+")}
        if self._settings.typing_milliseconds:
            body["delay"] = self._settings.typing_milliseconds
        if message.type == "text":
            preview = self._settings.link_preview or bool(message.content.get("previewUrl"))
            return "sendText", {**body, "text": message.text, "linkPreview": preview}
        medium = await attach(self._context, message, kind=self.kind, capabilities=self.capabilities)
        if message.type == "audio":
            return "sendWhatsAppAudio", {**body, "audio": medium.source}
        body |= {"mediatype": message.type, "mimetype": medium.content_type, "fileName": medium.filename}
        if message.text:
            body["caption"] = message.text
        return "sendMedia", {**body, "media": medium.source}

    async def _error_with_state(self, reply: Reply) -> SendError:
        """Return the error of a reply; where the gateway lost its link to WhatsApp, by the instance's state."""
        if not _was_closed(reply):
            return _error_in(reply)
        return await self._closed_error()

    async def _closed_error(self) -> SendError:
        """Return the error for a gateway whose link to WhatsApp was closed before the send, so that nothing was sent.

        The gateway reconnects by itself unless the account was logged out: then, and for short moments, the state is
        ``close``. If the gateway wrongly believes that its link is open, a person must restart the instance; the
        circuit breaker then pauses the broadcast.
        """
        try:
            state = await self._read_state()
        except ConnectionDown as error:
            return error
        except SendError:
            state = "unknown"  # a missing answer does not mean that the account is logged out
        if state == "close":  # the reason "disconnected" lets a webhook event resume the connection when it is open
            return ConnectionDown("disconnected", _reason_of(state))
        detail = say("evolution_link_lost", state=state)
        return Temporary("evolution_connection_closed", detail, retry_after=RECONNECT_SECONDS)

    async def _read_state(self) -> str:
        """Return the instance's state: ``open``, ``connecting``, ``close`` or ``unknown``.

        :raises SendError: there is no answer, or no such instance.
        """
        reply = await self._request("GET", "instance/connectionState")
        if not reply.is_success:
            raise _error_in(reply)
        state = text_of(fields_of(fields_of(reply.document).get("instance")).get("state"))
        return state if state.isalpha() else "unknown"

    async def _request(self, method: str, action: str, **request: Any) -> Reply:
        settings = self._settings
        path = f"{action}/{quote(settings.instance, safe='')}"
        headers = {"apikey": settings.api_key.get_secret_value()}
        return await ask_gateway(self._context.http, settings, method, path, headers=headers, **request)


@hookimpl
def wab_senders() -> list[type[Sender]]:
    return [EvolutionSender]


def _reason_of(state: str, code: object = None) -> Sentence:
    """Return why an instance in this state cannot send: a code, then the explanation.

    :param code: WhatsApp's reason for the state, where the gateway gives it.
    """
    advice = _REASONS.get(state) or say("evolution_state", state=state)
    return say("with_code", code=f"evolution_{state}{f'_{code}' if isinstance(code, int) else ''}", advice=advice)


def _messages_in(reply: Reply) -> list[Any] | None:
    """Return the gateway's error messages; None if the reply is not the gateway's."""
    response = fields_of(reply.document).get("response")
    if not isinstance(response, dict):
        return None
    message = response.get("message")
    return message if isinstance(message, list) else [message]


def _error_text(reply: Reply) -> str:
    return "; ".join(item for item in _messages_in(reply) or [] if isinstance(item, str))


def _was_closed(reply: Reply) -> bool:
    """Check whether the link to WhatsApp was closed before the message was written to it; later faults differ."""
    return _error_text(reply).lower().removeprefix("error: ") == _CLOSED_TEXT


def _error_in(reply: Reply) -> SendError:
    """Return what an error reply means: mostly by the shape of its body, because its status means little."""
    messages, text = _messages_in(reply), _error_text(reply)
    match reply.status:
        case 404:
            found, advice = safe_detail(text) or reply.summary, say("evolution_check_instance")
            return ConnectionDown("evolution_no_instance", say("with_advice", detail=found, advice=advice))
        case 413:
            return BadMessage("evolution_too_large", say("request_too_large"))
        case 401 | 403 | 429 | 503:
            return status_error(reply)
    if messages is None:
        return status_error(reply)
    if any(fields_of(item).get("exists") is False for item in messages):
        return Rejected("not_on_whatsapp", say("number_not_on_whatsapp"))
    return _error_by_text(text) or _validation_error(reply, messages) or _server_fault(reply, text)


def _error_by_text(text: str) -> SendError | None:
    refused = find_refusal(text, kind="evolution")
    if is_for_new_contacts(refused):  # other refusals may come after the message has left
        return refused
    if _NOT_LOADED.search(text):
        return ConnectionDown("evolution_not_loaded", say("evolution_not_loaded"))
    if text.lower().startswith(_BAD_FILE_TEXTS):
        return BadMessage("evolution_media", safe_detail(text))
    return None


def _validation_error(reply: Reply, messages: Sequence[Any]) -> SendError | None:
    """Return the error for a body that does not fit the server's schema: its list of messages then holds lists."""
    faults = [text for item in messages if isinstance(item, list) for text in item if isinstance(text, str)]
    if reply.status == 400 and faults:  # noqa: PLR2004 - Bad Request
        return Rejected("evolution_invalid", safe_detail("; ".join(faults)))
    return None


def _server_fault(reply: Reply, text: str) -> SendError:
    """Return the error for time-outs, database faults and the like, which occur before or after the message left."""
    return OutcomeUnknown("evolution_fault", f"HTTP {reply.status}: {safe_detail(text)}")


def _receipts_in(entry: Mapping[str, Any]) -> Iterator[Receipt]:
    key, update = fields_of(entry.get("key")), fields_of(entry.get("update"))
    message_id = text_of(entry.get("keyId"), key.get("id"))
    status = entry.get("status", update.get("status"))
    if isinstance(status, int) and 0 <= status < len(_STATUSES):
        status = _STATUSES[status]
    kind = _RECEIPTS.get(text_of(status))
    is_theirs = False in (entry.get("fromMe"), key.get("fromMe"))
    chat = entry.get("remoteJid") or key.get("remoteJid")
    if not message_id or kind is None or is_theirs or is_for_many(chat):
        return
    stub = entry.get("messageStubParameters") or update.get("messageStubParameters")
    code = stub[0] if isinstance(stub, list) and stub else None
    error = late_failure(code, kind="evolution") if kind == "failed" else None
    at = time.time()  # the event has no time of its own
    yield Receipt(kind, at=at, provider_id=message_id, error=error, wa_ids=lids_of(chat))


def _inbound_in(entry: Mapping[str, Any]) -> Iterator[Inbound]:
    key = fields_of(entry.get("key"))
    if key.get("fromMe") or not is_one_person(key.get("remoteJid")):
        return
    person = person_in(key.get("remoteJid"), key.get("remoteJidAlt"), key.get("senderPn"))
    content = _content_in(fields_of(entry.get("message")))
    text, payload = _text_in(content)
    if person is None or not (text or payload or any(name in content for name in _MEDIA)):
        return
    yield Inbound(
        number=person[0],
        wa_id=person[1],
        text=text,
        at=time_of(entry.get("messageTimestamp")),
        provider_id=text_of(key.get("id")) or None,
        reply_to=_answered_in(entry, content),
        payload=payload or None,
    )


def _content_in(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the content of a message, without the wrapper that some messages have."""
    for wrapper in _WRAPPERS:
        if inner := fields_of(fields_of(message.get(wrapper)).get("message")):
            return inner
    return message


def _text_in(content: Mapping[str, Any]) -> tuple[str, str]:
    """Return the text of a message, and the id of the button or list row that was chosen."""
    button = fields_of(content.get("buttonsResponseMessage"))
    template = fields_of(content.get("templateButtonReplyMessage"))
    row = fields_of(content.get("listResponseMessage"))
    text = text_of(
        content.get("conversation"),
        fields_of(content.get("extendedTextMessage")).get("text"),
        button.get("selectedDisplayText"),
        template.get("selectedDisplayText"),
        row.get("title"),
        *(fields_of(content.get(name)).get("caption") for name in _MEDIA),
    )
    chosen = fields_of(row.get("singleSelectReply")).get("selectedRowId")
    return text, text_of(button.get("selectedButtonId"), template.get("selectedId"), chosen)


def _answered_in(entry: Mapping[str, Any], content: Mapping[str, Any]) -> str | None:
    contexts = [entry.get("contextInfo"), *(fields_of(part).get("contextInfo") for part in content.values())]
    return text_of(*(fields_of(context).get("stanzaId") for context in contexts)) or None


def _events_in(entry: Mapping[str, Any]) -> Iterator[ConnectionEvent]:
    match entry.get("state"):
        case "open":
            yield ConnectionEvent("up")
        case "close":
            yield ConnectionEvent("down", _reason_of("close", entry.get("statusReason")))
