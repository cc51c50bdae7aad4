"""WuzAPI, a self-hosted gateway. It is unofficial: WhatsApp may ban the account.

Hooks: wab_senders. Settings: baseUrl, token, webhookSecret, timeoutSeconds.

API version: 3. Sources: its OpenAPI specification (3.0), its API.md and its source code (asternic/wuzapi on GitHub).

Special behaviour:

- It accepts media only inside the request, as data URIs.
- It accepts a message id that is created from ours, the same at every attempt, but cannot find a message by it.
- Its webhook calls carry the user's token or, in newer releases, which omit the token, a signature with an HMAC key.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
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
from wabroadcast_plugins.senders.shared.gateway import GatewaySettings, ask_gateway, error_by_status
from wabroadcast_plugins.senders.shared.jids import is_one_person, lids_of, message_id_of, person_in
from wabroadcast_plugins.senders.shared.lenient_json import (
    fields_of,
    objects_in,
    text_of,
    texts_in,
    time_of,
    without_fields,
)
from wabroadcast_plugins.senders.shared.media import MEGABYTE, check_message, data_uri, in_base64, load_file
from wabroadcast_plugins.senders.shared.refusals import find_refusal, safe_detail
from wabroadcast_plugins.senders.shared.setting_types import RequiredSecret
from wabroadcast_plugins.senders.shared.signatures import require_signature, same_text

_FIELDS: Final = {"image": "Image", "document": "Document", "audio": "Audio", "video": "Video"}
_ANY_FILE: Final = "application/octet-stream"  # the only type that a document's data URI may have
_RECEIPTS: Final[Mapping[str, Any]] = {"Delivered": "delivered", "Read": "read"}  # ReadSelf: read by the account itself


def _down(code: str) -> ConnectionEvent:
    return ConnectionEvent("down", say("with_code", code=code, advice=say(code)))


_EVENTS: Final = {
    "Connected": ConnectionEvent("up"),
    "Disconnected": _down("wuzapi_disconnected"),
    "LoggedOut": _down("wuzapi_logged_out"),
    "ConnectFailure": _down("wuzapi_connect_failure"),
    "ClientOutdated": _down("wuzapi_client_outdated"),
    "TemporaryBan": _down("wuzapi_temporary_ban"),
}
_NOT_CONNECTED_TEXTS: Final = ("no session", "not connected", "not logged in", "doesn't contain a device jid")
_BAD_MESSAGE_TEXTS: Final = ("payload", "should start with", "could not decode")
_TEXT_PARTS: Final = tuple(
    f"{kind}Message"
    for kind in ("extendedText", "image", "video", "document", "audio", "sticker", "location", "contact")
)


class WuzapiSettings(GatewaySettings):
    """The settings of a WuzAPI connection."""

    token: RequiredSecret = Field(description="The token of the gateway's user whose account sends.")
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="The user's HMAC key, if it has one; then only signed webhook calls are accepted."
    )

    @field_validator("token")
    @classmethod
    def _check_token(cls, token: SecretStr) -> SecretStr:
        if not (token.get_secret_value().isascii() and token.get_secret_value().isprintable()):
            text = "the token has a line break or a character outside ASCII: copy it from WuzAPI again"
            raise ValueError(Sentence("wuzapi_token_form", text))
        return token


class WuzapiSender:
    """The sender for WuzAPI."""

    kind: ClassVar[str] = "wuzapi"
    reasons = reasons_of("wuzapi", name="WuzAPI")
    Settings: ClassVar[type[BaseModel]] = WuzapiSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        types=frozenset({"text", *_FIELDS}),
        media_bytes={  # WuzAPI documents no limits; both sides hold the whole file in memory, in base64 a third larger
            "image": 16 * MEGABYTE,
            "document": 32 * MEGABYTE,
            "audio": 16 * MEGABYTE,
            "video": 16 * MEGABYTE,
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

    @classmethod
    def account_of(cls, settings: WuzapiSettings) -> str:
        return settings.account_at(settings.token.get_secret_value())

    async def send(self, message: OutgoingMessage) -> Accepted:
        path, body = await self._compose(message)
        try:
            reply = await self._request("POST", path, json=body)
        except OutcomeUnknown as error:  # the receipts will carry our id in this case too
            raise OutcomeUnknown(error.reason, error.detail, provider_id=body["Id"]) from error
        message_id = text_of(_data_of(reply).get("Id"))
        if not message_id:
            detail = say("no_message_id", detail=reply.summary)
            raise OutcomeUnknown("wuzapi_no_id", detail, provider_id=body["Id"])
        return Accepted(provider_id=message_id)

    async def check_numbers(self, numbers: Sequence[str]) -> dict[str, bool]:
        by_digits = {number.lstrip("+"): number for number in numbers}
        reply = await self._request("POST", "/user/check", json={"Phone": list(by_digits)})
        results = _results_in(_data_of(reply).get("Users"))
        return {by_digits[digits]: found for digits, found in results if digits in by_digits}

    async def check_connection(self) -> ConnectionEvent:
        reply = await self._request("GET", "/session/status")
        status = {name.lower(): value for name, value in _data_of(reply).items()}  # the case of names varies by release
        if status.get("loggedin") is not True:
            return _down("wuzapi_not_logged_in")
        if status.get("connected") is not True:
            return _down("wuzapi_not_connected")
        return ConnectionEvent("up")

    def verify_webhook(self, request: WebhookRequest) -> None:
        secret = self._settings.webhook_secret
        if secret.get_secret_value():
            require_signature(request, secret, header="X-Hmac-Signature", provider_field="the user's HMAC key")
        else:
            self._verify_token(request)

    def kept_call(self, request: WebhookRequest) -> WebhookRequest:
        if not request.form:
            return replace(kept_call(request), body=without_fields(request.body, frozenset({"token"})))
        form = {name: text for name, text in request.form.items() if name != "token"}
        return replace(kept_call(request), body=b"", form=form)

    def parse_webhook(self, request: WebhookRequest) -> list[Receipt | Inbound | ConnectionEvent]:
        call = _call_in(request)
        event = fields_of(call.get("event"))
        match call.get("type"):
            case "ReadReceipt":
                return list(_receipts_in(event, state=text_of(call.get("state"))))
            case "Message":
                return list(_inbound_in(event))
            case str() as name if name in _EVENTS:
                return [_EVENTS[name]]
        return []

    async def _compose(self, message: OutgoingMessage) -> tuple[str, dict[str, Any]]:
        """Return the path and the body of the request that sends a message."""
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
                "the call does not carry this connection's token, as in newer releases: set an HMAC key for the user "
                "in WuzAPI, and set webhookSecret to it"
            )

    async def _request(self, method: str, path: str, **request: Any) -> Reply:
        """Make one request and return its reply.

        :raises SendError: there is no reply, or it is an error.
        """
        headers = {"token": self._settings.token.get_secret_value()}
        reply = await ask_gateway(self._context.http, self._settings, method, path, headers=headers, **request)
        if not reply.is_success or fields_of(reply.document).get("success") is False:
            raise _error_in(reply)
        return reply


@hookimpl
def wab_senders() -> list[type[Sender]]:
    return [WuzapiSender]


def _data_of(reply: Reply) -> dict[str, Any]:
    return fields_of(fields_of(reply.document).get("data"))


def _error_in(reply: Reply) -> SendError:
    """Return what an error reply means: by the gateway's text, then by its status."""
    text = text_of(fields_of(reply.document).get("error"))
    detail = safe_detail(text) or reply.summary
    if error := _error_by_text(text, detail, status=reply.status):
        return error
    if reply.is_success:
        return OutcomeUnknown("wuzapi_no_success", detail)
    return error_by_status(reply, kind="wuzapi", from_gateway=bool(text))


def _error_by_text(text: str, detail: str, *, status: int) -> SendError | None:
    lowered = text.lower()
    if any(part in lowered for part in _NOT_CONNECTED_TEXTS):
        return ConnectionDown("disconnected", say("with_advice", detail=detail, advice=say("wuzapi_connect")))
    if lowered.startswith("failed to upload"):  # before the send; the text shows file addresses with their access keys
        return Temporary("wuzapi_media", say("wuzapi_file"))
    if lowered.startswith("could not decode image"):
        return BadMessage("wuzapi_media", detail)
    if status == httpx.codes.BAD_REQUEST and "phone" in lowered:
        return Rejected("wuzapi_number", detail)
    if status == httpx.codes.BAD_REQUEST and any(part in lowered for part in _BAD_MESSAGE_TEXTS):
        return BadMessage("wuzapi_message", detail)
    return find_refusal(text, kind="wuzapi")


def _results_in(users: object) -> Iterator[tuple[str, bool]]:
    for user in objects_in(users):
        found = user.get("IsInWhatsapp")
        if isinstance(found, bool):
            yield text_of(user.get("Query")).lstrip("+"), found


def _call_in(request: WebhookRequest) -> dict[str, Any]:
    """Return the JSON of a call, which may be the body, a text inside the JSON body, or a field of a form."""
    call = fields_of(read_json(request.form.get("jsonData") or request.body))
    inner = call.get("jsonData")
    return fields_of(read_json(inner)) if isinstance(inner, str) else call


def _receipts_in(event: Mapping[str, Any], *, state: str) -> Iterator[Receipt]:
    kind = _RECEIPTS.get(state)
    if kind is None or event.get("IsFromMe"):
        return
    for message_id in texts_in(event.get("MessageIDs")):
        yield Receipt(
            kind, at=time_of(event.get("Timestamp")), provider_id=message_id, wa_ids=lids_of(event.get("Chat"))
        )


def _inbound_in(event: Mapping[str, Any]) -> Iterator[Inbound]:
    info = fields_of(event.get("Info"))
    person = person_in(info.get("Sender"), info.get("SenderAlt"), info.get("Chat"))
    content = _text_in(fields_of(event.get("Message")))
    if person is None or content is None or not _is_from_person(info):
        return
    text, reply_to = content
    yield Inbound(
        number=person[0],
        wa_id=person[1],
        text=text,
        at=time_of(info.get("Timestamp")),
        provider_id=text_of(info.get("ID")) or None,
        reply_to=reply_to,
    )


def _is_from_person(info: Mapping[str, Any]) -> bool:
    return not info.get("IsFromMe") and not info.get("IsGroup") and is_one_person(info.get("Chat"))


def _text_in(message: Mapping[str, Any]) -> tuple[str, str | None] | None:
    """Return the text and the id of the message that it answers; None for reactions, votes, edits and keys."""
    if text := text_of(message.get("conversation")):
        return text, None
    for name in _TEXT_PARTS:
        if part := fields_of(message.get(name)):
            context = fields_of(part.get("contextInfo"))
            reply_to = text_of(context.get("stanzaID"), context.get("stanzaId"))
            return text_of(part.get("text"), part.get("caption")), reply_to or None
    return None
