"""The language of message texts: the part of Jinja that ends in bounded work, whatever the values are.

``{{ name }}``, filters, conditions, loops over something short, ``set``. Everything else is refused when
the broadcast is submitted, with its line and the reason: what a template may hold is a list of what is
allowed, never of what is forbidden.
"""

import math
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import jinja2
from jinja2 import meta, nodes
from jinja2.runtime import Context
from jinja2.visitor import NodeTransformer

from wabroadcast_core.errors import TemplateError
from wabroadcast_core.models.recipient import Scalar
from wabroadcast_core.rendering.operations import (
    BUDGET,
    ENVIRONMENT,
    FILTERS,
    METHODS,
    MOST_BITS,
    MOST_ROUNDS,
    ROUND_PRICE,
    TESTS,
    BadText,
    MissingVariable,
    printed,
    run,
)

LONGEST_SOURCE: Final = 16_384  # characters
DEEPEST: Final = 32  # expressions and blocks inside each other
MOST_SETS: Final = 32
LOOP_FACTS: Final = frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length"})

Values: TypeAlias = Mapping[str, Scalar]
_WORDS: Final = {
    "AssignBlock": "set block",
    "CallBlock": "call block",
    "FilterBlock": "filter block",
    "FromImport": "import",
    "NSRef": "namespace",
    "ScopedEvalContextModifier": "autoescape",
}
_HARMLESS: Final = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.If,
    nodes.CondExpr,
    nodes.List,
    nodes.Tuple,
    nodes.Pair,
    nodes.Keyword,
    nodes.BinExpr,  # arithmetic, whose operators are metered, and "and", "or"
    nodes.UnaryExpr,
)


class CompiledText(Protocol):
    """One text, ready to be filled in for one recipient after the other."""

    names: frozenset[str]
    """What it asks for; an item of a group as ``group.item``, beside the group."""

    def fill(self, values: Mapping[str, Any]) -> str:
        """The text with these values; ``None`` counts as not there.

        :raises NotRendered: a variable is missing, or what comes out is no text to send.
        """
        ...


def compile_text(source: str, *, longest: int, groups: Collection[str] = ()) -> CompiledText:
    """Check and compile one text; what it gives is at most ``longest`` characters.

    :param groups: names whose values are mappings; only of these may ``group.item`` be asked for.
    :raises TemplateError: it is no template, or asks for more than messages may; with the line.
    """
    tree = _parse(source)
    checker = _Checker(groups)
    checker.visit(tree)
    parts = _plain_parts(tree)
    if parts is not None:
        return _PlainText(parts, longest=longest)
    try:
        return _FullText(tree, longest=longest, items=checker.items)
    except jinja2.TemplateSyntaxError as error:  # some rules are Jinja's compiler's, not its parser's
        raise TemplateError(error.message or "it cannot be understood", line=error.lineno) from error


def _parse(source: str) -> nodes.Template:
    if len(source) > LONGEST_SOURCE:
        raise TemplateError(f"it is longer than {LONGEST_SOURCE:,} characters", line=1)
    try:
        return ENVIRONMENT.parse(source)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(error.message or "it cannot be understood", line=error.lineno) from error
    except RecursionError as error:
        raise TemplateError("it is nested too deeply", line=1) from error
    except ValueError as error:  # a number of thousands of digits
        raise TemplateError("a number is too large", line=1) from error


class _Checker(NodeTransformer):
    """Refuse what is not on the list, and put metered operations in the place of Jinja's."""

    def __init__(self, groups: Collection[str] = ()) -> None:
        self._groups = groups
        self.items: set[str] = set()  # of groups, as ``group.item``
        self._depth = self._seen = self._sets = 0
        self._in_loop = False

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        if self._depth == DEEPEST:
            raise _refusal(node, "it is nested too deeply")
        self._seen += 1
        self._depth += 1
        checked = super().visit(node, *args, **kwargs)
        self._depth -= 1
        return checked

    def get_visitor(self, node: nodes.Node) -> Callable[..., Any]:
        if isinstance(node, _HARMLESS):
            return self.generic_visit
        return getattr(self, f"_check_{type(node).__name__.lower()}", _refuse)

    def _check_name(self, node: nodes.Name) -> nodes.Node:
        if node.name == "self" or (node.name == "loop" and (self._in_loop or node.ctx != "load")):
            raise _refusal(node, f"{node.name!r} is a reserved name")
        if unicodedata.normalize("NFKC", node.name) != node.name:  # Python would take it for another variable
            raise _refusal(node, f"the name {node.name!r} has letters that stand for others")
        return node

    def _check_const(self, node: nodes.Const) -> nodes.Node:
        if isinstance(node.value, int) and node.value.bit_length() > MOST_BITS:
            raise _refusal(node, "a number is too large")
        if isinstance(node.value, float) and not math.isfinite(node.value):
            raise _refusal(node, "a number is too large")
        return node

    def _check_dict(self, node: nodes.Dict) -> nodes.Node:
        if not all(isinstance(pair.key, nodes.Const) for pair in node.items):
            raise _refusal(node, "the keys of a mapping must be plain texts or numbers")
        return self.generic_visit(node)

    def _check_filter(self, node: nodes.Filter) -> nodes.Node:
        if node.name not in FILTERS:
            raise _refusal(node, f"there is no filter {node.name!r} for messages; there are {', '.join(FILTERS)}")
        return self.generic_visit(_without_unpacking(node))

    def _check_test(self, node: nodes.Test) -> nodes.Node:
        if node.name not in TESTS:
            raise _refusal(node, f"there is no test {node.name!r} for messages; there are {', '.join(TESTS)}")
        return self.generic_visit(_without_unpacking(node))

    def _check_getattr(self, node: nodes.Getattr) -> nodes.Node:
        of_loop = isinstance(node.node, nodes.Name) and node.node.name == "loop" and self._in_loop
        if of_loop and node.attr in LOOP_FACTS:
            return node
        if isinstance(node.node, nodes.Name) and node.node.name in self._groups:
            self.items.add(f"{node.node.name}.{node.attr}")
            return self._replace(node, "_item", [node.node, nodes.Const(node.attr)])
        raise _refusal(node, f"the attribute {node.attr!r} is outside the sandbox")

    def _check_getitem(self, node: nodes.Getitem) -> nodes.Node:
        if isinstance(node.arg, nodes.Slice):
            bounds = (node.arg.start, node.arg.stop, node.arg.step)
            return self._replace(node, "_slice", [node.node, *(bound or nodes.Const(None) for bound in bounds)])
        if isinstance(node.arg, nodes.Const) and str(node.arg.value).startswith("_"):
            raise _refusal(node, f"the attribute {node.arg.value!r} is outside the sandbox")
        return self._replace(node, "_item", [node.node, node.arg])

    def _check_call(self, node: nodes.Call) -> nodes.Node:
        called = node.node
        if isinstance(called, nodes.Name) and called.name == "range":
            raise _refusal(node, "range() belongs after the 'in' of a loop")
        if not isinstance(called, nodes.Getattr):
            raise _refusal(node, "functions are not available in messages")
        if called.attr not in METHODS:
            raise _refusal(node, f"the attribute {called.attr!r} is outside the sandbox")
        _without_unpacking(node)
        return self._replace(node, "_call", [called.node, nodes.Const(called.attr), *node.args], node.kwargs)

    def _check_compare(self, node: nodes.Compare) -> nodes.Node:
        pairs = [part for operand in node.ops for part in (nodes.Const(operand.op), operand.expr)]
        return self._replace(node, "_compare", [node.expr, *pairs])

    def _check_concat(self, node: nodes.Concat) -> nodes.Node:
        return self._replace(node, "_concatenate", node.nodes)

    def _check_assign(self, node: nodes.Assign) -> nodes.Node:
        self._sets += 1
        if self._sets > MOST_SETS:
            raise _refusal(node, f"there are more than {MOST_SETS} 'set'")
        if not isinstance(node.target, nodes.Name):
            raise _refusal(node, "'set' gives a value to one plain name")
        return self.generic_visit(node)

    def _check_for(self, node: nodes.For) -> nodes.Node:
        if self._in_loop or node.recursive:
            raise _refusal(node, "a loop inside a loop is not available in messages")
        if not isinstance(node.target, nodes.Name):
            raise _refusal(node, "a loop gives its items to one plain name")
        rounds = _constant_rounds(node.iter)
        items = nodes.Const(rounds) if rounds is not None else self.visit(node.iter)
        weight = self._visit_body(node)
        if rounds is not None and len(rounds) * weight * ROUND_PRICE > BUDGET:
            raise _refusal(node, "the loop takes too much work")
        node.iter = _operation(node, "_loop", [items, nodes.Const(weight)])
        return node

    def _visit_body(self, loop: nodes.For) -> int:
        """How many nodes one round goes through at most."""
        before = self._seen
        self._in_loop = True
        loop.target = self.visit(loop.target)
        loop.test = loop.test and self.visit(loop.test)
        loop.body = [self.visit(node) for node in loop.body]
        self._in_loop = False
        loop.else_ = [self.visit(node) for node in loop.else_]
        return self._seen - before

    def _replace(
        self, node: nodes.Expr, operation: str, operands: Sequence[nodes.Expr], options: Sequence[nodes.Keyword] = ()
    ) -> nodes.Node:
        operands = [self.visit(operand.set_lineno(node.lineno)) for operand in operands]
        return _operation(node, operation, operands, [self.visit(option) for option in options])


def _operation(
    node: nodes.Node, name: str, operands: Sequence[nodes.Expr], options: Sequence[nodes.Keyword] = ()
) -> nodes.Filter:
    subject, *arguments = operands
    return nodes.Filter(
        subject, name, arguments, list(options), None, None, lineno=node.lineno, environment=ENVIRONMENT
    )


AnyCall: TypeAlias = nodes.Call | nodes.Filter | nodes.Test


def _without_unpacking(node: AnyCall) -> AnyCall:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise _refusal(node, "'*' and '**' in arguments are not available in messages")
    return node


def _constant_rounds(node: nodes.Node) -> range | None:
    """What ``range(…)`` after an ``in`` stands for; None if that is no call of range."""
    if not (isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "range"):
        return None
    _without_unpacking(node)
    try:
        rounds = range(*map(_constant_integer, node.args))
        too_many = len(rounds) > MOST_ROUNDS
    except (TypeError, ValueError, OverflowError) as error:
        raise _refusal(node, "range() takes one to three plain whole numbers") from error
    if too_many or node.kwargs:
        raise _refusal(node, f"a loop goes through at most {MOST_ROUNDS:,} items")
    return rounds


def _constant_integer(node: nodes.Node) -> int:
    if isinstance(node, nodes.Neg):
        return -_constant_integer(node.node)
    if isinstance(node, nodes.Const) and type(node.value) is int:
        return node.value
    raise TypeError


def _refuse(node: nodes.Node) -> nodes.Node:
    name = type(node).__name__
    raise _refusal(node, f"{_WORDS.get(name, name.lower())!r} is not available in messages")


def _refusal(node: nodes.Node, reason: str) -> TemplateError:
    return TemplateError(reason, line=node.lineno or 1)


class _Hole(NamedTuple):
    name: str
    default: str | int | float | None = None


def _plain_parts(tree: nodes.Template) -> list[str | _Hole] | None:
    """Literals and holes in their order; None if the template does more than that."""
    outputs = [
        node for output in tree.body for node in (output.nodes if isinstance(output, nodes.Output) else [output])
    ]
    parts = [_plain_part(node) for node in outputs]
    plain = [part for part in parts if part is not None]
    return plain if len(plain) == len(parts) else None


def _plain_part(node: nodes.Node) -> str | _Hole | None:
    match node:
        case nodes.TemplateData(data=text):
            return text
        case nodes.Name(name=name):
            return _Hole(name)
        case nodes.Filter(
            node=nodes.Name(name=name),
            name="default" | "d",
            args=[nodes.Const(value=str() | int() | float() as value)],
            kwargs=[],
        ):
            return _Hole(name, value)
        case _:
            return None


class _PlainText:
    """Literals, bare variables and defaults, as nearly all messages are: the same text without Jinja's machinery."""

    def __init__(self, parts: Sequence[str | _Hole], *, longest: int) -> None:
        self._holes = [(place, *part) for place, part in enumerate(parts) if isinstance(part, _Hole)]
        self._pieces = [part if isinstance(part, str) else "" for part in parts]
        self._longest = longest
        self._room = longest - sum(map(len, self._pieces))
        self.names = frozenset(name for _place, name, _default in self._holes)

    def fill(self, values: Mapping[str, Any]) -> str:
        pieces = self._pieces.copy()
        room = self._room
        for place, name, default in self._holes:
            value = values.get(name)
            if value is None:
                value = default
                if value is None:
                    raise MissingVariable(name)
            text = value if type(value) is str else printed(value)
            pieces[place] = text
            room -= len(text)
        if room < 0:
            raise BadText(f"it is longer than {self._longest:,} characters")
        return "".join(pieces)


class _FullText:
    """Anything else: Jinja's compiled code over the metered operations."""

    def __init__(self, tree: nodes.Template, *, longest: int, items: Collection[str]) -> None:
        self.names = frozenset(meta.find_undeclared_variables(tree)).union(items)
        self._root = _compile(tree)
        self._longest = longest

    def fill(self, values: Mapping[str, Any]) -> str:
        present = {name: value for name in self.names if (value := values.get(name)) is not None}
        return run(self._root, present, longest=self._longest)


def _compile(tree: nodes.Template) -> Callable[[Context], Iterable[str]]:
    code = ENVIRONMENT.compile(tree)
    return ENVIRONMENT.template_class.from_code(ENVIRONMENT, code, {}).root_render_func
