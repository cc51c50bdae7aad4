"""Evolution API 2: a self-hosted gateway, unofficial, so the account can be banned for its use.

Hooks: wab_senders. Settings: baseUrl, instance, apiKey, webhookToken, timeoutSeconds, typingMilliseconds, linkPreview.

What is special about it: whatever goes wrong inside is answered with 400 or 500, so that only the words tell whether
a message may have left. It looks each number up before it sends. Its webhook carries the key of the instance, if the
server is told to expose it; it wants the events MESSAGES_UPSERT, MESSAGES_UPDATE and CONNECTION_UPDATE, all at one
address (``byEvents`` off).
"""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
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
    Temporary,
    WebhookRefusedError,
    WebhookRequest,
    ask,
    error_of,
    hookimpl,
    read_json,
)
from wabroadcast_plugins.senders.shared.gateway import GatewaySettings
from wabroadcast_plugins.senders.shared.jids import is_for_many, is_one_person, number_of, wa_id_of
from wabroadcast_plugins.senders.shared.lenient_json import fields_of, objects_in, text_of, time_of
from wabroadcast_plugins.senders.shared.media import attach
from wabroadcast_plugins.senders.shared.refusals import find_refusal, is_for_strangers, late_failure, shown
from wabroadcast_plugins.senders.shared.signatures import require_token, same_text

SECONDS_BESIDE_TYPING: Final = 30.0  # at least; the gateway answers only after it has typed and sent
RECONNECT_SECONDS: Final = 30.0

_MEGABYTE: Final = 1024 * 1024
_CLOSED: Final = "connection closed"
_NOT_LOADED: Final = re.compile(r"undefined \(reading '(textMessage|mediaMessage|audioWhatsapp|whatsappNumber)'\)")
_BAD_MEDIA: Final = ("owned media must be a url", "for base64 the file name must be informed")  # refused at the door
_STATUSES: Final = ("ERROR", "PENDING", "SERVER_ACK", "DELIVERY_ACK", "READ", "PLAYED")  # Baileys numbers them so
_RECEIPTS: Final[Mapping[str, Any]] = {
    "ERROR": "failed",
    "PENDING": "sent",
    "SERVER_ACK": "sent",
    "DELIVERY_ACK": "delivered",
    "READ": "read",
    "PLAYED": "read",
}
_WRAPPERS: Final = ("ephemeralMessage", "viewOnceMessage", "viewOnceMessageV2", "documentWithCaptionMessage")
_MEDIA: Final = ("imageMessage", "videoMessage", "documentMessage", "audioMessage", "stickerMessage")


class EvolutionSettings(GatewaySettings):
    instance: str = Field(min_length=1, max_length=255, description="Name of the instance that sends.")
    api_key: SecretStr = Field(
        min_length=1, description="The instance's own key, which its webhook calls carry too; or the server's."
    )
    webhook_token: SecretStr = Field(
        SecretStr(""),
        description="If set, webhook calls must come to an address that ends in ?token= and this, whatever key they "
        "carry. Needed where apiKey is the server's key, or the server does not expose the instance's.",
    )
    timeout_seconds: float = Field(
        30, gt=0, le=120, description="How long the server may take to answer; typing comes on top."
    )
    typing_milliseconds: int = Field(
        0, ge=0, le=60_000, description="How long the person sees that somebody types before the message comes."
    )
    link_preview: bool = Field(
        False, description="Show a preview of links in every text; if not, only where the message asks for it."
    )


class EvolutionSender:
    kind: ClassVar[str] = "evolution"
    Settings: ClassVar[type[BaseModel]] = EvolutionSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        types=frozenset({"text", "image", "document", "audio", "video"}),
        media_bytes={  # what WhatsApp takes; more than 100 MB of base64 is more than the server reads
            "image": 16 * _MEGABYTE,
            "document": 64 * _MEGABYTE,
            "audio": 16 * _MEGABYTE,
            "video": 64 * _MEGABYTE,
        },
        ban_risk=True,
        number_check=True,
    )

    def __init__(self, settings: EvolutionSettings, context: SenderContext) -> None:
        self._settings = settings
        self._context = context

    async def send(self, message: OutgoingMessage) -> Accepted:
        action, body = await self._compose(message)
        reply = await self._ask("POST", f"message/{action}", json=body, seconds=self._send_seconds)
        if not reply.is_success:
            raise await self._failure_in(reply)
        key = fields_of(fields_of(reply.document).get("key"))
        if not text_of(key.get("id")):
            raise OutcomeUnknown("evolution_no_id", f"HTTP {reply.status} without the id of a message")
        return Accepted(provider_id=key["id"], wa_id=wa_id_of(key.get("remoteJid")))

    async def check_numbers(self, numbers: Sequence[str]) -> dict[str, bool]:
        by_digits = {number.lstrip("+"): number for number in numbers}
        reply = await self._ask("POST", "chat/whatsappNumbers", json={"numbers": list(by_digits)})
        if not reply.is_success:
            raise await self._failure_in(reply)
        answers: dict[str, bool] = {}
        for entry in objects_in(reply.document):
            number, found = by_digits.get(text_of(entry.get("number"))), entry.get("exists")
            if number is not None and isinstance(found, bool):
                answers[number] = found
        return answers

    async def check_connection(self) -> ConnectionEvent:
        state = await self._read_state()
        return ConnectionEvent("up") if state == "open" else ConnectionEvent("down", f"evolution_{state}")

    def verify_webhook(self, request: WebhookRequest) -> None:
        if self._settings.webhook_token.get_secret_value():
            require_token(request, self._settings.webhook_token)
            return
        given = text_of(fields_of(read_json(request.body)).get("apikey"))
        if not same_text(given, self._settings.api_key.get_secret_value()):
            raise WebhookRefusedError(
                "the call does not carry this connection's apiKey: give the instance's own key there and let the "
                "server expose it, or set webhookToken and end the webhook's address with ?token= and that token"
            )

    def parse_webhook(self, request: WebhookRequest) -> list[Receipt | Inbound | ConnectionEvent]:
        document = fields_of(read_json(request.body))
        if text_of(document.get("instance")) not in {"", self._settings.instance}:
            return []  # a webhook for all instances of the server
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
        """What to call to send a message, and with which body."""
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

    async def _failure_in(self, reply: Reply) -> SendError:
        if not _has_closed(reply):
            return _error_in(reply)
        return await self._closed()

    async def _closed(self) -> SendError:
        """The account's line to WhatsApp was closed as the gateway wanted to use it, so nothing was sent.

        It comes back by itself unless the account was logged out, which the state tells: it is ``close`` only then, or
        for a moment. Where the gateway believes its line to be open and is wrong, a person must restart the instance;
        the broadcast then stops by its own failures.
        """
        try:
            state = await self._read_state()
        except ConnectionDown as error:
            return error
        except SendError:
            state = "unknown"  # whoever cannot be asked is not thereby logged out
        if state == "close":  # once the webhook tells that it is open, the connection goes on by itself
            return ConnectionDown("disconnected", "the instance is not connected to WhatsApp")
        detail = f"the instance's connection to WhatsApp was closed, its state is {state}"
        return Temporary("evolution_connection_closed", detail, retry_after=RECONNECT_SECONDS)

    async def _read_state(self) -> str:
        """``open``, ``connecting`` or ``close``. :raises SendError: it cannot be asked."""
        reply = await self._ask("GET", "instance/connectionState")
        if not reply.is_success:
            raise _error_in(reply)
        state = text_of(fields_of(fields_of(reply.document).get("instance")).get("state"))
        return state if state.isalpha() else "unknown"

    async def _ask(self, method: str, path: str, *, seconds: float | None = None, **request: Any) -> Reply:
        settings = self._settings
        return await ask(
            self._context.http,
            method,
            settings.address_of(f"{path}/{quote(settings.instance, safe='')}"),
            seconds=seconds or settings.timeout_seconds,
            headers={"apikey": settings.api_key.get_secret_value()},
            **request,
        )


@hookimpl
def wab_senders() -> list[type[Sender]]:
    return [EvolutionSender]


def _messages_in(reply: Reply) -> list[Any] | None:
    """What the gateway says went wrong; None where it is not the gateway that speaks."""
    response = fields_of(reply.document).get("response")
    if not isinstance(response, dict):
        return None
    message = response.get("message")
    return message if isinstance(message, list) else [message]


def _words_in(reply: Reply) -> str:
    return "; ".join(item for item in _messages_in(reply) or [] if isinstance(item, str))


def _has_closed(reply: Reply) -> bool:
    """Said only of a line that was found closed before the message was written to it; later faults have other words."""
    return _words_in(reply).lower().removeprefix("error: ") == _CLOSED


def _error_in(reply: Reply) -> SendError:
    """What a reply that is no success means: by the shape of its body, since its status says little."""
    messages, words = _messages_in(reply), _words_in(reply)
    match reply.status:
        case 404:
            return ConnectionDown("evolution_no_instance", shown(words) or reply.summary)
        case 413:
            return BadMessage("evolution_too_large", "the server takes no request of this size")
        case 401 | 403 | 429 | 503:
            return error_of(reply)
    if messages is None:
        return error_of(reply)
    if any(fields_of(item).get("exists") is False for item in messages):
        return Rejected("not_on_whatsapp", "the gateway finds nobody on WhatsApp at this number")
    return _error_in_words(words) or _error_at_the_door(reply, messages) or _engine_fault(reply, words)


def _error_in_words(words: str) -> SendError | None:
    refused = find_refusal(words, kind="evolution")
    if is_for_strangers(refused):  # what else it throws may come after the message left
        return refused
    if _NOT_LOADED.search(words):
        return ConnectionDown("evolution_not_loaded", "the server has not started this instance: restart it there")
    if words.lower().startswith(_BAD_MEDIA):
        return BadMessage("evolution_media", shown(words))
    return None


def _error_at_the_door(reply: Reply, messages: Sequence[Any]) -> SendError | None:
    """A body that does not fit the server's schema is answered with lists of faults within the list."""
    faults = [text for item in messages if isinstance(item, list) for text in item if isinstance(text, str)]
    if reply.status == 400 and faults:  # noqa: PLR2004 - Bad Request
        return Rejected("evolution_invalid", shown("; ".join(faults)))
    return None


def _engine_fault(reply: Reply, words: str) -> SendError:
    """Time-outs, faults of its database and the like: before the message left, or after."""
    return OutcomeUnknown("evolution_fault", f"HTTP {reply.status}: {shown(words)}")


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
    yield Receipt(kind, at=time.time(), provider_id=message_id, error=error)  # it carries no time of its own


def _inbound_in(entry: Mapping[str, Any]) -> Iterator[Inbound]:
    key = fields_of(entry.get("key"))
    if key.get("fromMe") or not is_one_person(key.get("remoteJid")):
        return
    number = number_of(key.get("remoteJid"), key.get("remoteJidAlt"), key.get("senderPn"))
    content = _content_in(fields_of(entry.get("message")))
    text, payload = _text_in(content)
    if number is None or not (text or payload or any(name in content for name in _MEDIA)):
        return
    yield Inbound(
        number=number,
        text=text,
        at=time_of(entry.get("messageTimestamp")),
        provider_id=text_of(key.get("id")) or None,
        reply_to=_answered_in(entry, content),
        payload=payload or None,
    )


def _content_in(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """A message's content out of what it may be wrapped in."""
    for wrapper in _WRAPPERS:
        if inner := fields_of(fields_of(message.get(wrapper)).get("message")):
            return inner
    return message


def _text_in(content: Mapping[str, Any]) -> tuple[str, str]:
    """The words of a message, and the id of the button or row that was chosen."""
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
            code = entry.get("statusReason")
            yield ConnectionEvent("down", f"evolution_close_{code}" if isinstance(code, int) else "evolution_close")
