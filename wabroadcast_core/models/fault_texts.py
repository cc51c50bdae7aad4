"""What a caller reads about a value that a model refuses: the fact, then the way out, in place of pydantic's words.

The code of such a sentence is pydantic's type of the fault.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic_core import ErrorDetails

from wabroadcast_core.sentences import Sentence, Value, either, foreign, sentence_of

_NO_TEXT: Final = "not a text: write it in quotation marks"
_NO_INTEGER: Final = "not a whole number"
_NO_NUMBER: Final = "not a number"
_NO_BOOLEAN: Final = "neither true nor false"
_NO_OBJECT: Final = "not an object with fields"
_NO_TIME: Final = "not a time with a date: write it as 2026-12-01T08:00:00+07:00"
_NO_DATE: Final = "not a date: write it as 2026-12-01"
_NO_ADDRESS: Final = "not a web address: write it as https://shop.example/path"
_CHOICES: Final = frozenset({"expected", "expected_tags", "expected_schemes"})  # lists of texts in quotation marks

FAULT_TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "missing": "missing: give a value",
        "extra_forbidden": "there is no such field: correct its name, or remove it",
        "string_type": _NO_TEXT,
        "int_type": _NO_INTEGER,
        "int_parsing": _NO_INTEGER,
        "int_from_float": _NO_INTEGER,
        "float_type": _NO_NUMBER,
        "float_parsing": _NO_NUMBER,
        "finite_number": "not a finite number",
        "bool_type": _NO_BOOLEAN,
        "bool_parsing": _NO_BOOLEAN,
        "list_type": "not a list",
        "dict_type": _NO_OBJECT,
        "model_type": _NO_OBJECT,
        "model_attributes_type": _NO_OBJECT,
        "string_too_short": "too short: give at least {min_length} characters",
        "string_too_long": "too long: give at most {max_length} characters",
        "too_short": "too few entries: give at least {min_length}",
        "too_long": "too many entries: give at most {max_length}",
        "greater_than_equal": "too small: give at least {ge}",
        "greater_than": "too small: give more than {gt}",
        "less_than_equal": "too large: give at most {le}",
        "less_than": "too large: give less than {lt}",
        "literal_error": "unknown value: give {expected}",
        "enum": "unknown value: give {expected}",
        "union_tag_invalid": "the field {discriminator} has the unknown value {tag!r}: give one of {expected_tags}",
        "union_tag_not_found": "the field {discriminator} is missing: it names the kind",
        "timezone_aware": "the time has no offset from UTC: write it as 2026-12-01T08:00:00+07:00",
        "datetime_type": _NO_TIME,
        "datetime_parsing": _NO_TIME,
        "datetime_from_date_parsing": _NO_TIME,
        "date_type": _NO_DATE,
        "date_parsing": _NO_DATE,
        "date_from_datetime_parsing": _NO_DATE,
        "uuid_type": "not an id",
        "uuid_parsing": "not an id",
        "url_type": _NO_ADDRESS,
        "url_parsing": _NO_ADDRESS,
        "url_scheme": "the address does not begin with {expected_schemes}: correct it",
        "url_too_long": "too long: give at most {max_length} characters",
    }
)


def fault_text(detail: ErrorDetails) -> str:
    """Return what a fault of a value means. Input values are left out, but for the kind of a union."""
    context: Mapping[str, Any] = detail.get("ctx", {})
    if isinstance(error := context.get("error"), ValueError):
        return sentence_of(error)
    if detail["type"] == "string_too_short" and context["min_length"] == 1:
        return Sentence("text_empty", "empty: give a text")
    text = FAULT_TEXTS.get(detail["type"])
    return foreign(detail["msg"]) if text is None else Sentence(detail["type"], text, **_values(context))


def _values(context: Mapping[str, Any]) -> Mapping[str, Value]:
    return {
        name: _choices(value) if name in _CHOICES and isinstance(value, str) else value
        for name, value in context.items()
        if isinstance(value, str | int | float)
    }


def _choices(listed: str) -> str:
    first, _, last = listed.rpartition(" or ")
    return either(first, last) if first else listed
