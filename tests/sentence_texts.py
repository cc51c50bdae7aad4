"""All sentences that the sources of the core, the built-in plugins and the host make, by their codes."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import host_litestar
import wabroadcast_core
import wabroadcast_plugins
from host_litestar.doctor.texts import TEXTS as DOCTOR
from wabroadcast_core.models.fault_texts import FAULT_TEXTS
from wabroadcast_core.sentence_texts import CORE
from wabroadcast_core.sentences import ONE
from wabroadcast_plugins.contact_sources.workbook_texts import WORKBOOK_TEXTS
from wabroadcast_plugins.senders.sentences import SENDERS
from wabroadcast_plugins.sentences import CHECKS

PACKAGES = (wabroadcast_core, wabroadcast_plugins, host_litestar)


def sentence_texts() -> Mapping[str, set[str]]:
    """Return the English texts of each code: one, or two where the number decides."""
    found = {code: {text} for texts in (FAULT_TEXTS, WORKBOOK_TEXTS) for code, text in texts.items()}
    for code, text in {**CORE, **SENDERS, **CHECKS, **DOCTOR}.items():
        found.setdefault(code.removesuffix(ONE), set()).add(text)
    for code, texts in _made_in_sources():
        found.setdefault(code, set()).update(texts)
    return found


def _made_in_sources() -> Iterator[tuple[str, set[str]]]:
    for package in PACKAGES:
        for path in sorted(Path(package.__file__ or "").parent.rglob("*.py")):
            if "Sentence(" in (source := path.read_text(encoding="utf-8")):
                yield from _made_in(ast.parse(source))


def _made_in(tree: ast.Module) -> Iterator[tuple[str, set[str]]]:
    """Yield the code and the texts of each call of ``Sentence``; a call with computed ones is of a table above."""
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Assign) and _strings(node.value)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Sentence":
            code, text = node.args
            if isinstance(code, ast.Constant):
                yield str(code.value), _strings(text) or _assigned(text, constants, before=node.lineno)


def _strings(node: ast.expr) -> set[str]:
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp():
            return _strings(node.body) | _strings(node.orelse)
        case _:
            return set()


def _assigned(name: ast.expr, constants: list[ast.Assign], *, before: int) -> set[str]:
    """Return the text that a name has: the last ones that were assigned to it above, in each branch."""
    assert isinstance(name, ast.Name), ast.dump(name)
    above = [node for node in constants if node.lineno < before and getattr(node.targets[0], "id", "") == name.id]
    return _strings(max(above, key=lambda node: node.lineno).value)
