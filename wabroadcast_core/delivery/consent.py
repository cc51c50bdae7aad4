"""What a person's message says about being messaged: stop, start, or nothing.

Only a message that is, as a whole, one of the words counts: "don't stop" opts nobody out.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from wabroadcast_core.models.receipt import Inbound

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
