"""WhatsApp's own ids: of people, groups and channels (``<user>[.<agent>][:<device>]@<server>``), and of messages.

An id is not a number: it may be hidden (``@lid``), and some countries' ids keep a form that their numbering plan
has left behind.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from wabroadcast_plugins.senders.shared.lenient_json import as_text

JidKind: TypeAlias = Literal["person", "lid", "group", "channel", "broadcast", "unknown"]

MESSAGE_PREFIX: Final = "3EB0"  # of the ids that WhatsApp's web clients make
MESSAGE_DIGITS: Final = 18  # hexadecimal ones behind it

_KINDS: Final[Mapping[str, JidKind]] = {
    "s.whatsapp.net": "person",
    "c.us": "person",  # the same, as WhatsApp Web writes it
    "lid": "lid",
    "g.us": "group",
    "newsletter": "channel",
    "broadcast": "broadcast",  # status@broadcast, and broadcast lists
}
_USER: Final = re.compile(r"([1-9]\d{6,14})(?:\.\d+)?(?::\d+)?", re.ASCII)
_SEPARATORS: Final = str.maketrans("", "", " -")
_OLD_FORMS: Final = (
    (re.compile(r"521(\d{10})", re.ASCII), r"52\1"),  # Mexico's mobiles lost the 1 in 2019
    (re.compile(r"55(\d\d)([689]\d{7})", re.ASCII), r"55\g<1>9\2"),  # Brazil's got a 9; those with 7 did not
)


def kind_of(jid: object) -> JidKind:
    """What an id stands for; what is no text, or has no server that is known, is ``unknown``."""
    if not isinstance(jid, str):
        return "unknown"
    return _KINDS.get(jid.rpartition("@")[2].lower(), "unknown")


def is_one_person(jid: object) -> bool:
    """Whether a chat with this id is one with a person, whose number may be hidden."""
    return kind_of(jid) in {"person", "lid"}


def is_for_many(jid: object) -> bool:
    """Whether a chat with this id has many readers: a group, a channel, a status, a list."""
    return kind_of(jid) in {"group", "channel", "broadcast"}


def number_of(*values: object) -> str | None:
    """The E.164 number, with the plus, of the first of these that is a person's id, or international digits alone.

    None where there is no such: for groups, channels, hidden ids, and what is none. Ids in an old form give the number
    as it is dialled and stored today, so that people are found by it.
    """
    digits = next(filter(None, map(wa_id_of, values)), None)
    return None if digits is None else f"+{_dialled_today(digits)}"


def wa_id_of(value: object) -> str | None:
    """The digits of a person as WhatsApp has them, in whatever form, of an id or of digits alone; else None."""
    if isinstance(value, str) and "@" in value:
        user = value.rpartition("@")[0] if kind_of(value) == "person" else ""
    else:
        user = as_text(value).removeprefix("+").translate(_SEPARATORS)
    match = _USER.fullmatch(user)
    return None if match is None else match[1]


def message_id_of(message_id: str) -> str:
    """WhatsApp's id of a message, made from ours: always the same, in the form of those that its web clients make."""
    return MESSAGE_PREFIX + hashlib.sha256(message_id.encode()).hexdigest()[:MESSAGE_DIGITS].upper()


def _dialled_today(digits: str) -> str:
    for old, new in _OLD_FORMS:
        if match := old.fullmatch(digits):
            return match.expand(new)
    return digits
