"""WAHA (WhatsApp HTTP API): a self-hosted gateway, unofficial, so the account can be banned for its use.

Hooks: wab_senders. Settings: baseUrl, session, apiKey, webhookSecret, timeoutSeconds, linkPreview.

What is special about it: some of its engines (GOWS, NOWEB) take our id for a text and can be asked for it later;
others ignore it. Some numbers' chats have another id than the number, which its number check tells. Its webhook is
signed and wants the events message, message.ack and session.status.
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
    Reply,
    Sender,
    SenderContext,
    SendError,
    Temporary,
    WebhookRequest,
    ask,
    error_of,
    hookimpl,
    read_json,
)
from wabroadcast_plugins.senders.shared.gateway import GatewaySettings
from wabroadcast_plugins.senders.shared.jids import (
    is_for_many,
    is_one_person,
    message_id_of,
    number_of,
    wa_id_of,
)
from wabroadcast_plugins.senders.shared.lenient_json import fields_of, seconds_of, text_of, time_of
from wabroadcast_plugins.senders.shared.media import attach
from wabroadcast_plugins.senders.shared.refusals import find_refusal, is_for_strangers, late_failure, shown
from wabroadcast_plugins.senders.shared.signatures import require_signature

CHAT_KEPT_SECONDS: Final = 14 * 86_400.0
TEXT_KEPT_SECONDS: Final = 3 * 86_400.0
STARTING_SECONDS: Final = 15.0  # a session that lost its line is back after so long, more or less

_MEGABYTE: Final = 1024 * 1024
_WITNESS: Final = "witness"
_ACTIONS: Final = {"image": "sendImage", "document": "sendFile", "audio": "sendVoice", "video": "sendVideo"}
_READY_TYPES: Final = {"audio": "audio/ogg; codecs=opus", "video": "video/mp4"}  # others are converted by the gateway
_FETCH_ERROR: Final = re.compile(r"Request failed with status code 4\d\d")
_RECEIPTS: Final[Mapping[object, Any]] = {-1: "failed", 1: "sent", 2: "delivered", 3: "read", 4: "read"}
_DOWN: Final = frozenset({"STOPPED", "FAILED", "SCAN_QR_CODE", "PASSKEY_REQUIRED", "PASSKEY_CONFIRMATION_REQUIRED"})


class WahaSettings(GatewaySettings):
    session: str = Field("default", min_length=1, max_length=255, description="Name of the session that sends.")
    api_key: SecretStr = Field(SecretStr(""), description="The server's key (WAHA_API_KEY), or one for this session.")
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="The webhook's hmac.key; calls that are not signed with it are refused."
    )
    timeout_seconds: float = Field(30, gt=0, le=120, description="How long the server may take to answer.")
    link_preview: bool = Field(
        False, description="Show a preview of links in every text; if not, only where the message asks for it."
    )


class WahaSender:
    kind: ClassVar[str] = "waha"
    Settings: ClassVar[type[BaseModel]] = WahaSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        types=frozenset({"text", *_ACTIONS}),
        media_bytes={  # what WhatsApp takes; of larger files the base64 would fill the memory here and there
            "image": 16 * _MEGABYTE,
            "document": 64 * _MEGABYTE,
            "audio": 16 * _MEGABYTE,
            "video": 64 * _MEGABYTE,
        },
        ban_risk=True,
        client_message_ids=True,
        number_check=True,
    )

    def __init__(self, settings: WahaSettings, context: SenderContext) -> None:
        self._settings = settings
        self._context = context

    async def send(self, message: OutgoingMessage) -> Accepted:
        action, body = await self._compose(message)
        own_id = body.get("id")
        if own_id:
            await self._context.kept.put(f"text:{own_id}", "asked", seconds=TEXT_KEPT_SECONDS)
        try:
            message_id, chat_id = await self._post(action, body)
        except OutcomeUnknown as error:  # its acks will name the id all the same
            raise OutcomeUnknown(error.reason, error.detail, provider_id=own_id) from error
        if message_id == own_id:
            await self._context.kept.put(_WITNESS, message_id, seconds=TEXT_KEPT_SECONDS)
        return Accepted(provider_id=message_id, wa_id=wa_id_of(chat_id) or wa_id_of(body["chatId"]))

    async def find_message(self, message_id: str, number: str) -> Accepted | None:
        """Ask for the id that was made for a message; the number does not matter.

        That the server does not know it proves something only if it would know it: an engine may have ids of its own
        for this kind of message, or store none. So it must have been a text, and another text must be found.
        """
        del number
        own_id = message_id_of(message_id)
        if await self._knows(own_id):
            return Accepted(provider_id=own_id)
        witness = await self._context.kept.get(_WITNESS)
        asked = await self._context.kept.get(f"text:{own_id}")
        if asked is not None and witness is not None and await self._knows(witness):
            return None
        raise Temporary("waha_not_found", "the server does not know this message, which need not mean much")

    async def check_numbers(self, numbers: Sequence[str]) -> dict[str, bool]:
        answers = {number: await self._is_on_whatsapp(number) for number in numbers}
        return {number: found for number, found in answers.items() if found is not None}

    async def check_connection(self) -> ConnectionEvent:
        status = text_of((await self._read_session()).get("status"))
        return ConnectionEvent("up") if status == "WORKING" else ConnectionEvent("down", f"waha_{_state_of(status)}")

    def verify_webhook(self, request: WebhookRequest) -> None:
        require_signature(
            request,
            self._settings.webhook_secret,
            header="X-Webhook-Hmac",
            algorithm="sha512",
            set_there="the webhook's hmac.key",
        )

    def parse_webhook(self, request: WebhookRequest) -> list[Receipt | Inbound | ConnectionEvent]:
        document = fields_of(read_json(request.body))
        if text_of(document.get("session")) not in {"", self._settings.session}:
            return []  # a webhook for all sessions of the server
        payload = fields_of(document.get("payload"))
        at = time_of(document.get("timestamp"))
        match document.get("event"):
            case "message.ack":
                return list(_receipts_in(payload, at=at))
            case "message":
                return list(_inbound_in(payload, at=at))
            case "session.status":
                return list(_events_in(payload))
        return []

    async def _post(self, action: str, body: Mapping[str, Any]) -> tuple[str, str]:
        """Send. :returns: the ids of the message and of its chat. :raises SendError: it is not surely accepted."""
        reply = await self._ask("POST", f"api/{action}", json=body)
        if not reply.is_success:
            raise await self._failure_in(reply)
        message_id, chat_id = _sent_in(reply.document)
        if not message_id:
            raise OutcomeUnknown("waha_no_id", f"HTTP {reply.status} without the id of a message")
        return message_id, chat_id

    async def _compose(self, message: OutgoingMessage) -> tuple[str, dict[str, Any]]:
        """What to call to send a message, and with which body."""
        body: dict[str, Any] = {"session": self._settings.session, "chatId": await self._chat_of(message.number)}
        if message.type == "text":
            preview = self._settings.link_preview or bool(message.content.get("previewUrl"))
            return "sendText", {
                **body,
                "id": message_id_of(message.message_id),
                "text": message.text,
                "linkPreview": preview,
            }
        medium = await attach(self._context, message, kind=self.kind, capabilities=self.capabilities)
        file = {"mimetype": medium.content_type, "filename": medium.filename}
        body["file"] = {**file, "url": medium.url} if medium.url else {**file, "data": medium.data}
        if message.type in _READY_TYPES:
            body["convert"] = medium.content_type != _READY_TYPES[message.type]
        if message.type != "audio":
            body["caption"] = message.text or ""  # without one, some versions put in words of their own
        return _ACTIONS[message.type], body

    async def _chat_of(self, number: str) -> str:
        return await self._context.kept.get(f"chat:{number}") or f"{number.lstrip('+')}@c.us"

    async def _is_on_whatsapp(self, number: str) -> bool | None:
        query = {"phone": number.lstrip("+"), "session": self._settings.session}
        reply = await self._ask("GET", "api/contacts/check-exists", params=query)
        if not reply.is_success:
            raise await self._failure_in(reply)
        document = fields_of(reply.document)
        found, chat_id = document.get("numberExists"), document.get("chatId")
        if found is True and is_one_person(chat_id):
            digits = wa_id_of(chat_id)  # in a request, a person's id is wanted in this form alone
            chat = f"{digits}@c.us" if digits else text_of(chat_id)
            await self._context.kept.put(f"chat:{number}", chat, seconds=CHAT_KEPT_SECONDS)
        return found if isinstance(found, bool) else None

    async def _knows(self, message_id: str) -> bool:
        """:raises SendError: it cannot be said."""
        path = f"api/{self._session_path}/chats/all/messages/{quote(message_id, safe='')}"
        reply = await self._ask("GET", path, params={"downloadMedia": "false"})
        if reply.status == 404 and _words_in(reply) == "Message not found":  # noqa: PLR2004 - Not Found
            return False
        if not reply.is_success:
            raise _error_in(reply)
        if _sent_in(reply.document)[0] != message_id:
            raise Temporary("waha_other_message", "the server was asked for a message and answers with something else")
        return True

    async def _failure_in(self, reply: Reply) -> SendError:
        error = _error_in(reply)
        if is_for_strangers(error):
            error.retry_after = await self._seconds_restricted()
        return error

    async def _seconds_restricted(self) -> float | None:
        """For how long WhatsApp lets the account write to nobody new, as far as the server knows."""
        try:
            me = fields_of((await self._read_session()).get("me"))
        except SendError:
            return None  # the refusal counts all the same
        lock, capping = fields_of(me.get("reachoutTimelock")), fields_of(me.get("messageCapping"))
        ends = [
            seconds_of(lock.get("timeEnforcementEnds")) if lock.get("isActive") is True else None,
            seconds_of(capping.get("cycleEnd")) if capping.get("cappingStatus") == "CAPPED" else None,
        ]
        waits = [end - time.time() for end in ends if end is not None]
        return max((wait for wait in waits if wait > 0), default=None)

    async def _read_session(self) -> dict[str, Any]:
        """:raises SendError: the server cannot be asked, or has no such session."""
        reply = await self._ask("GET", f"api/sessions/{self._session_path}")
        if not reply.is_success:
            raise _error_in(reply)
        return fields_of(reply.document)

    @property
    def _session_path(self) -> str:
        return quote(self._settings.session, safe="")

    async def _ask(self, method: str, path: str, **request: Any) -> Reply:
        settings = self._settings
        key = settings.api_key.get_secret_value()
        return await ask(
            self._context.http,
            method,
            settings.address_of(path),
            seconds=settings.timeout_seconds,
            headers={"X-Api-Key": key} if key else {},
            **request,
        )


@hookimpl
def wab_senders() -> list[type[Sender]]:
    return [WahaSender]


def _sent_in(document: object) -> tuple[str, str]:
    """The bare id of a message that was sent, and its chat's; empty where they are not there.

    An id is ``true_<chat>_<id>``, or an object that holds it; NOWEB answers with the raw message and its key. The chat
    may be named by its number here and by its hidden id in a receipt, so that only the bare id is the same.
    """
    fields = fields_of(document)
    key = fields_of(fields.get("key"))
    if key:
        return text_of(key.get("id")), text_of(key.get("remoteJid"))
    return _split_id(fields.get("id"))


def _split_id(value: object) -> tuple[str, str]:
    whole = text_of(fields_of(value).get("_serialized"), value)
    parts = whole.split("_")
    return (parts[2], parts[1]) if len(parts) in {3, 4} else (whole, "")


def _state_of(status: str) -> str:
    """The word for a session's status."""
    return status.lower() if status.replace("_", "").isalpha() else "unknown"


def _words_in(reply: Reply) -> str:
    """What the server says went wrong; the rest of its answer may repeat the request, and so the person's message."""
    document = fields_of(reply.document)
    said = fields_of(document.get("exception")).get("message") or document.get("message") or document.get("error")
    return "; ".join(filter(None, map(text_of, said if isinstance(said, list) else [said])))


def _error_in(reply: Reply) -> SendError:
    """What a reply that is no success means: by WhatsApp's own refusal, then by its status, then by its words."""
    words = _words_in(reply)
    if refused := find_refusal(words, kind="waha"):
        return refused
    match reply.status:
        case 404:
            return ConnectionDown("waha_no_session", shown(words) or "there is no such session or server")
        case 413 | 501:  # more than it reads; nothing that its engine can do
            return BadMessage(f"waha_{reply.status}", shown(words) or f"HTTP {reply.status}")
        case 422 if words:
            return _unprocessable(reply, words)
        case 500:
            return _fault(words)
    return error_of(reply)


def _fault(words: str) -> SendError:
    if _FETCH_ERROR.search(words):
        return BadMessage("waha_media", "the server cannot fetch the medium from its address")
    return OutcomeUnknown("waha_fault", shown(words) or "HTTP 500")


def _unprocessable(reply: Reply, words: str) -> SendError:
    """Refused before anything was sent: the session is not at work, or cannot do what is asked."""
    status = text_of(fields_of(reply.document).get("status"))
    if status == "STARTING":
        return Temporary("waha_starting", "the session is connecting", retry_after=STARTING_SECONDS)
    if status:
        # "disconnected": once the webhook tells that it works again, the connection goes on by itself
        return ConnectionDown("disconnected", f"the session is not at work, its state is {_state_of(status)}")
    if "session" in words.lower():
        return ConnectionDown("waha_no_session", shown(words))
    return BadMessage("waha_refused", shown(words))


def _receipts_in(payload: Mapping[str, Any], *, at: float) -> Iterator[Receipt]:
    message_id, chat_id = _split_id(payload.get("id"))
    ack = payload.get("ack")
    kind = _RECEIPTS.get(ack) if isinstance(ack, int) else None
    has_many = is_for_many(chat_id) or is_for_many(payload.get("from"))
    if not message_id or kind is None or payload.get("fromMe") is False or has_many:
        return
    code = fields_of(payload.get("error")).get("code")
    yield Receipt(
        kind, at=at, provider_id=message_id, error=late_failure(code, kind="waha") if kind == "failed" else None
    )


def _inbound_in(payload: Mapping[str, Any], *, at: float) -> Iterator[Inbound]:
    if payload.get("fromMe") or not is_one_person(payload.get("from")):
        return
    number = _writer_in(payload)
    if number is None:
        return
    yield Inbound(
        number=number,
        text=text_of(payload.get("body")),
        at=seconds_of(payload.get("timestamp")) or at,
        provider_id=_split_id(payload.get("id"))[0] or None,
        reply_to=_split_id(fields_of(payload.get("replyTo")).get("id"))[0] or None,
    )


def _writer_in(payload: Mapping[str, Any]) -> str | None:
    """Who wrote; of a hidden id, the number that GOWS or NOWEB tells beside it."""
    raw = fields_of(payload.get("_data"))
    info, key = fields_of(raw.get("Info")), fields_of(raw.get("key"))
    return number_of(payload.get("from"), info.get("SenderAlt"), key.get("remoteJidAlt"), key.get("senderPn"))


def _events_in(payload: Mapping[str, Any]) -> Iterator[ConnectionEvent]:
    status = text_of(payload.get("status"))
    if status == "WORKING":
        yield ConnectionEvent("up")
    elif status in _DOWN:
        yield ConnectionEvent("down", f"waha_{_state_of(status)}")
