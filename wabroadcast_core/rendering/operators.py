"""The operators of the template language: arithmetic, comparisons, concatenation, items, slices and loops.

A text beside a number counts as the number that it stands for, as files have only texts. Two texts stay texts.

Jinja's sandbox intercepts arithmetic. For the other operators ``template.py`` compiles a call of the metered function
in :data:`METERED_OPERATIONS` (in ``environment.py``) in the place of Jinja's own code, which is not metered.
"""

import operator
from collections.abc import Mapping
from typing import Any, Final

from jinja2 import pass_context

from wabroadcast_core.rendering.errors import BadText, NoNumber
from wabroadcast_core.rendering.formats import READ_COST, plain_number
from wabroadcast_core.rendering.values import (
    MOST_BITS,
    MOST_ROUNDS,
    ROUND_COST,
    MeteredContext,
    Operation,
    check_size,
    join_texts,
    require_container,
    require_number,
    require_scalar,
    to_text,
)
from wabroadcast_core.sentences import Sentence

_NUMBERS: Final = (int, float)  # a boolean is no number here

# texts beside numbers


def match_types(context: MeteredContext, left: Any, right: Any) -> tuple[Any, Any]:
    """Return two operands; a text beside a number as the number that it stands for.

    :raises NoNumber: the text stands for no number.
    """
    if isinstance(left, str) and type(right) in _NUMBERS:
        return _read_text(context, left), right
    if isinstance(right, str) and type(left) in _NUMBERS:
        return left, _read_text(context, right)
    return left, right


def _read_text(context: MeteredContext, text: str) -> int | float:
    context.meter.spend(READ_COST)
    return plain_number(text)


# arithmetic


def compute(context: MeteredContext, name: str, left: Any, right: Any) -> Any:
    """Evaluate ``left + right``, or with another operator of :data:`OPERATORS`."""
    context.charge(left, right)
    if type(left) is not type(right):
        left, right = match_types(context, left, right)
    return check_size(OPERATORS[name](left, right))


def compute_sign(context: MeteredContext, name: str, value: Any) -> Any:
    """Evaluate ``-value`` or ``+value``; a text counts as the number that it stands for."""
    context.charge(value)
    number = require_number(_read_text(context, value) if isinstance(value, str) else value)
    return SIGNS[name](number)


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        return join_texts("", (left, right))
    return require_number(left) + require_number(right)


def _subtract(left: Any, right: Any) -> int | float:
    return require_number(left) - require_number(right)


def _multiply(left: Any, right: Any) -> int | float:
    return require_number(left) * require_number(right)


def _divide(left: Any, right: Any) -> float:
    return require_number(left) / require_number(right)


def _floor_divide(left: Any, right: Any) -> int | float:
    return require_number(left) // require_number(right)


def remainder(left: Any, right: Any) -> int | float:
    """Return ``left % right``.

    :raises NotRendered: one of them is not a number: ``%`` never formats a text.
    """
    return require_number(left) % require_number(right)


def _power(left: Any, right: Any) -> int | float:
    base, exponent = require_number(left), require_number(right)
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * exponent > MOST_BITS:
        raise BadText(Sentence("number_too_large", "a number is too large"))
    result = base**exponent
    if isinstance(result, complex):
        raise BadText(Sentence("negative_root", "the root of a negative number does not exist"))
    return result


OPERATORS: Mapping[str, Operation] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "//": _floor_divide,
    "%": remainder,
    "**": _power,
}

SIGNS: Mapping[str, Operation] = {"-": operator.neg, "+": operator.pos}

# comparisons and concatenation

COMPARISONS: Mapping[str, Operation] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
    "in": lambda left, right: left in right,
    "notin": lambda left, right: left not in right,
}
_SEARCHES: Final = frozenset({"in", "notin"})
_EQUALITIES: Final = frozenset({"eq", "ne"})


def _match_compared(context: MeteredContext, name: str, left: Any, right: Any) -> tuple[Any, Any]:
    """Return two operands as :func:`match_types` does; a text that stands for no number equals no number."""
    try:
        return match_types(context, left, right)
    except NoNumber:
        if name in _EQUALITIES:
            return left, right
        raise


@pass_context
def compare(context: MeteredContext, left: Any, *rest: Any) -> bool:
    """Evaluate ``left < b <= c``, given as ``compare(left, "lt", b, "lteq", c)``.

    :raises BadText: a list or a mapping is compared, or the order of a number and a text that stands for no number.
    """
    for name, right in zip(rest[::2], rest[1::2], strict=True):
        context.charge(left, right)
        _refuse_container(left)
        operands = left, right
        if name not in _SEARCHES:
            _refuse_container(right)
            if type(left) is not type(right):
                operands = _match_compared(context, name, left, right)
        elif isinstance(right, (list, tuple)):
            context.charge(*right)  # each item may be compared to its last character
        if not COMPARISONS[name](*operands):
            return False
        left = right
    return True


def _refuse_container(value: object) -> None:
    if isinstance(value, (list, tuple, dict)):
        raise BadText(
            Sentence(
                "compares_list", "the template compares a list or a mapping: only texts and numbers can be compared"
            )
        )


@pass_context
def concatenate(context: MeteredContext, *values: Any) -> str:
    """Evaluate ``a ~ b ~ c``."""
    context.charge(*values)
    return join_texts("", [to_text(value) for value in values])


# items, slices, loops


@pass_context
def get_item(context: MeteredContext, value: Any, key: Any) -> Any:
    """Evaluate ``value[key]``."""
    context.charge(key)
    value = require_container(value)
    try:
        return value[require_scalar(key)]
    except (LookupError, TypeError):
        return context.environment.undefined(obj=value, name=key)


@pass_context
def get_slice(context: MeteredContext, value: Any, start: Any, stop: Any, step: Any) -> Any:
    """Evaluate ``value[start:stop:step]``."""
    context.charge(value)
    bounds = (bound if bound is None else require_number(bound) for bound in (start, stop, step))
    return require_container(value)[slice(*bounds)]


@pass_context
def loop_items(context: MeteredContext, value: Any, nodes: int) -> Any:
    """Return the items of a loop, and charge for all its rounds in advance.

    :param nodes: how many nodes the body of the loop has.
    :raises BadText: they cannot be looped over, or there are too many.
    """
    items = value if isinstance(value, range) else require_container(value)
    if isinstance(items, dict):
        raise BadText(
            Sentence("loops_over_mapping", "the template loops over a mapping: only lists and texts can be looped over")
        )
    if len(items) > MOST_ROUNDS:
        raise BadText(Sentence("many_items", "the template loops over more than {most} items", most=MOST_ROUNDS))
    context.meter.spend(len(items) * nodes * ROUND_COST)
    return items
