"""The operators of the template language: arithmetic, comparisons, concatenation, items, slices and loops.

Jinja's sandbox intercepts arithmetic. For the other operators ``template.py`` compiles a call of the metered function
in :data:`METERED_OPERATIONS` (in ``environment.py``) in the place of Jinja's own code, which is not metered.
"""

import operator
from collections.abc import Mapping
from typing import Any

from jinja2 import pass_context

from wabroadcast_core.rendering.errors import BadText
from wabroadcast_core.rendering.values import (
    MOST_BITS,
    MOST_ROUNDS,
    ROUND_COST,
    MeteredContext,
    Operation,
    join_texts,
    require_container,
    require_number,
    require_scalar,
    to_text,
)
from wabroadcast_core.sentences import Sentence

# arithmetic


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


@pass_context
def compare(context: MeteredContext, left: Any, *rest: Any) -> bool:
    """Evaluate ``left < b <= c``, given as ``compare(left, "lt", b, "lteq", c)``.

    :raises BadText: a list or a mapping is compared.
    """
    for name, right in zip(rest[::2], rest[1::2], strict=True):
        context.charge(left, right)
        _refuse_container(left)
        if name not in {"in", "notin"}:
            _refuse_container(right)
        elif isinstance(right, (list, tuple)):
            context.charge(*right)  # each item may be compared to its last character
        if not COMPARISONS[name](left, right):
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
