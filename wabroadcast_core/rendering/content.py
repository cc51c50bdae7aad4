"""The content of a broadcast, compiled once and rendered for each recipient.

Its texts are the text or caption, the file name, and the texts in the components of a provider template.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, TypeAlias

from wabroadcast_core.errors import TemplateError
from wabroadcast_core.models.message import (
    LONGEST_CAPTION,
    LONGEST_TEXT,
    Content,
    MediaContent,
    TemplateContent,
    TextContent,
)
from wabroadcast_core.models.recipient import Scalar, is_blank
from wabroadcast_core.models.slug import make_slug
from wabroadcast_core.rendering.errors import BadText, MissingVariable, NotRendered, in_field
from wabroadcast_core.rendering.plain_text import PlainText
from wabroadcast_core.rendering.template import CompiledText, Values, compile_text, refuse_half_characters
from wabroadcast_core.rendering.values import WorkMeter
from wabroadcast_core.sentences import Sentence, sentence_of

__all__ = [
    "BadText",
    "CompiledContent",
    "MissingVariable",
    "NotRendered",
    "Rendered",
    "compile_content",
    "variables_of",
]

LONGEST_FILENAME: Final = 255  # characters
MOST_COMPONENT_TEXTS: Final = 256
LONGEST_COMPONENTS: Final = 65_536  # characters of their templates together: all are compiled at each submit
DEEPEST_COMPONENTS: Final = 16  # levels of nested objects and lists

_UNPRINTABLE: Final = {
    re.compile(r"[\x00-\x1f\x7f]"): Sentence("line_break_or_control", "a line break or control character")
}
_REFUSED_BY_META: Final = {
    re.compile(r"[\n\r\v\f\x85\u2028\u2029]"): Sentence("line_break", "a line break"),
    re.compile(r"\t"): Sentence("tab", "a tab"),
    re.compile(r" {5}"): Sentence("five_spaces", "more than 4 spaces in a row"),
}


@dataclass(slots=True)
class Rendered:
    """The rendered fields of one :class:`OutgoingMessage`; no two messages share a ``content``."""

    text: str | None
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Field:
    """One text of a message: its name in error texts, its template, and the patterns that it must not contain."""

    name: str
    template: CompiledText
    refused: Mapping[re.Pattern[str], str] = field(default_factory=dict)

    def render(self, values: Values, meter: WorkMeter | None) -> str:
        try:
            text = self.template.fill(values, meter=meter)
        except BadText as error:
            raise BadText(in_field(self.name, sentence_of(error))) from error
        if is_blank(text):
            raise BadText(in_field(self.name, Sentence("rendered_empty", "the rendered text is empty")))
        for pattern, content in self.refused.items():
            if pattern.search(text):
                text = "the rendered text contains {content}"
                raise BadText(in_field(self.name, Sentence("rendered_contains", text, content=content)))
        return text


def _compile_field(
    name: str, source: str, *, longest: int, refused: Mapping[re.Pattern[str], str] | None = None
) -> _Field:
    try:
        compiled = _Field(name, compile_text(source, longest=longest), refused or {})
        if not compiled.template.names:
            compiled.render({}, WorkMeter())  # the same for every recipient, so its errors are errors of the template
    except TemplateError as error:
        reason = error.reason if name == "text" else in_field(name, error.reason)
        raise TemplateError(reason, line=error.line) from error
    except NotRendered as error:
        raise TemplateError(sentence_of(error), line=1) from error
    return compiled


Tree: TypeAlias = Any
"""JSON in which each text is replaced by a :class:`_Field`."""


class CompiledContent:
    """The content of a broadcast, checked and compiled once and rendered for each recipient."""

    def __init__(self, kind: str, *, text: _Field | None, content: dict[str, Tree]) -> None:
        self.type = kind
        self._text = text
        self._content = content
        self._fixed = not any(_fields_in(content))
        self.variables = frozenset(name for part in self._fields() for name in part.template.names)
        self.is_plain = all(part.template.is_plain for part in self._fields())
        """Whether it is rendered in microseconds: its texts have only literals, variables and defaults."""
        self._quick = _quick_text(text) if self._fixed else None
        self._required = frozenset(name for part in self._fields() for name in part.template.required)

    def render(self, *, number: str, name: str | None, variables: Values) -> Rendered:
        """Render the message of one recipient. The work for all its texts together is bounded.

        A blank value counts as absent, as an empty cell of a file does.

        :param number: the recipient's number, available as the variable ``number``.
        :param name: the recipient's name, available as the variable ``name``.
        :param variables: the other variables; ``number`` and ``name`` take precedence over variables of these names.
        :raises MissingVariable: the recipient does not have a variable that the template uses, or it is None.
        :raises BadText: the result is empty or too long, contains what it must not, or cannot be computed.
        """
        given: dict[str, Scalar] = {**variables, "number": number}
        if name and not name.isspace():
            given["name"] = name
        if self._quick is not None and (text := self._quick.fill_texts(given)) is not None:
            return Rendered(text, self._content.copy())
        values = given if self.is_plain and self._has_all(given) else self._pick(given)
        meter = None if self.is_plain else WorkMeter()
        try:
            body = None if self._text is None else self._text.render(values, meter)
            return Rendered(body, self._content.copy() if self._fixed else _render_tree(self._content, values, meter))
        except MissingVariable as error:
            raise MissingVariable(error.name, present=_present_names(given)) from None

    def _has_all(self, given: Values) -> bool:
        """Return whether each variable of the texts has a value under its own name, as nearly always."""
        for name in self.variables:  # noqa: SIM110 - it is run for each message, and any() takes twice as long
            if is_blank(given.get(name)):
                return False
        return True

    def _pick(self, given: Values) -> dict[str, Scalar]:
        """Return the variables that the texts use and that have a value, in whatever way their names are written."""
        values = {key: given[key] for key in self.variables if key in given and not is_blank(given[key])}
        if absent := self.variables - values.keys():
            values |= _find_by_slug(absent, given)
        return values

    def find_unknown(self, present: Iterable[str]) -> list[str]:
        """Return the variables that every message needs and that are not among these, in any way of writing them."""
        slugs = set(map(_slug, present))
        return sorted(name for name in self._required if _slug(name) not in slugs)

    def _fields(self) -> Iterator[_Field]:
        if self._text is not None:
            yield self._text
        yield from _fields_in(self._content)


def _quick_text(text: _Field | None) -> PlainText | None:
    """Return the plain text of a field with no other rule than its length; None if it is another one."""
    if text is None or text.refused or not isinstance(text.template, PlainText):
        return None
    return text.template


def _find_by_slug(names: Iterable[str], values: Values) -> dict[str, Scalar]:
    """Return the values of names that are written in another way, such as ``KODE`` for ``kode``.

    A name that may mean several variables has none.
    """
    by_slug: dict[str, list[Scalar]] = {}
    for name, value in values.items():
        if not is_blank(value) and (slug := _slug(name)):
            by_slug.setdefault(slug, []).append(value)
    found = ((name, by_slug.get(_slug(name), ())) for name in names)
    return {name: candidates[0] for name, candidates in found if len(candidates) == 1}


def _present_names(values: Values) -> list[str]:
    fields = [name for name in ("name", "number") if not is_blank(values.get(name))]
    return list(dict.fromkeys([*fields, *(name for name, value in values.items() if not is_blank(value))]))


_slug = lru_cache(maxsize=4_096)(make_slug)


def compile_content(content: Content) -> CompiledContent:
    """Check and compile the content of a broadcast.

    :attr:`Rendered.content` has the fields of the API: ``previewUrl`` for a text; ``media`` and, if it is given,
    ``filename`` for media; ``template`` with ``name``, ``language`` and ``components`` for a provider template.

    :raises TemplateError: a text is not a template, uses what templates may not use, or has no variables and cannot
        be sent to any recipient; the error names the line.
    """
    match content:
        case TextContent():
            text = _compile_field("text", content.text, longest=LONGEST_TEXT)
            return CompiledContent(content.type, text=text, content={"previewUrl": content.preview_url})
        case MediaContent():
            return _compile_media(content)
        case TemplateContent():
            return _compile_template(content)


def variables_of(content: Content) -> frozenset[str]:
    """Return the names of all variables that the templates of a content use, including ``name`` and ``number``.

    :raises TemplateError: the content cannot be compiled.
    """
    return compile_content(content).variables


def _compile_media(content: MediaContent) -> CompiledContent:
    caption = _compile_field("caption", content.caption, longest=LONGEST_CAPTION) if content.caption else None
    parts: dict[str, Tree] = {"media": content.media.model_dump(by_alias=True, exclude_none=True)}
    if content.filename:
        parts["filename"] = _compile_field("filename", content.filename, longest=LONGEST_FILENAME, refused=_UNPRINTABLE)
    return CompiledContent(content.type, text=caption, content=parts)


def _compile_template(content: TemplateContent) -> CompiledContent:
    template = content.template
    _check_components(template.components)
    components = _compile_tree(template.components, "components")
    tree = {"name": template.name, "language": template.language, "components": components}
    return CompiledContent(content.type, text=None, content={"template": tree})


def _check_components(components: Tree) -> None:
    """Check the size of the components before they are compiled, which takes much longer than this.

    :raises TemplateError: they have too many texts, too long ones, too many levels, or a key that cannot be encoded.
    """
    texts = list(_texts_in(components, DEEPEST_COMPONENTS))
    if len(texts) > MOST_COMPONENT_TEXTS:
        text = "components: they contain more than {most} texts"
        raise TemplateError(Sentence("many_component_texts", text, most=MOST_COMPONENT_TEXTS), line=1)
    if sum(map(len, texts)) > LONGEST_COMPONENTS:
        text = "components: their texts have more than {most} characters together"
        raise TemplateError(Sentence("long_components", text, most=LONGEST_COMPONENTS), line=1)


def _texts_in(value: Any, levels: int) -> Iterator[str]:
    if levels < 0:
        text = "components: they are nested more than {most} levels deep"
        raise TemplateError(Sentence("deep_components", text, most=DEEPEST_COMPONENTS), line=1)
    match value:
        case str():
            yield value
        case dict():
            for key, part in value.items():
                refuse_half_characters(key)
                yield from _texts_in(part, levels - 1)
        case list():
            for part in value:
                yield from _texts_in(part, levels - 1)


def _compile_tree(value: Any, path: str) -> Tree:
    match value:
        case str():
            return _compile_field(path, value, longest=LONGEST_CAPTION, refused=_REFUSED_BY_META)
        case dict():
            return {key: _compile_tree(part, f"{path}.{key}") for key, part in value.items()}
        case list():
            return [_compile_tree(part, f"{path}.{index}") for index, part in enumerate(value)]
        case _:
            return value


def _render_tree(tree: Tree, values: Values, meter: WorkMeter | None) -> Any:
    match tree:
        case _Field():
            return tree.render(values, meter)
        case dict():
            return {key: _render_tree(part, values, meter) for key, part in tree.items()}
        case list():
            return [_render_tree(part, values, meter) for part in tree]
        case _:
            return tree


def _fields_in(tree: Tree) -> Iterator[_Field]:
    match tree:
        case _Field():
            yield tree
        case dict():
            for part in tree.values():
                yield from _fields_in(part)
        case list():
            for part in tree:
                yield from _fields_in(part)
