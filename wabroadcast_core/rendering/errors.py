"""The reasons why one recipient's message cannot be rendered."""

from collections.abc import Sequence
from typing import ClassVar, Final

from wabroadcast_core.models.status import SkipReason

MOST_LISTED: Final = 20  # names of variables in one error text


class NotRendered(Exception):  # noqa: N818 - an outcome of one recipient, not a fault of the program
    """The message of one recipient cannot be rendered. The text can be shown to a user: it contains no value."""

    reason: ClassVar[SkipReason]


class MissingVariable(NotRendered):
    """The template uses a variable that this recipient does not have.

    :param present: the names of the variables that the recipient has.
    """

    reason = SkipReason.MISSING_VARIABLE

    def __init__(self, name: str, *, present: Sequence[str] = ()) -> None:
        there_are = f"; there are {list_names(present)}" if present else ""
        super().__init__(
            f"the variable {name!r} is missing{there_are}: add it to the recipient, or give it a default in the text"
        )
        self.name = name


def list_names(names: Sequence[str]) -> str:
    """Return the names of variables as an error text lists them: of very many, the first ones."""
    more = len(names) - MOST_LISTED
    return ", ".join(names[:MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


class BadText(NotRendered):
    """The rendered text is empty, too long or contains what it must not, or it cannot be computed from the values."""

    reason = SkipReason.BAD_TEXT
