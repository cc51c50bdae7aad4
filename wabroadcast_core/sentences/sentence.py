"""A sentence of our own: English for the API, the command line and logs, with a code and values for other languages."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Self, TypeAlias

from pydantic import ValidatorFunctionWrapHandler, WrapValidator

ONE: Final = ".one"  # at the end of a code: the English text where ``n`` is 1
MARK: Final = "\x1e"  # in a stored text: its code and values follow
REPLACED: Final = "\N{REPLACEMENT CHARACTER}"


class Sentence(str):
    """A sentence of our own. As a str it is the English one.

    :param values: numbers, texts, other sentences, or lists of these.
    """

    __slots__ = ("code", "values")
    code: str
    values: Mapping[str, Any]

    def __new__(cls, english: str, code: str, values: Mapping[str, Any]) -> Self:
        """Return a sentence that was put into English already."""
        sentence = super().__new__(cls, english)
        sentence.code, sentence.values = code, values
        return sentence

    def __getnewargs__(self) -> tuple[str, str, Mapping[str, Any]]:  # type: ignore[override]  # str has fewer
        """Return the arguments of a copy."""
        return str(self), self.code, self.values


def make_sentence(texts: Mapping[str, str], code: str, /, **values: Any) -> Sentence:
    """Return a sentence.

    :param texts: English texts with named places, by code; the code with ``.one`` at its end is for an ``n`` of 1.
    :param values: what stands in the places.
    """
    key = f"{code}{ONE}" if values.get("n") == 1 and f"{code}{ONE}" in texts else code
    english = texts[key].format_map({name: _written(name, value) for name, value in values.items()})
    return Sentence(english, code, values)


def cut_text(text: str, most: int) -> str:
    """Return the start of a text of others; a sentence of our own is never cut."""
    return text if isinstance(text, Sentence) else text[:most]


def _written(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if name == "n":
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _keep(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    return value if isinstance(value, Sentence) else validate(value)


ShownText: TypeAlias = Annotated[str, WrapValidator(_keep)]
"""A field of a model with a text that may be a sentence of our own, which is kept as one."""


# --- in the store ----------------------------------------------------------------------------------------------


def write_text(text: str | None) -> str | None:
    """Return a text as it is stored: a sentence has its code and values behind the English."""
    if text is None:
        return None
    english = text.replace(MARK, REPLACED) if MARK in text else text  # so that no text of others is read as ours
    if not isinstance(text, Sentence):
        return english
    return f"{english}{MARK}{json.dumps(_document_of(text), separators=(',', ':'))}"


def read_text(text: str | None) -> str | None:
    """Return a stored text: a sentence of our own, or a text of others as it is."""
    if text is None or MARK not in text:
        return text
    english, _, document = text.partition(MARK)
    try:
        return Sentence(english, **_value_of(json.loads(document)))
    except (ValueError, TypeError):  # a text of others that has the mark
        return text


def _document_of(sentence: Sentence) -> dict[str, Any]:
    return {"code": sentence.code, "values": {name: _storable(value) for name, value in sentence.values.items()}}


def _storable(value: Any) -> Any:
    if isinstance(value, list):
        return [_storable(one) for one in value]
    return {"english": value, **_document_of(value)} if isinstance(value, Sentence) else value


def _value_of(value: Any) -> Any:
    """Return a stored value: an object that has English is a sentence."""
    if isinstance(value, list):
        return [_value_of(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {name: _value_of(one) for name, one in value.items()}
    return Sentence(**found) if "english" in found else found
