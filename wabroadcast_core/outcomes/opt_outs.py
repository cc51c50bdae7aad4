"""Opt-outs and opt-ins: how they are recognised in messages and failures, and how they are stored.

A message counts only if its whole text is one of the words: "don't stop" is not an opt-out.
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

CLOCK_TOLERANCE = 60.0  # seconds; an opt-in counts as later than an opt-out from here on, since clocks differ
INBOUND = "inbound"  # the source of blacklist entries that come from a person's message

Consent: TypeAlias = Literal["stop", "start"]

_SEPARATORS = re.compile(r"[\W_]+")
_ARGENTINA = re.compile(r"\+54(9?)([1-8]\d{9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ConsentWords:
    """The words that opt a person out and in, in the form that :func:`plain_words` returns."""

    stop: frozenset[str]
    start: frozenset[str]

    @classmethod
    def of(cls, *, stop: Iterable[str], start: Iterable[str]) -> "ConsentWords":
        """Build the words from their spelling in the settings. Words without a letter or a digit are left out."""
        return cls(frozenset(map(plain_words, stop)) - {""}, frozenset(map(plain_words, start)) - {""})

    def read(self, message: Inbound) -> Consent | None:
        """Return whether a message is an opt-out or an opt-in; None if it is neither.

        A preference that was set in WhatsApp itself comes first, then the button, then the text.
        """
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
    """Return the words of a text in lower case, separated by one space: ``"  *STOP!* 🙏"`` becomes ``stop``."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _SEPARATORS.sub(" ", folded).strip()


def forms_of(number: str) -> tuple[str, ...]:
    """Return a person's number and the other form in which it may be stored.

    In Argentina WhatsApp's ids have the 9 of mobile numbers, and contacts are often stored without it: both are valid.
    """
    if match := _ARGENTINA.fullmatch(number):
        return number, f"+54{match[2]}" if match[1] else f"+549{match[2]}"
    return (number,)


def is_opt_out(error: SendError | None) -> bool:
    """Return whether a failure means that the person does not want to be messaged."""
    return isinstance(error, Rejected) and error.opt_out


def opt_out(unit: UnitOfWork, number: str, *, reason: str, at: float | None = None, source: str = INBOUND) -> bool:
    """Put a number on the blacklist, for all connections.

    After the commit, the opt-out is announced to running turns (:attr:`UnitOfWork.opted_out`), which drop the messages
    to this number.

    An opt-out that a later opt-in has ended, and that is delivered again, has no effect.

    :param reason: shown with the entry and with the messages that are skipped for it.
    :param at: the time of the opt-out (UNIX seconds, UTC), by default now; a time in the future counts as now.
    :param source: where the opt-out comes from, shown with the entry.
    :returns: whether the number was not on the blacklist before.
    """
    opted_out_at = unit.now if at is None else min(at, unit.now)
    if blacklist_store.was_opted_in(unit.conn, number, after=opted_out_at + CLOCK_TOLERANCE):
        return False
    unit.opted_out.append(number)
    added = blacklist_store.add_numbers(unit.conn, [number], reason=reason, source=source, now=opted_out_at)
    if not added:
        blacklist_store.renew_number(unit.conn, number, now=opted_out_at)
    return bool(added)


def opt_in(unit: UnitOfWork, number: str, *, at: float) -> bool:
    """Remove a number from the blacklist, unless it was put there after the opt-in: events come in any order.

    :param at: the time of the opt-in (UNIX seconds, UTC).
    :returns: whether the number was removed.
    """
    opted_in_at = min(at, unit.now)
    return blacklist_store.remove_number(unit.conn, number, source=INBOUND, now=opted_in_at, listed_until=at)
