"""What is wrong with the syntax of a template, in sentences of our own.

Jinja says it in English only, and in words of its parser. Its messages are read here by their patterns; one without a
pattern is passed on as it is.
"""

import re
from ast import literal_eval
from collections.abc import Callable, Mapping
from typing import Final

from wabroadcast_core.sentences import Sentence, foreign

_TOKENS: Final[Mapping[str, str]] = {  # as Jinja describes them, where a person does not type them so
    "begin of print statement": "{{",
    "end of print statement": "}}",
    "begin of statement block": "{%",
    "end of statement block": "%}",
}
_ENDS: Final[Mapping[str, str]] = {"if": "endif", "elif": "endif", "else": "endif", "for": "endfor", "raw": "endraw"}
_PARTS: Final = frozenset({"elif", "else", *_ENDS.values()})
_STRAIGHT_QUOTES: Final = frozenset("'\"")
_CURLY_QUOTES: Final = frozenset("\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b\u00ab\u00bb")
_INNERMOST: Final = re.compile(r"The innermost block that needs to be closed is '(\w+)'")


def explain_syntax(message: str | None) -> Sentence:
    """Return what is wrong with a template.

    :param message: of Jinja's syntax error.
    """
    if not message:
        return Sentence("syntax_error", "the template has a syntax error")
    for pattern, explain in _EXPLANATIONS:
        if (match := pattern.match(message)) and (said := explain(match)):
            return said
    return Sentence("syntax_error_as", "{reason}", reason=foreign(message))


def _unclosed_print(_: re.Match[str]) -> Sentence:
    return Sentence("unclosed_placeholder", "a placeholder has no end: add }}}} after it")


def _unclosed_tag(_: re.Match[str]) -> Sentence:
    return Sentence("unclosed_tag", "a tag has no end: add %}} after it")


def _unclosed_comment(_: re.Match[str]) -> Sentence:
    return Sentence("unclosed_comment", "a comment has no end: add #}} after it")


def _unclosed_raw(_: re.Match[str]) -> Sentence:
    return _unclosed_block("raw")


def _unclosed(match: re.Match[str]) -> Sentence | None:
    """Explain that the template ends inside of a block."""
    found = _INNERMOST.search(match.string)
    if found is None:
        return None
    if found[1] in _ENDS:
        return _unclosed_block(found[1])
    if found[1] == "set":
        text = "'set' has no value: write {{% set name = value %}}"
        return Sentence("set_without_value", text)
    return _no_tag(found[1])


def _unclosed_block(name: str) -> Sentence:
    text = "the block {name!r} has no end: add {{% {end} %}} where it ends"
    return Sentence("unclosed_block", text, name=name, end=_ENDS[name])


def _unknown_tag(match: re.Match[str]) -> Sentence:
    """Explain a tag that does not exist, or that does not belong where it stands."""
    name, innermost = match[1], _INNERMOST.search(match.string)
    if name not in _PARTS:
        return _no_tag(name)
    if innermost is not None and (end := _ENDS.get(innermost[1])):
        text = "{{% {name} %}} stands inside of the block {block!r}, which has no end yet: add {{% {end} %}} before it"
        return Sentence("misplaced_tag", text, name=name, block=innermost[1], end=end)
    text = "{{% {name} %}} belongs to no block: remove it, or begin its block before it"
    return Sentence("tag_without_block", text, name=name)


def _no_tag(name: str) -> Sentence:
    return Sentence("no_tag", "the tag {name!r} is not available: use if, for or set", name=name)


def _unnamed_tag(_: re.Match[str]) -> Sentence:
    return Sentence("unnamed_tag", "a tag has no name: write if, for or set after {{%")


def _character(match: re.Match[str]) -> Sentence:
    character = str(literal_eval(match[1]))
    if character in _STRAIGHT_QUOTES:
        text = "a quotation mark {character} has no counterpart: close the text in quotation marks, or remove the mark"
        return Sentence("unclosed_quotation", text, character=character)
    if character in _CURLY_QUOTES:
        text = "{character} is no plain quotation mark: type ' or \" instead"
        return Sentence("curly_quotation", text, character=character)
    text = "the character {character!r} is not allowed inside of {{{{ }}}} and {{% %}}: remove it"
    return Sentence("unexpected_character", text, character=character)


def _no_value(match: re.Match[str]) -> Sentence:
    return Sentence("value_missing", "a value is missing before {token!r}", token=_token(match[1]))


def _other_token(match: re.Match[str]) -> Sentence:
    """Explain a part of the template that cannot stand where it does."""
    expected, token = match[1], _token(match[2])
    if expected in {"end of print statement", "end of statement block"}:
        return _unexpected(token)
    if expected == "name":
        return Sentence("name_missing", "a name is missing before {token!r}", token=token)
    return _missing(_token(expected), token)


def _open_bracket(match: re.Match[str]) -> Sentence:
    return _missing(match[2], _token(match[1]))


def _missing(expected: str, token: str) -> Sentence:
    return Sentence("token_missing", "{expected!r} is missing before {token!r}", expected=expected, token=token)


def _unexpected_token(match: re.Match[str]) -> Sentence:
    is_end = match[1] in _TOKENS
    return _no_value(match) if is_end else _unexpected(match[1])


def _unexpected(token: str) -> Sentence:
    text = "{token!r} cannot stand where it does: remove it, or correct what is before it"
    return Sentence("unexpected_token", text, token=token)


def _no_attribute_name(_: re.Match[str]) -> Sentence:
    return Sentence("attribute_missing", "a name is missing after a dot")


def _token(described: str) -> str:
    """Return a part of a template as a person types it."""
    return _TOKENS.get(described, described)


_EXPLANATIONS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Sentence | None]], ...]] = (
    (re.compile("unexpected end of template, expected 'end of print statement'"), _unclosed_print),
    (re.compile("unexpected end of template, expected 'end of statement block'"), _unclosed_tag),
    (re.compile("Unexpected end of template"), _unclosed),
    (re.compile("Missing end of comment tag"), _unclosed_comment),
    (re.compile("Missing end of raw directive"), _unclosed_raw),
    (re.compile(r"Encountered unknown tag '(\w+)'"), _unknown_tag),
    (re.compile("tag name expected"), _unnamed_tag),
    (re.compile(r"unexpected char (.+) at \d+$"), _character),
    (re.compile("Expected an expression, got '(.+)'$"), _no_value),
    (re.compile("expected token '(.+)', got '(.+)'$"), _other_token),
    (re.compile("expected name or number$"), _no_attribute_name),
    (re.compile("unexpected '(.+)', expected '(.+)'$"), _open_bracket),
    (re.compile("unexpected '(.+)'$"), _unexpected_token),
)
"""In the order in which they are tried."""
