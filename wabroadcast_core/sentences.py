"""Sentences in English that know the code and the values they are made of, so that a page can use another language.

A sentence is a ``str``, so logs, the API and the command line show it as it is. A page with a text for its code shows
that text with the same values. A stored sentence has its code and values behind it.
"""

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Self, TypeAlias

Part: TypeAlias = str | int | float
Value: TypeAlias = Part | list[str]
"""A part of a sentence, or a list of them. It may be a sentence itself."""

ONE: Final = ".one"  # at the end of the code of a text for an ``n`` of 1

FOREIGN: Final = "foreign"
"""The code of what another program says, such as a database: in its own words, which no page translates."""
REPLACED: Final = "\N{REPLACEMENT CHARACTER}"
_MARK: Final = "\x1e"  # between a stored sentence and its code


class Sentence(str):
    """A sentence in English with its code and its values.

    :param code: stable, in small letters and ``_``; each code has one text.
    :param text: a format string with a place for each value. Numbers are written with commas.
    """

    __slots__ = ("code", "values")
    code: str
    values: Mapping[str, Value]

    def __new__(cls, code: str, text: str, /, **values: Value) -> Self:
        """Create a sentence. In values, characters that no database stores are replaced."""
        kept = {name: _kept(value) for name, value in values.items()}
        written = {name: _written(value) for name, value in kept.items()}
        return cls._of(text.format_map(written), code, kept)

    @classmethod
    def _of(cls, text: str, code: str, values: Mapping[str, Value]) -> Self:
        sentence = super().__new__(cls, text)
        sentence.code, sentence.values = code, values
        return sentence

    def __reduce__(self) -> tuple[Any, ...]:
        return self._of, (str(self), self.code, self.values)


def make_sentence(texts: Mapping[str, str], code: str, /, **values: Value) -> Sentence:
    """Return a sentence of a table.

    :param texts: English texts by code; the code with ``.one`` at its end is for an ``n`` of 1.
    """
    key = f"{code}{ONE}" if values.get("n") == 1 and f"{code}{ONE}" in texts else code
    return Sentence(code, texts[key], **values)


def cut_text(text: str, most: int) -> str:
    """Return the start of a text of others; a sentence of our own is never cut."""
    return text if isinstance(text, Sentence) else text[:most]


def foreign(text: str) -> Sentence:
    """Return what another program says, as a part of a sentence."""
    return Sentence(FOREIGN, "{text}", text=text)


def storable(text: str) -> str:
    """Return a text with replacements for what no database stores, and for the mark of a stored sentence."""
    if isinstance(text, Sentence):
        return text
    known = text.encode(errors="replace").decode().replace("\0", REPLACED)
    return known.replace(_MARK, REPLACED)


def joined(first: str, second: str) -> Sentence:
    """Return two sentences as one."""
    return Sentence("joined", "{first}; {second}", first=first, second=second)


def either(first: str, last: str) -> Sentence:
    """Return two alternatives, the first of which may be a list of them."""
    return Sentence("either", "{first} or {last}", first=first, last=last)


def one_of(names: Sequence[str]) -> str:
    """Return names as alternatives: ``text, image or audio``."""
    *others, last = names
    return either(", ".join(others), last) if others else last


def listed(names: Iterable[str]) -> str:
    """Return names with commas between them. A sentence among them stays one."""
    return functools.reduce(_with_comma, names)


def sentence_of(error: BaseException) -> str:
    """Return what an error says: the sentence that it was raised with, or else its text."""
    said = error.args[0] if error.args else ""
    return said if isinstance(said, Sentence) else str(error)


def code_of(text: str) -> str | None:
    """Return the code of a sentence; None for any other text, and for what another program says."""
    return text.code if isinstance(text, Sentence) and text.code != FOREIGN else None


def pack_sentence(text: str) -> str:
    """Return a text as it is stored: a sentence with its code and values behind it."""
    if not isinstance(text, Sentence):
        return text
    return f"{text}{_MARK}{json.dumps(_parts_of(text), ensure_ascii=False, separators=(',', ':'))}"


def unpack_sentence(stored: str) -> str:
    """Return a text that was stored, with its code and values if it is a sentence."""
    text, _, parts = stored.partition(_MARK)
    try:
        return _sentence_from(text, json.loads(parts)) if parts else stored
    except (ValueError, TypeError, AttributeError):  # a text of a plugin, which only has such a mark
        return stored


def write_text(text: str | None) -> str | None:
    """Return a text as it is stored. In one of others, the mark of sentences is replaced, so that it is never ours."""
    if text is None or isinstance(text, Sentence):
        return text and pack_sentence(text)
    return text.replace(_MARK, REPLACED) if _MARK in text else text


def read_text(text: str | None) -> str | None:
    """Return a stored text: a sentence, or a text of others as it is."""
    return text and unpack_sentence(text)


def _with_comma(first: str, second: str) -> str:
    if isinstance(first, Sentence) or isinstance(second, Sentence):
        return Sentence("listed", "{first}, {second}", first=first, second=second)
    return f"{first}, {second}"


def _kept(value: Value) -> Value:
    if isinstance(value, list):
        return [storable(one) for one in value]
    return storable(value) if isinstance(value, str) else value


def _written(value: Value) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,}"


def _parts_of(sentence: Sentence) -> list[Any]:
    values = {name: _as_json(value) for name, value in sentence.values.items()}
    return [sentence.code, values]


def _as_json(value: Value) -> Any:
    if isinstance(value, list):
        return {"list": [_as_json(one) for one in value]}
    return [str(value), *_parts_of(value)] if isinstance(value, Sentence) else value


def _sentence_from(text: str, parts: Any) -> Sentence:
    code, values = parts
    return Sentence._of(text, str(code), {str(name): _from_json(value) for name, value in values.items()})  # noqa: SLF001 - its own module


def _from_json(value: Any) -> Value:
    if isinstance(value, dict):
        return [_from_json(one) for one in value.get("list")]  # type: ignore[misc,union-attr]  # texts; else a TypeError
    if isinstance(value, list):
        text, *parts = value
        return _sentence_from(str(text), parts)
    if isinstance(value, str | int | float):
        return value
    raise ValueError("not a part of a sentence")
