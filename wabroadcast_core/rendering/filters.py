"""The filters (``{{ name|upper }}``) and the tests (``{% if total is even %}``) that a template may use.

To add a filter, add it to :data:`FILTERS`. One that takes a text or a number and plain arguments is wrapped with
:func:`metered`; measure how long it takes for a character. Its work must grow no faster than the length of its
arguments: a filter such as ``center``, whose result can be far longer than its arguments, needs a check of its own, as
``round`` has.
"""

from collections.abc import Mapping
from functools import partial, wraps
from typing import Any, Final

import jinja2
from jinja2 import filters, pass_context
from jinja2.runtime import Undefined

from wabroadcast_core.rendering import formats
from wabroadcast_core.rendering.errors import BadText, NoNumber
from wabroadcast_core.rendering.methods import METHODS, replace_text
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
from wabroadcast_core.sentences import Sentence

TITLE_TIMES: Final = 4  # it takes 0.4 µs for a character beyond ASCII
FINEST_ROUNDING: Final = 15  # digits; a float has no more

_JINJA_DEFAULTS: Final = jinja2.Environment(autoescape=True)  # it renders nothing: truncate reads its default leeway

# filters


def metered(function: Operation, *, times: int = 1, fixed: int = 0) -> Operation:
    """Return a filter that charges for its arguments and checks the size of its result.

    :param function: takes a text or a number, then texts and numbers as arguments.
    :param times: how often each character is charged, for a function that takes more than 0.1 µs for one.
    :param fixed: how many characters each call is charged beside those of its arguments.
    """

    @pass_context
    @wraps(function)
    def filter_value(context: MeteredContext, value: Any, *arguments: Any, **options: Any) -> Any:
        context.charge(value, *arguments, *options.values(), times=times)
        context.meter.spend(fixed)
        return check_size(function(require_scalar(value), *map(require_scalar, arguments), **scalars(options)))

    return filter_value


def _of_text(function: Operation) -> Operation:
    """Return a function of a text that takes a number too, as it is printed."""
    return lambda value, *arguments, **options: function(to_text(value), *arguments, **options)


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
    items = require_container(value)
    context.charge(*items)
    return join_texts(to_text(d), [to_text(item) for item in items])


def _truncate(
    value: str,
    length: int = 255,
    killwords: Any = False,  # noqa: FBT002 - Jinja's signature
    end: str = "...",
    leeway: int | None = None,
) -> str:
    return filters.do_truncate(_JINJA_DEFAULTS, value, length, bool(killwords), end, leeway)


def _round(value: Any, precision: int = 0, method: Any = "common") -> float:
    if not -FINEST_ROUNDING <= precision <= FINEST_ROUNDING:
        text = "the precision of round is more than {most} digits"
        raise BadText(Sentence("fine_rounding", text, most=FINEST_ROUNDING))
    return filters.do_round(require_number(value), precision, method)


def _int(value: Any, default: Any = None) -> Any:
    return _read_as(int, value, default)


def _float(value: Any, default: Any = None) -> Any:
    return _read_as(float, value, default)


def _read_as(kind: type[int | float], value: Any, default: Any) -> Any:
    """Return the number that a value stands for.

    :param default: is returned for a value that is no number; None: there is no default.
    :raises NoNumber: the value is no number, and there is no default.
    """
    try:
        return kind(formats.plain_number(value))
    except NoNumber:
        if default is None:
            raise
        return default


FILTERS: Mapping[str, Operation] = {
    "abs": metered(lambda value: abs(require_number(value))),
    "capitalize": metered(_of_text(filters.do_capitalize)),
    "count": _length,
    "d": _default,
    "default": _default,
    "first": _first,
    "float": metered(_float, fixed=formats.READ_COST),
    "format_date": metered(formats.format_date, fixed=formats.FORMAT_COST),
    "format_number": metered(formats.format_number, fixed=formats.FORMAT_COST),
    "int": metered(_int, fixed=formats.READ_COST),
    "join": _join,
    "last": _last,
    "length": _length,
    "lower": metered(_of_text(filters.do_lower)),
    "replace": metered(replace_text),
    "round": metered(_round),
    "rupiah": metered(formats.rupiah),
    "string": metered(to_text),
    "tanggal": metered(formats.tanggal, fixed=formats.FORMAT_COST),
    "title": metered(_of_text(filters.do_title), times=TITLE_TIMES),
    "trim": metered(_of_text(METHODS["strip"])),
    "truncate": metered(_of_text(_truncate)),
    "upper": metered(_of_text(filters.do_upper)),
    "urlencode": metered(_of_text(filters.do_urlencode)),
}

ARGUMENT_CHECKS: Mapping[str, Operation] = {
    "format_date": formats.check_date_format,
    "format_number": formats.check_number_format,
    "tanggal": partial(formats.check_date_format, "id"),
}
"""Checks of the arguments of filters that take constants only, so that a text is refused before it is sent."""

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
