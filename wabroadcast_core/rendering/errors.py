"""The reasons why one recipient's message cannot be rendered."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from wabroadcast_core.models.status import SkipReason
from wabroadcast_core.sentences import Sentence

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
        super().__init__(_missing(name, present))
        self.name = name


def _missing(name: str, present: Sequence[str]) -> Sentence:
    if not present:
        text = "the variable {name!r} is missing: add it to the recipient, or give it a default in the text"
        return Sentence("variable_missing", text, name=name)
    text = (
        "the variable {name!r} is missing; there are {names}: add it to the recipient, or give it a default in the text"
    )
    return Sentence("variable_missing_among", text, name=name, names=list_names(present))


def in_field(name: str, reason: str) -> Sentence:
    """Return a reason with the field of the message that it is about."""
    return Sentence("in_field", "{name}: {reason}", name=name, reason=reason)


def list_names(names: Sequence[str]) -> str:
    """Return the names of variables as an error text lists them: of very many, the first ones."""
    shown, more = ", ".join(names[:MOST_LISTED]), len(names) - MOST_LISTED
    return Sentence("names_and_more", "{names} and {n} more", names=shown, n=more) if more > 0 else shown


class BadText(NotRendered):
    """The rendered text is empty, too long or contains what it must not, or it cannot be computed from the values."""

    reason = SkipReason.BAD_TEXT


class NoNumber(BadText):
    """A value is no number where one is required.

    :param value: is kept to find the variable that has it; the text of the error does not contain it.
    """

    def __init__(self, value: Any) -> None:
        super().__init__(
            Sentence(
                "value_no_number", "a value is not a number: write amounts such as 1250000, 1.250.000 or 1250000,50"
            )
        )
        self.value = value
