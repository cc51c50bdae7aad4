"""WhatsApp's own ids of people, groups and channels: ``<user>[.<agent>][:<device>]@<server>``, as gateways give them.

An id is not a number: it may be hidden (``@lid``), and some countries' ids keep a form that their numbering plan
has left behind.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

JidKind: TypeAlias = Literal["person", "lid", "group", "channel", "broadcast", "unknown"]

_KINDS: Final[Mapping[str, JidKind]] = {
    "s.whatsapp.net": "person",
    "c.us": "person",  # the same, as WhatsApp Web writes it
    "lid": "lid",
    "g.us": "group",
    "newsletter": "channel",
    "broadcast": "broadcast",  # status@broadcast, and broadcast lists
}
_PERSON: Final = re.compile(r"([1-9]\d{6,14})(?:\.\d+)?(?::\d+)?@.+", re.ASCII)
_OLD_FORMS: Final = (
    (re.compile(r"521(\d{10})", re.ASCII), r"52\1"),  # Mexico's mobiles lost the 1 in 2019
    (re.compile(r"55(\d\d)([689]\d{7})", re.ASCII), r"55\g<1>9\2"),  # Brazil's got a 9; those with 7 did not
)


def kind_of(jid: object) -> JidKind:
    """What an id stands for; what is no text, or has no server that is known, is ``unknown``."""
    if not isinstance(jid, str):
        return "unknown"
    return _KINDS.get(jid.rpartition("@")[2].lower(), "unknown")


def number_of(jid: object) -> str | None:
    """The E.164 number, with the plus, of a person's id; None for every other id, and for what is none.

    Ids in an old form give the number as it is dialled and stored today, so that people are found by it.
    """
    digits = wa_id_of(jid)
    return None if digits is None else f"+{_dialled_today(digits)}"


def wa_id_of(jid: object) -> str | None:
    """The digits of a person's id as WhatsApp has them, in whatever form; None for every other id."""
    if not isinstance(jid, str) or kind_of(jid) != "person":
        return None
    match = _PERSON.fullmatch(jid)
    return None if match is None else match[1]


def _dialled_today(digits: str) -> str:
    for old, new in _OLD_FORMS:
        if match := old.fullmatch(digits):
            return match.expand(new)
    return digits
