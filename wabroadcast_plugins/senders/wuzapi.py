"""WuzAPI 3: a self-hosted gateway, unofficial, so the account can be banned for its use.

Hooks: wab_senders. Settings: baseUrl, token, webhookSecret, timeoutSeconds.

What is special about it: it takes media only inside of the request, as data URIs. A message has an id made from ours,
the same at every try, but the gateway cannot be asked for a message by its id. Its webhook proves itself by the
connection's token or, in newer releases, which leave that out, by a signature with an HMAC key.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

import httpx
from pydantic import BaseModel, Field, SecretStr, field_validator

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
    hookimpl,
    read_json,
)
from wabroadcast_plugins.senders.shared.gateway import GatewaySettings, error_by_status
from wabroadcast_plugins.senders.shared.jids import is_one_person, message_id_of, number_of
from wabroadcast_plugins.senders.shared.lenient_json import fields_of, objects_in, text_of, texts_in, time_of
from wabroadcast_plugins.senders.shared.media import check_message, data_uri, in_base64, load_file
from wabroadcast_plugins.senders.shared.refusals import find_refusal, shown
from wabroadcast_plugins.senders.shared.signatures import require_signature, same_text

_MEGABYTE: Final = 1024 * 1024

_FIELDS: Final = {"image": "Image", "document": "Document", "audio": "Audio", "video": "Video"}
_ANY_FILE: Final = "application/octet-stream"  # the one type that a document's data URI may name
_RECEIPTS: Final[Mapping[str, Any]] = {"Delivered": "delivered", "Read": "read"}  # ReadSelf: by the account itself
_NEWS: Final = {
    "Connected": ConnectionEvent("up"),
    "Disconnected": ConnectionEvent("down", "wuzapi_disconnected"),
    "LoggedOut": ConnectionEvent("down", "wuzapi_logged_out"),
    "ConnectFailure": ConnectionEvent("down", "wuzapi_connect_failure"),
    "ClientOutdated": ConnectionEvent("down", "wuzapi_client_outdated"),
    "TemporaryBan": ConnectionEvent("down", "wuzapi_temporary_ban"),
}
_NOT_CONNECTED: Final = ("no session", "not connected", "not logged in", "doesn't contain a device jid")
_UNREADABLE: Final = ("payload", "should start with", "could not decode")
_SAID_IN: Final = tuple(
    f"{kind}Message"
    for kind in ("extendedText", "image", "video", "document", "audio", "sticker", "location", "contact")
)


class WuzapiSettings(GatewaySettings):
    token: SecretStr = Field(min_length=1, description="The token of the gateway's user whose account sends.")
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="The user's HMAC key, where it has one; then only signed webhook calls are taken."
    )

    @field_validator("token")
    @classmethod
    def _fits_a_header(cls, token: SecretStr) -> SecretStr:
        if not (token.get_secret_value().isascii() and token.get_secret_value().isprintable()):
            raise ValueError("a token is made of plain letters, digits and signs")
        return token


class WuzapiSender:
    kind: ClassVar[str] = "wuzapi"
    Settings: ClassVar[type[BaseModel]] = WuzapiSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        types=frozenset({"text", *_FIELDS}),
        media_bytes={  # the gateway names none; both ends hold all of it in memory, a third larger
            "image": 16 * _MEGABYTE,
            "document": 32 * _MEGABYTE,
            "audio": 16 * _MEGABYTE,
            "video": 16 * _MEGABYTE,
        },
        media_types={
            "image": frozenset({"image/jpeg", "image/png"}),
            "audio": frozenset({"audio/ogg; codecs=opus"}),
            "video": frozenset({"video/mp4", "video/3gpp"}),
        },
        ban_risk=True,
        number_check=True,
    )

    def __init__(self, settings: WuzapiSettings, context: SenderContext) -> None:
        self._settings = settings
        self._context = context

    async def send(self, message: OutgoingMessage) -> Accepted:
        path, body = await self._compose(message)
        try:
            reply = await self._ask("POST", path, json=body)
        except OutcomeUnknown as error:  # its receipts will name the id all the same
            raise OutcomeUnknown(error.reason, error.detail, provider_id=body["Id"]) from error
        message_id = text_of(_data_of(reply).get("Id"))
        if not message_id:
            raise OutcomeUnknown("wuzapi_no_id", reply.summary, provider_id=body["Id"])
        return Accepted(provider_id=message_id)

    async def check_numbers(self, numbers: Sequence[str]) -> dict[str, bool]:
        asked = {number.lstrip("+"): number for number in numbers}
        reply = await self._ask("POST", "/user/check", json={"Phone": list(asked)})
        return {asked[digits]: found for digits, found in _findings_in(_data_of(reply).get("Users")) if digits in asked}

    async def check_connection(self) -> ConnectionEvent:
        reply = await self._ask("GET", "/session/status")
        status = {name.lower(): value for name, value in _data_of(reply).items()}  # their case differs by release
        if status.get("loggedin") is not True:
            return ConnectionEvent("down", "wuzapi_not_logged_in")
        if status.get("connected") is not True:
            return ConnectionEvent("down", "wuzapi_not_connected")
        return ConnectionEvent("up")

    def verify_webhook(self, request: WebhookRequest) -> None:
        secret = self._settings.webhook_secret
        if secret.get_secret_value():
            require_signature(request, secret, header="X-Hmac-Signature", set_there="the user's HMAC key")
        else:
            self._verify_token(request)

    def parse_webhook(self, request: WebhookRequest) -> list[Receipt | Inbound | ConnectionEvent]:
        call = _call_in(request)
        event = fields_of(call.get("event"))
        match call.get("type"):
            case "ReadReceipt":
                return list(_receipts_in(event, state=text_of(call.get("state"))))
            case "Message":
                return list(_inbound_in(event))
            case str() as name if name in _NEWS:
                return [_NEWS[name]]
        return []

    async def _compose(self, message: OutgoingMessage) -> tuple[str, dict[str, Any]]:
        """The path and the body of the request that sends a message."""
        body = {"Phone": message.number.lstrip("+"), "Id": message_id_of(message.message_id)}
        if message.type == "text":
            return "/chat/send/text", {**body, "Body": message.text}
        check_message(message, kind=self.kind, capabilities=self.capabilities)
        return f"/chat/send/{message.type}", {**body, **await self._compose_media(message)}

    async def _compose_media(self, message: OutgoingMessage) -> dict[str, str]:
        file = await load_file(self._context, message, kind=self.kind, capabilities=self.capabilities)
        content_type, encoded = file.content_type.partition(";")[0], in_base64(file.content)
        caption = {"Caption": message.text} if message.text else {}
        if message.type != "document":
            return {_FIELDS[message.type]: data_uri(content_type, encoded), **caption}
        names = {"FileName": file.filename, "MimeType": content_type}
        return {"Document": data_uri(_ANY_FILE, encoded), **names, **caption}

    def _verify_token(self, request: WebhookRequest) -> None:
        given = request.form.get("token") or text_of(fields_of(read_json(request.body)).get("token"))
        if not same_text(given, self._settings.token.get_secret_value()):
            raise WebhookRefusedError(
                "the call does not carry this connection's token; newer releases never do: "
                "set an HMAC key for the user there, and give it to this connection as webhookSecret"
            )

    async def _ask(self, method: str, path: str, **request: Any) -> Reply:
        """Make one request. :raises SendError: it is not answered, or not with a success."""
        settings = self._settings
        headers = {"token": settings.token.get_secret_value()}
        reply = await ask(
            self._context.http,
            method,
            settings.address_of(path),
            seconds=settings.timeout_seconds,
            headers=headers,
            **request,
        )
        if not reply.is_success or fields_of(reply.document).get("success") is False:
            raise _error_in(reply)
        return reply


@hookimpl
def wab_senders() -> list[type[Sender]]:
    return [WuzapiSender]


def _data_of(reply: Reply) -> dict[str, Any]:
    return fields_of(fields_of(reply.document).get("data"))


def _error_in(reply: Reply) -> SendError:
    """What a reply that is no success means: by the gateway's words, then by its status."""
    text = text_of(fields_of(reply.document).get("error"))
    detail = shown(text) or reply.summary
    if error := _error_in_words(text, detail, status=reply.status):
        return error
    if reply.is_success:
        return OutcomeUnknown("wuzapi_no_success", detail)
    return error_by_status(reply, kind="wuzapi", is_gateways=bool(text))


def _error_in_words(text: str, detail: str, *, status: int) -> SendError | None:
    said = text.lower()
    if any(words in said for words in _NOT_CONNECTED):
        return ConnectionDown("wuzapi_not_connected", detail)
    if said.startswith("failed to upload"):  # which comes before the message; its words show addresses with their keys
        return Temporary("wuzapi_media", "the gateway could not upload the file to WhatsApp")
    if said.startswith("could not decode image"):
        return BadMessage("wuzapi_media", detail)
    if status == httpx.codes.BAD_REQUEST and "phone" in said:
        return Rejected("wuzapi_number", detail)
    if status == httpx.codes.BAD_REQUEST and any(words in said for words in _UNREADABLE):
        return BadMessage("wuzapi_message", detail)
    return find_refusal(text, kind="wuzapi")


def _findings_in(users: object) -> Iterator[tuple[str, bool]]:
    for user in objects_in(users):
        found = user.get("IsInWhatsapp")
        if isinstance(found, bool):
            yield text_of(user.get("Query")).lstrip("+"), found


def _call_in(request: WebhookRequest) -> dict[str, Any]:
    """What a call says: a form with a JSON text in it, such a text in JSON, or the JSON itself."""
    call = fields_of(read_json(request.form.get("jsonData") or request.body))
    inner = call.get("jsonData")
    return fields_of(read_json(inner)) if isinstance(inner, str) else call


def _receipts_in(event: Mapping[str, Any], *, state: str) -> Iterator[Receipt]:
    kind = _RECEIPTS.get(state)
    if kind is None or event.get("IsFromMe"):
        return
    for message_id in texts_in(event.get("MessageIDs")):
        yield Receipt(kind, at=time_of(event.get("Timestamp")), provider_id=message_id)


def _inbound_in(event: Mapping[str, Any]) -> Iterator[Inbound]:
    info = fields_of(event.get("Info"))
    number = number_of(info.get("Sender"), info.get("SenderAlt"))
    said = _said_in(fields_of(event.get("Message")))
    if number is None or said is None or not _is_of_a_person(info):
        return
    text, reply_to = said
    yield Inbound(
        number=number,
        text=text,
        at=time_of(info.get("Timestamp")),
        provider_id=text_of(info.get("ID")) or None,
        reply_to=reply_to,
    )


def _is_of_a_person(info: Mapping[str, Any]) -> bool:
    return not info.get("IsFromMe") and not info.get("IsGroup") and is_one_person(info.get("Chat"))


def _said_in(message: Mapping[str, Any]) -> tuple[str, str | None] | None:
    """Text and the id answered to; None for what says nothing: reactions, votes, edits, keys."""
    if text := text_of(message.get("conversation")):
        return text, None
    for name in _SAID_IN:
        if part := fields_of(message.get(name)):
            context = fields_of(part.get("contextInfo"))
            reply_to = text_of(context.get("stanzaID"), context.get("stanzaId"))
            return text_of(part.get("text"), part.get("caption")), reply_to or None
    return None
