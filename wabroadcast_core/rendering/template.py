"""The language of message texts: the part of Jinja whose work is bounded for all values.

It has variables (``{{ name }}``), filters, conditions, loops over short lists, and ``set``. Everything else is refused
when the broadcast is submitted, with its line and the reason: the checker works with a list of what is allowed, never
with a list of what is forbidden.
"""

import math
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

import jinja2
from jinja2 import meta, nodes
from jinja2.runtime import Context
from jinja2.visitor import NodeTransformer

from wabroadcast_core.errors import TemplateError
from wabroadcast_core.models.recipient import Scalar
from wabroadcast_core.rendering.environment import ENVIRONMENT, render
from wabroadcast_core.rendering.errors import BadText
from wabroadcast_core.rendering.filters import ARGUMENT_CHECKS, FILTERS, TESTS
from wabroadcast_core.rendering.foreign_braces import explain_braces
from wabroadcast_core.rendering.methods import METHODS
from wabroadcast_core.rendering.plain_text import PlainText, plain_parts
from wabroadcast_core.rendering.syntax_faults import explain_syntax
from wabroadcast_core.rendering.values import BUDGET, MOST_BITS, MOST_ROUNDS, ROUND_COST, WorkMeter
from wabroadcast_core.sentences import Sentence, sentence_of

LONGEST_SOURCE: Final = 16_384  # characters
DEEPEST: Final = 32  # levels of nested expressions and blocks
MOST_SETS: Final = 32
LOOP_ATTRIBUTES: Final = frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length"})

Values: TypeAlias = Mapping[str, Scalar]
_NODE_NAMES: Final = {
    "AssignBlock": "set block",
    "CallBlock": "call block",
    "FilterBlock": "filter block",
    "FromImport": "import",
    "NSRef": "namespace",
    "ScopedEvalContextModifier": "autoescape",
}
_BAD_RANGE: Final = Sentence("bad_range", "the arguments of range() are not one to three plain whole numbers")
_ALLOWED_NODES: Final = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.If,
    nodes.CondExpr,
    nodes.List,
    nodes.Tuple,
    nodes.Pair,
    nodes.Keyword,
    nodes.BinExpr,  # arithmetic, which the environment meters, and "and", "or"
    nodes.UnaryExpr,
)


class CompiledText(Protocol):
    """A compiled text, which can be rendered for any number of recipients."""

    names: frozenset[str]
    """The variables that it uses; an item of a group as ``group.item``, in addition to the group."""
    is_plain: bool
    """Whether it consists of literals, variables and defaults only, so that it is rendered in microseconds."""
    required: frozenset[str]
    """Those without which it cannot be rendered: they stand outside conditions and loops, and have no default."""

    def fill(self, values: Mapping[str, Any], *, meter: WorkMeter | None = None) -> str:
        """Render the text with these values; a value of ``None`` counts as absent.

        :param meter: is charged for the work; give the same one for all texts of a message. None: a new one.
        :raises NotRendered: a variable is missing, or the result cannot be sent.
        """
        ...


def compile_text(source: str, *, longest: int, groups: Collection[str] = ()) -> CompiledText:
    """Check and compile one text.

    :param longest: characters of the rendered text at most; a longer one is a :class:`NotRendered`.
    :param groups: names whose values are mappings; only their items can be written as ``group.item``.
    :raises TemplateError: it is not a template, or it uses what templates may not use; the error names the line.
    """
    tree = parse_text(source)
    required = frozenset(_required_names(tree))
    checker = _Checker(groups)
    checker.visit(tree)
    parts = plain_parts(tree)
    if parts is not None:
        return PlainText(parts, required=required, longest=longest)
    try:
        return _FullText(tree, required=required, longest=longest, items=checker.items)
    except jinja2.TemplateSyntaxError as error:  # Jinja's compiler checks some rules that its parser does not
        raise _syntax_error(error) from error


def parse_text(source: str) -> nodes.Template:
    """Parse one text, without checking what it uses.

    :raises TemplateError: it is not a template; the error names the line.
    """
    if len(source) > LONGEST_SOURCE:
        text = "the template is longer than {most} characters"
        raise TemplateError(Sentence("long_template", text, most=LONGEST_SOURCE), line=1)
    refuse_half_characters(source)
    try:
        return ENVIRONMENT.parse(source)
    except jinja2.TemplateSyntaxError as error:
        raise explain_braces(source) or _syntax_error(error) from error
    except RecursionError as error:
        raise TemplateError(Sentence("nested_too_deeply", "the template is nested too deeply"), line=1) from error
    except ValueError as error:  # a number of thousands of digits
        raise TemplateError(Sentence("number_too_large", "a number is too large"), line=1) from error


def refuse_half_characters(text: str, *, line: int = 1) -> None:
    """Check that a text can be encoded.

    :raises TemplateError: it contains half of a surrogate pair.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        reason = "the text contains half a character, {character}: write the whole character"
        half = Sentence("half_character", reason, character=f"\\u{ord(text[error.start]):04x}")
        raise TemplateError(half, line=line + text.count("\n", 0, error.start)) from error


def _syntax_error(error: jinja2.TemplateSyntaxError) -> TemplateError:
    return TemplateError(explain_syntax(error.message), line=error.lineno)


class _Checker(NodeTransformer):
    """Checks a parsed template: refuses nodes that are not allowed, and replaces Jinja's operations by metered ones."""

    def __init__(self, groups: Collection[str] = ()) -> None:
        self._groups = groups
        self.items: set[str] = set()  # items of groups that the template uses, as ``group.item``
        self._depth = self._visited = self._sets = 0
        self._in_loop = False

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        if self._depth == DEEPEST:
            raise _refusal(node, Sentence("nested_too_deeply", "the template is nested too deeply"))
        self._visited += 1
        self._depth += 1
        checked = super().visit(node, *args, **kwargs)
        self._depth -= 1
        return checked

    def get_visitor(self, node: nodes.Node) -> Callable[..., Any]:
        if isinstance(node, _ALLOWED_NODES):
            return self.generic_visit
        return getattr(self, f"_check_{type(node).__name__.lower()}", _refuse)

    def _check_name(self, node: nodes.Name) -> nodes.Node:
        if node.name == "self" or (node.name == "loop" and (self._in_loop or node.ctx != "load")):
            raise _refusal(node, Sentence("reserved_name", "{name!r} is a reserved name", name=node.name))
        if unicodedata.normalize("NFKC", node.name) != node.name:  # Python would read it as another variable
            text = "the name {name!r} contains compatibility characters: type plain letters"
            raise _refusal(node, Sentence("compatibility_characters", text, name=node.name))
        return node

    def _check_const(self, node: nodes.Const) -> nodes.Node:
        if isinstance(node.value, str):
            refuse_half_characters(node.value, line=node.lineno)
        if isinstance(node.value, int) and node.value.bit_length() > MOST_BITS:
            raise _refusal(node, Sentence("number_too_large", "a number is too large"))
        if isinstance(node.value, float) and not math.isfinite(node.value):
            raise _refusal(node, Sentence("number_too_large", "a number is too large"))
        return node

    def _check_dict(self, node: nodes.Dict) -> nodes.Node:
        if not all(isinstance(pair.key, nodes.Const) for pair in node.items):
            raise _refusal(
                node, Sentence("computed_key", "a key of the mapping is computed: use plain texts or numbers as keys")
            )
        return self.generic_visit(node)

    def _check_filter(self, node: nodes.Filter) -> nodes.Node:
        if node.name not in FILTERS:
            text = "the filter {name!r} is not available: use one of {names}"
            raise _refusal(node, Sentence("no_filter", text, name=node.name, names=", ".join(FILTERS)))
        _without_unpacking(node)
        if node.name in ARGUMENT_CHECKS:
            _check_arguments(node)
        return self.generic_visit(node)

    def _check_test(self, node: nodes.Test) -> nodes.Node:
        if node.name not in TESTS:
            text = "the test {name!r} is not available: use one of {names}"
            raise _refusal(node, Sentence("no_test", text, name=node.name, names=", ".join(TESTS)))
        return self.generic_visit(_without_unpacking(node))

    def _check_getattr(self, node: nodes.Getattr) -> nodes.Node:
        of_loop = isinstance(node.node, nodes.Name) and node.node.name == "loop" and self._in_loop
        if of_loop and node.attr in LOOP_ATTRIBUTES:
            return node
        if isinstance(node.node, nodes.Name) and node.node.name in self._groups:
            self.items.add(f"{node.node.name}.{node.attr}")
            return self._replace(node, "_item", [node.node, nodes.Const(node.attr)])
        raise _no_attribute(node, node.attr)

    def _check_getitem(self, node: nodes.Getitem) -> nodes.Node:
        if isinstance(node.arg, nodes.Slice):
            bounds = (node.arg.start, node.arg.stop, node.arg.step)
            return self._replace(node, "_slice", [node.node, *(bound or nodes.Const(None) for bound in bounds)])
        if isinstance(node.arg, nodes.Const) and str(node.arg.value).startswith("_"):
            raise _no_attribute(node, node.arg.value)
        return self._replace(node, "_item", [node.node, node.arg])

    def _check_call(self, node: nodes.Call) -> nodes.Node:
        called = node.node
        if isinstance(called, nodes.Name) and called.name == "range":
            text = "range() is used outside the head of a loop: write {{% for i in range(3) %}}"
            raise _refusal(node, Sentence("range_outside_loop", text))
        if not isinstance(called, nodes.Getattr):
            raise _refusal(
                node, Sentence("no_functions", "functions are not available: use a filter or a method of a text")
            )
        if called.attr not in METHODS:
            raise _no_attribute(node, called.attr)
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
            text = "the template has more than {most} 'set' statements"
            raise _refusal(node, Sentence("many_sets", text, most=MOST_SETS))
        if not isinstance(node.target, nodes.Name):
            text = "'set' assigns to something other than one name: write {{% set name = value %}}"
            raise _refusal(node, Sentence("set_without_name", text))
        return self.generic_visit(node)

    def _check_for(self, node: nodes.For) -> nodes.Node:
        if self._in_loop or node.recursive:
            raise _refusal(
                node, Sentence("no_inner_loop", "a loop inside a loop, or a recursive loop, is not available")
            )
        if not isinstance(node.target, nodes.Name):
            text = "the loop assigns to something other than one name: write {{% for item in items %}}"
            raise _refusal(node, Sentence("loop_without_name", text))
        rounds = _constant_rounds(node.iter)
        items = nodes.Const(rounds) if rounds is not None else self.visit(node.iter)
        count = self._visit_body(node)
        if rounds is not None and len(rounds) * count * ROUND_COST > BUDGET:
            raise _refusal(
                node, Sentence("loop_too_much_work", "the loop takes too much work: use fewer rounds or a shorter body")
            )
        node.iter = _operation(node, "_loop", [items, nodes.Const(count)])
        return node

    def _visit_body(self, loop: nodes.For) -> int:
        """Check the body of a loop and return how many nodes one round evaluates at most."""
        before = self._visited
        self._in_loop = True
        loop.target = self.visit(loop.target)
        loop.test = loop.test and self.visit(loop.test)
        loop.body = [self.visit(node) for node in loop.body]
        self._in_loop = False
        loop.else_ = [self.visit(node) for node in loop.else_]
        return self._visited - before

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
        raise _refusal(
            node, Sentence("no_unpacking", "'*' and '**' in arguments are not available: write out each argument")
        )
    return node


def _check_arguments(node: nodes.Filter) -> None:
    """Check the arguments of a filter that takes constants only."""
    options = {str(option.key): _constant(option.value, node) for option in node.kwargs}
    try:
        ARGUMENT_CHECKS[node.name](*(_constant(value, node) for value in node.args), **options)
    except BadText as error:
        raise _refusal(node, sentence_of(error)) from error
    except TypeError as error:
        text = "the filter {name!r} takes other arguments"
        raise _refusal(node, Sentence("bad_filter_arguments", text, name=node.name)) from error


def _constant(value: nodes.Expr, node: nodes.Filter) -> Any:
    if not isinstance(value, nodes.Const):
        text = "an argument of the filter {name!r} is computed: write a plain text or number"
        raise _refusal(node, Sentence("computed_argument", text, name=node.name))
    return value.value


def _constant_rounds(node: nodes.Node) -> range | None:
    """Return the range that a ``range(…)`` after an ``in`` stands for; None if it is not a call of range."""
    if not (isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "range"):
        return None
    _without_unpacking(node)
    try:
        rounds = range(*map(_constant_integer, node.args))
        too_many = len(rounds) > MOST_ROUNDS
    except (TypeError, ValueError, OverflowError) as error:
        raise _refusal(node, _BAD_RANGE) from error
    if node.kwargs:
        raise _refusal(node, _BAD_RANGE)
    if too_many:
        raise _refusal(node, Sentence("many_rounds", "the loop has more than {most} rounds", most=MOST_ROUNDS))
    return rounds


def _constant_integer(node: nodes.Node) -> int:
    if isinstance(node, nodes.Neg):
        return -_constant_integer(node.node)
    if isinstance(node, nodes.Const) and type(node.value) is int:
        return node.value
    raise TypeError


def _refuse(node: nodes.Node) -> nodes.Node:
    name = type(node).__name__
    shown = _NODE_NAMES.get(name, name.lower())
    raise _refusal(node, Sentence("not_available", "{name!r} is not available", name=shown))


def _no_attribute(node: nodes.Node, name: object) -> TemplateError:
    return _refusal(node, Sentence("no_attribute", "the attribute {name!r} is not available", name=str(name)))


def _refusal(node: nodes.Node, reason: str) -> TemplateError:
    return TemplateError(reason, line=node.lineno or 1)


def _required_names(tree: nodes.Template) -> Iterator[str]:
    """Yield the variables that are printed for every recipient: an absent one leaves no text to send."""
    for output in tree.body:
        for node in output.nodes if isinstance(output, nodes.Output) else ():
            value: nodes.Node | None = node
            while isinstance(value, nodes.Filter) and value.name not in {"default", "d"}:
                value = value.node
            if isinstance(value, nodes.Name):
                yield value.name


class _FullText:
    """Any other text: code compiled by Jinja, which calls the metered operations."""

    is_plain = False

    def __init__(self, tree: nodes.Template, *, required: frozenset[str], longest: int, items: Collection[str]) -> None:
        self.names = frozenset(meta.find_undeclared_variables(tree)).union(items)
        self.required = required & self.names
        self._root = _compile(tree)
        self._longest = longest

    def fill(self, values: Mapping[str, Any], *, meter: WorkMeter | None = None) -> str:
        present = {name: value for name in self.names if (value := values.get(name)) is not None}
        return render(self._root, present, longest=self._longest, meter=meter or WorkMeter())


def _compile(tree: nodes.Template) -> Callable[[Context], Iterable[str]]:
    code = ENVIRONMENT.compile(tree)
    return ENVIRONMENT.template_class.from_code(ENVIRONMENT, code, {}).root_render_func
