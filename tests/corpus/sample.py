"""What a file of the corpus is: its bytes, and what the one who made it meant."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from wabroadcast_core import Reading

NO_DIGITS = "contains no phone number"
EMPTY = "empty"


@dataclass(frozen=True)
class Person:
    number: str
    name: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sample:
    """One way in which real exports come, or go wrong."""

    name: str
    data: bytes
    columns: Mapping[str, str]
    """What each column is to be understood as."""
    people: list[Person]
    rejected: list[tuple[int, str | None, str]] = field(default_factory=list)
    """Row, column, reason."""
    reading: Reading = field(default_factory=Reading)
    region: str = "ID"
    sheet: str | int | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Unreadable:
    """A file that is one clear error."""

    name: str
    data: bytes
    error: str
    """Words of it, as a pattern."""
