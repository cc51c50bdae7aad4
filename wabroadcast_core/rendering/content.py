"""One recipient's message out of a broadcast's content: text, caption, file name, provider template."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
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
from wabroadcast_core.rendering.operations import BadText, MissingVariable, NotRendered
from wabroadcast_core.rendering.template import CompiledText, Values, compile_text

__all__ = [
    "BadText",
    "CompiledContent",
    "MissingVariable",
    "NotRendered",
    "Rendered",
    "compile_content",
    "variables_of",
]

LONGEST_FILENAME: Final = 255
MOST_COMPONENT_TEXTS: Final = 256
DEEPEST_COMPONENTS: Final = 16

_UNPRINTABLE: Final = {re.compile(r"[\x00-\x1f\x7f]"): "a line break or control character"}
_REFUSED_BY_META: Final = {
    re.compile(r"[\n\r\v\f\x85\u2028\u2029]"): "a line break",
    re.compile(r"\t"): "a tab",
    re.compile(r" {5}"): "more than 4 spaces in a row",
}


@dataclass(slots=True)
class Rendered:
    """What goes into an :class:`OutgoingMessage`; each one's content is its own."""

    text: str | None
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Field:
    """One text of a message, its name in error texts, and what must not be in it."""

    name: str
    template: CompiledText
    refused: Mapping[re.Pattern[str], str] = field(default_factory=dict)

    def fill(self, values: Values) -> str:
        try:
            text = self.template.fill(values)
        except BadText as error:
            raise BadText(f"{self.name}: {error}") from error
        if not text or text.isspace():
            raise BadText(f"{self.name}: it is empty")
        for pattern, what in self.refused.items():
            if pattern.search(text):
                raise BadText(f"{self.name}: it holds {what}")
        return text


def _compile_field(
    name: str, source: str, *, longest: int, refused: Mapping[re.Pattern[str], str] | None = None
) -> _Field:
    try:
        compiled = _Field(name, compile_text(source, longest=longest), refused or {})
        if not compiled.template.names:
            compiled.fill({})  # the same for everyone, so its faults are the template's
    except TemplateError as error:
        reason = error.reason if name == "text" else f"{name}: {error.reason}"
        raise TemplateError(reason, line=error.line) from error
    except NotRendered as error:
        raise TemplateError(str(error), line=1) from error
    return compiled


Tree: TypeAlias = Any
"""JSON with a :class:`_Field` in the place of each text."""


class CompiledContent:
    """A broadcast's content, checked once and filled in for each recipient."""

    def __init__(self, kind: str, *, text: _Field | None, content: dict[str, Tree]) -> None:
        self.type = kind
        self._text = text
        self._content = content
        self._fixed = not any(_fields_in(content))
        self.variables = frozenset(name for part in self._fields() for name in part.template.names)

    def render(self, *, number: str, name: str | None, variables: Values) -> Rendered:
        """One recipient's message. ``number`` and ``name`` are variables too, and go before others so named.

        :raises MissingVariable: the recipient has no such variable, or it is None.
        :raises BadText: the result is empty, too long, or holds what may not be in it.
        """
        values = {**variables, "number": number}
        if name is not None:
            values["name"] = name
        text = None if self._text is None else self._text.fill(values)
        return Rendered(text, self._content.copy() if self._fixed else _fill_tree(self._content, values))

    def _fields(self) -> Iterator[_Field]:
        if self._text is not None:
            yield self._text
        yield from _fields_in(self._content)


def compile_content(content: Content) -> CompiledContent:
    """Check and compile what a broadcast says.

    The content of what is rendered holds, as in the API: ``previewUrl`` for a text; ``media`` and, where
    there is one, ``filename`` for media; ``template`` with ``name``, ``language`` and ``components``.

    :raises TemplateError: a text that is no template or asks for too much, with its line; or one without variables
        that could not be sent to anyone.
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
    """The names that its templates may ask for, ``name`` and ``number`` among them.

    :raises TemplateError: it cannot be compiled.
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
    components = _compile_tree(template.components, "components")
    if sum(1 for _ in _fields_in(components)) > MOST_COMPONENT_TEXTS:
        raise TemplateError(f"components: there are more than {MOST_COMPONENT_TEXTS} texts", line=1)
    tree = {"name": template.name, "language": template.language, "components": components}
    return CompiledContent(content.type, text=None, content={"template": tree})


def _compile_tree(value: Any, path: str) -> Tree:
    if path.count(".") > DEEPEST_COMPONENTS:
        raise TemplateError("components: they are nested too deeply", line=1)
    match value:
        case str():
            return _compile_field(path, value, longest=LONGEST_CAPTION, refused=_REFUSED_BY_META)
        case dict():
            return {key: _compile_tree(part, f"{path}.{key}") for key, part in value.items()}
        case list():
            return [_compile_tree(part, f"{path}.{index}") for index, part in enumerate(value)]
        case _:
            return value


def _fill_tree(tree: Tree, values: Values) -> Any:
    match tree:
        case _Field():
            return tree.fill(values)
        case dict():
            return {key: _fill_tree(part, values) for key, part in tree.items()}
        case list():
            return [_fill_tree(part, values) for part in tree]
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
