"""What a message template can compute: filters, tests, text methods and operators.

A template comes from whoever may submit a broadcast, its values from a file that anybody wrote. So every
operation is metered: it pays for the characters it touches from a fixed budget per message, and no value
grows beyond a fixed size. Whatever a template asks for, it ends soon and in little memory.
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any, ClassVar, Final, TypeAlias

import jinja2
from jinja2 import filters, pass_context
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from wabroadcast_core.models.status import SkipReason

BUDGET: Final = 262_144  # characters that filling in one text may touch; some 0.1 s of the slowest operation
LONGEST_VALUE: Final = 65_536  # characters of any value on the way
MOST_BITS: Final = 1_024  # of a whole number: beyond any float
MOST_ROUNDS: Final = 1_000  # of a loop
ROUND_PRICE: Final = 8  # characters that one node of a loop's body costs a round
ITEM_PRICE: Final = 8  # characters that one item of a list costs: it is an object of its own
FINEST_ROUNDING: Final = 15  # digits; a float has no more

Operation: TypeAlias = Callable[..., Any]


class NotRendered(Exception):  # noqa: N818 - an outcome of one recipient, not a fault of the program
    """One recipient's message cannot be made. The text is fit to show a user: it repeats no value."""

    reason: ClassVar[SkipReason]


class MissingVariable(NotRendered):
    """The template asks for a variable that this recipient does not have."""

    reason = SkipReason.MISSING_VARIABLE

    def __init__(self, name: str) -> None:
        super().__init__(f"the variable {name!r} is missing")
        self.name = name


class BadText(NotRendered):
    """What came out cannot be sent: empty, too long, or not to be computed with this recipient's values."""

    reason = SkipReason.BAD_TEXT


class Missing(jinja2.StrictUndefined):
    """A variable or item that is not there: may be asked whether it is defined, may be given a default, no more."""

    __slots__ = ()

    def __init__(self, hint: str | None = None, obj: Any = missing, name: str | None = None, exc: Any = None) -> None:
        outcome: Any = BadText if hint or obj is not missing else MissingVariable
        super().__init__(hint, obj, name, exc or outcome)

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint or self._undefined_obj is not missing:
            return "an item is asked for that is not there"
        return str(self._undefined_name)


class MeteredContext(Context):
    """The state of filling in one text: its variables, and what is left of its budget."""

    def __init__(self, environment: jinja2.Environment, values: dict[str, Any]) -> None:
        super().__init__(environment, values, None, {})
        self._left = BUDGET

    def charge(self, *values: object) -> None:
        self.spend(sum(map(_weigh, values)))

    def spend(self, characters: int) -> None:
        self._left -= characters + 1
        if self._left < 0:
            raise BadText("filling it in takes too much work")


def _weigh(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, (list, tuple, dict)):
        return ITEM_PRICE * len(value)
    return value.bit_length() // 3 if isinstance(value, int) else 0  # about its digits


def scalar(value: Any) -> Any:
    """A text or a number, as is.

    :raises NotRendered: it is missing, or something that is not to be printed.
    """
    if isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Undefined):
        return str(value)  # raises if it is missing; the absent else of a conditional is an empty text
    raise BadText("a text or a number is wanted where the template gives something else")


def printed(value: Any) -> str:
    """A value as it stands in a message."""
    try:
        return str(scalar(value))
    except ValueError as error:  # Python refuses to print whole numbers of thousands of digits
        raise BadText("a number is too large") from error


def _number(value: Any) -> int | float:
    value = scalar(value)
    if isinstance(value, str):
        raise BadText("a text where a number is wanted")
    return _sized(value)  # type: ignore[no-any-return]  # it hands back what it is given


def _sized(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST_VALUE:
        raise BadText(f"a value on the way is longer than {LONGEST_VALUE:,} characters")
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise BadText("a number is too large")
    return value


# operators


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        return _joined("", (left, right))
    return _number(left) + _number(right)


def _multiply(left: Any, right: Any) -> int | float:
    return _number(left) * _number(right)


def _divide(left: Any, right: Any) -> float:
    return _number(left) / _number(right)


def _floor_divide(left: Any, right: Any) -> int | float:
    return _number(left) // _number(right)


def _subtract(left: Any, right: Any) -> int | float:
    return _number(left) - _number(right)


def _remainder(left: Any, right: Any) -> int | float:
    return _number(left) % _number(right)


def _power(left: Any, right: Any) -> int | float:
    base, exponent = _number(left), _number(right)
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * exponent > MOST_BITS:
        raise BadText("a number is too large")
    result = base**exponent
    if isinstance(result, complex):
        raise BadText("a root of a negative number")
    return result


OPERATORS: Mapping[str, Operation] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "//": _floor_divide,
    "%": _remainder,
    "**": _power,
}

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


def _refuse_container(value: object) -> None:
    if isinstance(value, (list, tuple, dict)):
        raise BadText("lists cannot be compared")


@pass_context
def compare(context: MeteredContext, left: Any, *rest: Any) -> bool:
    """``left < b <= c`` as ``compare(left, "lt", b, "lteq", c)``."""
    for name, right in zip(rest[::2], rest[1::2], strict=True):
        context.charge(left, right)
        _refuse_container(left)
        if name not in {"in", "notin"}:
            _refuse_container(right)
        if not COMPARISONS[name](left, right):
            return False
        left = right
    return True


@pass_context
def concatenate(context: MeteredContext, *values: Any) -> str:
    """``a ~ b ~ c``."""
    texts = [printed(value) for value in values]
    context.charge(*texts)
    return _joined("", texts)


def _joined(separator: str, texts: Sequence[str]) -> str:
    if sum(map(len, texts)) + len(separator) * len(texts) > LONGEST_VALUE:
        raise BadText(f"a value on the way is longer than {LONGEST_VALUE:,} characters")
    return separator.join(texts)


# items, loops, text methods


@pass_context
def take_item(context: MeteredContext, value: Any, key: Any) -> Any:
    """``value[key]``."""
    context.charge(key)
    value = _container(value)
    try:
        return value[scalar(key)]
    except (LookupError, TypeError):
        return context.environment.undefined(obj=value, name=key)


@pass_context
def take_slice(context: MeteredContext, value: Any, start: Any, stop: Any, step: Any) -> Any:
    """``value[start:stop:step]``."""
    context.charge(value)
    bounds = (bound if bound is None else _number(bound) for bound in (start, stop, step))
    return _container(value)[slice(*bounds)]


@pass_context
def loop_over(context: MeteredContext, value: Any, nodes: int) -> Any:
    """What a loop with a body of so many nodes goes through."""
    items = value if isinstance(value, range) else _container(value)
    if isinstance(items, dict) or len(items) > MOST_ROUNDS:
        raise BadText(f"a loop over something that is no list, or over more than {MOST_ROUNDS:,} items")
    context.spend(len(items) * nodes * ROUND_PRICE)
    return items


def _container(value: Any) -> Any:
    return value if isinstance(value, (list, tuple, dict)) else _text(value)


def _text(value: Any) -> str:
    value = scalar(value)
    if not isinstance(value, str):
        raise BadText("a number where a text or a list is wanted")
    return value


def _replace(value: Any, old: Any, new: Any, count: int | None = None) -> str:
    text, old, new = str(value), str(old), str(new)
    if len(text) + text.count(old) * len(new) > LONGEST_VALUE:
        raise BadText(f"a value on the way is longer than {LONGEST_VALUE:,} characters")
    return text.replace(old, new, -1 if count is None else count)


METHODS: Mapping[str, Operation] = {
    "capitalize": str.capitalize,
    "casefold": str.casefold,
    "endswith": str.endswith,
    "lower": str.lower,
    "lstrip": str.lstrip,
    "removeprefix": str.removeprefix,
    "removesuffix": str.removesuffix,
    "replace": _replace,
    "rstrip": str.rstrip,
    "split": str.split,
    "startswith": str.startswith,
    "strip": str.strip,
    "title": str.title,
    "upper": str.upper,
}


@pass_context
def call_method(context: MeteredContext, value: Any, method: str, *arguments: Any, **options: Any) -> Any:
    """``value.method(arguments)``."""
    context.charge(value, *arguments)
    result = METHODS[method](_text(value), *map(scalar, arguments), **_scalars(options))
    context.charge(result)
    return _sized(result)


# filters


def _metered(function: Operation) -> Operation:
    """A filter of a text or number with plain arguments."""

    @pass_context
    @wraps(function)
    def filter_value(context: MeteredContext, value: Any, *arguments: Any, **options: Any) -> Any:
        context.charge(value, *arguments, *options.values())
        return _sized(function(scalar(value), *map(scalar, arguments), **_scalars(options)))

    return filter_value


def _scalars(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: scalar(value) for name, value in options.items()}


@pass_context
def _default(context: MeteredContext, value: Any, default_value: Any = "", boolean: Any = False) -> Any:  # noqa: FBT002 - Jinja's signature
    context.charge()
    absent = isinstance(value, Undefined) or (boolean and not value)
    return scalar(default_value) if absent else value


def _truncate(
    value: Any,
    length: int = 255,
    killwords: Any = False,  # noqa: FBT002 - Jinja's signature
    end: str = "...",
    leeway: int | None = None,
) -> str:
    return filters.do_truncate(ENVIRONMENT, str(value), length, bool(killwords), end, leeway)


def _round(value: Any, precision: int = 0, method: Any = "common") -> float:
    if not -FINEST_ROUNDING <= precision <= FINEST_ROUNDING:
        raise BadText(f"rounding to more than {FINEST_ROUNDING} digits")
    return filters.do_round(_number(value), precision, method)


def _whole(value: Any, default: int = 0) -> int:
    return filters.do_int(value, default)


def _real(value: Any, default: float = 0.0) -> float:
    return filters.do_float(value, default)


@pass_context
def _first(context: MeteredContext, value: Any) -> Any:
    return take_item(context, value, 0)


@pass_context
def _last(context: MeteredContext, value: Any) -> Any:
    return take_item(context, value, -1)


@pass_context
def _length(context: MeteredContext, value: Any) -> int:
    context.charge()
    return len(_container(value))


@pass_context
def _join(context: MeteredContext, value: Any, d: Any = "") -> str:
    context.charge(value)
    texts = [printed(item) for item in _container(value)]
    context.charge(*texts)
    return _joined(printed(d), texts)


FILTERS: Mapping[str, Operation] = {
    "abs": _metered(lambda value: abs(_number(value))),
    "capitalize": _metered(filters.do_capitalize),
    "count": _length,
    "d": _default,
    "default": _default,
    "first": _first,
    "float": _metered(_real),
    "int": _metered(_whole),
    "join": _join,
    "last": _last,
    "length": _length,
    "lower": _metered(filters.do_lower),
    "replace": _metered(_replace),
    "round": _metered(_round),
    "string": _metered(str),
    "title": _metered(filters.do_title),
    "trim": _metered(filters.do_trim),
    "truncate": _metered(_truncate),
    "upper": _metered(filters.do_upper),
    "urlencode": _metered(filters.do_urlencode),
}

REWRITTEN: Mapping[str, Operation] = {
    "_call": call_method,
    "_compare": compare,
    "_concatenate": concatenate,
    "_item": take_item,
    "_loop": loop_over,
    "_slice": take_slice,
}
"""What the compiler puts in the place of Jinja's own operations, which are not metered."""


# tests


def _is_kind(*kinds: type) -> Operation:
    return lambda value: type(value) in kinds


TESTS: Mapping[str, Operation] = {
    "boolean": _is_kind(bool),
    "defined": lambda value: not isinstance(value, Undefined),
    "divisibleby": lambda value, number: _remainder(value, number) == 0,
    "even": lambda value: _remainder(value, 2) == 0,
    "false": lambda value: value is False,
    "float": _is_kind(float),
    "integer": _is_kind(int),
    "none": lambda value: value is None or isinstance(value, Undefined),
    "number": _is_kind(bool, int, float),
    "odd": lambda value: _remainder(value, 2) == 1,
    "string": _is_kind(str),
    "true": lambda value: value is True,
    "undefined": lambda value: isinstance(value, Undefined),
}


class MessageEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, reduced to what messages need."""

    intercepted_binops = frozenset(OPERATORS)

    def __init__(self) -> None:
        super().__init__(
            undefined=Missing, autoescape=False, keep_trailing_newline=True, finalize=_finalize, cache_size=0
        )
        self.globals = {}
        self.filters = {**FILTERS, **REWRITTEN}
        self.tests = dict(TESTS)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        assert isinstance(context, MeteredContext)  # noqa: S101 - narrows a type; no other context is ever made
        context.charge(left, right)
        return _sized(OPERATORS[operator](left, right))


@pass_context
def _finalize(context: MeteredContext, value: Any) -> str:
    context.charge(value)
    return printed(value)


ENVIRONMENT: Final = MessageEnvironment()


def run(root: Callable[[Context], Iterable[str]], values: dict[str, Any], *, longest: int) -> str:
    """Fill in a compiled template, and stop as soon as it passes ``longest`` characters.

    :raises NotRendered: with the reason.
    """
    pieces: list[str] = []
    room = longest
    try:
        for piece in root(MeteredContext(ENVIRONMENT, values)):
            room -= len(piece)
            if room < 0:
                raise BadText(f"it is longer than {longest:,} characters")
            pieces.append(piece)
    except _MISFITS as error:
        raise BadText(f"an operation does not fit its values ({type(error).__name__})") from error
    return "".join(pieces)


_MISFITS: Final = (
    ArithmeticError,
    AssertionError,  # Jinja's truncate says so of a length it cannot keep
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    jinja2.TemplateError,
)
