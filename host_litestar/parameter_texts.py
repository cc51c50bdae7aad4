"""The texts about parameters that are not valid: the fact, then the way out, instead of those of msgspec."""

import re
from typing import Final

_TEXTS: Final = (
    (
        re.compile(r"Invalid enum value '?(?P<found>.*?)'?"),
        "unknown value {found!r}: /schema lists those that there are",
    ),
    (re.compile(r"Expected `int` >= (?P<least>-?\d+)"), "too small: give at least {least}"),
    (re.compile(r"Expected `int` <= (?P<most>-?\d+)"), "too large: give at most {most}"),
    (re.compile(r"Expected `int.*`, got .*"), "not a whole number"),
    (re.compile(r"Expected `bool.*`, got .*"), "neither true nor false"),
    (re.compile(r"Expected `str` of length >= 1"), "empty: give a text"),
    (re.compile(r"Expected `str` of length <= (?P<most>\d+)"), "too long: give at most {most} characters"),
)


def parameter_text(message: str) -> str:
    """Return what a fault of a parameter means; a message of another kind stays as it is."""
    for form, text in _TEXTS:
        if match := form.fullmatch(message):
            return text.format_map(match.groupdict())
    return message.removeprefix("Value error, ")
