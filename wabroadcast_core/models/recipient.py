"""Recipients: a number with a name and variables."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field, field_validator

from wabroadcast_core.models.base import Model
from wabroadcast_core.models.plain_values import name_text, number_text, plain_variables
from wabroadcast_core.models.status import SkipReason
from wabroadcast_core.sentences import Sentence

Scalar: TypeAlias = str | int | float | bool | None
Variables: TypeAlias = Mapping[str, Scalar]

LONGEST_NUMBER = 64  # characters of the number of a recipient, with what people write around it
LONGEST_NAME = 512  # characters of a person's name
MOST_COLUMNS = 1_000  # of a file, so a person has no more variables
LONGEST_FIELD = 128 * 1024  # characters of a cell, so of the value of a variable
LONGEST_ROW = 1024 * 1024  # characters of a row, so of all values of a person
LONGEST_VARIABLE = 200  # characters of a variable's name
LONGEST_WHOLE = 1e21  # a float from here on is printed with an exponent
# White space, and characters that show nothing: soft hyphen, zero-width ones, marks of direction and of byte order.
_UNSEEN = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\xad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"


def is_blank(value: Scalar) -> bool:
    """Return whether a value counts as absent, as an empty cell of a file does: None, or a text that shows nothing."""
    if type(value) is not str:
        return value is None
    return not value or value.isspace() or not (value.isascii() or value.strip(_UNSEEN))


def without_blanks(variables: Variables) -> dict[str, Scalar]:
    """Return the variables that have a value."""
    return {name: value for name, value in variables.items() if not is_blank(value)}


def scalar_text(value: Scalar) -> str:
    """Return a value as it is printed. A float has 15 significant digits, as in spreadsheets: 0.1 + 0.2 is 0.3."""
    if not isinstance(value, float):
        return str(value)
    return str(int(value)) if value.is_integer() and abs(value) < LONGEST_WHOLE else f"{value:.15g}"


def usual_length(variables: Variables) -> int | None:
    """Return the characters of all values if they are texts of usual length and none is blank, as nearly always.

    Then :func:`find_excess` finds nothing and :func:`without_blanks` removes nothing: this takes less time than both.

    :returns: None for other values: they may be usual too.
    """
    values = variables.values()
    try:
        joined = "".join(values)  # type: ignore[arg-type]  # raises TypeError if there is another value
        are_short = len("".join(variables)) <= LONGEST_VARIABLE or _are_short(variables)
        are_seen = all(map(str.strip, values)) if joined.isascii() else not any(map(is_blank, values))  # type: ignore[arg-type]  # they are texts
        if are_short and are_seen and len(joined) <= LONGEST_FIELD:
            return len(joined)
    except TypeError:
        pass
    return None


def _are_short(names: Collection[str]) -> bool:
    """Return whether names of variables are not too many, and none is too long."""
    return len(names) <= MOST_COLUMNS and max(map(len, names)) <= LONGEST_VARIABLE


def find_excess(variables: Variables) -> str | None:
    """Return why variables are more or longer than the cells of a file can be; None for those of usual size."""
    if len(variables) > MOST_COLUMNS:
        return Sentence("many_variables", "there are more than {most} variables", most=MOST_COLUMNS)
    characters = 0
    for name, value in variables.items():
        if len(name) > LONGEST_VARIABLE:
            text = "the name of a variable is longer than {most} characters"
            return Sentence("long_variable_name", text, most=LONGEST_VARIABLE)
        if isinstance(value, str):
            if len(value) > LONGEST_FIELD:
                text = "the value of {name!r} is longer than {most} KiB"
                return Sentence("long_value", text, name=name, most=LONGEST_FIELD // 1024)
            characters += len(value)
    if characters > LONGEST_ROW:
        return Sentence("long_values", "the values are longer than {most} KiB together", most=LONGEST_ROW // 1024)
    return None


def _check_size(variables: dict[str, Scalar]) -> dict[str, Scalar]:
    if excess := find_excess(variables):
        raise ValueError(Sentence("excess", "{excess}: give fewer or shorter ones", excess=excess))
    return variables


SizeLimited = AfterValidator(_check_size)
"""Limits variables to what a file can hold, however they come."""


class Recipient(Model):
    """One recipient as a caller submits it."""

    number: str = Field(
        max_length=LONGEST_NUMBER, description="The phone number in any spelling, such as 0812-3456-7890."
    )
    name: str | None = Field(
        default=None, max_length=LONGEST_NAME, description="The name of the person: at most 512 characters; null: none."
    )
    variables: Annotated[dict[str, Scalar], SizeLimited] = Field(
        default_factory=dict, description='Values for the text of the message, by name: {"kode": "A1"}.'
    )

    _read_number = field_validator("number", mode="before")(number_text)
    _read_name = field_validator("name", mode="before")(name_text)
    _read_variables = field_validator("variables", mode="before")(plain_variables)


@dataclass(frozen=True, slots=True)
class RowFault:
    """Why a row is not a valid recipient: a broadcast skips it, and an import names it.

    :param reason: what is wrong, as users read it; without the number.
    :param column: the column with the fault.
    :param code: the reason with which a broadcast skips it.
    """

    reason: str
    column: str | None = None
    code: SkipReason = SkipReason.INVALID_NUMBER


@dataclass(slots=True)
class AudienceRow:
    """One recipient as a contact source yields it, not yet checked.

    ``row`` is its row number in the file, where the first line is 1. ``number`` may hold any text. A source may also
    give a number and a name as whole numbers or None, and dates, times, decimals, UUIDs and enums as variables: they
    are made plain when its rows are read.
    """

    number: str
    name: str | None = None
    variables: dict[str, Scalar] = field(default_factory=dict)
    row: int | None = None
    fault: RowFault | None = None
    """Set if the row is damaged: the other fields may be wrong then."""
    cells: Sequence[str] | None = field(default=None, compare=False, repr=False)
    """The cells of the row as the file has them, for the file of rejected rows."""
    own: Mapping[str, Scalar] = field(default_factory=dict, compare=False, repr=False)
    """The cells of the number and the name by the names of their own columns, such as ``nama``.

    A broadcast has them as variables; the contact book has only ``number`` and ``name``, so that a change of these
    leaves no old value behind.
    """

    @property
    def all_variables(self) -> dict[str, Scalar]:
        """The variables of a broadcast's recipient."""
        return {**self.own, **self.variables} if self.own else self.variables
