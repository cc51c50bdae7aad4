"""What the core says, in the language of the page: by the code of a sentence, with its values."""

from collections.abc import Mapping
from typing import Final

from markupsafe import Markup

from host_litestar.dashboard.texts import Texts
from wabroadcast_core.sentences import Sentence, Value

CORE: Final = "core."  # before the code of a sentence, in the keys of texts
LANGUAGE: Final = "en"  # in which the core says everything


class OwnText(str):
    """A text of the catalogues, which is in the language of the page already."""

    __slots__ = ()


def say(t: Texts, text: str) -> str:
    """Return a sentence of the core in the language of the page.

    One of a plugin that the catalogue does not have stays in English, and is marked as such for screen readers.
    """
    if t.language == LANGUAGE or isinstance(text, OwnText):
        return str(text)
    if isinstance(text, Sentence) and f"{CORE}{text.code}" in t:
        return write_sentence(t, text.code, {name: _said(t, value) for name, value in text.values.items()})
    return Markup('<span lang="{}">{}</span>').format(LANGUAGE, str(text))


def write_sentence(t: Texts, code: str, values: Mapping[str, object]) -> str:
    """Return the text of a code of the core. Its braces are doubled also where it has no places."""
    text = t(f"{CORE}{code}", **values)
    return text if values else text.format()


def _said(t: Texts, value: Value) -> Value:
    return say(t, value) if isinstance(value, Sentence) else value


def say_plainly(t: Texts, text: str) -> str:
    """Return a sentence as :func:`say` does, for a place without markup, such as a cookie."""
    said = say(t, text)
    return said.striptags() if isinstance(said, Markup) else said
