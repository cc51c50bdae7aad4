"""Texts of literals, variables and defaults, as nearly all messages are: rendered without Jinja, which is faster."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from jinja2 import nodes

from wabroadcast_core.rendering.environment import too_long
from wabroadcast_core.rendering.errors import MissingVariable
from wabroadcast_core.rendering.values import WorkMeter, to_text


class Placeholder(NamedTuple):
    """A variable in a plain text, with the value in its place where it is missing."""

    name: str
    default: str | int | float | None = None


def plain_parts(tree: nodes.Template) -> list[str | Placeholder] | None:
    """Return the literals and placeholders in their order; None if the template contains anything else."""
    outputs = [
        node for output in tree.body for node in (output.nodes if isinstance(output, nodes.Output) else [output])
    ]
    parts = [_plain_part(node) for node in outputs]
    plain = [part for part in parts if part is not None]
    return plain if len(plain) == len(parts) else None


def _plain_part(node: nodes.Node) -> str | Placeholder | None:
    match node:
        case nodes.TemplateData(data=text):
            return text
        case nodes.Name(name=name):
            return Placeholder(name)
        case nodes.Filter(
            node=nodes.Name(name=name),
            name="default" | "d",
            args=[nodes.Const(value=str() | int() | float() as value)],
            kwargs=[],
        ):
            return Placeholder(name, value)
        case _:
            return None


class PlainText:
    """A text of literals, plain variables and defaults, as in nearly all messages.

    It is rendered without Jinja, which is faster, and gives the same text as Jinja.
    """

    is_plain = True

    def __init__(self, parts: Sequence[str | Placeholder], *, required: frozenset[str], longest: int) -> None:
        self._placeholders = [(index, *part) for index, part in enumerate(parts) if isinstance(part, Placeholder)]
        self._pieces = [part if isinstance(part, str) else "" for part in parts]
        self._format = "".join(part.replace("%", "%%") if isinstance(part, str) else "%s" for part in parts)
        self._values_of = _values_of([name for _index, name, _default in self._placeholders])
        self._longest = longest
        self._room = longest - sum(map(len, self._pieces))
        self.names = frozenset(name for _index, name, _default in self._placeholders)
        self.required = required

    def fill_texts(self, values: Mapping[str, Any]) -> str | None:
        """Render the text quickly if each of its variables has a text as its value, as in nearly all messages.

        :returns: None if one has not, or if the result is too long: then :meth:`fill` decides.
        """
        try:
            texts = self._values_of(values)
        except KeyError:
            return None
        room = self._room
        for text in texts:
            if type(text) is not str or not text or text.isspace():
                return None
            room -= len(text)
        return self._format % texts if room >= 0 else None

    def fill(self, values: Mapping[str, Any], *, meter: WorkMeter | None = None) -> str:
        """Render the text, as every :class:`CompiledText` does."""
        if meter is not None:
            meter.spend(len(self._pieces))
        pieces = self._pieces.copy()
        room = self._room
        for index, name, default in self._placeholders:
            value = values.get(name)
            if value is None:
                value = default
                if value is None:
                    raise MissingVariable(name)
            text = value if type(value) is str else to_text(value)
            pieces[index] = text
            room -= len(text)
        if room < 0:
            raise too_long(self._longest)
        return "".join(pieces)


def _values_of(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Return a function that returns the values of these names; it raises a KeyError for one that is missing."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple([values[name] for name in names])
