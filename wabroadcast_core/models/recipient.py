"""One number plus its variables, as a contact source yields it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from pydantic import Field

from wabroadcast_core.models.base import Model

Scalar: TypeAlias = str | int | float | bool | None
Variables: TypeAlias = Mapping[str, Scalar]


class Recipient(Model):
    number: str = Field(max_length=64)
    name: str | None = Field(None, max_length=512)
    variables: dict[str, Scalar] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowFault:
    """Why nobody can be made of a row, and in which column that shows."""

    reason: str
    column: str | None = None


@dataclass(slots=True)
class AudienceRow:
    """One recipient as a contact source yields it: raw, not yet judged.

    ``row`` is its number in the file, the first line being 1; ``number`` may hold anything.
    """

    number: str
    name: str | None = None
    variables: dict[str, Scalar] = field(default_factory=dict)
    row: int | None = None
    fault: RowFault | None = None
    """The row is damaged: whatever else is here cannot be trusted."""
    cells: Sequence[str] | None = field(default=None, compare=False, repr=False)
    """The row as it stands in its file, to hand it back."""
