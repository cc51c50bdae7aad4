"""Values of recipients as programs have them, such as dates, made plain: texts, numbers, true and false."""

import math
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from enum import Enum
from typing import Any, Final, TypeAlias
from uuid import UUID

from wabroadcast_core.sentences import Sentence

Plain: TypeAlias = str | int | float | bool | None

_PLAIN_TYPES: Final = frozenset({str, int, bool, type(None)})  # a float may be NaN
_NAME_TYPES: Final = frozenset({str})
_MOST_DIGITS: Final = 15  # a float has no more that are surely its own
_LARGEST_WHOLE: Final = Decimal(10) ** 21


class OddValueError(ValueError):
    """A value is of a type that stands for no text and no number. The text has no value in it.

    :param column: the variable or the field that has it.
    """

    def __init__(self, text: Sentence, *, column: str) -> None:
        super().__init__(text)
        self.column = column


def are_plain(variables: Mapping[Any, Any]) -> bool:
    """Return whether variables are plain already, as almost all are."""
    return _PLAIN_TYPES.issuperset(map(type, variables.values())) and _NAME_TYPES.issuperset(map(type, variables))


def plain_variables(given: Any) -> Any:
    """Return variables with plain values: None stands for none.

    :raises OddValueError: they are no values by name, or one of them is of another type.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        text = "the variables are {type}: give values by name"
        raise OddValueError(Sentence("odd_variables", text, type=a_type(given)), column="variables")
    if are_plain(given):
        return dict(given)
    return {_name_of(name): _value_of(name, value) for name, value in given.items()}


def number_text(given: Any) -> str:
    """Return a phone number as a text: the digits of a whole number, an empty text for None.

    :raises OddValueError: it is neither a text nor a number.
    """
    try:
        return _text_of(given) or ""
    except TypeError:
        odd = Sentence("odd_number", "the number is {type}: give a text", type=a_type(given))
        raise OddValueError(odd, column="number") from None


def name_text(given: Any) -> str | None:
    """Return a person's name as a text, or None.

    :raises OddValueError: it is neither a text nor a number.
    """
    try:
        return _text_of(given)
    except TypeError:
        odd = Sentence("odd_name", "the name is {type}: give a text", type=a_type(given))
        raise OddValueError(odd, column="name") from None


def a_type(value: object) -> str:
    """Return the type of a value with its article: ``a set``."""
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _plain(value: Any) -> Plain:
    """Return a value as it is stored; NaN is none.

    :raises TypeError: its type is none of those that a message can show.
    """
    if isinstance(value, Enum):
        value = value.value
    match value:
        case None | bool():
            return value
        case str():
            return str.__str__(value)
        case int():
            return int(value)
        case float():
            return float(value) if math.isfinite(value) else None
        case Decimal():
            return _exact(value)
    return _printed(value)


def _printed(value: Any) -> str | None:
    """Return a date, a time or a UUID as a text.

    :raises TypeError: it is something else.
    """
    if isinstance(value, date | time):
        return value.isoformat() if value == value else None  # noqa: PLR0124 - a missing time of pandas is not
    if isinstance(value, UUID):
        return str(value)
    raise TypeError


def _exact(value: Decimal) -> Plain:
    """Return a decimal as a number if that stands for the same digits, else as a text."""
    if not value.is_finite():
        return None
    if value == value.to_integral_value():
        return int(value) if abs(value) < _LARGEST_WHOLE else str(value)
    number, digits = float(value), value.normalize().as_tuple().digits
    return number if len(digits) <= _MOST_DIGITS and Decimal(repr(number)) == value else str(value)


def _value_of(name: str, value: Any) -> Plain:
    try:
        return _plain(value)
    except TypeError:
        text = "the variable {name!r} is {type}: give a text, a number, true or false"
        raise OddValueError(Sentence("odd_variable", text, name=name, type=a_type(value)), column=name) from None


def _name_of(name: Any) -> str:
    if not isinstance(name, str):
        text = "the name of a variable is {type}: give a text"
        raise OddValueError(Sentence("odd_variable_name", text, type=a_type(name)), column="variables")
    return str.__str__(name)


def _text_of(given: Any) -> str | None:
    """Return a text or a number as a text.

    :raises TypeError: it is neither.
    """
    if type(given) is str:
        return given
    plain = _plain(given)
    if isinstance(plain, bool):
        raise TypeError
    if isinstance(plain, float):
        return f"{plain:.0f}" if plain.is_integer() else str(plain)
    return None if plain is None else str(plain)
