"""Fonnte, an Indonesian gateway service. It is unofficial: WhatsApp may ban the account.

Hooks: wab_senders. Settings: baseUrl, token, typing, delay, timeoutSeconds, webhookToken.

API version: Fonnte's API has no version number. Source: its documentation (docs.fonnte.com), read in 2026.

Special behaviour:

- Only the body of an answer shows the result: the HTTP status is 200 for errors too.
- It accepts every message into its own queue, also for numbers that are not on WhatsApp: only
  :meth:`FonnteSender.check_numbers` and the receipts show this.
- One address serves all its webhooks: enter ``/webhooks/{connection}?token=…`` as webhook, as webhook connect and as
  webhook message status.
"""

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

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
    Throttled,
    WebhookRequest,
    hookimpl,
)
from wabroadcast_plugins.senders.reasons import reasons_of
from wabroadcast_plugins.senders.sentences import say
from wabroadcast_plugins.senders.shared.gateway import GatewaySettings, ask_gateway
from wabroadcast_plugins.senders.shared.jids import number_of, person_in
from wabroadcast_plugins.senders.shared.lenient_json import as_text, document_in, objects_in, time_of
from wabroadcast_plugins.senders.shared.media import MEGABYTE, load_file
from wabroadcast_plugins.senders.shared.refusals import TextRule, refusal_by_text, safe_detail, status_error
from wabroadcast_plugins.senders.shared.setting_types import Address, Matches, RequiredSecret
from wabroadcast_plugins.senders.shared.signatures import require_token

LARGEST_FILE: Final = 4 * MEGABYTE  # bytes
MOST_STATE_IDS: Final = 10_000

_MEDIA: Final = ("image", "document", "audio", "video")
_UNCHANGED_NUMBER: Final = {"countryCode": "0"}  # any other value makes Fonnte replace a leading zero

_REFUSALS: Final[Sequence[TextRule]] = (
    (re.compile(r"token|unknown user|invalid device"), ConnectionDown, "fonnte_token"),
    (re.compile(r"disconnect|not connected"), ConnectionDown, "disconnected"),
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
    "invalid": Rejected("fonnte_invalid", say("fonnte_invalid")),
    "expired": Rejected("fonnte_expired", say("fonnte_expired")),
    "failed": Rejected("fonnte_failed", say("fonnte_failed")),
    "url unreachable": BadMessage("fonnte_file", say("file_not_fetched", name="Fonnte")),
}
_STATES: Final[Mapping[str, Literal["up", "down"]]] = {"connect": "up", "disconnect": "down"}
_NO_TEXT: Final = frozenset({"non-text message", "non text message"})  # Fonnte's text for an image and the like

_Delay = Annotated[
    str,
    Matches(
        r"^\d{1,4}(-\d{1,4})?$", Sentence("delay_form", "delay must be seconds, or a range of seconds such as 5-10")
    ),
]


class FonnteSettings(GatewaySettings):
    """The settings of a Fonnte connection."""

    base_url: Address = Field("https://api.fonnte.com", description="Address of the API.")
    token: RequiredSecret = Field(description="The device's token, from Fonnte's device menu.")
    typing: bool = Field(False, description="Show the recipient a typing indicator before the message.")
    delay: _Delay | None = Field(
        None, description="Seconds that Fonnte waits before it sends, or a range for a random wait, such as 5-10."
    )
    webhook_token: SecretStr | None = Field(
        None, description="A secret of your choice: the webhook addresses set at Fonnte must end in ?token= and it."
    )


class FonnteSender:
    """The sender for Fonnte."""

    kind: ClassVar[str] = "fonnte"
    reasons = reasons_of("fonnte", name="Fonnte")
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

    @classmethod
    def account_of(cls, settings: FonnteSettings) -> str:
        return settings.account_at(settings.token.get_secret_value())

    async def send(self, message: OutgoingMessage) -> Accepted:
        fields = {
            "target": message.number.lstrip("+"),
            **_UNCHANGED_NUMBER,
            "connectOnly": "true",  # otherwise it is queued while disconnected, and may leave days later
        }
        if message.text:
            fields["message"] = message.text
        if self._settings.typing:
            fields["typing"] = "true"
        if self._settings.delay:
            fields["delay"] = self._settings.delay
        parts = await self._add_media(fields, message)
        return _accepted(await self._request("send", data=fields, **parts))

    async def check_numbers(self, numbers: Sequence[str]) -> dict[str, bool]:
        by_digits = {number.lstrip("+"): number for number in numbers}
        fields = {"target": ",".join(by_digits), **_UNCHANGED_NUMBER}
        answer = _success_body(await self._request("validate", data=fields))
        found: dict[str, bool] = {}
        for name, is_registered in (("registered", True), ("not_registered", False)):
            values = answer.get(name)
            texts = map(as_text, values if isinstance(values, list) else [])
            found |= {by_digits[digits]: is_registered for digits in texts if digits in by_digits}
        return found

    async def check_connection(self) -> ConnectionEvent:
        answer = _success_body(await self._request("device"))
        state = as_text(answer.get("device_status")).lower()
        if state == "connect":
            return ConnectionEvent("up")
        state = safe_detail(state) or "unknown"
        return ConnectionEvent("down", say("state_of_device", name="Fonnte", state=state))

    def verify_webhook(self, request: WebhookRequest) -> None:
        require_token(request, self._settings.webhook_token)

    def parse_webhook(self, request: WebhookRequest) -> list[Receipt | Inbound | ConnectionEvent]:
        return [event for entry in objects_in(document_in(request)) for event in self._read_entry(entry)]

    async def _add_media(self, fields: dict[str, str], message: OutgoingMessage) -> dict[str, Any]:
        """Add the file name and the link of a message's file to the form fields.

        :returns: further arguments of the request: the file itself, if the message has no link.
        """
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

    async def _request(self, path: str, **request: Any) -> Reply:
        headers = {"Authorization": self._settings.token.get_secret_value()}
        return await ask_gateway(self._context.http, self._settings, "POST", path, headers=headers, **request)

    def _read_entry(self, entry: Mapping[str, Any]) -> Iterator[Receipt | Inbound | ConnectionEvent]:
        if entry.get("sender") is not None:
            yield from _read_inbound(entry)
        elif "id" in entry or "stateid" in entry:
            yield from self._read_receipt(entry)
        elif state := _STATES.get(as_text(entry.get("status")).lower()):
            yield ConnectionEvent(state, safe_detail(as_text(entry.get("reason"))))

    def _read_receipt(self, entry: Mapping[str, Any]) -> Iterator[Receipt]:
        """Read a report: ``status`` is Fonnte's, ``state`` is WhatsApp's and may come with only a ``stateid``."""
        message_id = self._ids.resolve(_first_id(entry.get("id")), as_text(entry.get("stateid")))
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
    """The message of each ``stateid``, in the memory of this process: Fonnte reports both ids together only once."""

    def __init__(self) -> None:
        self._message_ids: OrderedDict[str, str] = OrderedDict()  # the oldest first

    def resolve(self, message_id: str, state_id: str) -> str:
        """Return the message's id, from either of the two ids; an empty text if it is not known."""
        if not message_id:
            return self._message_ids.get(state_id, "")
        if state_id:
            self._message_ids[state_id] = message_id
            if len(self._message_ids) > MOST_STATE_IDS:
                self._message_ids.popitem(last=False)
        return message_id


def _accepted(reply: Reply) -> Accepted:
    message_id = _first_id(_success_body(reply).get("id"))
    if not message_id:
        raise OutcomeUnknown("fonnte_no_id", say("no_message_id", detail=reply.summary))
    return Accepted(provider_id=message_id)


def _success_body(reply: Reply) -> Mapping[str, Any]:
    """Return the body of a success, with its keys in lower case: Fonnte writes both ``status`` and ``Status``.

    :raises SendError: the answer is a refusal, or not from Fonnte.
    """
    document = reply.document if isinstance(reply.document, dict) else {}
    answer = {key.lower(): value for key, value in document.items()}
    match answer.get("status"):
        case True | "true":
            return answer
        case False | "false":
            text = as_text(answer.get("reason")) or as_text(answer.get("detail"))
            raise refusal_by_text(reply, text, _REFUSALS, kind="fonnte")
    if reply.is_success:
        raise OutcomeUnknown("fonnte_bad_answer", say("answer_of_another_form", name="Fonnte", detail=reply.summary))
    raise status_error(reply)


def _first_id(value: Any) -> str:
    """Return the id of the message, which Fonnte gives in a list of one."""
    if isinstance(value, list):
        value = value[0] if value else None
    return as_text(value)


def _read_inbound(entry: Mapping[str, Any]) -> Iterator[Inbound]:
    """Read a message from a person. Messages from a group have a ``member``; those of the device itself are skipped."""
    person, device = person_in(entry.get("sender")), number_of(entry.get("device"))
    if person is None or person[0] == device or as_text(entry.get("member")):
        return
    text = as_text(entry.get("message"))
    inbox_id = as_text(entry.get("inboxid"))
    yield Inbound(
        person[0],
        "" if text.lower() in _NO_TEXT else text,
        time_of(entry.get("timestamp")),
        provider_id=inbox_id if inbox_id != "0" else None,
        wa_id=person[1],
    )
