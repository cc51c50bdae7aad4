"""The values that a template computes with, and the limits on their size and on the work of one rendering.

A template comes from anyone who may submit a broadcast, and its values from a file of any origin. So every
operation is metered: it is charged for its work, as a number of characters, against one fixed budget for all texts of a
message, and no value grows beyond a fixed size. Therefore every rendering ends within a bounded time and a bounded
memory. One character stands for 0.1 µs of work at most: an operation that takes longer is charged several times.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import jinja2
from jinja2.runtime import Context, Undefined
from jinja2.utils import missing

from wabroadcast_core.models.recipient import scalar_text
from wabroadcast_core.rendering.errors import BadText, MissingVariable
from wabroadcast_core.sentences import Sentence

BUDGET: Final = 262_144  # characters that the rendering of one message is charged for at most; about 25 ms
LONGEST_VALUE: Final = 65_536  # characters of any intermediate value
MOST_BITS: Final = 1_024  # of an integer: no float is larger
MOST_ROUNDS: Final = 1_000  # of a loop
ROUND_COST: Final = 8  # characters charged per round for each node of the loop's body
ITEM_COST: Final = 8  # characters charged for one item of a list: each item is an object

Operation: TypeAlias = Callable[..., Any]


class UndefinedValue(jinja2.StrictUndefined):
    """A variable or an item that does not exist.

    A template may test whether it is defined and give it a default. Every other use raises an error.
    """

    __slots__ = ()

    def __init__(self, hint: str | None = None, obj: Any = missing, name: str | None = None, exc: Any = None) -> None:
        default_error: Any = BadText if hint or obj is not missing else MissingVariable
        super().__init__(hint, obj, name, exc or default_error)

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint or self._undefined_obj is not missing:
            return "the template uses an item that does not exist: give it a default"
        return str(self._undefined_name)


class WorkMeter:
    """The budget of one message: all its texts are charged to the same meter."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = BUDGET  # characters that may still be charged

    def spend(self, characters: int) -> None:
        """Take this many characters, and one for the operation itself, from the budget.

        :raises BadText: the budget is used up.
        """
        self.left -= characters + 1
        if self.left < 0:
            raise BadText(Sentence("too_much_work", "rendering takes too much work: shorten the text or its values"))


class MeteredContext(Context):
    """The state of one rendering: its variables, and the meter that it is charged to."""

    def __init__(self, environment: jinja2.Environment, values: dict[str, Any], meter: WorkMeter) -> None:
        super().__init__(environment, values, None, {})
        self.meter = meter

    def charge(self, *values: object, times: int = 1) -> None:
        """Charge one operation on these values.

        :param times: how often each character is charged, for an operation of more than 0.1 µs a character.
        :raises BadText: the budget is used up.
        """
        self.meter.spend(times * sum(map(_cost_of, values)))


def _cost_of(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, (list, tuple, dict)):
        return ITEM_COST * len(value)
    return value.bit_length() // 3 if isinstance(value, int) else 0  # about the number of its digits


def require_scalar(value: Any) -> Any:
    """Return a text or a number unchanged.

    :raises MissingVariable: it is a variable that does not exist.
    :raises BadText: it is an item that does not exist, a list, a mapping, or of any other type.
    """
    if isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Undefined):
        return str(value)  # raises if it is missing; a conditional without "else" gives an empty text
    raise BadText(
        Sentence(
            "no_text_or_number", "the template uses a list, a mapping or nothing where a text or a number is required"
        )
    )


def require_text(value: Any) -> str:
    """Return a text unchanged.

    :raises NotRendered: it is not a text.
    """
    value = require_scalar(value)
    if not isinstance(value, str):
        raise BadText(Sentence("number_for_text", "the template uses a number where a text or a list is required"))
    return value


def require_number(value: Any) -> int | float:
    """Return a number unchanged.

    :raises NotRendered: it is not a number, or it is too large.
    """
    value = require_scalar(value)
    if isinstance(value, str):
        raise BadText(
            Sentence(
                "text_for_number",
                "the template uses a text where a number is required: convert it with the filter int or float",
            )
        )
    return check_size(value)  # type: ignore[no-any-return]  # it returns its argument


def require_container(value: Any) -> Any:
    """Return a list, a tuple, a mapping or a text unchanged.

    :raises NotRendered: it is of another type.
    """
    return value if isinstance(value, (list, tuple, dict)) else require_text(value)


def scalars(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return keyword arguments unchanged.

    :raises NotRendered: the value of one is neither a text nor a number.
    """
    return {name: require_scalar(value) for name, value in options.items()}


def check_size(value: Any) -> Any:
    """Return a value unchanged.

    :raises BadText: it is a text that is too long, or an integer that is too large.
    """
    if isinstance(value, str):
        check_length(len(value))
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise BadText(Sentence("number_too_large", "a number is too large"))
    return value


def check_length(characters: int) -> None:
    """Check the length of an intermediate value.

    :raises BadText: it is longer than ``LONGEST_VALUE``.
    """
    if characters > LONGEST_VALUE:
        text = "an intermediate value is longer than {most} characters"
        raise BadText(Sentence("long_intermediate", text, most=LONGEST_VALUE))


def to_text(value: Any) -> str:
    """Return a value as it is printed in a message.

    :raises NotRendered: it is neither a text nor a number, or it is too large.
    """
    value = require_scalar(value)
    return value if isinstance(value, str) else scalar_text(check_size(value))


def join_texts(separator: str, texts: Sequence[str]) -> str:
    """Join texts.

    :raises BadText: the result would be too long.
    """
    check_length(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)
