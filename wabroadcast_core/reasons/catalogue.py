"""The catalogue of reasons: the codes of the core and those of the installed senders."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from wabroadcast_core.models.reason import Reason
from wabroadcast_core.reasons import english, indonesian
from wabroadcast_core.reasons.texts import ReasonTexts, Texts

log = logging.getLogger(__name__)

DEFAULT_LANGUAGE: Final = "en"  # every code has it
CORE: Final[ReasonTexts] = {DEFAULT_LANGUAGE: english.CORE, "id": indonesian.CORE}
_UNKNOWN: Final = {DEFAULT_LANGUAGE: english.UNKNOWN_CODE, "id": indonesian.UNKNOWN_CODE}


class Catalogue:
    """What each code means and what to do.

    :param senders: the sender classes by kind; the attribute ``reasons`` of a class, which is optional, has its texts.
    """

    def __init__(self, senders: Mapping[str, type[Any]]) -> None:
        self._senders = {kind: _read_texts(kind, getattr(senders[kind], "reasons", {})) for kind in sorted(senders)}

    @property
    def languages(self) -> list[str]:
        """The languages that at least one entry has (ISO 639-1), English first."""
        found = {language for texts in (CORE, *self._senders.values()) for language in texts}
        return [DEFAULT_LANGUAGE, *sorted(found - {DEFAULT_LANGUAGE})]

    def explain(self, code: str, *, language: str = DEFAULT_LANGUAGE, sender: str | None = None) -> Reason:
        """Return the entry of a code; a code without an entry has general texts.

        :param code: a reason of a message, of waiting or of a problem.
        :param language: of the texts; an entry without it is in English.
        :param sender: the kind of sender that gave the code: its own entries come first, and no other sender's count.
        """
        for owner, texts in self._sources(sender):
            if (entry := _find(code, owner, texts, language)) is not None:
                return entry
        found = language if language in _UNKNOWN else DEFAULT_LANGUAGE
        return _reason(code, sender, found, _UNKNOWN[found], known=False)

    def explain_all(self, code: str, *, language: str = DEFAULT_LANGUAGE) -> Sequence[Reason]:
        """Return all entries of a code: first the one that all senders share, then those of each sender.

        A code without an entry has one with general texts.

        :param language: of the texts; an entry without it is in English.
        """
        found = [_find(code, owner, texts, language) for owner, texts in self._sources(None)]
        return [entry for entry in found if entry is not None] or [self.explain(code, language=language)]

    def list(self, *, language: str = DEFAULT_LANGUAGE, sender: str | None = None) -> list[Reason]:
        """Return all entries by code: first those that all senders share, then those of each sender.

        :param language: of the texts; an entry without it is in English.
        :param sender: leave out the entries of senders of another kind.
        """
        owners = [(None, CORE), *((kind, texts) for kind, texts in self._senders.items() if sender in {None, kind})]
        found = [
            _find(code, owner, texts, language)
            for owner, texts in owners
            for code in sorted({code for by_code in texts.values() for code in by_code})
        ]
        return [entry for entry in found if entry is not None]

    def _sources(self, sender: str | None) -> Iterator[tuple[str | None, ReasonTexts]]:
        if sender is not None:
            yield sender, self._senders.get(sender, {})
        yield None, CORE
        if sender is None:
            yield from self._senders.items()


def _find(code: str, owner: str | None, texts: ReasonTexts, language: str) -> Reason | None:
    for found in _languages_of(texts, language):
        if (key := _key_of(code, texts[found])) is not None:
            return _reason(code, owner, found, texts[found][key])
    return None


def _reason(code: str, sender: str | None, language: str, texts: tuple[str, str], *, known: bool = True) -> Reason:
    meaning, action = texts
    return Reason(code=code, sender=sender, known=known, language=language, meaning=meaning, action=action)


def _languages_of(texts: ReasonTexts, wanted: str) -> list[str]:
    """Return the languages in which an entry is looked for: the wanted one, English, any other."""
    ordered = [wanted, DEFAULT_LANGUAGE, *texts]
    return [language for language in dict.fromkeys(ordered) if language in texts]


def _key_of(code: str, texts: Texts) -> str | None:
    """Return the key of a code: the code itself, else the first pattern that it fits, the most exact one first."""
    if code in texts:
        return code
    patterns = sorted((key for key in texts if "?" in key), key=lambda key: key.count("?"))
    return next((key for key in patterns if fnmatchcase(code, key.replace("[", "[[]"))), None)


def _read_texts(kind: str, value: object) -> ReasonTexts:
    """Return the texts of a sender; those that are not in the documented form are left out and named in the log."""
    if _are_texts(value):
        return value  # type: ignore[return-value]  # its form was checked
    log.warning("the sender %s has reasons that are not in the documented form: they are not shown", kind)
    return {}


def _are_texts(value: object) -> bool:
    """Check that a value has a pair of texts by code, by language."""
    if not isinstance(value, Mapping) or not all(isinstance(texts, Mapping) for texts in value.values()):
        return False
    pairs = [(code, pair) for texts in value.values() for code, pair in texts.items()]
    return all(
        isinstance(code, str) and isinstance(pair, tuple) and [type(text) for text in pair] == [str, str]
        for code, pair in pairs
    )
