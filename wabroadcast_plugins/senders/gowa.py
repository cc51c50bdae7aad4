"""GOWA (go-whatsapp-web-multidevice) 9: a self-hosted gateway, unofficial, so the account can be banned for its use.

Hooks: wab_senders. Settings: baseUrl, username, password, deviceId, webhookSecret, timeoutSeconds.

What is special about it: its number check, which it also makes before each send, takes an error of the network for
"not on WhatsApp", so that one such answer proves nothing. It sends images shrunk unless told otherwise. Its webhook
tells of receipts and messages, not of the connection.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

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
    WebhookRequest,
    ask,
    hookimpl,
    read_json,
)
from wabroadcast_plugins.senders.shared.gateway import GatewaySettings, error_by_status
from wabroadcast_plugins.senders.shared.jids import is_one_person, number_of
from wabroadcast_plugins.senders.shared.lenient_json import fields_of, text_of, texts_in, time_of
from wabroadcast_plugins.senders.shared.media import check_message, load_file
from wabroadcast_plugins.senders.shared.refusals import REACHOUT_TIMELOCK, find_refusal, refusal, shown
from wabroadcast_plugins.senders.shared.signatures import require_signature

DEFAULT_SECRET: Final = "secret"  # noqa: S105 - the gateway's own default, which everybody knows

_FIELDS: Final = {"image": "image", "document": "file", "audio": "audio", "video": "video"}
_PART_TYPES: Final = {"audio/mp4": "audio/m4a"}  # where the gateway's list has another name
_ENDINGS: Final = {"image/jpeg": ".jpg", "image/png": ".png"}
_DOWN: Final = {
    "AUTHENTICATION_ERROR": "gowa_not_logged_in",
    "INVALID_WA_CLI": "gowa_not_logged_in",
    "DEVICE_NOT_FOUND": "gowa_no_device",
    "DEVICE_ID_REQUIRED": "gowa_no_device",
}
_NOT_LOGGED_IN: Final = ("you are not log", "you are not connect", "whatsapp client is not initialized")
_BEFORE_SENDING: Final = tuple(
    f"failed to {step}"
    for step in ("download", "upload", "open", "save", "store", "decode", "convert", "compress", "create thumbnail")
)

_Part = tuple[str | None, str | bytes] | tuple[str | None, str | bytes, str]
"""A field of a multipart form: a file's name or None, the value, and a file's type."""


class GowaSettings(GatewaySettings):
    username: str = Field("", description="Of its basic authentication (APP_BASIC_AUTH), where that is on.")
    password: SecretStr = Field(SecretStr(""), description="Of its basic authentication.")
    device_id: str = Field(
        "", pattern=r"^[!-~]*$", description="Which of the gateway's devices sends; may be left out where it has one."
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="The gateway's WHATSAPP_WEBHOOK_SECRET; calls that it does not sign are refused."
    )

    @field_validator("webhook_secret")
    @classmethod
    def _not_the_default(cls, secret: SecretStr) -> SecretStr:
        if secret.get_secret_value() == DEFAULT_SECRET:
            raise ValueError(
                "this is the secret that every gateway has at first, so anybody could sign with it: "
                "set another one as WHATSAPP_WEBHOOK_SECRET there, and give it here"
            )
        return secret


class GowaSender:
    kind: ClassVar[str] = "gowa"
    Settings: ClassVar[type[BaseModel]] = GowaSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        types=frozenset({"text", *_FIELDS}),
        media_bytes={  # the gateway's defaults; it names none for audio
            "image": 20_000_000,
            "document": 50_000_000,
            "audio": 16_000_000,
            "video": 100_000_000,
        },
        media_types={
            "image": frozenset(_ENDINGS),
            "audio": frozenset({"audio/aac", "audio/amr", "audio/mp4", "audio/mpeg", "audio/ogg", "audio/wav"}),
            "video": frozenset({"video/mp4"}),
        },
        ban_risk=True,
        number_check=True,
    )

    def __init__(self, settings: GowaSettings, context: SenderContext) -> None:
        self._settings = settings
        self._context = context

    async def send(self, message: OutgoingMessage) -> Accepted:
        path, body = await self._compose(message)
        reply = await self._ask("POST", path, attempt=message.attempt, **body)
        message_id = text_of(_results_of(reply).get("message_id"))
        if not message_id:
            raise OutcomeUnknown("gowa_no_id", reply.summary)
        return Accepted(provider_id=message_id)

    async def check_numbers(self, numbers: Sequence[str]) -> dict[str, bool]:
        """A "no" counts only if the gateway finds the account's own number then: else it cannot look up anybody."""
        answers = {number: await self._is_on_whatsapp(number) for number in numbers}
        sure = all(answers.values()) or await self._finds_itself()
        return {number: found for number, found in answers.items() if found or (sure and found is False)}

    async def check_connection(self) -> ConnectionEvent:
        status = await self._read_status()
        if status.get("is_logged_in") is not True:
            return ConnectionEvent("down", "gowa_not_logged_in")
        if status.get("is_connected") is not True:
            return ConnectionEvent("down", "gowa_not_connected")
        return ConnectionEvent("up")

    def verify_webhook(self, request: WebhookRequest) -> None:
        require_signature(
            request,
            self._settings.webhook_secret,
            header="X-Hub-Signature-256",
            prefix="sha256=",
            set_there="the gateway's WHATSAPP_WEBHOOK_SECRET",
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
        """The path and the body of the request that sends a message."""
        if message.type == "text":
            return "/send/message", {"json": {"phone": _jid_of(message.number), "message": message.text}}
        check_message(message, kind=self.kind, capabilities=self.capabilities)
        return f"/send/{_FIELDS[message.type]}", {"files": await self._compose_form(message)}

    async def _compose_form(self, message: OutgoingMessage) -> dict[str, _Part]:
        form: dict[str, _Part] = {"phone": (None, _jid_of(message.number))}
        if message.text:
            form["caption"] = (None, message.text)
        if message.type == "image":
            form["compress"] = (None, "false")  # else it arrives 600 pixels wide
        url = message.content["media"].get("url")
        if url and not message.content.get("filename"):
            form[f"{_FIELDS[message.type]}_url"] = (None, url)
        else:  # a name of its own cannot go with an address
            form[_FIELDS[message.type]] = await self._load_file(message)
        return form

    async def _load_file(self, message: OutgoingMessage) -> _Part:
        file = await load_file(self._context, message, kind=self.kind, capabilities=self.capabilities)
        content_type, name = file.content_type.partition(";")[0], file.filename
        if message.type == "image":  # the gateway works in a file of that name, and then deletes it: share none
            name = message.message_id + _ENDINGS[content_type]
        return name, file.content, _PART_TYPES.get(content_type, content_type)

    async def _is_on_whatsapp(self, number: str) -> bool | None:
        reply = await self._ask("GET", "/user/check", params={"phone": _jid_of(number)})
        found = _results_of(reply).get("is_on_whatsapp")
        return found if isinstance(found, bool) else None

    async def _finds_itself(self) -> bool:
        own = number_of((await self._read_status()).get("jid"))
        return own is not None and await self._is_on_whatsapp(own) is True

    async def _read_status(self) -> dict[str, Any]:
        return _results_of(await self._ask("GET", "/app/status"))

    async def _ask(self, method: str, path: str, *, attempt: int = 1, **request: Any) -> Reply:
        """Make one request. :raises SendError: it is not answered, or not with a success."""
        settings = self._settings
        if settings.username:
            request["auth"] = (settings.username, settings.password.get_secret_value())
        if settings.device_id:
            request["headers"] = {"X-Device-Id": settings.device_id}
        reply = await ask(
            self._context.http, method, settings.address_of(path), seconds=settings.timeout_seconds, **request
        )
        if not reply.is_success:
            raise _error_in(reply, attempt=attempt)
        return reply


@hookimpl
def wab_senders() -> list[type[Sender]]:
    return [GowaSender]


def _jid_of(number: str) -> str:
    """The id is always given whole: the gateway takes more than 15 digits alone for a group."""
    return f"{number.lstrip('+')}@s.whatsapp.net"


def _results_of(reply: Reply) -> dict[str, Any]:
    return fields_of(fields_of(reply.document).get("results"))


def _error_in(reply: Reply, *, attempt: int) -> SendError:
    """What a reply that is no success means: by the gateway's code, then by its words, then by its status."""
    document = fields_of(reply.document)
    code, text = text_of(document.get("code")), text_of(document.get("message"))
    detail = shown(text) or reply.summary
    match code:
        case "INVALID_JID":
            return _not_on_whatsapp(detail, attempt=attempt)
        case "WA_REACHOUT_TIMELOCK":
            return refusal(REACHOUT_TIMELOCK, kind="gowa", retry_after=reply.retry_after)
        case "VALIDATION_ERROR":
            return Rejected("gowa_number", detail) if "phone" in text.lower() else BadMessage("gowa_message", detail)
        case "UPLOAD_MEDIA_ERROR":
            return _no_file()
    if code in _DOWN:
        return ConnectionDown(_DOWN[code], detail)
    return _error_in_words(text) or error_by_status(reply, kind="gowa", is_gateways=bool(code))


def _not_on_whatsapp(detail: str, *, attempt: int) -> SendError:
    """Nothing was sent. Once, it may as well be the gateway's network; who stays unknown is not tried for ever."""
    if attempt == 1:
        return Temporary("gowa_not_on_whatsapp", detail)
    return Rejected("gowa_not_on_whatsapp", detail)


def _error_in_words(text: str) -> SendError | None:
    """What the code of an internal error leaves open."""
    said = text.lower()
    if said.startswith(_NOT_LOGGED_IN):
        return ConnectionDown("gowa_not_logged_in", "the gateway's device is not logged in or not connected")
    if said.startswith("ffmpeg not installed"):
        return BadMessage("gowa_no_ffmpeg", "the gateway needs ffmpeg for this, and has none")
    if said.startswith(_BEFORE_SENDING):
        return _no_file()
    return find_refusal(text, kind="gowa")


def _no_file() -> Temporary:
    """The gateway's own words would show the addresses of a file, with what grants access to them."""
    return Temporary("gowa_media", "the gateway could not fetch, prepare or upload the file")


def _receipts_in(payload: Mapping[str, Any], *, at: float) -> Iterator[Receipt]:
    match payload.get("receipt_type"):
        case "delivered" | "read" as kind:
            for message_id in texts_in(payload.get("ids")):
                yield Receipt(kind, at=at, provider_id=message_id)


def _inbound_in(payload: Mapping[str, Any]) -> Iterator[Inbound]:
    number = number_of(payload.get("from"))
    if number is None or payload.get("is_from_me") or not is_one_person(payload.get("chat_id")):
        return
    yield Inbound(
        number=number,
        text=text_of(payload.get("body")),
        at=time_of(payload.get("timestamp")),
        provider_id=text_of(payload.get("id")) or None,
        reply_to=text_of(payload.get("replied_to_id")) or None,
    )
