"""What Meta calls back with: the proof that it is Meta, then receipts, messages of people, news of the account."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

from wabroadcast_core import (
    ConnectionEvent,
    Inbound,
    Receipt,
    Rejected,
    SendError,
    WebhookRefusedError,
    WebhookRequest,
    read_json,
)
from wabroadcast_plugins.senders.shared.signatures import hmac_of, same_text
from wabroadcast_plugins.senders.whatsapp_cloud.errors import MetaError, classify

News: TypeAlias = Receipt | Inbound | ConnectionEvent
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
_NUMBER: Final = re.compile(r"\+?([0-9]{5,20})")
_SECONDS: Final = re.compile(r"[0-9]{1,11}")


# --- the proof ---------------------------------------------------------------------------------------------------


def check_handshake(query: Mapping[str, str], *, verify_token: str) -> str:
    """:returns: the challenge to answer with. :raises WebhookRefusedError: it is not Meta's."""
    if not verify_token:
        raise WebhookRefusedError("no verify token is set: set verifyToken to the one given to Meta")
    if query.get("hub.mode") != "subscribe" or not same_text(query.get("hub.verify_token", ""), verify_token):
        raise WebhookRefusedError("the verify token is not that of this connection")
    if "hub.challenge" not in query:
        raise WebhookRefusedError("there is no challenge to answer")
    return query["hub.challenge"]


def check_signature(request: WebhookRequest, *, app_secret: str) -> None:
    """:raises WebhookRefusedError: the body is not signed by Meta."""
    if not app_secret:
        raise WebhookRefusedError("no app secret is set: set appSecret to that of the Meta app")
    if not same_text(request.headers.get("x-hub-signature-256", ""), f"sha256={hmac_of(request, app_secret)}"):
        raise WebhookRefusedError("the signature is not that of this connection's Meta app")


# --- what it says ------------------------------------------------------------------------------------------------


def read_news(body: bytes, *, phone_number_id: str) -> list[News]:
    """Everything that concerns this phone number; what is of another shape than known yields nothing."""
    document = read_json(body)
    changes = [change for entry in _parts(document, "entry") for change in _parts(entry, "changes")]
    return [news for change in changes for news in _read_change(change, phone_number_id)]


def _read_change(change: Part, phone_number_id: str) -> Iterator[News]:
    value = _part(change, "value")
    match change.get("field"):
        case "messages" if _is_ours(value, phone_number_id):
            yield from filter(None, map(_read_status, _parts(value, "statuses")))
            yield from filter(None, (_read_message(message, value) for message in _parts(value, "messages")))
        case "user_preferences" if _is_ours(value, phone_number_id):
            yield from filter(None, (_read_preference(each, value) for each in _parts(value, "user_preferences")))
        case "account_update":
            yield from filter(None, [_read_account(value)])
        case "phone_number_quality_update" if _text(value, "event") == "RESTRICTED":  # flagged ones still send
            yield ConnectionEvent("down", "quality_restricted")


def _is_ours(value: Part, phone_number_id: str) -> bool:
    return _part(value, "metadata").get("phone_number_id") == phone_number_id


def _read_status(status: Part) -> Receipt | None:
    kind = _RECEIPTS.get(_text(status, "status"))
    at = _time_of(status)
    message_id, provider_id = _text(status, "biz_opaque_callback_data"), _text(status, "id")
    if kind is None or at is None or not (message_id or provider_id) or status.get("recipient_type") == "group":
        return None
    error = _error_in(status) if kind == "failed" else None
    return Receipt(kind, at, message_id=message_id or None, provider_id=provider_id or None, error=error)


def _error_in(status: Part) -> SendError:
    errors = filter(None, map(MetaError.read, _parts(status, "errors")))
    first = next(errors, None)
    return Rejected("failed", "Meta gives no reason") if first is None else classify(first)


def _read_message(message: Part, value: Part) -> Inbound | None:
    number, at, said = _number_of(message.get("from"), value), _time_of(message), _what_was_said(message)
    if number is None or at is None or said is None or "group_id" in message:
        return None
    text, payload = said
    return Inbound(
        number=number,
        text=text,
        at=at,
        provider_id=_text(message, "id") or None,
        reply_to=_text(_part(message, "context"), "id") or None,
        payload=payload or None,
    )


def _what_was_said(message: Part) -> tuple[str, str] | None:
    """Text and payload; None where it is not for reading: reactions, places, notices of the system."""
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
    wish = _PREFERENCES.get(_text(preference, "value"))
    number, at = _number_of(preference.get("wa_id"), value), _time_of(preference)
    if wish is None or number is None or at is None or preference.get("category") != "marketing_messages":
        return None
    return Inbound(number=number, text="", at=at, preference=wish)


def _read_account(value: Part) -> ConnectionEvent | None:
    event = _text(value, "event")
    if event == "ACCOUNT_RESTRICTION":
        return _read_restriction(value)
    word, states = event, _ACCOUNT_EVENTS
    if event == "DISABLED_UPDATE":
        word, states = _text(_part(value, "ban_info"), "waba_ban_state"), _BAN_STATES
    state = states.get(word)
    return None if state is None else ConnectionEvent(state, f"account_{word.removeprefix('ACCOUNT_').lower()}")


def _read_restriction(value: Part) -> ConnectionEvent | None:
    """Restrictions of calls, new numbers or new templates do not stop messages."""
    kinds = [_text(each, "restriction_type") for each in _parts(value, "restriction_info")]
    stops_messages = not kinds or any(kind.endswith("_MESSAGING") for kind in kinds)
    return ConnectionEvent("down", "account_restricted") if stops_messages else None


# --- parts of any shape ------------------------------------------------------------------------------------------


def _part(whole: Part, name: str) -> Part:
    part = whole.get(name)
    return part if isinstance(part, dict) else {}


def _parts(whole: object, name: str) -> list[Part]:
    parts = whole.get(name) if isinstance(whole, dict) else None
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _text(part: Part, name: str) -> str:
    """A text without what no store takes: zero bytes, halves of characters."""
    text = part.get(name)
    return text.replace("\0", "").encode(errors="ignore").decode() if isinstance(text, str) else ""


def _time_of(part: Part) -> float | None:
    stamp = str(part.get("timestamp"))
    return float(stamp) if _SECONDS.fullmatch(stamp) else None


def _number_of(own: object, value: Part) -> str | None:
    """The person's number, or that of the only contact. Who hides it behind a user name has none."""
    contacts = _parts(value, "contacts")
    wa_id = own or (contacts[0].get("wa_id") if len(contacts) == 1 else None)
    found = _NUMBER.fullmatch(wa_id) if isinstance(wa_id, str) else None
    return f"+{found[1]}" if found else None
