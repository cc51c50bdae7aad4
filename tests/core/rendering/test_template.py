import contextlib
import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.rendering.texts import LONG, compile_body, render_body, render_by_jinja, render_by_us, unhurried
from wabroadcast_core.errors import TemplateError
from wabroadcast_core.models.message import LONGEST_TEXT
from wabroadcast_core.rendering.content import BadText, MissingVariable
from wabroadcast_core.rendering.syntax_faults import explain_syntax
from wabroadcast_core.rendering.template import compile_text
from wabroadcast_core.sentences import code_of

# what a template can contain


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        pytest.param("Selamat pagi", "Selamat pagi", id="no-variable"),
        pytest.param("Halo {{ name }}, kode {{ code }}", "Halo Budi, kode A1", id="two-variables"),
        pytest.param("{{name}}{{ name }}", "BudiBudi", id="one-twice"),
        pytest.param("{{ number }}", "+628123456789", id="the-number"),
        pytest.param("a\n\n  b\t\n", "a\n\n  b\t\n", id="line-breaks-as-typed"),
        pytest.param("a\r\nb\r\n", "a\nb\n", id="windows-line-breaks-are-one-character"),
        pytest.param("<b>{{ code }} & {{ '<' }}", "<b>A1 & <", id="nothing-is-escaped"),
        pytest.param("{% if total > 100 %}besar{% else %}kecil{% endif %}", "besar", id="condition"),
        pytest.param("{% if vip is defined %}VIP{% else %}biasa{% endif %}", "biasa", id="test-for-defined"),
        pytest.param("{{ 'VIP ' if false }}{{ name }}", "Budi", id="conditional-without-else"),
        pytest.param("{% set hi = 'Halo ' ~ name %}{{ hi }}", "Halo Budi", id="set"),
        pytest.param("{% raw %}{{ name }}{% endraw %}{# nothing #}", "{{ name }}", id="raw-and-comment"),
    ],
)
def test_a_text_is_rendered_as_its_template_says(text: str, rendered: str) -> None:
    assert render_body(text, code="A1", total=150) == rendered


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
        render_body(text, name=None, code=None)

    assert caught.value.name == missing
    assert missing in str(caught.value)


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


@unhurried
@given(st.lists(PIECES, max_size=8).map("".join), VALUES)
def test_a_plain_text_gives_what_jinja_gives(source: str, values: dict[str, Any]) -> None:
    assert render_by_us(source, values) == render_by_jinja(source, values)


@pytest.mark.parametrize(
    "source",
    [
        "{% if total is integer and not (code or total) %}a{% elif code == 'x' %}b{% else %}c{% endif %}",
    ],
)
@unhurried
@given(code=st.text(max_size=40), total=st.integers(-(10**6), 10**6))
def test_conditions_give_what_jinja_gives(source: str, code: str, total: int) -> None:
    values = {"code": code, "total": total}

    assert render_by_us(source, values) == render_by_jinja(source, values)


# what no template may contain


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        pytest.param("{{ name", 1, "", id="unclosed"),
        pytest.param("a\nb {% if %}", 2, "", id="if-without-condition"),
        pytest.param("{% if name %}", 1, "", id="if-without-end"),
        pytest.param("a\n{% nonsense %}", 2, "nonsense", id="unknown-tag"),
        pytest.param("{{ ''.__class__ }}", 1, "'__class__' is not available", id="class-of-a-text"),
        pytest.param("\n\n{{ name.__class__.__mro__ }}", 3, "is not available", id="chain-of-attributes"),
        pytest.param("{{ ''['__class__'] }}", 1, "'__class__' is not available", id="class-as-an-item"),
        pytest.param("{{ name|attr('__class__') }}", 1, "the filter 'attr' is not available", id="class-by-a-filter"),
        pytest.param(
            "{{ [name]|map(attribute='__class__') }}", 1, "the filter 'map' is not available", id="class-by-map"
        ),
        pytest.param("{{ name._x }}", 1, "'_x' is not available", id="underscore"),
        pytest.param("{{ name.x }}", 1, "'x' is not available", id="any-attribute"),
        pytest.param("{{ name.upper }}", 1, "'upper' is not available", id="method-not-called"),
        pytest.param("{{ '{0.__class__}'.format(name) }}", 1, "'format' is not available", id="format"),
        pytest.param("{{ name.format_map(name) }}", 1, "'format_map'", id="format-map"),
        pytest.param("{{ 'x'.zfill(10**9) }}", 1, "'zfill'", id="zfill"),
        pytest.param("{{ name.encode() }}", 1, "'encode'", id="encode"),
        pytest.param("{{ self }}", 1, "'self' is a reserved name", id="self"),
        pytest.param("{{ self.__init__.__globals__ }}", 1, "is not available", id="globals-of-self"),
        pytest.param("{{ range(5) }}", 1, "range() is used outside", id="range-outside-a-loop"),
        pytest.param("{{ lipsum() }}", 1, "functions are not available", id="lipsum"),
        pytest.param("{{ cycler.__init__.__globals__.os.popen('id').read() }}", 1, "is not available", id="popen"),
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
        pytest.param("{% set a, b = 1, 2 %}", 1, "'set' assigns to something other than one name", id="set-of-two"),
        pytest.param(
            "{% set a.b = 1 %}", 1, "'set' assigns to something other than one name", id="set-of-an-attribute"
        ),
        pytest.param("{% set a = 1 %}" * 33, 1, "more than 32 'set'", id="many-sets"),
        pytest.param("x\n{% for i in range(1001) %}{% endfor %}", 2, "more than 1,000 rounds", id="long-range"),
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
        pytest.param(
            "{% for a, b in name %}{% endfor %}", 1, "the loop assigns to something other", id="unpacking-loop"
        ),
        pytest.param(
            "{% for i in range(1000) %}" + "{{ i }}" * 50 + "{% endfor %}", 1, "too much work", id="long-work"
        ),
        pytest.param("{{ 'a'|center(1000000000) }}", 1, "the filter 'center' is not available", id="center-bomb"),
        pytest.param("{{ 'a'|indent(1000000000) }}", 1, "the filter 'indent' is not available", id="indent-bomb"),
        pytest.param("{{ '%1000000000d'|format(1) }}", 1, "the filter 'format' is not available", id="format-bomb"),
        pytest.param("{{ '%1000000000d' % 1 }}", 1, "a value is not a number", id="percent-bomb"),
        pytest.param(
            "{{ '%1000000000d' is even }}", 1, "a text where a number is required", id="percent-bomb-in-a-test"
        ),
        pytest.param("{{ 'a' * 10000000000 }}", 1, "a value is not a number", id="repetition-bomb"),
        pytest.param("{{ [1] * 10000000000 }}", 1, "a text or a number is required", id="list-bomb"),
        pytest.param("{{ 9 ** 9 ** 9 ** 9 }}", 1, "a number is too large", id="power-bomb"),
        pytest.param(
            "{{ 1.5|round(-1000000000) }}", 1, "the precision of round is more than 15 digits", id="rounding-bomb"
        ),
        pytest.param(
            "{{ 'abc'|round(9, 'ceil') }}", 1, "a text where a number is required", id="rounding-repetition-bomb"
        ),
        pytest.param("{{ 1e999 }}", 1, "a number is too large", id="infinite-constant"),
        pytest.param("{{ " + "9" * 5_000 + " }}", 1, "a number is too large", id="constant-of-thousands-of-digits"),
        pytest.param("{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}", 1, "nested too deeply", id="nested-parentheses"),
        pytest.param("{{ " + "1+" * 5_000 + "1 }}", 1, "nested too deeply", id="endless-sum"),
        pytest.param("{{ name" + "|upper" * 2_000 + " }}", 1, "nested too deeply", id="endless-filters"),
        pytest.param("{{ " + "-" * 10_000 + "1 }}", 1, "nested too deeply", id="endless-minus"),
        pytest.param("{% if name %}" * 600 + "{% endif %}" * 600, 1, "nested too deeply", id="nested-conditions"),
        pytest.param("{{ {name: 1}[name] }}", 1, "a key of the mapping is computed", id="mapping-by-a-variable"),
        pytest.param("{{ name is filter }}", 1, "the test 'filter' is not available", id="test-not-on-the-list"),
        pytest.param("{{ ﬁ }}", 1, "contains compatibility characters", id="look-alike-name"),
    ],
)
def test_a_template_that_uses_what_is_not_available_is_refused_with_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_body(text)

    assert caught.value.line == line
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("text", "line", "code", "reason"),
    [
        pytest.param("Halo\n{{ name", 2, "unclosed_placeholder", "add }} after it", id="open-placeholder"),
        pytest.param("{% if a", 1, "unclosed_tag", "add %} after it", id="open-tag"),
        pytest.param("{# a", 1, "unclosed_comment", "add #} after it", id="open-comment"),
        pytest.param("{% if a %}x", 1, "unclosed_block", "the block 'if' has no end: add {% endif %}", id="open-if"),
        pytest.param("{% for a in b %}", 1, "unclosed_block", "add {% endfor %} where it ends", id="open-for"),
        pytest.param("{% raw %}x", 1, "unclosed_block", "add {% endraw %} where it ends", id="open-raw"),
        pytest.param("{% if a %}\n{% endfor %}", 2, "misplaced_tag", "inside of the block 'if'", id="other-end"),
        pytest.param("{% endif %}", 1, "tag_without_block", "{% endif %} belongs to no block", id="end-without-block"),
        pytest.param("{% loop a %}", 1, "no_tag", "the tag 'loop' is not available", id="unknown-tag"),
        pytest.param("{% block a %}", 1, "no_tag", "the tag 'block' is not available", id="open-other-block"),
        pytest.param("{% %}", 1, "unnamed_tag", "a tag has no name", id="empty-tag"),
        pytest.param("{% set a %}", 1, "set_without_value", "write {% set name = value %}", id="set-without-value"),
        pytest.param("{{ a $ }}", 1, "unexpected_character", "the character '$' is not allowed", id="character"),
        pytest.param("{{ 'a }}", 1, "unclosed_quotation", "mark ' has no counterpart", id="open-quotation"),
        pytest.param("{{ “a” }}", 1, "curly_quotation", "“ is no plain quotation mark", id="curly-quotation"),
        pytest.param("{{ }}", 1, "value_missing", "a value is missing before '}}'", id="no-value"),
        pytest.param("{{ a + }}", 1, "value_missing", "a value is missing before '}}'", id="no-right-side"),
        pytest.param("{% if %}x{% endif %}", 1, "value_missing", "before '%}'", id="no-condition"),
        pytest.param("{{ a| }}", 1, "name_missing", "a name is missing before '}}'", id="no-filter"),
        pytest.param("{{ a. }}", 1, "attribute_missing", "a name is missing after a dot", id="no-attribute"),
        pytest.param("{% for a b %}", 1, "token_missing", "'in' is missing before 'b'", id="no-in"),
        pytest.param("{{ (a }}", 1, "token_missing", "')' is missing before '}'", id="open-bracket"),
        pytest.param("{{ a) }}", 1, "unexpected_token", "')' cannot stand where it does", id="closed-bracket"),
        pytest.param("{% if a = 1 %}", 1, "unexpected_token", "'=' cannot stand where it does", id="one-equals-sign"),
    ],
)
def test_a_syntax_error_is_explained_in_a_sentence_of_our_own(text: str, line: int, code: str, reason: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_text(text, longest=LONGEST_TEXT)

    assert caught.value.line == line
    assert reason in caught.value.reason
    assert code_of(caught.value.reason) == code


def test_another_syntax_error_is_passed_on_as_it_is() -> None:
    assert explain_syntax("blocks are odd") == "blocks are odd"
    assert explain_syntax(None) == "the template has a syntax error"


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


# groups: mappings whose items a plugin's own templates may use


@pytest.mark.parametrize(
    ("source", "filled"),
    [
        pytest.param("Bearer {{ secrets.token }}", "Bearer s3", id="an-item"),
        pytest.param("{{ secrets.other | default('-') }}", "-", id="an-absent-item"),
        pytest.param("{% if secrets.token == 's3' %}{{ number }}{% endif %}", "+1", id="in-a-condition"),
    ],
)
def test_items_of_a_group_are_written_with_a_dot(source: str, filled: str) -> None:
    text = compile_text(source, longest=LONG, groups={"secrets"})

    assert text.fill({"secrets": {"token": "s3"}, "number": "+1"}) == filled
    assert any(name.startswith("secrets.") for name in text.names)


@pytest.mark.parametrize("source", ["{{ name.token }}", "{{ secrets.token.x }}", "{{ (secrets or name).token }}"])
def test_only_items_of_a_group_are_written_with_a_dot(source: str) -> None:
    with pytest.raises(TemplateError, match="is not available"):
        compile_text(source, longest=LONG, groups={"secrets"})


def test_no_attribute_is_reached_through_a_group() -> None:
    with pytest.raises(BadText, match="the template uses an item that does not exist"):
        compile_text("{{ secrets.__class__ }}", longest=LONG, groups={"secrets"}).fill({"secrets": {}})
