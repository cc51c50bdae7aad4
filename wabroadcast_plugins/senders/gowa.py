"""GOWA (go-whatsapp-web-multidevice), a self-hosted gateway. It is unofficial: WhatsApp may ban the account.

Hooks: wab_senders. Settings: baseUrl, username, password, deviceId, webhookSecret, timeoutSeconds.

API version: 9. Sources: its OpenAPI specification (9.0.0), its webhook documentation and its source code
(aldinokemal/go-whatsapp-web-multidevice on GitHub).

Special behaviour:

- Its number check, which it also runs before each send, reports a network error as "not on WhatsApp", so one such
  answer proves nothing.
- It shrinks images unless the request turns this off.
- Its webhook reports receipts and messages, but not the state of the account.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final

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
    WebhookRequest,
    hookimpl,
    read_json,
)
from wabroadcast_plugins.senders.reasons import reasons_of
from wabroadcast_plugins.senders.sentences import say
from wabroadcast_plugins.senders.shared.gateway import GatewaySettings, ask_gateway, error_by_status
from wabroadcast_plugins.senders.shared.jids import is_one_person, lids_of, number_of, person_in
from wabroadcast_plugins.senders.shared.lenient_json import fields_of, text_of, texts_in, time_of
from wabroadcast_plugins.senders.shared.media import check_message, load_file
from wabroadcast_plugins.senders.shared.refusals import REACHOUT_TIMELOCK, find_refusal, refusal, safe_detail
from wabroadcast_plugins.senders.shared.setting_types import Matches
from wabroadcast_plugins.senders.shared.signatures import require_signature

DEFAULT_SECRET: Final = "secret"  # noqa: S105 - the gateway's default, which is publicly known

_FIELDS: Final = {"image": "image", "document": "file", "audio": "audio", "video": "video"}
_PART_TYPES: Final = {"audio/mp4": "audio/m4a"}  # MIME types that the gateway calls otherwise
_EXTENSIONS: Final = {"image/jpeg": ".jpg", "image/png": ".png"}
_DOWN_CODES: Final = {
    "AUTHENTICATION_ERROR": ("disconnected", "gowa_log_in"),
    "INVALID_WA_CLI": ("disconnected", "gowa_log_in"),
    "DEVICE_NOT_FOUND": ("gowa_no_device", "gowa_set_device"),
    "DEVICE_ID_REQUIRED": ("gowa_no_device", "gowa_set_device"),
}
_NOT_LOGGED_IN_TEXTS: Final = ("you are not log", "you are not connect", "whatsapp client is not initialized")
_FILE_TEXTS: Final = tuple(
    f"failed to {step}"
    for step in ("download", "upload", "open", "save", "store", "decode", "convert", "compress", "create thumbnail")
)

_Part = tuple[str | None, str | bytes] | tuple[str | None, str | bytes, str]
"""A field of a multipart form: the file's name or None, the value, and the file's MIME type."""


class GowaSettings(GatewaySettings):
    """The settings of a GOWA connection."""

    username: str = Field("", description="User of the gateway's basic authentication (APP_BASIC_AUTH), if it is on.")
    password: SecretStr = Field(SecretStr(""), description="Password of the gateway's basic authentication.")
    device_id: Annotated[
        str, Matches(r"^[!-~]*$", Sentence("device_id_form", "the device id must be ASCII without spaces"))
    ] = Field("", description="Id of the device that sends; may be left out if the gateway has only one.")
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="The gateway's WHATSAPP_WEBHOOK_SECRET; calls not signed with it are refused."
    )

    @field_validator("webhook_secret")
    @classmethod
    def _refuse_default(cls, secret: SecretStr) -> SecretStr:
        if secret.get_secret_value() == DEFAULT_SECRET:
            text = (
                "this is GOWA's default secret, which is publicly known: set WHATSAPP_WEBHOOK_SECRET to another one "
                "at the gateway, and enter it here"
            )
            raise ValueError(Sentence("gowa_default_secret", text))
        return secret


class GowaSender:
    """The sender for GOWA."""

    kind: ClassVar[str] = "gowa"
    reasons = reasons_of("gowa", name="GOWA")
    Settings: ClassVar[type[BaseModel]] = GowaSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        types=frozenset({"text", *_FIELDS}),
        media_bytes={  # the gateway's defaults; it has none for audio
            "image": 20_000_000,
            "document": 50_000_000,
            "audio": 16_000_000,
            "video": 100_000_000,
        },
        media_types={
            "image": frozenset(_EXTENSIONS),
            "audio": frozenset({"audio/aac", "audio/amr", "audio/mp4", "audio/mpeg", "audio/ogg", "audio/wav"}),
            "video": frozenset({"video/mp4"}),
        },
        ban_risk=True,
        number_check=True,
    )

    def __init__(self, settings: GowaSettings, context: SenderContext) -> None:
        self._settings = settings
        self._context = context

    @classmethod
    def account_of(cls, settings: GowaSettings) -> str:
        return settings.account_at(settings.device_id)

    async def send(self, message: OutgoingMessage) -> Accepted:
        path, body = await self._compose(message)
        reply = await self._request("POST", path, attempt=message.attempt, **body)
        message_id = text_of(_results_of(reply).get("message_id"))
        if not message_id:
            raise OutcomeUnknown("gowa_no_id", say("no_message_id", detail=reply.summary))
        return Accepted(provider_id=message_id)

    async def check_numbers(self, numbers: Sequence[str]) -> dict[str, bool]:
        """Look each number up. A "no" counts only if the gateway then finds the account's own number.

        If it does not, its look-ups fail for every number.
        """
        answers = {number: await self._is_on_whatsapp(number) for number in numbers}
        is_reliable = all(answers.values()) or await self._finds_own_number()
        return {number: found for number, found in answers.items() if found or (is_reliable and found is False)}

    async def check_connection(self) -> ConnectionEvent:
        status = await self._read_status()
        if status.get("is_logged_in") is not True:
            return ConnectionEvent("down", _down("gowa_not_logged_in"))
        if status.get("is_connected") is not True:
            return ConnectionEvent("down", _down("gowa_not_connected"))
        return ConnectionEvent("up")

    def verify_webhook(self, request: WebhookRequest) -> None:
        require_signature(
            request,
            self._settings.webhook_secret,
            header="X-Hub-Signature-256",
            prefix="sha256=",
            provider_field="the gateway's WHATSAPP_WEBHOOK_SECRET",
        )

    def parse_webhook(self, request: WebhookRequest) -> list[Receipt | Inbound | ConnectionEvent]:
        document = fields_of(read_json(request.body))
        payload = fields_of(document.get("payload"))
        match document.get("event"):
            case "message.ack":
                return list(_receipts_in(payload, at=time_of(document.get("timestamp"))))
            case "message":
                return list(_inbound_in(payload))
        return []

    async def _compose(self, message: OutgoingMessage) -> tuple[str, dict[str, Any]]:
        """Return the path and the body of the request that sends a message."""
        if message.type == "text":
            return "/send/message", {"json": {"phone": _jid_of(message.number), "message": message.text}}
        check_message(message, kind=self.kind, capabilities=self.capabilities)
        return f"/send/{_FIELDS[message.type]}", {"files": await self._compose_form(message)}

    async def _compose_form(self, message: OutgoingMessage) -> dict[str, _Part]:
        form: dict[str, _Part] = {"phone": (None, _jid_of(message.number))}
        if message.text:
            form["caption"] = (None, message.text)
        if message.type == "image":
            form["compress"] = (None, "false")  # otherwise it arrives 600 pixels wide
        url = message.content["media"].get("url")
        if url and not message.content.get("filename"):
            form[f"{_FIELDS[message.type]}_url"] = (None, url)
        else:  # the gateway accepts no file name together with an address
            form[_FIELDS[message.type]] = await self._load_file(message)
        return form

    async def _load_file(self, message: OutgoingMessage) -> _Part:
        file = await load_file(self._context, message, kind=self.kind, capabilities=self.capabilities)
        content_type, name = file.content_type.partition(";")[0], file.filename
        if message.type == "image":  # the gateway stores it under this name and deletes it later: it must be unique
            name = message.message_id + _EXTENSIONS[content_type]
        return name, file.content, _PART_TYPES.get(content_type, content_type)

    async def _is_on_whatsapp(self, number: str) -> bool | None:
        reply = await self._request("GET", "/user/check", params={"phone": _jid_of(number)})
        found = _results_of(reply).get("is_on_whatsapp")
        return found if isinstance(found, bool) else None

    async def _finds_own_number(self) -> bool:
        own = number_of((await self._read_status()).get("jid"))
        return own is not None and await self._is_on_whatsapp(own) is True

    async def _read_status(self) -> dict[str, Any]:
        return _results_of(await self._request("GET", "/app/status"))

    async def _request(self, method: str, path: str, *, attempt: int = 1, **request: Any) -> Reply:
        """Make one request and return its reply.

        :param attempt: the number of the send attempt, from 1.
        :raises SendError: there is no reply, or it is an error.
        """
        settings = self._settings
        if settings.username:
            request["auth"] = (settings.username, settings.password.get_secret_value())
        if settings.device_id:
            request["headers"] = {"X-Device-Id": settings.device_id}
        reply = await ask_gateway(self._context.http, settings, method, path, **request)
        if not reply.is_success:
            raise _error_in(reply, attempt=attempt)
        return reply


@hookimpl
def wab_senders() -> list[type[Sender]]:
    return [GowaSender]


def _jid_of(number: str) -> str:
    """Return the complete id of a person: the gateway treats more than 15 digits without a server as a group."""
    return f"{number.lstrip('+')}@s.whatsapp.net"


def _down(code: str) -> Sentence:
    return say("with_code", code=code, advice=say(code))


def _results_of(reply: Reply) -> dict[str, Any]:
    return fields_of(fields_of(reply.document).get("results"))


def _error_in(reply: Reply, *, attempt: int) -> SendError:
    """Return what an error reply means: by the gateway's code, then by its text, then by its status."""
    document = fields_of(reply.document)
    code, text = text_of(document.get("code")), text_of(document.get("message"))
    detail = safe_detail(text) or reply.summary
    match code:
        case "INVALID_JID":
            return _not_on_whatsapp(detail, attempt=attempt)
        case "WA_REACHOUT_TIMELOCK":
            return refusal(REACHOUT_TIMELOCK, kind="gowa", retry_after=reply.retry_after)
        case "VALIDATION_ERROR":
            return Rejected("gowa_number", detail) if "phone" in text.lower() else BadMessage("gowa_message", detail)
        case "UPLOAD_MEDIA_ERROR":
            return _file_error()
    if code in _DOWN_CODES:
        reason, advice = _DOWN_CODES[code]
        return ConnectionDown(reason, say("with_advice", detail=detail, advice=say(advice)))
    return _error_by_text(text) or error_by_status(reply, kind="gowa", from_gateway=bool(code))


def _not_on_whatsapp(detail: str, *, attempt: int) -> SendError:
    """Return the error for a number that was not found, so that nothing was sent.

    The first time the cause may be the gateway's network, so the message is retried once.
    """
    if attempt == 1:
        return Temporary("gowa_not_on_whatsapp", detail)
    return Rejected("gowa_not_on_whatsapp", detail)


def _error_by_text(text: str) -> SendError | None:
    """Return what an internal error means by its text, because its code does not say it."""
    lowered = text.lower()
    if lowered.startswith(_NOT_LOGGED_IN_TEXTS):
        return ConnectionDown("disconnected", say("gowa_no_link"))
    if lowered.startswith("ffmpeg not installed"):
        return BadMessage("gowa_no_ffmpeg", say("gowa_no_ffmpeg"))
    if lowered.startswith(_FILE_TEXTS):
        return _file_error()
    return find_refusal(text, kind="gowa")


def _file_error() -> Temporary:
    """Return a fixed text: the gateway's own text may hold a file address with its access token."""
    return Temporary("gowa_media", say("gowa_file"))


def _receipts_in(payload: Mapping[str, Any], *, at: float) -> Iterator[Receipt]:
    match payload.get("receipt_type"):
        case "delivered" | "read" as kind:
            for message_id in texts_in(payload.get("ids")):
                yield Receipt(kind, at=at, provider_id=message_id, wa_ids=lids_of(payload.get("chat_id")))


def _inbound_in(payload: Mapping[str, Any]) -> Iterator[Inbound]:
    person = person_in(payload.get("from"), payload.get("chat_id"), payload.get("from_lid"))
    if person is None or payload.get("is_from_me") or not is_one_person(payload.get("chat_id")):
        return
    yield Inbound(
        number=person[0],
        wa_id=person[1],
        text=text_of(payload.get("body")),
        at=time_of(payload.get("timestamp")),
        provider_id=text_of(payload.get("id")) or None,
        reply_to=text_of(payload.get("replied_to_id")) or None,
    )
