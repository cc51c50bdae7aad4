"""Placeholders that would be sent as they stand: those in the marks of other tools, and constants in our own marks.

A text with such a placeholder is refused before it is sent: ``Halo {nama}``, ``%nama%``, ``[nama]``, ``{{ 'name' }}``.
"""

import re
from collections.abc import Collection, Iterator
from typing import Any, Final

from jinja2 import nodes

from wabroadcast_core.errors import TemplateError
from wabroadcast_core.models.message import Content, MediaContent, TemplateContent, TextContent
from wabroadcast_core.models.slug import make_slug
from wabroadcast_core.rendering.errors import in_field
from wabroadcast_core.rendering.template import parse_text
from wabroadcast_core.sentences import Sentence

_NAMES: Final = (
    "name nama first_name firstname fname nama_depan last_name lastname lname nama_belakang full_name fullname"
    " nama_lengkap nickname nama_panggilan customer_name nama_pelanggan nama_customer contact_name nama_kontak"
)
_NUMBERS: Final = (
    "number nomor nomer no_hp nohp nomor_hp hp handphone phone phone_number phonenumber phone_no mobile mobile_number"
    " no_telp no_telepon nomor_telepon telepon telp no_wa nowa nomor_wa wa_number whatsapp_number nomor_whatsapp msisdn"
)
_COMMON_NAMES: Final = {  # in the texts of all tools, each with the variable of this one
    **dict.fromkeys(_NAMES.split(), "name"),
    **dict.fromkeys(_NUMBERS.split(), "number"),
}
_WORD: Final = r"(\w+(?:[ .\-]+\w+){0,5})"
_FALLBACK: Final = r"(?:\|[^{}\[\]\n]*)?"
_MARKED: Final = re.compile(
    "|".join(
        [
            rf"\{{\{{?[%$#@!]?\s*{_WORD}\s*{_FALLBACK}[%$#@]?\}}?\}}",  # {nama} ${nama} {{nama}} {!nama} {nama|Kak}
            rf"\[\[?[%$#@]?\s*{_WORD}\s*{_FALLBACK}[%$#@]?\]?\]",
            rf"%%?{_WORD}%%?",
            rf"<<?[%?]?=?\s*{_WORD}\s*[%?]?>>?",  # <nama> <<nama>> <%= nama %>
            rf"«\s*{_WORD}\s*»",
            rf"##?{_WORD}##?",
            rf"@@?{_WORD}@@?",
            rf"\|{_WORD}\|",
            r"\$([^\W\d]\w*)",
        ]
    )
)
_COMMENT: Final = re.compile(rf"\{{#\s*{_WORD}\s*#\}}")


def check_placeholders(content: Content, variables: Collection[str]) -> None:
    """Check that no text of a message has a placeholder that every recipient would see.

    Words in brackets that are no variables are not placeholders.

    :param variables: the variables of the audience, as far as they are known.
    :raises TemplateError: a text has such a placeholder; the error names the line.
    """
    known = _COMMON_NAMES | {make_slug(name): name for name in variables}
    for path, text in _texts_of(content):
        try:
            _check_text(text, known)
        except TemplateError as error:
            if path == "text":
                raise
            raise TemplateError(in_field(path, error.reason), line=error.line) from error


def _check_text(text: str, known: dict[str, str]) -> None:
    tree = parse_text(text)
    _refuse_comments(text, known)
    for output in tree.find_all(nodes.Output):
        for node in output.nodes:
            if isinstance(node, nodes.TemplateData):
                _refuse_foreign(node.data, known, line=node.lineno)
            else:
                _refuse_constant(node, known)


def _refuse_comments(text: str, known: dict[str, str]) -> None:
    """Refuse a comment that is a known word: ``{#nama#}`` is a placeholder of another tool, and would be left out."""
    for match in _COMMENT.finditer(text):
        if variable := _variable_of(match[1], known):
            reason = "{found!r} is a comment and would be left out: write {{{{ {variable} }}}}"
            raise TemplateError(
                Sentence("placeholder_in_comment", reason, found=match[0], variable=variable),
                line=1 + text.count("\n", 0, match.start()),
            )


def _refuse_foreign(text: str, known: dict[str, str], *, line: int) -> None:
    """Refuse a literal text that has a known word in the marks of another tool."""
    for match in _MARKED.finditer(text):
        word = match[match.lastindex or 0]
        variable = _variable_of(word, known)
        if variable is not None:
            reason = (
                "{found!r} is a placeholder of another tool and would be sent as it stands:"
                " write {{{{ {variable} }}}}, or remove the marks"
            )
            raise TemplateError(
                Sentence("foreign_placeholder", reason, found=match[0], variable=variable),
                line=line + text.count("\n", 0, match.start()),
            )


def _variable_of(word: str, known: dict[str, str]) -> str | None:
    if not any(map(str.isalpha, word)):
        return None
    found = known.get(make_slug(word))
    return known.get(make_slug(word.rpartition(".")[2])) if found is None else found  # {contact.name}


def _refuse_constant(node: nodes.Node, known: dict[str, str]) -> None:
    """Refuse an output that is a bare constant. Signs alone, such as ``{{ '{{' }}``, are how braces are written."""
    bare = node
    if isinstance(bare, nodes.Filter) and bare.name in {"default", "d"}:
        bare = bare.node or bare
    bare = bare.node if isinstance(bare, nodes.Neg | nodes.Pos) else bare
    if not isinstance(bare, nodes.Const):
        return
    if isinstance(bare.value, str) and not any(map(str.isalnum, bare.value)):
        return
    variable = _variable_of(str(bare.value), known) or "name"
    reason = (
        "{{{{ {constant} }}}} is a constant, the same for all: write the name of a variable, such as"
        " {{{{ {variable} }}}}, or the plain text"
    )
    raise TemplateError(
        Sentence("constant_placeholder", reason, constant=repr(bare.value), variable=variable),
        line=node.lineno or 1,
    )


def _texts_of(content: Content) -> Iterator[tuple[str, str]]:
    """Yield the path and the template of each text that is rendered for a recipient."""
    match content:
        case TextContent():
            yield "text", content.text
        case MediaContent():
            yield from ((path, text) for path in ("caption", "filename") if (text := getattr(content, path)))
        case TemplateContent():
            yield from _texts_in(content.template.components, "components")


def _texts_in(tree: Any, path: str) -> Iterator[tuple[str, str]]:
    match tree:
        case str():
            yield path, tree
        case dict():
            for key, part in tree.items():
                yield from _texts_in(part, f"{path}.{key}")
        case list():
            for index, part in enumerate(tree):
                yield from _texts_in(part, f"{path}.{index}")
