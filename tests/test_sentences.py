"""Every sentence that our own code makes is in the dashboard's catalogues, with the values that the code gives."""

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Final, TypeGuard

from host_litestar.dashboard.sentences import CORE as PREFIX
from host_litestar.dashboard.texts import catalogue
from host_litestar.doctor.texts import TEXTS as DOCTOR
from wabroadcast_core.sentence_texts import CORE
from wabroadcast_core.sentences import ONE
from wabroadcast_plugins.senders.sentences import SENDERS
from wabroadcast_plugins.sentences import CHECKS

ROOT = Path(__file__).parent.parent
PACKAGES = ("wabroadcast_core", "wabroadcast_plugins", "host_litestar")
ENGLISH: Final = {**CORE, **SENDERS, **CHECKS, **DOCTOR}
CODES = sorted({code.removesuffix(ONE) for code in ENGLISH})


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def _said() -> Iterator[ast.Call]:
    """Yield the calls in the source that make a sentence."""
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        if "say(" in (source := path.read_text(encoding="utf-8")):
            yield from (node for node in ast.walk(ast.parse(source)) if _says(node))


def _says(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say"


def _codes_of(node: ast.expr) -> list[str]:
    """Return the codes that an expression may be; those of an f-string by what stands around its values."""
    match node:
        case ast.Constant(value=str() as code):
            return [code]
        case ast.IfExp():
            return _codes_of(node.body) + _codes_of(node.orelse)
        case ast.JoinedStr():
            ends = [part.value if isinstance(part, ast.Constant) else "" for part in (node.values[0], node.values[-1])]
            return [code for code in CODES if code.startswith(str(ends[0])) and code.endswith(str(ends[1]))]
        case _:
            return []


def test_the_tables_share_no_code() -> None:
    assert len(ENGLISH) == len(CORE) + len(SENDERS) + len(CHECKS) + len(DOCTOR)


def test_each_code_has_an_indonesian_text_with_the_same_places() -> None:
    texts = catalogue("id")

    wrong = [code for code in CODES if _places(texts.get(f"{PREFIX}{code}", "")) != _places(ENGLISH[code])]

    assert wrong == []
    assert {f"{PREFIX}{code}" for code in CODES} <= texts.keys()


def test_each_sentence_that_the_source_makes_has_its_values() -> None:
    wrong = [
        (code, ast.unparse(call))
        for call in _said()
        if not any(keyword.arg is None for keyword in call.keywords)
        for code in _codes_of(call.args[0])
        if _places(ENGLISH[code]) != {keyword.arg for keyword in call.keywords}
    ]

    assert wrong == []


def test_each_code_is_used() -> None:
    named = {
        node.value
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "texts" not in path.parts and path.name not in {"sentence_texts.py", "texts.py", "sentences.py"}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    computed = {code for call in _said() for code in _codes_of(call.args[0])}

    assert set(CODES) - named - computed == set()
