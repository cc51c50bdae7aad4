"""Fonnte, an Indonesian gateway as a service: unofficial, WhatsApp may ban the number that sends through it.

Hooks: wab_senders. Settings: baseUrl, token, typing, delay, timeoutSeconds, webhookToken.

Its answers are judged by their body: the HTTP status is 200 whatever happened. What is accepted waits in a queue of
Fonnte's, also a number that is not on WhatsApp: only :meth:`FonnteSender.check_numbers` and the receipts tell.
One address takes all its webhooks: ``/webhooks/{connection}?token=…`` as webhook, as webhook connect and as webhook
message status.
"""

import re
from collections import OrderedDict
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
    SendError,
    Throttled,
    WebhookRequest,
    ask,
    error_of,
    hookimpl,
)
from wabroadcast_plugins.senders.shared.gateway import GatewaySettings
from wabroadcast_plugins.senders.shared.jids import number_of
from wabroadcast_plugins.senders.shared.lenient_json import as_text, document_in, objects_in, time_of
from wabroadcast_plugins.senders.shared.media import load_file
from wabroadcast_plugins.senders.shared.refusals import shown
from wabroadcast_plugins.senders.shared.signatures import require_token

LARGEST_FILE: Final = 4 * 1024 * 1024  # bytes
MOST_STATE_IDS: Final = 10_000
SUCCESS: Final = 200

_MEDIA: Final = ("image", "document", "audio", "video")
_AS_IT_IS: Final = {"countryCode": "0"}  # Fonnte puts a country in the place of a leading zero unless told 0

_REASONS: Final[tuple[tuple[re.Pattern[str], type[SendError], str], ...]] = (
    (re.compile(r"token|unknown user|invalid device"), ConnectionDown, "fonnte_token"),
    (re.compile(r"disconnect|not connected"), ConnectionDown, "fonnte_disconnected"),
    (re.compile(r"quota"), ConnectionDown, "fonnte_quota"),
    (re.compile(r"expired"), ConnectionDown, "fonnte_expired"),
    (re.compile(r"target"), Rejected, "fonnte_target"),
    (re.compile(r"\brate\b|too (many|fast)|slow down|please wait"), Throttled, "fonnte_throttled"),
    (re.compile(r"\burl\b|file (format|type|size)"), BadMessage, "fonnte_file"),
    (re.compile(r"time-?\s?out"), OutcomeUnknown, "fonnte_timeout"),
)
_RECEIPTS: Final[Mapping[str, Literal["sent", "delivered", "read"]]] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
}
_FAILURES: Final[Mapping[str, SendError]] = {
    "invalid": Rejected("fonnte_invalid", "Fonnte says that the number is invalid"),
    "expired": Rejected("fonnte_expired", "Fonnte gave it up: its device was disconnected for too long"),
    "failed": Rejected("fonnte_failed", "Fonnte could not send it"),
    "url unreachable": BadMessage("fonnte_file", "Fonnte cannot fetch the file from its address"),
}
_STATES: Final[Mapping[str, Literal["up", "down"]]] = {"connect": "up", "disconnect": "down"}
_NO_TEXT: Final = frozenset({"non-text message", "non text message"})  # Fonnte's words for a picture and the like


class FonnteSettings(GatewaySettings):
    base_url: str = Field(
        "https://api.fonnte.com", pattern=r"^https?://\S+$", max_length=2_048, description="Address of the API."
    )
    token: SecretStr = Field(min_length=1, description="The device's token, from Fonnte's device menu.")
    typing: bool = Field(False, description="Show the person that somebody is typing.")
    delay: str | None = Field(
        None,
        pattern=r"^\d{1,4}(-\d{1,4})?$",
        description="Seconds that Fonnte waits before it sends, or a range to choose from: 5-10.",
    )
    webhook_token: SecretStr | None = Field(
        None, description="Made up by you: the webhook addresses set at Fonnte end in ?token= and this."
    )


class FonnteSender:
    kind: ClassVar[str] = "fonnte"
    Settings: ClassVar[type[BaseModel]] = FonnteSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        types=frozenset({"text", *_MEDIA}),
        media_bytes=dict.fromkeys(_MEDIA, LARGEST_FILE),
        ban_risk=True,
        number_check=True,
    )

    def __init__(self, settings: FonnteSettings, context: SenderContext) -> None:
        self._settings = settings
        self._context = context
        self._ids = StateIds()

    async def send(self, message: OutgoingMessage) -> Accepted:
        fields = {
            "target": message.number.lstrip("+"),
            **_AS_IT_IS,
            "connectOnly": "true",  # else it is queued while disconnected, and may leave days later
        }
        if message.text:
            fields["message"] = message.text
        if self._settings.typing:
            fields["typing"] = "true"
        if self._settings.delay:
            fields["delay"] = self._settings.delay
        parts = await self._add_media(fields, message)
        return _accepted(await self._ask("send", data=fields, **parts))

    async def check_numbers(self, numbers: Sequence[str]) -> dict[str, bool]:
        by_digits = {number.lstrip("+"): number for number in numbers}
        answer = _good_answer(await self._ask("validate", data={"target": ",".join(by_digits), **_AS_IT_IS}))
        found: dict[str, bool] = {}
        for name, is_there in (("registered", True), ("not_registered", False)):
            listed = answer.get(name)
            texts = map(as_text, listed if isinstance(listed, list) else [])
            found |= {by_digits[digits]: is_there for digits in texts if digits in by_digits}
        return found

    async def check_connection(self) -> ConnectionEvent:
        answer = _good_answer(await self._ask("device"))
        state = as_text(answer.get("device_status")).lower()
        if state == "connect":
            return ConnectionEvent("up")
        return ConnectionEvent("down", f"Fonnte says that the device is: {shown(state) or 'unknown'}")

    def verify_webhook(self, request: WebhookRequest) -> None:
        require_token(request, self._settings.webhook_token)

    def parse_webhook(self, request: WebhookRequest) -> list[Receipt | Inbound | ConnectionEvent]:
        return [news for entry in objects_in(document_in(request)) for news in self._read_entry(entry)]

    async def _add_media(self, fields: dict[str, str], message: OutgoingMessage) -> dict[str, Any]:
        """Put a link among the fields. :returns: the files of the request, where the medium is none."""
        media = message.content.get("media")
        if media is None:
            return {}
        if filename := message.content.get("filename"):
            fields["filename"] = filename
        if url := media.get("url"):
            fields["url"] = url
            return {}
        file = await load_file(self._context, message, kind=self.kind, capabilities=self.capabilities)
        return {"files": {"file": (file.filename, file.content, file.content_type)}}

    async def _ask(self, call: str, **request: Any) -> Reply:
        settings = self._settings
        return await ask(
            self._context.http,
            "POST",
            settings.address_of(call),
            seconds=settings.timeout_seconds,
            headers={"Authorization": settings.token.get_secret_value()},
            **request,
        )

    def _read_entry(self, entry: Mapping[str, Any]) -> Iterator[Receipt | Inbound | ConnectionEvent]:
        if entry.get("sender") is not None:
            yield from _read_inbound(entry)
        elif "id" in entry or "stateid" in entry:
            yield from self._read_receipt(entry)
        elif state := _STATES.get(as_text(entry.get("status")).lower()):
            yield ConnectionEvent(state, shown(as_text(entry.get("reason"))))

    def _read_receipt(self, entry: Mapping[str, Any]) -> Iterator[Receipt]:
        """``status`` is what Fonnte did with it; ``state``, what WhatsApp did, may come with a ``stateid`` alone."""
        message_id = self._ids.resolve(_first(entry.get("id")), as_text(entry.get("stateid")))
        if not message_id:
            return
        at = time_of(entry.get("timestamp"))
        for word in (as_text(entry.get(name)).lower() for name in ("status", "state")):
            if word in _RECEIPTS:
                yield Receipt(_RECEIPTS[word], at, provider_id=message_id)
            elif word in _FAILURES:
                yield Receipt("failed", at, provider_id=message_id, error=_FAILURES[word])


@hookimpl
def wab_senders() -> list[type[Sender]]:
    return [FonnteSender]


class StateIds:
    """Which message a ``stateid`` belongs to, as long as this process lives: Fonnte names both together only once."""

    def __init__(self) -> None:
        self._message_ids: OrderedDict[str, str] = OrderedDict()  # the oldest first

    def resolve(self, message_id: str, state_id: str) -> str:
        """The message's id, whichever of the two is given; empty where it is not known."""
        if not message_id:
            return self._message_ids.get(state_id, "")
        if state_id:
            self._message_ids[state_id] = message_id
            if len(self._message_ids) > MOST_STATE_IDS:
                self._message_ids.popitem(last=False)
        return message_id


def _accepted(reply: Reply) -> Accepted:
    message_id = _first(_good_answer(reply).get("id"))
    if not message_id:
        raise OutcomeUnknown("fonnte_no_id", reply.summary)
    return Accepted(provider_id=message_id)


def _good_answer(reply: Reply) -> Mapping[str, Any]:
    """What was answered, its keys in small letters: Fonnte writes both ``status`` and ``Status``.

    :raises SendError: it is a refusal, or no answer of Fonnte's.
    """
    document = reply.document if isinstance(reply.document, dict) else {}
    answer = {key.lower(): value for key, value in document.items()}
    match answer.get("status"):
        case True | "true":
            return answer
        case False | "false":
            raise _refusal(reply, as_text(answer.get("reason")) or as_text(answer.get("detail")))
    if reply.is_success:
        raise OutcomeUnknown("fonnte_bad_answer", reply.summary)
    raise error_of(reply)


def _refusal(reply: Reply, reason: str) -> SendError:
    """What Fonnte's words mean. They outrank the HTTP status, which decides where nothing is known of them."""
    detail = shown(reason)
    for pattern, error, code in _REASONS:
        if pattern.search(reason.lower()):
            return error(code, detail)
    return Rejected("fonnte_refused", detail) if reply.status == SUCCESS else error_of(reply)


def _first(value: Any) -> str:
    """The id of the one message sent, which Fonnte gives as a list."""
    if isinstance(value, list):
        value = value[0] if value else None
    return as_text(value)


def _read_inbound(entry: Mapping[str, Any]) -> Iterator[Inbound]:
    """A message of a person: none of a group, which names the member, and none of the device itself."""
    number, device = number_of(entry.get("sender")), number_of(entry.get("device"))
    if number is None or number == device or as_text(entry.get("member")):
        return
    text = as_text(entry.get("message"))
    inbox_id = as_text(entry.get("inboxid"))
    yield Inbound(
        number,
        "" if text.lower() in _NO_TEXT else text,
        time_of(entry.get("timestamp")),
        provider_id=inbox_id if inbox_id != "0" else None,
    )
