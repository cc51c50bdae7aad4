"""Texts of the core in the language of a page: sentences of our own by their codes, texts of others as they are."""

from collections.abc import Mapping
from typing import Any, Final

from host_litestar.dashboard.sentences import CORE, LANGUAGE, write_sentence
from host_litestar.dashboard.texts import Texts
from wabroadcast_core.reasons.catalogue import Catalogue
from wabroadcast_core.sentence_texts import CORE as ENGLISH
from wabroadcast_core.sentences import Sentence, make_sentence

_NAMES: Final[Mapping[str, str]] = {  # values that are codes: the keys of their texts, by the names of their places
    "status": "status.",
    "state": "words.state.",
    "fields": "words.field.",
    "scopes": "api_keys.scope.",
}


class Words:
    """Says in one language what the core has written.

    :param texts: of this language.
    :param reasons: what the codes of failures mean.
    """

    def __init__(self, texts: Texts, reasons: Catalogue, *, language: str) -> None:
        self._texts = texts
        self._reasons = reasons
        self._language = language

    def knows(self, text: object) -> bool:
        """Return whether a text is a sentence of our own, which can be said in this language."""
        is_there = self._language == LANGUAGE or f"{CORE}{getattr(text, 'code', '')}" in self._texts
        return isinstance(text, Sentence) and is_there

    def of(self, text: str | None) -> str:
        """Return a sentence of our own in this language, and a text of others as it is."""
        if not isinstance(text, Sentence) or not self.knows(text):
            return str(text or "")
        if self._language == LANGUAGE:
            return self._in_english(text)
        values = {name: self._value(name, value) for name, value in text.values.items()}
        return write_sentence(self._texts, text.code, values)

    def of_reason(self, reason: str | None) -> str:
        """Return what a reason means: a sentence, or the words of the catalogue; an unknown code as it is."""
        if not reason:
            return self._texts("cause.no_reason")
        if isinstance(reason, Sentence):
            return self.of(reason)
        known = self._reasons.explain(str(reason), language=self._language)
        return known.meaning if known.known else str(reason)

    def _in_english(self, text: Sentence) -> str:
        """Return a sentence with what the reason in it means in the place of its code."""
        if text.code not in ENGLISH or "reason" not in text.values:
            return str(text)
        said = {name: self._value(name, text.values[name]) for name in ("reason", "detail") if name in text.values}
        return str(make_sentence(ENGLISH, text.code, **{**text.values, **said}))

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, list):
            return ", ".join(str(self._value(name, one)) for one in value)
        if isinstance(value, Sentence):
            return self.of(value)
        if name == "reason":
            return self.of_reason(value).removesuffix(".")
        if name == "detail":
            return self._texts("words.quoted", text=value) if value else ""
        key = f"{_NAMES.get(name, '')}{value}"
        return self._texts(key) if name in _NAMES and key in self._texts else value
