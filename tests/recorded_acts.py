"""The acts that the sources of the core record, by the calls that record them."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import wabroadcast_core

ACTION = "action"


def acts_of_the_core() -> set[str]:
    """Return the names of all acts that are written as constants, where they are given to what records them."""
    sources = [path.read_text(encoding="utf-8") for path in Path(wabroadcast_core.__file__).parent.rglob("*.py")]
    nodes = [node for text in sources for node in ast.walk(ast.parse(text))]
    places = dict(_places(nodes))
    constants = {name: value for node in nodes for name, value in _constants(node)}
    given = [value for node in nodes for value in _given(node, places)]
    return {act for value in given for act in _texts(value, constants)}


def _places(nodes: list[ast.AST]) -> Iterator[tuple[str, int | None]]:
    """Yield the functions that take an act, each with its place among the positional arguments."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef):
            names = [one.arg for one in node.args.args if one.arg != "self"]
            if ACTION in names:
                yield node.name, names.index(ACTION)
            elif ACTION in [one.arg for one in node.args.kwonlyargs]:
                yield node.name, None


def _constants(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Name) and target.id.isupper():
                yield target.id, node.value


def _given(node: ast.AST, places: Mapping[str, int | None]) -> Iterator[ast.expr]:
    """Yield what a call gives as an act, or what is assigned to a variable of that name."""
    if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id == ACTION for one in node.targets):
        yield node.value
    if not isinstance(node, ast.Call):
        return
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    if name in places:
        yield from (one.value for one in node.keywords if one.arg == ACTION)
        place = places[name]
        yield from () if place is None else node.args[place : place + 1]


def _texts(value: ast.expr, constants: Mapping[str, ast.expr]) -> Iterator[str]:
    match value:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp():
            yield from _texts(value.body, constants)
            yield from _texts(value.orelse, constants)
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in constants:
            yield from _texts(constants[name], {})
