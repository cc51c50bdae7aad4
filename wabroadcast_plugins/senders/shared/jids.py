"""WhatsApp's ids: of people, groups and channels (``<user>[.<agent>][:<device>]@<server>``), and of messages.

An id is not a phone number: it may be hidden (``@lid``), and the ids of some countries keep a form that the numbering
plan no longer uses.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from wabroadcast_plugins.senders.shared.lenient_json import as_text

JidKind: TypeAlias = Literal["person", "lid", "group", "channel", "broadcast", "unknown"]

MESSAGE_PREFIX: Final = "3EB0"  # of the message ids that WhatsApp's web clients create
MESSAGE_DIGITS: Final = 18  # hexadecimal digits after the prefix

_KINDS: Final[Mapping[str, JidKind]] = {
    "s.whatsapp.net": "person",
    "c.us": "person",  # the form of WhatsApp Web
    "lid": "lid",
    "g.us": "group",
    "newsletter": "channel",
    "broadcast": "broadcast",  # status@broadcast, and broadcast lists
}
_USER: Final = re.compile(r"([1-9]\d{6,14})(?:\.\d+)?(?::\d+)?", re.ASCII)
_HIDDEN: Final = re.compile(r"(\d{1,20})(?:\.\d+)?(?::\d+)?@lid", re.ASCII | re.IGNORECASE)
_SEPARATORS: Final = str.maketrans("", "", " -")
_OLD_FORMS: Final = (
    (re.compile(r"521(\d{10})", re.ASCII), r"52\1"),  # Mexico dropped the 1 of mobile numbers in 2019
    (re.compile(r"55(\d\d)([689]\d{7})", re.ASCII), r"55\g<1>9\2"),  # Brazil added a 9, except to numbers with 7
    (re.compile(r"229([4-9]\d{7})", re.ASCII), r"22901\1"),  # Benin added 01 in 2024
    (re.compile(r"225([04-9][0-3]\d{6})", re.ASCII), r"22501\1"),  # Ivory Coast added two digits, by operator, in 2021
    (re.compile(r"225([04-9][4-6]\d{6})", re.ASCII), r"22505\1"),
    (re.compile(r"225([04-9][7-9]\d{6})", re.ASCII), r"22507\1"),
)


def kind_of(jid: object) -> JidKind:
    """Return what an id stands for; ``unknown`` if it is not a text, or its server is not known."""
    if not isinstance(jid, str):
        return "unknown"
    return _KINDS.get(jid.rpartition("@")[2].lower(), "unknown")


def is_one_person(jid: object) -> bool:
    """Check whether a chat with this id is with one person, whose number may be hidden."""
    return kind_of(jid) in {"person", "lid"}


def is_for_many(jid: object) -> bool:
    """Check whether a chat with this id has many readers: a group, a channel, a status or a list."""
    return kind_of(jid) in {"group", "channel", "broadcast"}


def number_of(*values: object) -> str | None:
    """Return the E.164 number, with the plus, of the first value that is a person's id or international digits.

    An id in an old form gives the number as it is dialled and stored today, so that the contact is found.

    :returns: None if no value has a number, as with groups, channels and hidden ids.
    """
    digits = next(filter(None, map(wa_id_of, values)), None)
    return None if digits is None else f"+{_current_form(digits)}"


def wa_id_of(value: object) -> str | None:
    """Return the digits of a person's id, or of digits alone, in the form that WhatsApp uses; None for other values."""
    if isinstance(value, str) and "@" in value:
        user = value.rpartition("@")[0] if kind_of(value) == "person" else ""
    else:
        user = as_text(value).removeprefix("+").translate(_SEPARATORS)
    match = _USER.fullmatch(user)
    return None if match is None else match[1]


def lid_of(*values: object) -> str | None:
    """Return the first hidden id among the values, without its device: ``<digits>@lid``; None if there is none."""
    for value in values:
        if isinstance(value, str) and (match := _HIDDEN.fullmatch(value)):
            return f"{match[1]}@lid"
    return None


def lids_of(*values: object) -> tuple[str, ...]:
    """Return the first hidden id among the values as the ids of a receipt's recipient, if there is one."""
    lid = lid_of(*values)
    return (lid,) if lid else ()


def known_as(*jids: object) -> str | None:
    """Return the id by which WhatsApp knows a recipient: the hidden one, if there is one."""
    return lid_of(*jids) or next(filter(None, map(wa_id_of, jids)), None)


def person_in(*values: object) -> tuple[str, str | None] | None:
    """Return a person's number, which is empty if it is hidden, and hidden id; None if the values have neither."""
    number, lid = number_of(*values), lid_of(*values)
    return (number or "", lid) if number or lid else None


def message_id_of(message_id: str) -> str:
    """Create WhatsApp's id of a message from ours: the same at every call, in the form of WhatsApp's web clients."""
    return MESSAGE_PREFIX + hashlib.sha256(message_id.encode()).hexdigest()[:MESSAGE_DIGITS].upper()


def _current_form(digits: str) -> str:
    for old, new in _OLD_FORMS:
        if match := old.fullmatch(digits):
            return match.expand(new)
    return digits
