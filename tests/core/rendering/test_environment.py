import contextlib
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any, Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.rendering.texts import LONG, compile_body
from wabroadcast_core.errors import TemplateError
from wabroadcast_core.models.message import LONGEST_TEXT
from wabroadcast_core.models.recipient import Scalar
from wabroadcast_core.rendering.content import NotRendered
from wabroadcast_core.rendering.methods import METHODS
from wabroadcast_core.rendering.template import compile_text
from wabroadcast_core.rendering.values import BUDGET, WorkMeter

FAT = "a %999999999d " * 2_340  # 32 KiB of it
FOREIGN = "ß-ΐ 你 " * 4_600


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{{ x }}" * 2_300, id="thousands-of-fat-variables"),
        pytest.param("{{ x ~ x }}" * 900, id="thousands-of-concatenations"),
        pytest.param("{{ " + "~".join("x" * 2_000) + " }}", id="one-long-concatenation"),
        pytest.param("{% set x = x ~ x %}" * 32 + "{{ x }}", id="doubling"),
        pytest.param("{% set x = [x, x] %}" * 32 + "{{ x|join }}", id="doubling-lists"),
        pytest.param("{% set x = [x, x] %}" * 32 + "{{ x == x }}", id="comparing-doubled-lists"),
        pytest.param("{{ x|replace('', x) }}", id="replacing-nothing"),
        pytest.param("{{ x|replace('a', x)|length }}", id="replacing-much"),
        pytest.param("{{ x.split()|join(x) }}", id="fat-separator"),
        pytest.param(
            "{% for i in range(900) %}{% if x|title == i %}{% endif %}{% endfor %}x", id="silent-work-in-a-loop"
        ),
        pytest.param(
            "{% for i in range(900) %}{% if x|urlencode == i %}{% endif %}{% endfor %}x", id="quoting-in-a-loop"
        ),
        pytest.param("{% for i in range(900) %}{% if x.split() %}{% endif %}{% endfor %}x", id="splitting-in-a-loop"),
        pytest.param("{% for i in range(900) %}{{ x[::-1] in x }}{% endfor %}", id="searching-in-a-loop"),
        pytest.param("{% for i in range(900) %}{{ n|string == 'x' }}{% endfor %}", id="printing-a-long-number"),
        pytest.param("{% for c in x.split() %}{{ x }}{% endfor %}", id="loop-over-thousands-of-words"),
        pytest.param("{% for c in x[:900] %}{{ x }}{% endfor %}", id="fat-rounds"),
        pytest.param("{{ n ** n }}", id="power-of-values"),
        pytest.param("{{ m ** m }}", id="power-of-smaller-values"),
        pytest.param("{% set m = m * m %}" * 32 + "{{ m }}", id="squaring"),
        pytest.param("{{ x * m }}", id="repetition-by-a-value"),
        pytest.param("{{ x % m }}", id="width-from-a-value"),
        pytest.param("{% if x is even %}{% endif %}", id="width-from-a-value-in-a-test"),
        pytest.param("{{ m|round(m) }}", id="rounding-by-a-value"),
        pytest.param("{{ x|truncate(m) }}", id="truncating-by-a-value"),
        pytest.param("{{ x.split(x, m) }}", id="splitting-by-a-value"),
        pytest.param("{{ x|int }}{{ digits|int }}", id="parsing-digits"),
        pytest.param("{{ zeros.lstrip(ones) }}", id="stripping"),
        pytest.param("{{ zeros.rstrip(ones) }}{{ zeros|trim(ones) }}", id="stripping-both-ends"),
        pytest.param("{{ [" + "n," * 8_000 + "]|join|length }}", id="joining-long-numbers"),
        pytest.param("{{ (" + "~".join("n" * 8_000) + ")|length }}", id="concatenating-long-numbers"),
        pytest.param("{{n}}" * 3_000, id="printing-long-numbers"),
        pytest.param("{{ zeros in [" + "nearly," * 2_000 + "] }}", id="searching-a-list-of-long-texts"),
    ],
)
@pytest.mark.parametrize("fat", [pytest.param(FAT, id="ascii"), pytest.param(FOREIGN, id="foreign")])
def test_every_template_ends_soon_in_little_memory(text: str, fat: str) -> None:
    content = compile_body(text)
    values: dict[str, Scalar] = {"x": fat, "n": 10**4_000, "m": 10**6, "digits": "9" * 32_768}
    values |= {"zeros": "0" * 130_000, "nearly": "0" * 129_999 + "1", "ones": "1" * 129_000 + "0"}
    tracemalloc.start()
    started = time.process_time()

    with contextlib.suppress(NotRendered):
        content.render(number="+1", name=None, variables=values)

    assert time.process_time() - started < 1
    assert tracemalloc.get_traced_memory()[1] < 32 * 1024 * 1024
    tracemalloc.stop()


class CountedText(str):
    """A text that counts how often one of its characters is looked at."""

    __slots__ = ("looks",)
    looks: int

    def __new__(cls, text: str) -> Self:
        counted = super().__new__(cls, text)
        counted.looks = 0
        return counted

    def __getitem__(self, key: Any) -> str:
        self.looks += 1
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:
        for character in super().__iter__():
            self.looks += 1
            yield character


@pytest.mark.parametrize("method", ["strip", "lstrip", "rstrip"])
def test_stripping_looks_at_each_character_about_once(method: str) -> None:
    text, unwanted = CountedText("0" * 1_000), CountedText("1" * 999 + "0")

    assert METHODS[method](text, unwanted) == ""
    assert text.looks <= len(text) + 1
    assert unwanted.looks <= len(unwanted)


@pytest.mark.parametrize(
    ("source", "least"),
    [
        pytest.param("{{ x|title|length }}", 4_000, id="title-takes-four-times-as-long"),
        pytest.param("{{ x.replace(old='b', new=x)|length }}", 2_000, id="named-arguments-of-a-method"),
        pytest.param("{{ 'a' in [x, x, x] }}", 3_000, id="items-of-a-searched-list"),
        pytest.param("{{ [x, x]|join|length }}", 2_000, id="joined-items"),
        pytest.param("{{ x ~ x }}", 4_000, id="concatenated-and-printed"),
        pytest.param("{{ x.split('b')|length }}", 1_000, id="split"),
        pytest.param("{{ x }}" * 3, 3, id="plain-variables"),
    ],
)
def test_an_operation_is_charged_for_all_that_it_touches(source: str, least: int) -> None:
    meter = WorkMeter()

    compile_text(source, longest=LONG).fill({"x": "a" * 1_000}, meter=meter)

    assert least <= BUDGET - meter.left < 2 * least + 1_000


LEAVES = st.sampled_from(
    ["x", "n", "missing", "1", "-7", "2.5", "1000000", "'%9999999999d'", "''", "' '", "true", "none", "[]"]
)
UNARY = [
    "{}|upper",
    "{}|title",
    "{}|length",
    "{}|first",
    "{}|last",
    "{}|int",
    "{}|float",
    "{}|string",
    "{}|urlencode",
    "{}|round(2)",
    "{}|trim",
    "{}|truncate(9)",
    "{}.split()",
    "{}.strip()",
    "{}[0]",
    "{}[::-1]",
    "-{}",
    "not {}",
    "{} is even",
    "[{}]",
    "{}|d(1)",
    "{}|abs",
    "{}|join",
    "{}.__class__",
    "{}|center(99)",
]
BINARY = [
    "{} ~ {}",
    "{} + {}",
    "{} * {}",
    "{} ** {}",
    "{} % {}",
    "{} // {}",
    "{} - {}",
    "{} == {}",
    "{} in {}",
    "{} < {}",
    "{} and {}",
    "{} or {}",
    "{}|replace('', {})",
    "{}|join({})",
    "[{}, {}]",
    "{}[{}]",
    "{}|round({})",
    "{}|truncate({})",
    "{}.split({})",
    "{}.strip({})",
    "{}|trim({})",
    "{} in [{}]",
    "{}|default({})",
]
EXPRESSIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(str.format, st.sampled_from(UNARY), inner.map("({})".format)),
        st.builds(str.format, st.sampled_from(BINARY), inner.map("({})".format), inner.map("({})".format)),
    ),
    max_leaves=8,
)
STATEMENTS = [
    "{{{{ {} }}}}",
    "{{% set x = {} %}}",
    "{{% if {} %}}y{{% endif %}}",
    "{{% for i in {} %}}{{{{ x }}}}{{% endfor %}}",
    "{{% for i in range(300) %}}{{% set y = {} %}}{{% endfor %}}",
]
TEMPLATES = st.lists(st.builds(str.format, st.sampled_from(STATEMENTS), EXPRESSIONS), min_size=1, max_size=6).map(
    "".join
)


@settings(deadline=None)
@given(TEMPLATES, st.sampled_from([FAT, FOREIGN, "Budi Santoso", ""]), st.sampled_from([0, 3, 10**6, 10**4_000, 1e300]))
def test_any_template_is_refused_or_ends_soon_for_any_values(source: str, x: str, n: float) -> None:
    text = ""
    started = time.process_time()

    with contextlib.suppress(TemplateError, NotRendered):
        text = compile_text(source, longest=LONGEST_TEXT).fill({"x": x, "n": n})

    assert time.process_time() - started < 2
    assert len(text) <= LONGEST_TEXT
