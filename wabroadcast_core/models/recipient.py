"""Recipients: a number with a name and variables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from pydantic import Field

from wabroadcast_core.models.base import Model

Scalar: TypeAlias = str | int | float | bool | None
Variables: TypeAlias = Mapping[str, Scalar]

LONGEST_WHOLE = 1e21  # a float from here on is printed with an exponent


def is_blank(value: Scalar) -> bool:
    """Return whether a value counts as absent, as an empty cell of a file does: None, or a text of white space."""
    return value is None or (isinstance(value, str) and (not value or value.isspace()))


def scalar_text(value: Scalar) -> str:
    """Return a value as it is printed. A float has 15 significant digits, as in spreadsheets: 0.1 + 0.2 is 0.3."""
    if not isinstance(value, float):
        return str(value)
    return str(int(value)) if value.is_integer() and abs(value) < LONGEST_WHOLE else f"{value:.15g}"


class Recipient(Model):
    """One recipient as a caller submits it."""

    number: str = Field(max_length=64)
    name: str | None = Field(None, max_length=512)
    variables: dict[str, Scalar] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowFault:
    """Why a row is not a valid recipient, and the column with the fault."""

    reason: str
    column: str | None = None


@dataclass(slots=True)
class AudienceRow:
    """One recipient as a contact source yields it, not yet checked.

    ``row`` is its row number in the file, where the first line is 1. ``number`` may hold any text.
    """

    number: str
    name: str | None = None
    variables: dict[str, Scalar] = field(default_factory=dict)
    row: int | None = None
    fault: RowFault | None = None
    """Set if the row is damaged: the other fields may be wrong then."""
    cells: Sequence[str] | None = field(default=None, compare=False, repr=False)
    """The cells of the row as the file has them, for the file of rejected rows."""
