"""Braces of other tools that are no valid template, such as ``{{{kode}}}`` and ``{{Tgl Lahir}}``."""

import re
from typing import Final

from wabroadcast_core.errors import TemplateError
from wabroadcast_core.models.slug import make_slug
from wabroadcast_core.sentences import Sentence

_WORDS: Final = r"(\w+(?: +\w+){0,5})"
_BRACES: Final = re.compile(
    "|".join(
        [
            rf"\{{\{{[{{%$#@&=!]{{0,3}}\s*{_WORDS}\s*[%$#@}}]{{0,3}}\}}",  # {{{nama}}} {{$nama}} {{Tgl Lahir}} {{nama}
            r"\{%\s*(\w+)\s*%\}",
        ]
    )
)
_PLACEHOLDER: Final = re.compile(r"\{\{\s*\w+\s*\}\}")
_JINJA_WORDS: Final = frozenset({"and", "or", "not", "in", "is", "if", "else"})
_JINJA_BLOCKS: Final = frozenset({"if", "elif", "else", "endif", "for", "endfor", "set", "endset", "raw", "endraw"})


def explain_braces(source: str) -> TemplateError | None:
    """Return what to write for the first braces of another tool; None if there are none.

    :param source: a text that is no valid template.
    """
    for match in _BRACES.finditer(source):
        word = match[match.lastindex or 0]
        variable = make_slug(word) if any(map(str.isalpha, word)) else ""
        if variable and not _is_own(match[0], word):
            text = "{found!r} is not how a variable is written here: write {{{{ {variable} }}}}"
            return TemplateError(
                Sentence("foreign_braces", text, found=match[0], variable=variable),
                line=1 + source.count("\n", 0, match.start()),
            )
    return None


def _is_own(found: str, word: str) -> bool:
    """Return whether braces are those of Jinja, so that the fault is somewhere else."""
    if found.startswith("{%"):
        return word in _JINJA_BLOCKS
    return _PLACEHOLDER.fullmatch(found) is not None or not _JINJA_WORDS.isdisjoint(word.split())
