"""Wablas, an Indonesian gateway as a service: unofficial, WhatsApp may ban the number that sends through it.

Hooks: wab_senders. Settings: baseUrl, token, secretKey, timeoutSeconds, webhookToken.

Its answers are judged by their body: a refusal may come with any HTTP status. It fetches media from addresses; a file
that was uploaded to us goes to Wablas' own store first, whose address is remembered for some hours. Its number check
is reported to be gone, so none is offered. One address takes both its webhooks: ``/webhooks/{connection}?token=…`` as
webhook and as tracking URL. "Get auto reply from webhook" must stay off there: our answer would be sent to people.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping
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
    SendError,
    Temporary,
    Throttled,
    WebhookRequest,
    ask,
    error_of,
    hookimpl,
)
from wabroadcast_plugins.senders.shared.gateway import GatewaySettings
from wabroadcast_plugins.senders.shared.jids import number_of
from wabroadcast_plugins.senders.shared.lenient_json import as_text, document_in, objects_in, time_of
from wabroadcast_plugins.senders.shared.media import check_message, load_file
from wabroadcast_plugins.senders.shared.refusals import shown
from wabroadcast_plugins.senders.shared.signatures import require_token

LARGEST_FILE: Final = 2 * 1024 * 1024  # bytes
STORED_SECONDS: Final = 6 * 3_600  # that a file's address at Wablas is used again

_MEDIA: Final = ("image", "document", "audio", "video")

_WORDS: Final[tuple[tuple[re.Pattern[str], type[SendError], str], ...]] = (
    (re.compile(r"token|secret.?key|unauthori[sz]ed"), ConnectionDown, "wablas_token"),
    (re.compile(r"disconnect|not connected|scan"), ConnectionDown, "wablas_disconnected"),
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
    base_url: str = Field(
        pattern=r"^https?://\S+$",
        max_length=2_048,
        description="Address of the server that the account is on: https://{server}.wablas.com",
    )
    token: SecretStr = Field(min_length=1, description="From the device's settings at Wablas.")
    secret_key: SecretStr | None = Field(None, description="From the same place, where the account has one.")
    webhook_token: SecretStr | None = Field(
        None, description="Made up by you: the webhook and tracking URL set at Wablas end in ?token= and this."
    )


class WablasSender:
    kind: ClassVar[str] = "wablas"
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
        self._storing = asyncio.Lock()

    async def send(self, message: OutgoingMessage) -> Accepted:
        item: dict[str, Any] = {"phone": message.number.lstrip("+")}
        if "media" in message.content:
            item |= await self._media_fields(message)
            call = f"send-{message.type}"
        else:
            item["message"] = message.text or ""
            call = "send-message"
        return _accepted(await self._ask("POST", f"v2/{call}", json={"data": [item]}))

    async def check_connection(self) -> ConnectionEvent:
        token = self._settings.token.get_secret_value()  # this one call wants it without the secret key, as a parameter
        answer = _good_answer(await self._ask("GET", "device/info", params={"token": token}))
        device = next(iter(objects_in(answer.get("data"))), {})
        state = as_text(device.get("status")).lower()
        if state == "connected":
            return ConnectionEvent("up")
        return ConnectionEvent("down", f"Wablas says that the device is: {shown(state) or 'unknown'}")

    def verify_webhook(self, request: WebhookRequest) -> None:
        require_token(request, self._settings.webhook_token)

    def parse_webhook(self, request: WebhookRequest) -> list[Receipt | Inbound]:
        return [news for entry in objects_in(document_in(request)) for news in _read_entry(entry)]

    async def _media_fields(self, message: OutgoingMessage) -> dict[str, str]:
        check_message(message, kind=self.kind, capabilities=self.capabilities)
        filename = message.content.get("filename")
        fields = {message.type: message.content["media"].get("url") or await self._store(message)}
        match message.type:
            case "video":
                fields["caption"] = message.text or ""  # it must be there
            case "document" if message.text or filename:
                fields["caption"] = message.text or filename
            case "image" if message.text:
                fields["caption"] = message.text
        return fields

    async def _store(self, message: OutgoingMessage) -> str:
        """The address at Wablas of a file that was uploaded to us; one message stores it, others use it again.

        :raises SendError: it is not stored, and nothing was sent.
        """
        file = await load_file(self._context, message, kind=self.kind, capabilities=self.capabilities)
        key = f"{message.type}:{file.key}"
        async with self._storing:
            if known := await self._context.kept.get(key):
                return known
            url = await self._upload(message.type, (file.filename, file.content, file.content_type))
            await self._context.kept.put(key, url, seconds=STORED_SECONDS)
        return url

    async def _upload(self, kind: str, part: tuple[str, bytes, str]) -> str:
        try:
            answer = _good_answer(await self._ask("POST", f"upload/{kind}", files={"file": part}))
        except OutcomeUnknown as error:  # of the upload: no message was under way
            raise Temporary("wablas_upload", error.detail) from error
        except Rejected as error:  # the file, not a person
            raise BadMessage("wablas_file", error.detail) from error
        for item in (*objects_in(answer.get("data")), *_messages(answer)):
            if (url := as_text(item.get("url"))).startswith("http"):
                return url
        raise Temporary("wablas_upload", "Wablas took a file and did not say where it is")

    async def _ask(self, method: str, call: str, **request: Any) -> Reply:
        settings = self._settings
        token = settings.token.get_secret_value()
        if settings.secret_key is not None and settings.secret_key.get_secret_value():
            token = f"{token}.{settings.secret_key.get_secret_value()}"
        return await ask(
            self._context.http,
            method,
            settings.address_of(f"api/{call}"),
            seconds=settings.timeout_seconds,
            headers={"Authorization": token},
            **request,
        )


@hookimpl
def wab_senders() -> list[type[Sender]]:
    return [WablasSender]


def _accepted(reply: Reply) -> Accepted:
    """The one message of an answer; it may be refused inside of an answer that is none."""
    for item in _messages(_good_answer(reply)):
        if item.get("status") is False:
            raise _refusal(reply, as_text(item.get("message")))
        if message_id := as_text(item.get("id")):
            return Accepted(provider_id=message_id)
    raise OutcomeUnknown("wablas_no_id", reply.summary)


def _good_answer(reply: Reply) -> Mapping[str, Any]:
    """:raises SendError: it is a refusal, or no answer of Wablas'."""
    answer = reply.document if isinstance(reply.document, dict) else {}
    match answer.get("status"):
        case True:
            return answer
        case False:
            raise _refusal(reply, as_text(answer.get("message")))
    if reply.is_success:
        raise OutcomeUnknown("wablas_bad_answer", reply.summary)
    raise error_of(reply)


def _refusal(reply: Reply, words: str) -> SendError:
    """What Wablas' words mean. They outrank the HTTP status, which decides where nothing is known of them."""
    detail = shown(words)
    for pattern, error, code in _WORDS:
        if pattern.search(words.lower()):
            return error(code, detail)
    return Rejected("wablas_refused", detail) if reply.is_success else error_of(reply)


def _messages(answer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What is said of each message: Wablas writes one object or a list of them, under either of two names."""
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
        note = shown(as_text(entry.get("note")))
        error = Rejected(f"wablas_{word}", note or f"Wablas says: {word}")
        yield Receipt("failed", at, provider_id=message_id, error=error)


def _read_inbound(entry: Mapping[str, Any]) -> Iterator[Inbound]:
    """A message of a person: none of a group, and none that was written on the connected phone."""
    number = number_of(entry.get("phone"))
    if number is None or _is_true(entry.get("isGroup")) or _is_true(entry.get("isFromMe")):
        return
    yield Inbound(
        number,
        as_text(entry.get("message")),
        time_of(entry.get("timestamp")),
        provider_id=as_text(entry.get("id")) or None,
    )


def _is_true(value: Any) -> bool:
    return value is True or as_text(value).lower() in {"true", "1"}
