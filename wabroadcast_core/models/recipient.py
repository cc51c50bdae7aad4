"""Recipients: a number with a name and variables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from pydantic import Field

from wabroadcast_core.models.base import Model

Scalar: TypeAlias = str | int | float | bool | None
Variables: TypeAlias = Mapping[str, Scalar]


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
