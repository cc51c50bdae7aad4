"""The texts of a request: templates in the language of messages, filled in for one message after the other.

A text that is nothing but one name, ``{{ template.components }}``, keeps the kind of its value, and is left out where
there is none. Anywhere else what is absent is an empty text, but a variable that the recipient does not have.
"""

import functools
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from wabroadcast_core import CompiledText, NotRendered, Rejected, TemplateError, compile_text

LONGEST_TEXT: Final = 65_536  # characters, filled in
DEEPEST_TREE: Final = 16
MOST_TEXTS: Final = 256

NUMBER_NAMES: Final = frozenset({"number", "digits"})
LINE_NAMES: Final = NUMBER_NAMES | {"message_id", "type"}  # what an address and a header can hold
MEDIA_ITEMS: Final = frozenset({"url", "filename", "caption", "content_type", "base64", "data_uri", "file"})
TEMPLATE_ITEMS: Final = frozenset({"name", "language", "components"})
GROUPS: Final[Mapping[str, frozenset[str] | None]] = {  # their items; None: any
    "media": MEDIA_ITEMS,
    "template": TEMPLATE_ITEMS,
    "variables": None,
    "secrets": None,
}
ALL_NAMES: Final = LINE_NAMES | {"text", "name"} | GROUPS.keys()
STAND_ALONE: Final = frozenset({"media.base64", "media.data_uri", "media.file", "template.components"})

_LONE: Final = re.compile(r"\{\{-?\s*(\w+(?:\.\w+)?)\s*-?\}\}", re.ASCII)


class _Absent:
    """Stands for what is to be left out."""


ABSENT: Final = _Absent()


class Facts:
    """What the texts of one request may ask for, by name; a group is a mapping. Secrets are among them."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.in_texts = {
            name: {item: _shown(inner) for item, inner in value.items()} if isinstance(value, dict) else _shown(value)
            for name, value in values.items()
        }
        """With an empty text for what is absent."""

    def value(self, name: str) -> Any:
        """None for what is absent.

        :raises Rejected: the recipient has no such variable.
        """
        group, _, item = name.partition(".")
        if not item:
            return self._values[name]
        items: Mapping[str, Any] = self._values[group]
        if group == "variables" and item not in items:
            raise Rejected("no_variable", f"the variable {item!r} is missing")
        return items.get(item)


@dataclass(frozen=True, slots=True)
class Text:
    """One text. ``place`` names it in errors; ``lone`` is the name that it is nothing but."""

    place: str
    compiled: CompiledText
    lone: str | None

    @property
    def names(self) -> frozenset[str]:
        return self.compiled.names if self.lone is None else frozenset({self.lone})

    def fill(self, facts: Facts) -> Any:
        """:raises Rejected: it cannot be filled in for this recipient."""
        if self.lone is not None:
            value = facts.value(self.lone)
            if isinstance(value, float) and not math.isfinite(value):
                raise Rejected("unfit_value", f"{self.place}: a number that JSON does not know")
            return ABSENT if value is None else value
        try:
            return self.compiled.fill(facts.in_texts)
        except NotRendered as error:
            raise Rejected("unfit_value", f"{self.place}: {error}") from error


Tree: TypeAlias = Any
"""JSON with a :class:`Text` in the place of each text."""


def compile_tree(value: Any, place: str = "", *, names: Collection[str]) -> Tree:
    """:param names: which names and groups its texts may ask for.

    :raises ValueError: what does not fit, with its place inside and, for a template, its line.
    """
    if place.count(".") > DEEPEST_TREE:
        raise ValueError(f"{place}: nested too deeply")
    match value:
        case str():
            return _compile_one(value, place, names=names)
        case dict():
            return {key: compile_tree(part, _joined(place, key), names=names) for key, part in value.items()}
        case list():
            return [compile_tree(part, _joined(place, index), names=names) for index, part in enumerate(value)]
        case _:
            return value


def fill_tree(tree: Tree, facts: Facts) -> Any:
    """:raises Rejected: it cannot be filled in for this recipient."""
    match tree:
        case Text():
            return tree.fill(facts)
        case dict():
            filled = {key: fill_tree(part, facts) for key, part in tree.items()}
            return {key: part for key, part in filled.items() if part is not ABSENT}
        case list():
            return [part for part in (fill_tree(part, facts) for part in tree) if part is not ABSENT]
        case _:
            return tree


def texts_in(tree: Tree) -> Iterator[Text]:
    match tree:
        case Text():
            yield tree
        case dict():
            for part in tree.values():
                yield from texts_in(part)
        case list():
            for part in tree:
                yield from texts_in(part)


def names_in(*trees: Tree) -> frozenset[str]:
    """All that their texts may ask for."""
    return frozenset(name for tree in trees for text in texts_in(tree) for name in text.names)


def _compile_one(source: str, place: str, *, names: Collection[str]) -> Text:
    before = f"{place}: " if place else ""
    try:
        compiled = _compile_template(source)
    except TemplateError as error:
        raise ValueError(f"{before}{error}") from error
    lone = _LONE.fullmatch(source)
    if fault := _find_fault(compiled.names, names, is_lone=lone is not None):
        raise ValueError(f"{before}{fault}")
    return Text(place, compiled, lone[1] if lone else None)


@functools.lru_cache(maxsize=MOST_TEXTS)
def _compile_template(source: str) -> CompiledText:
    """Cache, since settings are gone through again for each thing that they must fulfil."""
    return compile_text(source, longest=LONGEST_TEXT, groups=GROUPS.keys())


def _find_fault(asked: Collection[str], names: Collection[str], *, is_lone: bool) -> str | None:
    for name in sorted(asked):
        group, _, item = name.partition(".")
        items = GROUPS.get(group)
        if group not in names:
            return f"there is no {name!r} here; there are {', '.join(sorted(names))}"
        if item and items is not None and item not in items:
            return f"{group!r} has no {item!r}; it has {', '.join(sorted(items))}"
        if group in GROUPS and not any(other.startswith(f"{group}.") for other in asked):
            return f"{group!r} is a group: ask for an item of it, {group}.…"
        if name in STAND_ALONE and not is_lone:
            return f"{name!r} can only be the whole of a text"
    return None


def _shown(value: Any) -> Any:
    return "" if value is None else value


def _joined(place: str, step: object) -> str:
    return f"{place}.{step}" if place else str(step)
