import contextlib
import re
import time
import tracemalloc
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jinja2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wabroadcast_core.errors import TemplateError
from wabroadcast_core.models.message import (
    LONGEST_CAPTION,
    LONGEST_TEXT,
    MediaContent,
    MediaSource,
    TemplateContent,
    TemplateName,
    TextContent,
)
from wabroadcast_core.models.recipient import Scalar
from wabroadcast_core.rendering.content import (
    BadText,
    CompiledContent,
    MissingVariable,
    NotRendered,
    compile_content,
    variables_of,
)
from wabroadcast_core.rendering.template import compile_text

JINJA = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)  # the one to be equal to
LONG = 1_000_000  # characters, where the length is not what is tested


def compile_body(text: str) -> CompiledContent:
    return compile_content(TextContent(text=text))


def render_text(text: str, *, name: str | None = "Budi", **variables: Scalar) -> str | None:
    return compile_body(text).render(number="+628123456789", name=name, variables=variables).text


# what a text can say


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        pytest.param("Selamat pagi", "Selamat pagi", id="no-variable"),
        pytest.param("Halo {{ name }}, kode {{ code }}", "Halo Budi, kode A1", id="two-variables"),
        pytest.param("{{name}}{{ name }}", "BudiBudi", id="one-twice"),
        pytest.param("{{ number }}", "+628123456789", id="the-number"),
        pytest.param("a\n\n  b\t\n", "a\n\n  b\t\n", id="line-breaks-as-typed"),
        pytest.param("a\r\nb\r\n", "a\nb\n", id="windows-line-breaks-are-one-character"),
        pytest.param("Halo {{ nick|default('Kak') }}", "Halo Kak", id="default-of-a-missing-one"),
        pytest.param("Halo {{ name|d('Kak') }}", "Halo Budi", id="default-of-a-present-one"),
        pytest.param("{{ none_at_all|default(name) }}", "Budi", id="default-is-another-variable"),
        pytest.param("{{ name|default(none_at_all) }}", "Budi", id="unused-default-may-be-missing"),
        pytest.param("<b>{{ code }} & {{ '<' }}", "<b>A1 & <", id="nothing-is-escaped"),
        pytest.param("{% if total > 100 %}besar{% else %}kecil{% endif %}", "besar", id="condition"),
        pytest.param("{% if vip is defined %}VIP{% else %}biasa{% endif %}", "biasa", id="asks-whether-defined"),
        pytest.param("{{ 'VIP ' if false }}{{ name }}", "Budi", id="conditional-without-else"),
        pytest.param("{{ name|upper ~ '-' ~ total }}", "BUDI-150", id="filter-and-concatenation"),
        pytest.param("{{ full.split()[0] }}", "Siti", id="first-name"),
        pytest.param("{{ full.split()|last }}", "Rahma", id="last-name"),
        pytest.param("{{ full[:4] }}{{ full[-1] }}", "Sitia", id="slice-and-index"),
        pytest.param("{{ {'L': 'Pak', 'P': 'Bu'}[sex] }} {{ full }}", "Bu Siti Nur Rahma", id="mapping"),
        pytest.param(
            "{{ total * 2 + 1 }} {{ total // 7 }} {{ total % 7 }} {{ 2 ** 8 }}", "301 21 3 256", id="arithmetic"
        ),
        pytest.param("{% for i in range(3) %}{{ loop.index }}{{ i }} {% endfor %}", "10 21 32 ", id="loop-over-range"),
        pytest.param(
            "{% for w in full.split() %}{{ w }}{% if not loop.last %},{% endif %}{% endfor %}",
            "Siti,Nur,Rahma",
            id="loop-over-words",
        ),
        pytest.param("{% set hi = 'Halo ' ~ name %}{{ hi }}", "Halo Budi", id="set"),
        pytest.param("{{ 1 < 2 <= 2 and 'a' in 'abc' and sex in ['L', 'P'] }}", "True", id="comparisons"),
        pytest.param("{% raw %}{{ name }}{% endraw %}{# nothing #}", "{{ name }}", id="raw-and-comment"),
        pytest.param(
            "{{ 3.14159|round(2) }} {{ '7'|int + 1 }} {{ full|truncate(9, true, '…', 0) }}",
            "3.14 8 Siti Nur…",
            id="numbers-and-truncate",
        ),
        pytest.param("https://x.id/?q={{ full|urlencode }}", "https://x.id/?q=Siti%20Nur%20Rahma", id="link"),
    ],
)
def test_a_text_says_what_its_template_asks(text: str, rendered: str) -> None:
    assert render_text(text, code="A1", total=150, full="Siti Nur Rahma", sex="P") == rendered


def test_a_recipients_name_goes_before_a_column_of_that_name() -> None:
    content = compile_body("{{ name }} {{ number }}")

    assert content.render(number="+1", name="Budi", variables={"name": "x", "number": "y"}).text == "Budi +1"
    assert content.render(number="+1", name=None, variables={"name": "column"}).text == "column +1"


def test_each_rendered_content_is_its_own() -> None:
    content = compile_content(TextContent(text="hi", preview_url=True))

    first, second = (content.render(number="+1", name=None, variables={}) for _ in range(2))
    first.content["previewUrl"] = False

    assert second.content == {"previewUrl": True}


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        pytest.param("{{ name }}", "name", id="name-is-none"),
        pytest.param("{{ code }}", "code", id="variable-is-none"),
        pytest.param("{{ other }}", "other", id="absent"),
        pytest.param("{{ other|upper }}", "other", id="in-a-filter"),
        pytest.param("{{ 'a'|replace('a', other) }}", "other", id="as-an-argument"),
        pytest.param("{{ other.strip() }}", "other", id="in-a-method"),
        pytest.param("{{ other[0] }}", "other", id="in-an-index"),
        pytest.param("{{ 'abc'[other:] }}", "other", id="in-a-slice"),
        pytest.param("{{ 'a' ~ other }}", "other", id="concatenated"),
        pytest.param("{{ other + 1 }}", "other", id="in-arithmetic"),
        pytest.param("{{ other == 1 }}", "other", id="compared"),
        pytest.param("{% if other %}x{% endif %}", "other", id="as-a-condition"),
        pytest.param("{% for c in other %}{{ c }}{% endfor %}", "other", id="looped-over"),
        pytest.param("{{ other|default(another) }}", "another", id="default-is-missing-too"),
    ],
)
def test_a_missing_variable_is_named(text: str, missing: str) -> None:
    with pytest.raises(MissingVariable) as caught:
        render_text(text, name=None, code=None)

    assert caught.value.name == missing
    assert missing in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("{{ blank }}", "text: it is empty", id="empty-once-filled-in"),
        pytest.param("{{ long }}", "text: it is longer than 4,096 characters", id="too-long"),
        pytest.param("{{ long|upper }}", "text: it is longer than 4,096 characters", id="too-long-by-a-filter"),
        pytest.param("{{ huge }}", "text: a number is too large", id="number-python-will-not-print"),
        pytest.param(
            "{{ huge|string }}", "text: an operation does not fit its values (ValueError)", id="nor-by-a-filter"
        ),
        pytest.param("{{ 1 / zero }}", "text: an operation does not fit its values (ZeroDivisionError)", id="by-zero"),
        pytest.param("{{ blank[3] }}", "text: an item is asked for that is not there", id="no-such-item"),
        pytest.param("{{ blank * 3 }}", "text: a text where a number is wanted", id="text-multiplied"),
        pytest.param("{{ [blank] }}", "text: a text or a number is wanted where", id="list-printed"),
        pytest.param("{% for c in long %}{{ c }}{% endfor %}", "text: a loop over something that", id="loop-too-long"),
    ],
)
def test_what_cannot_be_sent_is_a_bad_text(text: str, reason: str) -> None:
    with pytest.raises(BadText) as caught:
        render_text(text, blank=" \n", long="x" * (LONGEST_TEXT + 1), huge=10**5_000, zero=0)

    assert str(caught.value).startswith(reason)


def test_the_longest_text_is_still_sent() -> None:
    assert render_text("{{ x }}!", x="x" * (LONGEST_TEXT - 1)) == "x" * (LONGEST_TEXT - 1) + "!"


def test_variables_are_the_names_a_template_may_ask_for() -> None:
    text = "{{ name }}{{ a|default(b) }}{% set c = d %}{{ c }}{% for e in f %}{{ e }}{% endfor %}"
    loop = "{% for i in range(2) %}{% endfor %}"

    assert variables_of(TextContent(text=text + loop)) == {"name", "a", "b", "d", "f"}


# equal to Jinja

NAMES = ("name", "code", "no_kamar", "total")
PIECES = st.one_of(
    st.text(st.characters(exclude_characters="{}%#\r", exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(
        ["\n", "\n\n", " {{name}}", "{{ code }}\n", "{{- total }}", "{{ no_kamar -}} ", "{% raw %}{{{% endraw %}"]
    ),
    st.sampled_from(NAMES).map("{{{{ {} }}}}".format),
    st.builds("{{{{ {}|default({!r}) }}}}".format, st.sampled_from(NAMES), st.sampled_from(["Kak", "", 7, 1.5])),
)
SCALARS = st.one_of(st.text(max_size=30), st.integers(), st.floats(), st.booleans())
VALUES = st.dictionaries(st.sampled_from(NAMES), SCALARS)


compile_theirs = lru_cache(JINJA.from_string)
compile_ours = lru_cache(compile_text)


def said_by_jinja(source: str, values: Mapping[str, Any]) -> str:
    try:
        return compile_theirs(source).render(values)
    except jinja2.UndefinedError:
        return "missing"


def said_by_us(source: str, values: Mapping[str, Any]) -> str:
    try:
        return compile_ours(source, longest=LONG).fill(values)
    except MissingVariable:
        return "missing"


@settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # the first draw builds Hypothesis' table of characters
@given(st.lists(PIECES, max_size=8).map("".join), VALUES)
def test_the_short_cut_for_plain_texts_gives_what_jinja_gives(source: str, values: dict[str, Any]) -> None:
    assert said_by_us(source, values) == said_by_jinja(source, values)


@pytest.mark.parametrize(
    "source",
    [
        "{{ code|upper }} {{ code|lower }} {{ code|title }} {{ code|capitalize }} {{ code|trim }} {{ code|length }}",
        "{{ code|replace('a', 'bb') }} {{ code|replace('', '-', 3) }}",
        "{{ code|truncate(10) }} {{ code|truncate(8, true, '') }} {{ code|truncate(9, leeway=0) }}",
        "{{ code|string }} {{ code|int }} {{ code|float }} {{ code|int(3) }} {{ code|urlencode }} {{ total|string }}",
        "{{ code|first|default('none') }} {{ code|last|default('none') }} {{ code|join('-') }}",
        "{{ code|default('x', true) }} {{ other|default }} {{ other|d(total) }}",
        "{{ code.upper() }}{{ code.strip('a') }}{{ code.replace('a', 'b', 1) }}{{ code.title() }}",
        "{{ code.startswith('a') }} {{ code.removeprefix('a') }} {{ code.casefold() }}",
        "{{ code.split()|join('+') }} {{ code.split('a', 1)|length }} {{ code[:3] }}{{ code[::-1] }}{{ code[1:2] }}",
        "{{ total + 1 }} {{ total - 2 }} {{ total * 3 }} {{ total / 7 }} {{ total // 7 }} {{ total % 7 }} {{ -total }}",
        "{{ total ** 2 }} {{ 2 ** 3 ** 2 }} {{ total|abs }} {{ total|round }} {{ total|round(-1) }}",
        "{{ (total / 3)|round(2, 'ceil') }} {{ (total / 3)|round(method='floor') }}",
        "{{ total < 3 }} {{ 1 < total <= 100 }} {{ total == code }} {{ total != 5 }}",
        "{{ 'a' in code }} {{ 'a' not in code }} {{ total in [1, 2, code] }}",
        "{{ total is even }} {{ total is odd }} {{ total is divisibleby(3) }} {{ code is string }}",
        "{{ total is number }} {{ other is defined }} {{ total is none }} {{ total is not float }}",
        "{% if total is integer and not (code or total) %}a{% elif code == 'x' %}b{% else %}c{% endif %}",
        "{% for c in code %}{{ loop.index }}{{ c }}{{ ',' if not loop.last }}{% else %}nobody{% endfor %}",
        "{% for i in range(10, 0, -3) %}{{ i }}{{ loop.revindex0 }}{% endfor %}",
        "{% for x in [1, code, 'b'] if x != 1 %}{{ x }}{% endfor %}",
        "{% set a = code ~ total %}{{ a ~ a }}{{ a + 'x' }}",
        "{{ {'a': 1, 'b': code}['b'] }} {{ [1, total][1] }} {{ (code, 2)[0] }} {{ 'x' if total > 3 else 'y' }}",
    ],
)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # as above
@given(code=st.text(max_size=40), total=st.integers(-(10**6), 10**6))
def test_the_full_language_gives_what_jinja_gives(source: str, code: str, total: int) -> None:
    assert said_by_us(source, {"code": code, "total": total}) == said_by_jinja(source, {"code": code, "total": total})


# what no template may do


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        pytest.param("{{ name", 1, "", id="unclosed"),
        pytest.param("a\nb {% if %}", 2, "", id="if-without-condition"),
        pytest.param("{% if name %}", 1, "", id="if-without-end"),
        pytest.param("a\n{% nonsense %}", 2, "nonsense", id="unknown-tag"),
        pytest.param("{{ ''.__class__ }}", 1, "'__class__' is outside the sandbox", id="class-of-a-text"),
        pytest.param("\n\n{{ name.__class__.__mro__ }}", 3, "is outside the sandbox", id="chain-of-attributes"),
        pytest.param("{{ ''['__class__'] }}", 1, "'__class__' is outside the sandbox", id="class-as-an-item"),
        pytest.param("{{ name|attr('__class__') }}", 1, "no filter 'attr'", id="class-by-a-filter"),
        pytest.param("{{ [name]|map(attribute='__class__') }}", 1, "no filter 'map'", id="class-by-map"),
        pytest.param("{{ name._x }}", 1, "'_x' is outside the sandbox", id="underscore"),
        pytest.param("{{ name.x }}", 1, "'x' is outside the sandbox", id="any-attribute"),
        pytest.param("{{ name.upper }}", 1, "'upper' is outside the sandbox", id="method-not-called"),
        pytest.param("{{ '{0.__class__}'.format(name) }}", 1, "'format' is outside the sandbox", id="format"),
        pytest.param("{{ name.format_map(name) }}", 1, "'format_map'", id="format-map"),
        pytest.param("{{ 'x'.zfill(10**9) }}", 1, "'zfill'", id="zfill"),
        pytest.param("{{ name.encode() }}", 1, "'encode'", id="encode"),
        pytest.param("{{ self }}", 1, "'self' is a reserved name", id="self"),
        pytest.param("{{ self.__init__.__globals__ }}", 1, "outside the sandbox", id="globals-of-self"),
        pytest.param("{{ range(5) }}", 1, "range() belongs", id="range-outside-a-loop"),
        pytest.param("{{ lipsum() }}", 1, "functions are not available", id="lipsum"),
        pytest.param("{{ cycler.__init__.__globals__.os.popen('id').read() }}", 1, "outside the sandbox", id="popen"),
        pytest.param("{{ namespace(a=1) }}", 1, "functions are not available", id="namespace"),
        pytest.param("{{ dict(a=1) }}", 1, "functions are not available", id="dict"),
        pytest.param("{{ name.upper(*name) }}", 1, "'*' and '**'", id="unpacking"),
        pytest.param("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", 1, "'macro' is not available", id="macro"),
        pytest.param("{% include 'x' %}", 1, "'include' is not available", id="include"),
        pytest.param("{% import 'x' as y %}", 1, "'import' is not available", id="import"),
        pytest.param("{% from 'x' import y %}", 1, "'import' is not available", id="from-import"),
        pytest.param("{% extends 'x' %}", 1, "'extends' is not available", id="extends"),
        pytest.param("{% block x %}{% endblock %}", 1, "'block' is not available", id="block"),
        pytest.param("{% call f() %}{% endcall %}", 1, "'call block' is not available", id="call-block"),
        pytest.param("{% filter upper %}x{% endfilter %}", 1, "'filter block' is not available", id="filter-block"),
        pytest.param("{% with a = 1 %}{% endwith %}", 1, "'with' is not available", id="with"),
        pytest.param("{% autoescape true %}{% endautoescape %}", 1, "is not available", id="autoescape"),
        pytest.param("{% set a %}x{% endset %}", 1, "'set block' is not available", id="set-block"),
        pytest.param("{% set a, b = 1, 2 %}", 1, "'set' gives a value to one plain name", id="set-of-two"),
        pytest.param("{% set a.b = 1 %}", 1, "'set' gives a value to one plain name", id="set-of-an-attribute"),
        pytest.param("{% set a = 1 %}" * 33, 1, "more than 32 'set'", id="many-sets"),
        pytest.param("x\n{% for i in range(1001) %}{% endfor %}", 2, "at most 1,000 items", id="long-range"),
        pytest.param("{% for i in range(10**9) %}{% endfor %}", 1, "plain whole numbers", id="computed-range"),
        pytest.param("{% for i in range(total) %}{% endfor %}", 1, "plain whole numbers", id="range-of-a-variable"),
        pytest.param("{% for i in range(1, 2, 0) %}{% endfor %}", 1, "plain whole numbers", id="endless-range"),
        pytest.param(
            "{% for i in range(9) %}{% for j in name %}{% endfor %}{% endfor %}",
            1,
            "a loop inside a loop",
            id="nested-loops",
        ),
        pytest.param("{% for i in name recursive %}{{ loop(i) }}{% endfor %}", 1, "a loop inside", id="recursive-loop"),
        pytest.param("{% for i in name %}{{ loop }}{% endfor %}", 1, "'loop' is a reserved name", id="bare-loop"),
        pytest.param("{% for i in name %}{{ loop.cycle(1) }}{% endfor %}", 1, "'cycle'", id="loop-method"),
        pytest.param("{% for i in name %}{{ loop._iterable }}{% endfor %}", 1, "'_iterable'", id="loop-inside"),
        pytest.param("{% for a, b in name %}{% endfor %}", 1, "one plain name", id="unpacking-loop"),
        pytest.param(
            "{% for i in range(1000) %}" + "{{ i }}" * 50 + "{% endfor %}", 1, "too much work", id="long-work"
        ),
        pytest.param("{{ 'a'|center(1000000000) }}", 1, "no filter 'center'", id="center-bomb"),
        pytest.param("{{ 'a'|indent(1000000000) }}", 1, "no filter 'indent'", id="indent-bomb"),
        pytest.param("{{ '%1000000000d'|format(1) }}", 1, "no filter 'format'", id="format-bomb"),
        pytest.param("{{ '%1000000000d' % 1 }}", 1, "a text where a number is wanted", id="percent-bomb"),
        pytest.param("{{ '%1000000000d' is even }}", 1, "a text where a number is wanted", id="percent-bomb-in-a-test"),
        pytest.param("{{ 'a' * 10000000000 }}", 1, "a text where a number is wanted", id="repetition-bomb"),
        pytest.param("{{ [1] * 10000000000 }}", 1, "a text or a number is wanted", id="list-bomb"),
        pytest.param("{{ 9 ** 9 ** 9 ** 9 }}", 1, "a number is too large", id="power-bomb"),
        pytest.param("{{ 1.5|round(-1000000000) }}", 1, "rounding to more than 15 digits", id="rounding-bomb"),
        pytest.param(
            "{{ 'abc'|round(9, 'ceil') }}", 1, "a text where a number is wanted", id="rounding-repetition-bomb"
        ),
        pytest.param("{{ 1e999 }}", 1, "a number is too large", id="infinite-constant"),
        pytest.param("{{ " + "9" * 5_000 + " }}", 1, "a number is too large", id="constant-of-thousands-of-digits"),
        pytest.param("{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}", 1, "nested too deeply", id="nested-parentheses"),
        pytest.param("{{ " + "1+" * 5_000 + "1 }}", 1, "nested too deeply", id="endless-sum"),
        pytest.param("{{ name" + "|upper" * 2_000 + " }}", 1, "nested too deeply", id="endless-filters"),
        pytest.param("{{ " + "-" * 10_000 + "1 }}", 1, "nested too deeply", id="endless-minus"),
        pytest.param("{% if name %}" * 600 + "{% endif %}" * 600, 1, "nested too deeply", id="nested-conditions"),
        pytest.param("{{ {name: 1}[name] }}", 1, "the keys of a mapping", id="mapping-by-a-variable"),
        pytest.param("{{ name is filter }}", 1, "no test 'filter'", id="test-not-on-the-list"),
        pytest.param("{{ ﬁ }}", 1, "letters that stand for others", id="look-alike-name"),
        pytest.param("  \n ", 1, "text: it is empty", id="blank"),
        pytest.param("x" * (LONGEST_TEXT + 1), 1, "longer than 4,096 characters", id="too-long-for-anyone"),
        pytest.param("{{ 1 / 0 }}", 1, "ZeroDivisionError", id="wrong-for-everyone"),
    ],
)
def test_a_template_that_asks_for_too_much_is_refused_with_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_body(text)

    assert caught.value.line == line
    assert reason in caught.value.reason


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
    ],
)
@pytest.mark.parametrize("fat", [pytest.param(FAT, id="ascii"), pytest.param(FOREIGN, id="foreign")])
def test_whatever_is_asked_ends_soon_in_little_memory(text: str, fat: str) -> None:
    content = compile_body(text)
    values: dict[str, Scalar] = {"x": fat, "n": 10**4_000, "m": 10**6, "digits": "9" * 32_768}
    tracemalloc.start()
    started = time.process_time()

    with contextlib.suppress(NotRendered):
        content.render(number="+1", name=None, variables=values)

    assert time.process_time() - started < 1
    assert tracemalloc.get_traced_memory()[1] < 32 * 1024 * 1024
    tracemalloc.stop()


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


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["{{", "}}", "{%", "%}", "{#", "#}", "-", "|", "x", " ", "\n", "for", "in", "if", "(", "'", "1"]
        )
    ).map("".join)
)
def test_any_string_of_characters_compiles_or_is_refused(source: str) -> None:
    with contextlib.suppress(TemplateError):
        names = compile_text(source, longest=LONGEST_TEXT).names
        assert all(re.fullmatch("(x|for|in|if)(x|for|in|if|1)*", name) for name in names)


@pytest.mark.parametrize(
    "opening", ["{", "{{", "{%", "{#", "{% raw %}", "{{ '", "{%-", "\n", " ", "{{ x }", "{% if x %}"]
)
def test_long_nonsense_is_refused_soon(opening: str) -> None:
    started = time.process_time()

    with pytest.raises(TemplateError):
        compile_text((opening * 16_384)[:16_384] + "{{", longest=LONGEST_TEXT)

    assert time.process_time() - started < 1


# media and provider templates


def test_media_render_caption_and_filename() -> None:
    media = MediaContent(
        type="document",
        media=MediaSource(url="https://x.id/a.pdf"),
        caption="Tagihan {{ name }}",
        filename="{{ code }}.pdf",
    )

    rendered = compile_content(media).render(number="+1", name="Budi", variables={"code": "A1"})

    assert rendered.text == "Tagihan Budi"
    assert rendered.content == {"media": {"url": "https://x.id/a.pdf"}, "filename": "A1.pdf"}


def test_media_without_caption_have_no_text() -> None:
    media = MediaContent(type="image", media=MediaSource(upload_id="u1"))

    rendered = compile_content(media).render(number="+1", name=None, variables={})

    assert rendered.text is None
    assert rendered.content == {"media": {"uploadId": "u1"}}


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        pytest.param(
            {"a": "x" * (LONGEST_CAPTION + 1), "b": "f"}, "caption: it is longer than 1,024", id="long-caption"
        ),
        pytest.param({"a": "", "b": "f"}, "caption: it is empty", id="empty-caption"),
        pytest.param({"a": "c", "b": "x" * 256}, "filename: it is longer than 255", id="long-filename"),
        pytest.param({"a": "c", "b": "x\ny"}, "filename: it holds a line break", id="filename-of-two-lines"),
    ],
)
def test_a_bad_caption_or_filename_is_named(variables: dict[str, Scalar], reason: str) -> None:
    media = MediaContent(type="image", media=MediaSource(upload_id="u1"), caption="{{ a }}", filename="{{ b }}")

    with pytest.raises(BadText) as caught:
        compile_content(media).render(number="+1", name=None, variables=variables)

    assert str(caught.value).startswith(reason)


def provider_template(*texts: str) -> TemplateContent:
    parameters = [{"type": "text", "text": text} for text in texts]
    components = [{"type": "body", "parameters": parameters}, {"type": "button", "index": 0, "sub_type": "url"}]
    return TemplateContent(type="template", template=TemplateName(name="promo", language="id", components=components))


def test_a_provider_template_renders_every_text_in_its_components() -> None:
    content = compile_content(provider_template("{{ name }}", "Rp {{ total }}"))

    rendered = content.render(number="+1", name="Budi", variables={"total": 5})

    assert rendered.text is None
    assert content.variables == {"name", "total"}
    assert rendered.content["template"]["name"] == "promo"
    assert rendered.content["template"]["components"] == [
        {"type": "body", "parameters": [{"type": "text", "text": "Budi"}, {"type": "text", "text": "Rp 5"}]},
        {"type": "button", "index": 0, "sub_type": "url"},
    ]


def test_rendering_a_provider_template_leaves_the_next_one_alone() -> None:
    content = compile_content(provider_template("fixed"))

    first, second = (content.render(number="+1", name=None, variables={}) for _ in range(2))
    first.content["template"]["components"].clear()

    assert len(second.content["template"]["components"]) == 2


@pytest.mark.parametrize(
    ("value", "what"),
    [
        pytest.param("a\nb", "a line break", id="line-break"),
        pytest.param("a\u2028b", "a line break", id="unicode-line-break"),
        pytest.param("a\tb", "a tab", id="tab"),
        pytest.param("a     b", "more than 4 spaces in a row", id="five-spaces"),
    ],
)
def test_a_value_that_meta_refuses_is_a_bad_text_with_its_place(value: str, what: str) -> None:
    content = compile_content(provider_template("fine", "{{ x }}"))

    with pytest.raises(BadText) as caught:
        content.render(number="+1", name=None, variables={"x": value})

    assert str(caught.value) == f"components.0.parameters.1.text: it holds {what}"


def test_four_spaces_in_a_provider_template_are_fine() -> None:
    content = compile_content(provider_template("{{ x }}"))

    assert content.render(number="+1", name=None, variables={"x": "a    b"}).text is None


def test_a_fault_in_a_component_is_named_with_place_and_line() -> None:
    with pytest.raises(TemplateError) as caught:
        compile_content(provider_template("fine", "\n{{ x.y }}"))

    assert str(caught.value) == "line 2: components.0.parameters.1.text: the attribute 'y' is outside the sandbox"


def test_components_without_end_are_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"a": deep}
    nested = TemplateContent(type="template", template=TemplateName(name="x", language="id", components=[deep]))

    with pytest.raises(TemplateError, match="nested too deeply"):
        compile_content(nested)
    with pytest.raises(TemplateError, match="more than 256 texts"):
        compile_content(provider_template(*["x"] * 300))


# groups: what a plugin's own templates may ask of mappings


@pytest.mark.parametrize(
    ("source", "filled"),
    [
        pytest.param("Bearer {{ secrets.token }}", "Bearer s3", id="an-item"),
        pytest.param("{{ secrets.other | default('-') }}", "-", id="an-item-that-is-not-there"),
        pytest.param("{% if secrets.token == 's3' %}{{ number }}{% endif %}", "+1", id="in-a-condition"),
    ],
)
def test_items_of_a_group_are_asked_for_with_a_dot(source: str, filled: str) -> None:
    text = compile_text(source, longest=LONG, groups={"secrets"})

    assert text.fill({"secrets": {"token": "s3"}, "number": "+1"}) == filled
    assert any(name.startswith("secrets.") for name in text.names)


@pytest.mark.parametrize("source", ["{{ name.token }}", "{{ secrets.token.x }}", "{{ (secrets or name).token }}"])
def test_only_of_a_group_may_items_be_asked_with_a_dot(source: str) -> None:
    with pytest.raises(TemplateError, match="outside the sandbox"):
        compile_text(source, longest=LONG, groups={"secrets"})


def test_no_attribute_is_reached_through_a_group() -> None:
    with pytest.raises(BadText, match="an item is asked for that is not there"):
        compile_text("{{ secrets.__class__ }}", longest=LONG, groups={"secrets"}).fill({"secrets": {}})
