"""Meta's webhook calls: the proof that they are Meta's, then receipts, messages from people and account events."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

from wabroadcast_core import (
    ConnectionEvent,
    Inbound,
    Receipt,
    Rejected,
    SendError,
    Sentence,
    WebhookRefusedError,
    WebhookRequest,
    read_json,
)
from wabroadcast_plugins.senders.sentences import say
from wabroadcast_plugins.senders.shared.jids import number_of
from wabroadcast_plugins.senders.shared.signatures import hmac_of, same_text
from wabroadcast_plugins.senders.whatsapp_cloud.errors import MetaError, classify

ProviderEvent: TypeAlias = Receipt | Inbound | ConnectionEvent
Part: TypeAlias = Mapping[str, Any]

_RECEIPTS: Final[Mapping[str, Literal["sent", "delivered", "read", "failed"]]] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "played": "read",
    "failed": "failed",
}
_PREFERENCES: Final[Mapping[str, Literal["stop", "resume"]]] = {"stop": "stop", "resume": "resume"}
_WITH_CAPTION: Final = frozenset({"image", "document", "audio", "video", "sticker"})
_ACCOUNT_EVENTS: Final[Mapping[str, Literal["up", "down"]]] = {
    "ACCOUNT_DELETED": "down",
    "ACCOUNT_OFFBOARDED": "down",
    "ACCOUNT_RECONNECTED": "up",
}
_BAN_STATES: Final[Mapping[str, Literal["up", "down"]]] = {
    "DISABLE": "down",
    "SCHEDULE_FOR_DISABLE": "down",
    "REINSTATE": "up",
}
_USER_ID: Final = re.compile(r"[A-Z]{2}\.[A-Za-z0-9._-]{1,150}")
_SECONDS: Final = re.compile(r"[0-9]{1,11}")
_NO_DIGITS: Final = re.compile(r"[^0-9]+")


# --- the proof ---------------------------------------------------------------------------------------------------


def check_handshake(query: Mapping[str, str], *, verify_token: str) -> str:
    """Check Meta's handshake.

    :returns: the challenge to answer with.
    :raises WebhookRefusedError: the request is not Meta's.
    """
    if not verify_token:
        raise WebhookRefusedError("no verifyToken is set: set it to the verify token entered at Meta")
    if query.get("hub.mode") != "subscribe" or not same_text(query.get("hub.verify_token", ""), verify_token):
        raise WebhookRefusedError(
            "the request does not carry this connection's verifyToken: enter the same verify token at Meta and here"
        )
    if "hub.challenge" not in query:
        raise WebhookRefusedError("the request has no hub.challenge: start the verification of the webhook at Meta")
    return query["hub.challenge"]


def check_signature(request: WebhookRequest, *, app_secret: str) -> None:
    """Check that the body is signed by Meta.

    :raises WebhookRefusedError: it is not, or no app secret is set.
    """
    if not app_secret:
        raise WebhookRefusedError("no appSecret is set: set it to the app secret of the Meta app")
    if not same_text(request.headers.get("x-hub-signature-256", ""), f"sha256={hmac_of(request, app_secret)}"):
        raise WebhookRefusedError(
            "the header X-Hub-Signature-256 does not match this connection's appSecret: set it to the app secret of "
            "the Meta app that calls"
        )


# --- the events --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class OwnNumber:
    """A connection's phone number as Meta's calls name it, by its id, or in news of accounts by other names.

    The other names are learned from calls with the id: Meta calls one address for all numbers of an app.
    """

    phone_number_id: str
    account_id: str = ""  # of the WhatsApp Business account; empty until it is known
    display_number: str = ""

    def sees_itself(self, value: Part, *, account_id: str) -> bool:
        """Return whether a change names this number's id. If it does, note the other names."""
        metadata = _part(value, "metadata")
        if metadata.get("phone_number_id") != self.phone_number_id:
            return False
        self.account_id = account_id or self.account_id
        self.display_number = _digits_in(metadata) or self.display_number
        return True


def read_events(body: bytes, *, own: OwnNumber) -> list[ProviderEvent]:
    """Return the events of a call that concern this phone number. Parts of an unknown shape are skipped."""
    return [
        event
        for account_id, change in _changes_in(body)
        for event in _read_change(change, own=own, account_id=account_id)
    ]


def is_concerned(body: bytes, *, own: OwnNumber) -> bool:
    """Return whether a call to another number's address has news of this number."""
    return any(_concerns(change, own=own, account_id=account_id) for account_id, change in _changes_in(body))


@lru_cache(maxsize=1)  # one call after the other, each for all connections
def _changes_in(body: bytes) -> Sequence[tuple[str, Part]]:
    """Return the changes of a call, each with the id of its account."""
    entries = _parts(read_json(body), "entry")
    return tuple((_text(entry, "id"), change) for entry in entries for change in _parts(entry, "changes"))


def _concerns(change: Part, *, own: OwnNumber, account_id: str) -> bool:
    value = _part(change, "value")
    match change.get("field"):
        case "account_update":
            return own.account_id in {"", account_id}
        case "phone_number_quality_update":
            return own.display_number != "" and own.display_number == _digits_in(value)
    return own.sees_itself(value, account_id=account_id)


def _is_of_another(change: Part, *, own: OwnNumber, account_id: str) -> bool:
    """Return whether news of an account or a number surely is not of this one."""
    if change.get("field") == "account_update":
        return "" not in {own.account_id, account_id} and own.account_id != account_id
    display_number = _digits_in(_part(change, "value"))
    return "" not in {own.display_number, display_number} and own.display_number != display_number


def _digits_in(part: Part) -> str:
    return _NO_DIGITS.sub("", _text(part, "display_phone_number"))


def _read_change(change: Part, *, own: OwnNumber, account_id: str) -> Iterator[ProviderEvent]:
    value = _part(change, "value")
    is_ours = own.sees_itself(value, account_id=account_id)
    match change.get("field"):
        case "messages" if is_ours:
            yield from filter(None, (_read_status(status, value) for status in _parts(value, "statuses")))
            yield from filter(None, (_read_message(message, value) for message in _parts(value, "messages")))
        case "user_preferences" if is_ours:
            yield from filter(None, (_read_preference(each, value) for each in _parts(value, "user_preferences")))
        case "account_update" | "phone_number_quality_update" if _is_of_another(change, own=own, account_id=account_id):
            return
        case "account_update":
            yield from filter(None, [_read_account(value)])
        case "phone_number_quality_update" if _text(value, "event") == "RESTRICTED":  # flagged numbers can still send
            yield ConnectionEvent("down", _cannot_send("quality_restricted"))


def _read_status(status: Part, value: Part) -> Receipt | None:
    kind = _RECEIPTS.get(_text(status, "status"))
    at = _time_of(status)
    message_id, provider_id = _text(status, "biz_opaque_callback_data"), _text(status, "id")
    if kind is None or at is None or not (message_id or provider_id) or status.get("recipient_type") == "group":
        return None
    error = _error_in(status) if kind == "failed" else None
    user_id = _user_id_of(status, "recipient_user_id", value)
    number = _number_of(status.get("recipient_id"), user_id, value) if user_id else None
    return Receipt(
        kind,
        at,
        message_id=message_id or None,
        provider_id=provider_id or None,
        error=error,
        number=number,
        wa_ids=(user_id,) if user_id else (),
    )


def _error_in(status: Part) -> SendError:
    errors = filter(None, map(MetaError.read, _parts(status, "errors")))
    first = next(errors, None)
    return Rejected("failed", say("cloud_no_reason")) if first is None else classify(first)


def _read_message(message: Part, value: Part) -> Inbound | None:
    user_id = _user_id_of(message, "from_user_id", value) or _user_id(message.get("from"))
    number, at, content = _number_of(message.get("from"), user_id, value), _time_of(message), _content_of(message)
    if not (number or user_id) or at is None or content is None or "group_id" in message:
        return None
    text, payload = content
    return Inbound(
        number=number or "",
        wa_id=user_id,
        text=text,
        at=at,
        provider_id=_text(message, "id") or None,
        reply_to=_text(_part(message, "context"), "id") or None,
        payload=payload or None,
    )


def _content_of(message: Part) -> tuple[str, str] | None:
    """Return the text and the payload of a message; None for reactions, locations and system notices."""
    kind = _text(message, "type")
    part = _part(message, kind)
    match kind:
        case "text":
            return _text(part, "body"), ""
        case "button":
            return _text(part, "text"), _text(part, "payload")
        case "interactive":
            reply = _part(part, "button_reply") or _part(part, "list_reply")
            return (_text(reply, "title"), _text(reply, "id")) if reply else None
    return (_text(part, "caption"), "") if kind in _WITH_CAPTION else None


def _read_preference(preference: Part, value: Part) -> Inbound | None:
    choice = _PREFERENCES.get(_text(preference, "value"))
    user_id, at = _user_id_of(preference, "user_id", value), _time_of(preference)
    number = _number_of(preference.get("wa_id"), user_id, value)
    if choice is None or not (number or user_id) or at is None or preference.get("category") != "marketing_messages":
        return None
    return Inbound(number=number or "", text="", at=at, preference=choice, wa_id=user_id)


def _read_account(value: Part) -> ConnectionEvent | None:
    event = _text(value, "event")
    if event == "ACCOUNT_RESTRICTION":
        return _read_restriction(value)
    word, states = event, _ACCOUNT_EVENTS
    if event == "DISABLED_UPDATE":
        word, states = _text(_part(value, "ban_info"), "waba_ban_state"), _BAN_STATES
    state = states.get(word)
    reason = f"account_{word.removeprefix('ACCOUNT_').lower()}"
    if state == "down":
        return ConnectionEvent("down", _cannot_send(reason))
    return None if state is None else ConnectionEvent(state, reason)


def _cannot_send(code: str) -> Sentence:
    return say("with_code", code=code, advice=say("cloud_cannot_send"))


def _read_restriction(value: Part) -> ConnectionEvent | None:
    """Read a restriction of the account; None for restrictions of calls, new numbers or new templates."""
    kinds = [_text(each, "restriction_type") for each in _parts(value, "restriction_info")]
    stops_messages = not kinds or any(kind.endswith("_MESSAGING") for kind in kinds)
    return ConnectionEvent("down", _cannot_send("account_restricted")) if stops_messages else None


# --- parts of any shape ------------------------------------------------------------------------------------------


def _part(whole: Part, name: str) -> Part:
    part = whole.get(name)
    return part if isinstance(part, dict) else {}


def _parts(whole: object, name: str) -> list[Part]:
    parts = whole.get(name) if isinstance(whole, dict) else None
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _text(part: Part, name: str) -> str:
    """Return a text without characters that a database refuses: NUL and lone surrogates."""
    text = part.get(name)
    if not isinstance(text, str):
        return ""
    if text.isascii() and "\0" not in text:  # as nearly all are
        return text
    return text.replace("\0", "").encode(errors="ignore").decode()


def _time_of(part: Part) -> float | None:
    stamp = str(part.get("timestamp"))
    return float(stamp) if _SECONDS.fullmatch(stamp) else None


def _number_of(own: object, user_id: str | None, value: Part) -> str | None:
    """Return the person's number in its present form, else that of the contact; None for people who hide it."""
    ids = (own, _contact_of(own, user_id, value).get("wa_id"))
    return number_of(*(wa_id for wa_id in ids if isinstance(wa_id, str)))


def _user_id_of(part: Part, name: str, value: Part) -> str | None:
    """Return Meta's id of a person, which stays where the number is hidden: of the part, else of its contact."""
    own = part.get("from") or part.get("wa_id") or part.get("recipient_id")
    return _user_id(part.get(name)) or _user_id(_contact_of(own, None, value).get("user_id"))


def _user_id(found: object) -> str | None:
    return found if isinstance(found, str) and _USER_ID.fullmatch(found) else None


def _contact_of(own: object, user_id: str | None, value: Part) -> Part:
    """Return the contact with this id of a person; if there is none, the only contact, unless it is another person."""
    contacts = _parts(value, "contacts")
    if not contacts:
        return {}
    for contact in contacts:
        if (own and contact.get("wa_id") == own) or (user_id and contact.get("user_id") == user_id):
            return contact
    only = contacts[0] if len(contacts) == 1 else {}
    is_other = (own and only.get("wa_id")) or (user_id and only.get("user_id"))
    return {} if is_other else only
