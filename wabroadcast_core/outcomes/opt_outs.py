"""Whether a person wants to be messaged: what a message or a failure says of it, and what follows.

Only a message that is, as a whole, one of the words counts: "don't stop" opts nobody out.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from wabroadcast_core.errors import Rejected, SendError
from wabroadcast_core.models.receipt import Inbound
from wabroadcast_core.store import blacklist as blacklist_store
from wabroadcast_core.store.group_commit import UnitOfWork

INBOUND = "inbound"  # the source of what people say

Consent: TypeAlias = Literal["stop", "start"]

_NO_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class ConsentWords:
    """The words as :func:`plain_words` makes them."""

    stop: frozenset[str]
    start: frozenset[str]

    @classmethod
    def of(cls, *, stop: Iterable[str], start: Iterable[str]) -> "ConsentWords":
        return cls(frozenset(map(plain_words, stop)) - {""}, frozenset(map(plain_words, start)) - {""})

    def read(self, message: Inbound) -> Consent | None:
        """What a message says. What was set in WhatsApp itself counts before a button, a button before the text."""
        match message.preference:
            case "stop":
                return "stop"
            case "resume":
                return "start"
        for text in (message.payload, message.text):
            words = plain_words(text or "")
            if words in self.stop:
                return "stop"
            if words in self.start:
                return "start"
        return None


def plain_words(text: str) -> str:
    """Words in small letters with one space between them: ``"  *STOP!* 🙏"`` is ``stop``."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _NO_WORD.sub(" ", folded).strip()


def is_opt_out(error: SendError | None) -> bool:
    return isinstance(error, Rejected) and error.opt_out


def opt_out(unit: UnitOfWork, number: str, *, reason: str, at: float | None = None, source: str = INBOUND) -> bool:
    """Let nobody message this number any more, on any connection; running turns are told after the commit.

    :param at: when the person said so, if not now.
    :returns: whether that is new.
    """
    said = unit.now if at is None else min(at, unit.now)
    unit.opted_out.append(number)
    added = blacklist_store.add_numbers(unit.conn, [number], reason=reason, source=source, now=said)
    if not added:
        blacklist_store.renew_number(unit.conn, number, now=said)
    return bool(added)


def opt_in(unit: UnitOfWork, number: str, *, at: float) -> bool:
    """Let a number be messaged again, unless it was listed after the person said so: news come in any order.

    :returns: whether it was listed.
    """
    return blacklist_store.remove_number(unit.conn, number, source=INBOUND, now=unit.now, listed_until=at)
