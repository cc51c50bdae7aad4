"""WAHA (WhatsApp HTTP API), a self-hosted gateway. It is unofficial: WhatsApp may ban the account.

Hooks: wab_senders. Settings: baseUrl, session, apiKey, webhookSecret, timeoutSeconds, linkPreview.

API version: WAHA 2026.7. Sources: its OpenAPI specification (2026.7.1), its manual (waha.devlike.pro), and its release
notes (2026.8.1 for the reach-out timelock and the message capping).

Special behaviour:

- The WAHA engines GOWS and NOWEB accept our id for a text and can find the message by it later; others ignore it.
- The chat id of some numbers differs from the number; WAHA's number check returns it.
- Its webhook is signed. It needs the events message, message.ack and session.status.
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
    hookimpl,
    read_json,
)
from wabroadcast_plugins.senders.reasons import reasons_of
from wabroadcast_plugins.senders.sentences import say
from wabroadcast_plugins.senders.shared.gateway import GatewaySettings, ask_gateway
from wabroadcast_plugins.senders.shared.jids import (
    is_for_many,
    is_one_person,
    known_as,
    lids_of,
    message_id_of,
    person_in,
    wa_id_of,
)
from wabroadcast_plugins.senders.shared.lenient_json import fields_of, seconds_of, text_of, time_of
from wabroadcast_plugins.senders.shared.media import WHATSAPP_BYTES, attach
from wabroadcast_plugins.senders.shared.refusals import (
    find_refusal,
    is_for_new_contacts,
    late_failure,
    safe_detail,
    status_error,
)
from wabroadcast_plugins.senders.shared.signatures import require_signature

CHAT_CACHE_SECONDS: Final = 14 * 86_400.0
TEXT_CACHE_SECONDS: Final = 3 * 86_400.0
STARTING_SECONDS: Final = 15.0  # a session that lost its link to WhatsApp usually works again after this time

_FOUND_TEXT: Final = "found_text"  # cache key of the latest text that was sent under our id
_ACTIONS: Final = {"image": "sendImage", "document": "sendFile", "audio": "sendVoice", "video": "sendVideo"}
_NATIVE_TYPES: Final = {"audio": "audio/ogg; codecs=opus", "video": "video/mp4"}  # the gateway converts other types
_FETCH_ERROR: Final = re.compile(r"Request failed with status code 4\d\d")
_RECEIPTS: Final[Mapping[object, Any]] = {-1: "failed", 1: "sent", 2: "delivered", 3: "read", 4: "read"}
_REASONS: Final = {  # why a session in this state cannot send, and what to do
    "STARTING": say("waha_starting"),
    "STOPPED": say("waha_stopped"),
    "FAILED": say("waha_failed"),
    "SCAN_QR_CODE": say("waha_scan_qr_code"),
    "PASSKEY_REQUIRED": say("waha_passkey_required"),
    "PASSKEY_CONFIRMATION_REQUIRED": say("waha_passkey_confirmation_required"),
}
_DOWN: Final = _REASONS.keys() - {"STARTING"}  # states that only a person can end


class WahaSettings(GatewaySettings):
    """The settings of a WAHA connection."""

    session: str = Field("default", min_length=1, max_length=255, description="Name of the session that sends.")
    api_key: SecretStr = Field(SecretStr(""), description="The server's key (WAHA_API_KEY), or one for this session.")
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="The webhook's hmac.key; calls that are not signed with it are refused."
    )
    timeout_seconds: float = Field(30, gt=0, le=120, description="Longest time in seconds that the server may take.")
    link_preview: bool = Field(False, description="Preview links in all texts; if off, where a message requests it.")


class WahaSender:
    """The sender for WAHA."""

    kind: ClassVar[str] = "waha"
    reasons = reasons_of("waha", name="WAHA")
    Settings: ClassVar[type[BaseModel]] = WahaSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        types=frozenset({"text", *_ACTIONS}),
        media_bytes=WHATSAPP_BYTES,  # larger files in base64 would also need too much memory on both sides
        ban_risk=True,
        client_message_ids=True,
        number_check=True,
    )

    def __init__(self, settings: WahaSettings, context: SenderContext) -> None:
        self._settings = settings
        self._context = context

    @classmethod
    def account_of(cls, settings: WahaSettings) -> str:
        return settings.account_at(settings.session)

    async def send(self, message: OutgoingMessage) -> Accepted:
        action, body = await self._compose(message)
        own_id = body.get("id")
        if own_id:
            await self._context.cache.put(f"text:{own_id}", "sent", seconds=TEXT_CACHE_SECONDS)
        try:
            message_id, chat_id = await self._post(action, body)
        except OutcomeUnknown as error:  # the acks will carry our id in this case too
            raise OutcomeUnknown(error.reason, error.detail, provider_id=own_id) from error
        if message_id == own_id:
            await self._context.cache.put(_FOUND_TEXT, message_id, seconds=TEXT_CACHE_SECONDS)
        return Accepted(provider_id=message_id, wa_id=known_as(chat_id, body["chatId"]))

    async def find_message(self, message_id: str, number: str) -> Accepted | None:
        """Find a message by the id that was created from ours; the number is not needed.

        That the server does not find the message proves something only if it would find it: a WAHA engine may use ids
        of its own for this type of message, or store no messages. So the message must be a text, and the server must
        find another text.
        """
        del number
        own_id = message_id_of(message_id)
        if await self._has_message(own_id):
            return Accepted(provider_id=own_id)
        other_id = await self._context.cache.get(_FOUND_TEXT)
        is_text = await self._context.cache.get(f"text:{own_id}") is not None
        if is_text and other_id is not None and await self._has_message(other_id):
            return None
        raise Temporary("waha_not_found", say("waha_not_found"))

    async def check_numbers(self, numbers: Sequence[str]) -> dict[str, bool]:
        answers = {number: await self._is_on_whatsapp(number) for number in numbers}
        return {number: found for number, found in answers.items() if found is not None}

    async def check_connection(self) -> ConnectionEvent:
        status = text_of((await self._read_session()).get("status"))
        return ConnectionEvent("up") if status == "WORKING" else ConnectionEvent("down", _reason_of(status))

    def verify_webhook(self, request: WebhookRequest) -> None:
        require_signature(
            request,
            self._settings.webhook_secret,
            header="X-Webhook-Hmac",
            algorithm="sha512",
            provider_field="the webhook's hmac.key",
        )

    def parse_webhook(self, request: WebhookRequest) -> list[Receipt | Inbound | ConnectionEvent]:
        document = fields_of(read_json(request.body))
        if text_of(document.get("session")) not in {"", self._settings.session}:
            return []  # the server calls one webhook for all its sessions
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
        """Send a message.

        :returns: the ids of the message and of its chat.
        :raises SendError: the message is not certainly accepted.
        """
        reply = await self._request("POST", f"api/{action}", json=body)
        if not reply.is_success:
            raise await self._error_with_wait(reply)
        message_id, chat_id = _ids_in(reply.document)
        if not message_id:
            raise OutcomeUnknown("waha_no_id", say("no_message_id", detail=f"HTTP {reply.status}"))
        return message_id, chat_id

    async def _compose(self, message: OutgoingMessage) -> tuple[str, dict[str, Any]]:
        """Return the API action that sends a message, and the body of the request."""
        body: dict[str, Any] = {"session": self._settings.session, "chatId": await self._chat_id_for(message.number)}
        if message.type == "text":
            preview = self._settings.link_preview or bool(message.content.get("previewUrl"))
            body |= {"id": message_id_of(message.message_id), "text": message.text, "linkPreview": preview}
            return "sendText", body
        medium = await attach(self._context, message, kind=self.kind, capabilities=self.capabilities)
        file = {"mimetype": medium.content_type, "filename": medium.filename}
        body["file"] = {**file, "url": medium.url} if medium.url else {**file, "data": medium.data}
        if message.type in _NATIVE_TYPES:
            body["convert"] = medium.content_type != _NATIVE_TYPES[message.type]
        if message.type != "audio":
            body["caption"] = message.text or ""  # without one, some versions add a caption of their own
        return _ACTIONS[message.type], body

    async def _chat_id_for(self, number: str) -> str:
        return await self._context.cache.get(f"chat:{number}") or f"{number.lstrip('+')}@c.us"

    async def _is_on_whatsapp(self, number: str) -> bool | None:
        query = {"phone": number.lstrip("+"), "session": self._settings.session}
        reply = await self._request("GET", "api/contacts/check-exists", params=query)
        if not reply.is_success:
            raise await self._error_with_wait(reply)
        document = fields_of(reply.document)
        found, chat_id = document.get("numberExists"), document.get("chatId")
        if found is True and is_one_person(chat_id):
            digits = wa_id_of(chat_id)  # requests accept a person's id only in the form <digits>@c.us
            chat = f"{digits}@c.us" if digits else text_of(chat_id)
            await self._context.cache.put(f"chat:{number}", chat, seconds=CHAT_CACHE_SECONDS)
        return found if isinstance(found, bool) else None

    async def _has_message(self, message_id: str) -> bool:
        """Check whether the server has a message.

        :raises SendError: the answer does not show it.
        """
        path = f"api/{self._session_path}/chats/all/messages/{quote(message_id, safe='')}"
        reply = await self._request("GET", path, params={"downloadMedia": "false"})
        if reply.status == 404 and _error_text(reply) == "Message not found":  # noqa: PLR2004 - Not Found
            return False
        if not reply.is_success:
            raise _error_in(reply)
        if _ids_in(reply.document)[0] != message_id:
            raise Temporary("waha_other_message", say("waha_other_message"))
        return True

    async def _error_with_wait(self, reply: Reply) -> SendError:
        """Return the error of a reply; where WhatsApp refuses new contacts, with the time to wait."""
        error = _error_in(reply)
        if is_for_new_contacts(error):
            error.retry_after = await self._seconds_restricted()
        return error

    async def _seconds_restricted(self) -> float | None:
        """Return for how many seconds WhatsApp refuses new contacts; None if the server does not know it."""
        try:
            me = fields_of((await self._read_session()).get("me"))
        except SendError:
            return None  # the refusal is valid without it
        lock, capping = fields_of(me.get("reachoutTimelock")), fields_of(me.get("messageCapping"))
        ends = [
            seconds_of(lock.get("timeEnforcementEnds")) if lock.get("isActive") is True else None,
            seconds_of(capping.get("cycleEnd")) if capping.get("cappingStatus") == "CAPPED" else None,
        ]
        waits = [end - time.time() for end in ends if end is not None]
        return max((wait for wait in waits if wait > 0), default=None)

    async def _read_session(self) -> dict[str, Any]:
        """Return the session's state and account.

        :raises SendError: there is no answer, or no such session.
        """
        reply = await self._request("GET", f"api/sessions/{self._session_path}")
        if not reply.is_success:
            raise _error_in(reply)
        return fields_of(reply.document)

    @property
    def _session_path(self) -> str:
        return quote(self._settings.session, safe="")

    async def _request(self, method: str, path: str, **request: Any) -> Reply:
        key = self._settings.api_key.get_secret_value()
        headers = {"X-Api-Key": key} if key else {}
        return await ask_gateway(self._context.http, self._settings, method, path, headers=headers, **request)


@hookimpl
def wab_senders() -> list[type[Sender]]:
    return [WahaSender]


def _ids_in(document: object) -> tuple[str, str]:
    """Return the bare id of a message and the id of its chat; an empty text for an id that is missing.

    The full id is ``true_<chat>_<id>``, or an object that holds it; NOWEB answers with the raw message and its key.
    The chat may have its number here and its hidden id in a receipt, so only the bare id is the same in both.
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
    """Return a session's status as part of an error reason."""
    return status.lower() if status.replace("_", "").isalpha() else "unknown"


def _reason_of(status: str) -> str:
    """Return why a session with this status cannot send: a code, then the explanation."""
    state = _state_of(status)
    return say("with_code", code=f"waha_{state}", advice=_REASONS.get(status) or say("waha_state", state=state))


def _error_text(reply: Reply) -> str:
    """Return the server's error text; the rest of its answer may repeat the request, and so the recipient's message."""
    document = fields_of(reply.document)
    text = fields_of(document.get("exception")).get("message") or document.get("message") or document.get("error")
    return "; ".join(filter(None, map(text_of, text if isinstance(text, list) else [text])))


def _error_in(reply: Reply) -> SendError:
    """Return what an error reply means: by WhatsApp's own refusal, then by its status, then by its text."""
    text = _error_text(reply)
    if refused := find_refusal(text, kind="waha"):
        return refused
    match reply.status:
        case 404:
            return ConnectionDown("waha_no_session", say("waha_no_server", detail=safe_detail(text) or reply.summary))
        case 413 | 501:  # the request is too large; the WAHA engine does not support it
            return BadMessage(f"waha_{reply.status}", safe_detail(text) or f"HTTP {reply.status}")
        case 422 if text:
            return _unprocessable(reply, text)
        case 500:
            return _server_fault(text)
    return status_error(reply)


def _server_fault(text: str) -> SendError:
    if _FETCH_ERROR.search(text):
        return BadMessage("waha_media", say("file_not_fetched", name="WAHA"))
    return OutcomeUnknown("waha_fault", safe_detail(text) or "HTTP 500")


def _unprocessable(reply: Reply, text: str) -> SendError:
    """Return why nothing was sent: the session does not work, or does not support the request."""
    status = text_of(fields_of(reply.document).get("status"))
    if status == "STARTING":
        return Temporary("waha_starting", say("waha_connecting"), retry_after=STARTING_SECONDS)
    if status:  # the reason "disconnected" lets a webhook event resume the connection when the session works again
        return ConnectionDown("disconnected", _reason_of(status))
    if "session" in text.lower():
        return ConnectionDown("waha_no_session", say("waha_no_session", detail=safe_detail(text)))
    return BadMessage("waha_refused", safe_detail(text))


def _receipts_in(payload: Mapping[str, Any], *, at: float) -> Iterator[Receipt]:
    message_id, chat_id = _split_id(payload.get("id"))
    ack = payload.get("ack")
    kind = _RECEIPTS.get(ack) if isinstance(ack, int) else None
    has_many = is_for_many(chat_id) or is_for_many(payload.get("from"))
    if not message_id or kind is None or payload.get("fromMe") is False or has_many:
        return
    code = fields_of(payload.get("error")).get("code")
    error = late_failure(code, kind="waha") if kind == "failed" else None
    yield Receipt(kind, at=at, provider_id=message_id, error=error, wa_ids=lids_of(chat_id))


def _inbound_in(payload: Mapping[str, Any], *, at: float) -> Iterator[Inbound]:
    if payload.get("fromMe") or not is_one_person(payload.get("from")):
        return
    author = _author_in(payload)
    if author is None:
        return
    yield Inbound(
        number=author[0],
        wa_id=author[1],
        text=text_of(payload.get("body")),
        at=seconds_of(payload.get("timestamp")) or at,
        provider_id=_split_id(payload.get("id"))[0] or None,
        reply_to=_split_id(fields_of(payload.get("replyTo")).get("id"))[0] or None,
    )


def _author_in(payload: Mapping[str, Any]) -> tuple[str, str | None] | None:
    """Return the number and the hidden id of the author; GOWS and NOWEB may give the number beside the id."""
    raw = fields_of(payload.get("_data"))
    info, key = fields_of(raw.get("Info")), fields_of(raw.get("key"))
    return person_in(payload.get("from"), info.get("SenderAlt"), key.get("remoteJidAlt"), key.get("senderPn"))


def _events_in(payload: Mapping[str, Any]) -> Iterator[ConnectionEvent]:
    status = text_of(payload.get("status"))
    if status == "WORKING":
        yield ConnectionEvent("up")
    elif status in _DOWN:
        yield ConnectionEvent("down", _reason_of(status))
