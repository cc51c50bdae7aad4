"""The reasons why one recipient's message cannot be rendered."""

from typing import ClassVar

from wabroadcast_core.models.status import SkipReason


class NotRendered(Exception):  # noqa: N818 - an outcome of one recipient, not a fault of the program
    """The message of one recipient cannot be rendered. The text can be shown to a user: it contains no value."""

    reason: ClassVar[SkipReason]


class MissingVariable(NotRendered):
    """The template uses a variable that this recipient does not have."""

    reason = SkipReason.MISSING_VARIABLE

    def __init__(self, name: str) -> None:
        super().__init__(f"the variable {name!r} is missing: add it to the recipient, or give it a default in the text")
        self.name = name


class BadText(NotRendered):
    """The rendered text is empty, too long or contains what it must not, or it cannot be computed from the values."""

    reason = SkipReason.BAD_TEXT
