"""Public functions say what they do, in a sentence."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("wabroadcast_core", "wabroadcast_plugins", "host_litestar")
SENTENCE = re.compile(r"[A-Z`][^\n]*(\n[^\n]+)*?[.:](\s|$)")  # a capital letter, a full stop

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _public_functions(path: Path) -> Iterator[tuple[str, Function]]:
    """Yield the functions of a module and the methods of its public classes, each with its name.

    Methods of a class that has bases may be documented there.
    """
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, Function) and not node.name.startswith("_") and not _is_overload(node):
            yield node.name, node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not node.bases:
            for method in node.body:
                if isinstance(method, Function) and not method.name.startswith(("_", "test_")):
                    yield f"{node.name}.{method.name}", method


def _is_overload(function: Function) -> bool:
    """Return whether a function is only one of the signatures of the one that follows."""
    return any(isinstance(one, ast.Name) and one.id == "overload" for one in function.decorator_list)


def _is_repeated(name: str, path: Path) -> bool:
    """Return whether a method implements a hook or a protocol, where its meaning is documented."""
    return path.is_relative_to(ROOT / "wabroadcast_plugins") or name.rpartition(".")[2].startswith("wab_")


def test_public_functions_begin_with_a_sentence() -> None:
    silent = [
        f"{path.relative_to(ROOT)}: {name}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "versions" not in path.parts
        for name, function in _public_functions(path)
        if not _is_repeated(name, path) and not SENTENCE.match(ast.get_docstring(function) or "")
    ]

    assert silent == []
