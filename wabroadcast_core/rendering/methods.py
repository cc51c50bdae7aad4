"""The methods of texts that a template may call, such as ``{{ name.upper() }}``.

To add one, add it to :data:`METHODS`. Its work must grow no faster than the length of its arguments: a method such as
``zfill``, whose result can be far longer than its arguments, needs a check of its own, as ``replace`` has.
"""

from collections.abc import Mapping
from typing import Any

from jinja2 import pass_context

from wabroadcast_core.rendering.values import (
    MeteredContext,
    Operation,
    check_length,
    check_size,
    require_scalar,
    require_text,
    scalars,
    to_text,
)


def replace_text(value: Any, old: Any, new: Any, count: int | None = None) -> str:
    """Replace ``old`` by ``new``, at most ``count`` times.

    :raises BadText: the result would be too long.
    """
    text, old, new = to_text(value), to_text(old), to_text(new)
    check_length(len(text) + text.count(old) * len(new))
    return text.replace(old, new, -1 if count is None else count)


def _stripping(*, left: bool, right: bool) -> Operation:
    """Return ``str.strip`` for some ends; its work grows with the sum of both lengths, not with their product."""

    def strip(value: str, chars: str | None = None) -> str:
        unwanted = frozenset(filter(str.isspace, value) if chars is None else chars)
        start, end = 0, len(value)
        while left and start < end and value[start] in unwanted:
            start += 1
        while right and start < end and value[end - 1] in unwanted:
            end -= 1
        return value[start:end]

    return strip


METHODS: Mapping[str, Operation] = {
    "capitalize": str.capitalize,
    "casefold": str.casefold,
    "endswith": str.endswith,
    "lower": str.lower,
    "lstrip": _stripping(left=True, right=False),
    "removeprefix": str.removeprefix,
    "removesuffix": str.removesuffix,
    "replace": replace_text,
    "rstrip": _stripping(left=False, right=True),
    "split": str.split,
    "startswith": str.startswith,
    "strip": _stripping(left=True, right=True),
    "title": str.title,
    "upper": str.upper,
}


@pass_context
def call_method(context: MeteredContext, value: Any, method: str, *arguments: Any, **options: Any) -> Any:
    """Evaluate ``value.method(arguments)``.

    :param method: a key of :data:`METHODS`.
    """
    context.charge(value, *arguments, *options.values())
    result = METHODS[method](require_text(value), *map(require_scalar, arguments), **scalars(options))
    context.charge(result)
    return check_size(result)
