"""The public names of the core with their signatures, as the source declares them: one line for each.

``python -m tests.public_api`` writes those of a release to ``tests/public_api.txt``.
"""

import ast
import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
RELEASED = Path(__file__).with_suffix(".txt")
PACKAGES = ("wabroadcast_core", "wabroadcast_core.testing")
MODULES = (  # they import pytest or the whole core
    "wabroadcast_core.testing.engine",
    "wabroadcast_core.testing.fixtures",
    "wabroadcast_core.testing.http_contract",
)
UNLISTED_MEMBERS = frozenset({"Settings"})  # the README has the table of the settings, which a test checks

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


def list_public_api() -> list[str]:
    """Return a line for each public name and for each public member of a class, sorted."""
    lines = set[str]()
    for package in PACKAGES:
        for name in _exported(package):
            lines.update(_describe(f"{package}.{name}", *_find(package, name)))
    for module in MODULES:
        for name, node in _definitions(module).items():
            if not name.startswith("_") and not isinstance(node, ast.Assign | ast.AnnAssign):
                lines.update(_describe(f"{module}.{name}", module, node))
    return sorted(lines)


@cache
def _tree(module: str) -> ast.Module:
    path = ROOT / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def _imported(module: str) -> dict[str, str]:
    """Return the modules of ours from which a module imports names, by name."""
    return {
        alias.asname or alias.name: str(node.module)
        for node in ast.walk(_tree(module))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("wabroadcast_core")
        for alias in node.names
    }


@cache
def _definitions(module: str) -> dict[str, Definition]:
    found: dict[str, Definition] = {}
    for node in _tree(module).body:
        match node:
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name):
                found[name] = node
            case ast.AnnAssign(target=ast.Name(name)) | ast.Assign(targets=[ast.Name(name)]):
                found[name] = node
    return found


def _exported(package: str) -> list[str]:
    node = _definitions(package)["__all__"]
    assert isinstance(node, ast.Assign)
    return list(ast.literal_eval(node.value))


def _find(module: str, name: str) -> tuple[str, Definition]:
    """Return the module that defines a name, and its definition."""
    while name not in _definitions(module):
        module = _imported(module)[name]
    return module, _definitions(module)[name]


def _describe(path: str, module: str, node: Definition) -> Iterator[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield f"{path}{_signature(node)}"
        case ast.ClassDef():
            yield f"{path}: class"
            if node.name not in UNLISTED_MEMBERS:
                for member, text in _members(module, node).items():
                    yield f"{path}.{member}{text}"
        case ast.AnnAssign():
            yield f"{path}: {ast.unparse(node.annotation)}"
        case ast.Assign():
            yield f"{path} = {ast.unparse(node.value)}"


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    prefix = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    return f": {prefix}({ast.unparse(node.args)}){returns}"


def _members(module: str, node: ast.ClassDef) -> dict[str, str]:
    """Return the public members of a class, those of its bases of ours included."""
    members: dict[str, str] = {}
    for base in reversed(node.bases):
        name = ast.unparse(base).partition("[")[0]
        if name in _definitions(module) or name in _imported(module):
            base_module, definition = _find(module, name)
            if isinstance(definition, ast.ClassDef):
                members |= _members(base_module, definition)
    for each in node.body:
        members |= _member(each)
    return members


def _member(node: ast.stmt) -> dict[str, str]:
    match node:
        case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) if _is_public(name):
            decorators = {ast.unparse(one) for one in node.decorator_list}
            if any(decorator.endswith(".setter") for decorator in decorators):
                return {}  # its property has the line
            is_property = not decorators.isdisjoint({"property", "cached_property", "functools.cached_property"})
            return {name: f": {ast.unparse(node.returns)}" if is_property and node.returns else _signature(node)}
        case ast.AnnAssign(target=ast.Name(name)) if _is_public(name):
            default = f" = {_code(node.value)}" if node.value else ""
            return {name: f": {_code(node.annotation)}{default}"}
        case ast.Assign(targets=[ast.Name(name)]) if _is_public(name):
            return {name: f" = {ast.unparse(node.value)}"}
    return {}


def _code(node: ast.expr) -> str:
    """Return an expression without the texts that describe a field: they may change at any time."""
    return ast.unparse(_WithoutTexts().visit(copy.deepcopy(node)))


class _WithoutTexts(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.AST:
        node.keywords = [each for each in node.keywords if each.arg not in {"description", "title", "examples"}]
        return self.generic_visit(node)


def _is_public(name: str) -> bool:
    """Return whether a member belongs to the API: the checks of a contract suite do not."""
    return name in {"__init__", "__call__"} or not name.startswith(("_", "test_"))


if __name__ == "__main__":
    RELEASED.write_text("".join(f"{line}\n" for line in list_public_api()), encoding="utf-8")
