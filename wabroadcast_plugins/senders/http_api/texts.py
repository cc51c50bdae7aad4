"""The texts of a request: templates in the language of messages, rendered for each message.

A text that consists of one name only, such as ``{{ template.components }}``, keeps the JSON type of its value, and is
omitted if there is no value. In other texts a missing value becomes an empty text. A variable that the recipient does
not have is an error.
"""

import functools
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from wabroadcast_core import (
    CompiledText,
    NotRendered,
    Rejected,
    Sentence,
    TemplateError,
    WorkMeter,
    compile_text,
    one_of,
    sentence_of,
)

LONGEST_TEXT: Final = 65_536  # characters, rendered
DEEPEST_TREE: Final = 16
MOST_TEXTS: Final = 256

NUMBER_NAMES: Final = frozenset({"number", "digits"})
ONE_LINE_NAMES: Final = NUMBER_NAMES | {"message_id", "type"}  # values that are safe in an address or a header
MEDIA_ITEMS: Final = frozenset({"url", "filename", "caption", "content_type", "base64", "data_uri", "file"})
TEMPLATE_ITEMS: Final = frozenset({"name", "language", "components"})
GROUPS: Final[Mapping[str, frozenset[str] | None]] = {  # items by group; None: any item
    "media": MEDIA_ITEMS,
    "template": TEMPLATE_ITEMS,
    "variables": None,
    "secrets": None,
}
ALL_NAMES: Final = ONE_LINE_NAMES | {"text", "name"} | GROUPS.keys()
SHOWN_ITEMS: Final[Mapping[str, Collection[str]]] = {name: items or ["x"] for name, items in GROUPS.items()}
"""Items by group, for people: ``x`` stands for any name."""
WHOLE_TEXT_NAMES: Final = frozenset({"media.base64", "media.data_uri", "media.file", "template.components"})

_ONE_NAME: Final = re.compile(r"\{\{-?\s*(\w+(?:\.\w+)?)\s*-?\}\}", re.ASCII)


class _Absent:
    """The type of :data:`ABSENT`."""


ABSENT: Final = _Absent()
"""A value that is omitted from its list or object."""


class TemplateValues:
    """The values that the texts of one request may use, by name; a group is a mapping. Secrets are among them."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.meter = WorkMeter()  # of all texts of the request together
        self.without_none = {
            name: _without_none(value) if isinstance(value, dict) else _or_empty(value)
            for name, value in values.items()
        }
        """The same values, with an empty text in place of None."""

    def get(self, name: str) -> Any:
        """Return the value of a name, such as ``text`` or ``media.url``; None if there is none.

        :raises Rejected: the recipient has no such variable.
        """
        group, _, item = name.partition(".")
        if not item:
            return self._values[name]
        items: Mapping[str, Any] = self._values[group]
        if group == "variables" and item not in items:
            raise Rejected("no_variable", f"the recipient has no variable {item!r}")
        return items.get(item)


@dataclass(frozen=True, slots=True)
class Text:
    """One compiled text of a request."""

    place: str
    """Where the text is in the settings, for errors: ``bodies.media.caption``."""
    compiled: CompiledText
    only_name: str | None
    """The name that the text consists of, if it consists of one name only."""

    @property
    def names(self) -> frozenset[str]:
        """The names that the text uses."""
        return self.compiled.names if self.only_name is None else frozenset({self.only_name})

    def fill(self, values: TemplateValues) -> Any:
        """Render the text; :data:`ABSENT` if it consists of one name that has no value.

        :raises Rejected: the text cannot be rendered for this recipient.
        """
        if self.only_name is not None:
            value = values.get(self.only_name)
            if isinstance(value, float) and not math.isfinite(value):
                raise Rejected("unfit_value", f"{self.place}: the number is infinite or NaN, which JSON cannot hold")
            return ABSENT if value is None else value
        try:
            return self.compiled.fill(values.without_none, meter=values.meter)
        except NotRendered as error:
            raise Rejected("unfit_value", f"{self.place}: {error}") from error


TextTree: TypeAlias = Any
"""JSON with a :class:`Text` in the place of each text."""


def compile_tree(value: Any, place: str = "", *, names: Collection[str]) -> TextTree:
    """Compile every text in a JSON value.

    :param place: where the value is in the settings, for errors.
    :param names: the names and groups that the texts may use.
    :raises ValueError: a text is not a template or uses another name. The error gives its place and, for a template,
        its line.
    """
    if place.count(".") > DEEPEST_TREE:
        reason = "{place}: the value is nested too deeply: use at most {most} levels"
        raise ValueError(Sentence("deep_setting", reason, place=place, most=DEEPEST_TREE))
    match value:
        case str():
            return _compile_one(value, place, names=names)
        case dict():
            return {key: compile_tree(part, _join(place, key), names=names) for key, part in value.items()}
        case list():
            return [compile_tree(part, _join(place, index), names=names) for index, part in enumerate(value)]
        case _:
            return value


def fill_tree(tree: TextTree, values: TemplateValues) -> Any:
    """Render every text of a compiled JSON value, and omit those without a value.

    :raises Rejected: a text cannot be rendered for this recipient.
    """
    match tree:
        case Text():
            return tree.fill(values)
        case dict():
            filled = {key: fill_tree(part, values) for key, part in tree.items()}
            return {key: part for key, part in filled.items() if part is not ABSENT}
        case list():
            return [part for part in (fill_tree(part, values) for part in tree) if part is not ABSENT]
        case _:
            return tree


def texts_in(tree: TextTree) -> Iterator[Text]:
    """Yield every text of a compiled JSON value."""
    match tree:
        case Text():
            yield tree
        case dict():
            for part in tree.values():
                yield from texts_in(part)
        case list():
            for part in tree:
                yield from texts_in(part)


def names_in(*trees: TextTree) -> frozenset[str]:
    """Return the names that the texts of compiled JSON values use."""
    return frozenset(name for tree in trees for text in texts_in(tree) for name in text.names)


def _compile_one(source: str, place: str, *, names: Collection[str]) -> Text:
    try:
        compiled = _compile_template(source)
    except TemplateError as error:
        raise ValueError(_placed(place, sentence_of(error))) from error
    only_name = _ONE_NAME.fullmatch(source)
    if fault := _find_fault(compiled.names, names, is_only_name=only_name is not None):
        raise ValueError(_placed(place, fault))
    return Text(place, compiled, only_name[1] if only_name else None)


def _placed(place: str, fault: str) -> str:
    return Sentence("in_setting", "{place}: {fault}", place=place, fault=fault) if place else fault


@functools.lru_cache(maxsize=MOST_TEXTS)
def _compile_template(source: str) -> CompiledText:
    """Compile a template. The result is cached, because each validation of the settings compiles all texts again."""
    return compile_text(source, longest=LONGEST_TEXT, groups=GROUPS.keys())


def _find_fault(used: Collection[str], allowed: Collection[str], *, is_only_name: bool) -> Sentence | None:
    """Return what is wrong with the names that a text uses; None if they are allowed."""
    for name in sorted(used):
        group, _, item = name.partition(".")
        items = GROUPS.get(group)
        if group not in allowed:
            text = "{name!r} cannot be used here: use {names}"
            return Sentence("name_not_allowed", text, name=name, names=", ".join(sorted(allowed)))
        if item and items is not None and item not in items:
            text = "{group!r} has no {item!r}: it has {names}"
            return Sentence("no_item_of_group", text, group=group, item=item, names=", ".join(sorted(items)))
        if group in GROUPS and not any(other.startswith(f"{group}.") for other in used):
            choices = one_of(sorted(items)) if items else Sentence("any_name", "a name")
            text = "{group!r} is a group: write {head} followed by {choices}"
            return Sentence("bare_group", text, group=group, head=f"{group}.", choices=choices)
        if name in WHOLE_TEXT_NAMES and not is_only_name:
            text = "{name!r} must be the whole text, with nothing before or after it"
            return Sentence("not_whole_text", text, name=name)
    return None


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _or_empty(value) for name, value in values.items()}


def _or_empty(value: Any) -> Any:
    return "" if value is None else value


def _join(place: str, step: object) -> str:
    return f"{place}.{step}" if place else str(step)
