"""The filters (``{{ name|upper }}``) and the tests (``{% if total is even %}``) that a template may use.

To add a filter, add it to :data:`FILTERS`. One that takes a text or a number and plain arguments is wrapped with
:func:`metered`. Its work must grow no faster than the length of its arguments: a filter such as ``center``, whose
result can be far longer than its arguments, needs a check of its own, as ``round`` has.
"""

from collections.abc import Mapping
from functools import wraps
from typing import Any, Final

import jinja2
from jinja2 import filters, pass_context
from jinja2.runtime import Undefined

from wabroadcast_core.rendering.errors import BadText
from wabroadcast_core.rendering.methods import replace_text
from wabroadcast_core.rendering.operators import get_item, remainder
from wabroadcast_core.rendering.values import (
    MeteredContext,
    Operation,
    check_size,
    join_texts,
    require_container,
    require_number,
    require_scalar,
    scalars,
    to_text,
)

FINEST_ROUNDING: Final = 15  # digits; a float has no more

_JINJA_DEFAULTS: Final = jinja2.Environment(autoescape=True)  # it renders nothing: truncate reads its default leeway

# filters


def metered(function: Operation) -> Operation:
    """Return a filter that charges for its arguments and checks the size of its result.

    :param function: takes a text or a number, then texts and numbers as arguments.
    """

    @pass_context
    @wraps(function)
    def filter_value(context: MeteredContext, value: Any, *arguments: Any, **options: Any) -> Any:
        context.charge(value, *arguments, *options.values())
        return check_size(function(require_scalar(value), *map(require_scalar, arguments), **scalars(options)))

    return filter_value


@pass_context
def _default(context: MeteredContext, value: Any, default_value: Any = "", boolean: Any = False) -> Any:  # noqa: FBT002 - Jinja's signature
    context.charge()
    absent = isinstance(value, Undefined) or (boolean and not value)
    return require_scalar(default_value) if absent else value


@pass_context
def _first(context: MeteredContext, value: Any) -> Any:
    return get_item(context, value, 0)


@pass_context
def _last(context: MeteredContext, value: Any) -> Any:
    return get_item(context, value, -1)


@pass_context
def _length(context: MeteredContext, value: Any) -> int:
    context.charge()
    return len(require_container(value))


@pass_context
def _join(context: MeteredContext, value: Any, d: Any = "") -> str:
    context.charge(value)
    texts = [to_text(item) for item in require_container(value)]
    context.charge(*texts)
    return join_texts(to_text(d), texts)


def _truncate(
    value: Any,
    length: int = 255,
    killwords: Any = False,  # noqa: FBT002 - Jinja's signature
    end: str = "...",
    leeway: int | None = None,
) -> str:
    return filters.do_truncate(_JINJA_DEFAULTS, str(value), length, bool(killwords), end, leeway)


def _round(value: Any, precision: int = 0, method: Any = "common") -> float:
    if not -FINEST_ROUNDING <= precision <= FINEST_ROUNDING:
        raise BadText(f"the precision of round is more than {FINEST_ROUNDING} digits")
    return filters.do_round(require_number(value), precision, method)


def _int(value: Any, default: int = 0) -> int:
    return filters.do_int(value, default)


def _float(value: Any, default: float = 0.0) -> float:
    return filters.do_float(value, default)


FILTERS: Mapping[str, Operation] = {
    "abs": metered(lambda value: abs(require_number(value))),
    "capitalize": metered(filters.do_capitalize),
    "count": _length,
    "d": _default,
    "default": _default,
    "first": _first,
    "float": metered(_float),
    "int": metered(_int),
    "join": _join,
    "last": _last,
    "length": _length,
    "lower": metered(filters.do_lower),
    "replace": metered(replace_text),
    "round": metered(_round),
    "string": metered(str),
    "title": metered(filters.do_title),
    "trim": metered(filters.do_trim),
    "truncate": metered(_truncate),
    "upper": metered(filters.do_upper),
    "urlencode": metered(filters.do_urlencode),
}

# tests


def _is_of_type(*types: type) -> Operation:
    return lambda value: type(value) in types


TESTS: Mapping[str, Operation] = {
    "boolean": _is_of_type(bool),
    "defined": lambda value: not isinstance(value, Undefined),
    "divisibleby": lambda value, number: remainder(value, number) == 0,
    "even": lambda value: remainder(value, 2) == 0,
    "false": lambda value: value is False,
    "float": _is_of_type(float),
    "integer": _is_of_type(int),
    "none": lambda value: value is None or isinstance(value, Undefined),
    "number": _is_of_type(bool, int, float),
    "odd": lambda value: remainder(value, 2) == 1,
    "string": _is_of_type(str),
    "true": lambda value: value is True,
    "undefined": lambda value: isinstance(value, Undefined),
}
