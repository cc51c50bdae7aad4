"""The Jinja environment of message texts: a sandbox with metered operations only."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import jinja2
from jinja2 import pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from wabroadcast_core.rendering.errors import BadText, NoNumber, in_field
from wabroadcast_core.rendering.filters import FILTERS, TESTS
from wabroadcast_core.rendering.methods import call_method
from wabroadcast_core.rendering.operators import (
    OPERATORS,
    SIGNS,
    compare,
    compute,
    compute_sign,
    concatenate,
    get_item,
    get_slice,
    loop_items,
)
from wabroadcast_core.rendering.values import MeteredContext, Operation, UndefinedValue, WorkMeter, to_text
from wabroadcast_core.sentences import Sentence, sentence_of

METERED_OPERATIONS: Mapping[str, Operation] = {
    "_call": call_method,
    "_compare": compare,
    "_concatenate": concatenate,
    "_item": get_item,
    "_loop": loop_items,
    "_slice": get_slice,
}
"""Filters that the compiler puts in the place of Jinja's own operations, which are not metered."""

_OPERATION_ERRORS: Final = (
    ArithmeticError,
    AssertionError,  # raised by Jinja's truncate for a length that is shorter than its end
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    jinja2.TemplateError,
)
"""What an operation may raise on values that do not fit it."""


class MessageEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, reduced to the operations that messages need."""

    intercepted_binops = frozenset(OPERATORS)
    intercepted_unops = frozenset(SIGNS)

    def __init__(self) -> None:
        super().__init__(
            undefined=UndefinedValue, autoescape=False, keep_trailing_newline=True, finalize=_finalize, cache_size=0
        )
        self.globals = {}
        self.filters = {**FILTERS, **METERED_OPERATIONS}
        self.tests = dict(TESTS)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Evaluate an arithmetic operator."""
        assert isinstance(context, MeteredContext)  # noqa: S101 - narrows a type; render() creates no other context
        return compute(context, operator, left, right)

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        """Evaluate a sign."""
        assert isinstance(context, MeteredContext)  # noqa: S101 - as above
        return compute_sign(context, operator, arg)


@pass_context
def _finalize(context: MeteredContext, value: Any) -> str:
    context.charge(value)
    return to_text(value)


ENVIRONMENT: Final = MessageEnvironment()


def render(root: Callable[[Context], Iterable[str]], values: dict[str, Any], *, longest: int, meter: WorkMeter) -> str:
    """Render a compiled template, and stop as soon as the text is longer than ``longest`` characters.

    :param root: the root render function of the compiled template.
    :param values: the variables; one that is absent counts as undefined.
    :param meter: is charged for the work.
    :raises NotRendered: a variable is missing, the text is too long, or an operation failed.
    """
    pieces: list[str] = []
    room = longest
    try:
        for piece in root(MeteredContext(ENVIRONMENT, values, meter)):
            room -= len(piece)
            if room < 0:
                raise too_long(longest)
            pieces.append(piece)
    except NoNumber as error:
        raise BadText(_with_variable(error, values)) from error
    except _OPERATION_ERRORS as error:
        text = "an operation cannot be applied to these values ({error})"
        raise BadText(Sentence("unfit_operation", text, error=type(error).__name__)) from error
    return "".join(pieces)


def _with_variable(error: NoNumber, values: Mapping[str, Any]) -> str:
    """Return what an error says, with the variable whose value is no number if it is certain which one it is."""
    names = [name for name, value in values.items() if value is error.value]
    return in_field(names[0], sentence_of(error)) if len(names) == 1 else sentence_of(error)


def too_long(longest: int) -> BadText:
    """Return the error for a rendered text of more than ``longest`` characters."""
    return BadText(Sentence("rendered_too_long", "the rendered text is longer than {most} characters", most=longest))
