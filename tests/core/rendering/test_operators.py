import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.rendering.texts import render_body, render_by_jinja, render_by_us, unhurried
from wabroadcast_core.models.message import LONGEST_TEXT
from wabroadcast_core.rendering.content import BadText


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        pytest.param("{{ name|upper ~ '-' ~ total }}", "BUDI-150", id="filter-and-concatenation"),
        pytest.param("{{ full.split()[0] }}", "Siti", id="first-name"),
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
        pytest.param("{{ 1 < 2 <= 2 and 'a' in 'abc' and sex in ['L', 'P'] }}", "True", id="comparisons"),
    ],
)
def test_an_operator_computes_a_value(text: str, rendered: str) -> None:
    assert render_body(text, total=150, full="Siti Nur Rahma", sex="P") == rendered


@pytest.mark.parametrize(
    "source",
    [
        "{{ total + 1 }} {{ total - 2 }} {{ total * 3 }} {{ total / 7 }} {{ total // 7 }} {{ total % 7 }} {{ -total }}",
        "{{ total ** 2 }} {{ 2 ** 3 ** 2 }}",
        "{{ total < 3 }} {{ 1 < total <= 100 }} {{ code == 'a' }} {{ total != 5 }}",
        "{{ 'a' in code }} {{ 'a' not in code }} {{ total in [1, 2, code] }}",
        "{% for c in code %}{{ loop.index }}{{ c }}{{ ',' if not loop.last }}{% else %}nobody{% endfor %}",
        "{% for i in range(10, 0, -3) %}{{ i }}{{ loop.revindex0 }}{% endfor %}",
        "{% for x in ['a', code, 'b'] if x != 'a' %}{{ x }}{% endfor %}",
        "{% set a = code ~ total %}{{ a ~ a }}{{ a + 'x' }}",
        "{{ {'a': 1, 'b': code}['b'] }} {{ [1, total][1] }} {{ (code, 2)[0] }} {{ 'x' if total > 3 else 'y' }}",
    ],
)
@unhurried
@given(code=st.text(max_size=40), total=st.integers(-(10**6), 10**6))
def test_operators_give_what_jinja_gives(source: str, code: str, total: int) -> None:
    values = {"code": code, "total": total}

    assert render_by_us(source, values) == render_by_jinja(source, values)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("{{ huge }}", "a number is too large", id="too-large-to-print"),
        pytest.param(
            "{{ 1 / zero }}", "an operation cannot be applied to these values (ZeroDivisionError)", id="by-zero"
        ),
        pytest.param(
            "{{ word[30] }}", "the template uses an item that does not exist: give it a default", id="no-such-item"
        ),
        pytest.param(
            "{{ word * 3 }}",
            "word: a value is not a number: write amounts such as 1250000, 1.250.000 or 1250000,50",
            id="text-multiplied",
        ),
        pytest.param(
            "{{ word * word }}",
            "the template uses a text where a number is required: convert it with the filter int or float",
            id="text-multiplied-by-a-text",
        ),
        pytest.param("{{ [word] }}", "the template uses a list, a mapping or nothing where", id="list-printed"),
        pytest.param("{{ [word] == [word] }}", "the template compares a list or a mapping", id="lists-compared"),
        pytest.param("{{ (-1 - zero) ** 0.5 }}", "the root of a negative number does not exist", id="root"),
        pytest.param(
            "{% for c in long %}{{ c }}{% endfor %}", "the template loops over more than 1,000 items", id="long-loop"
        ),
        pytest.param(
            "{% for c in {'a': word} %}{{ c }}{% endfor %}", "the template loops over a mapping", id="mapping-loop"
        ),
    ],
)
def test_an_operator_that_does_not_fit_its_values_makes_a_bad_text(text: str, reason: str) -> None:
    with pytest.raises(BadText) as caught:
        render_body(text, word="Selamat pagi", long="x" * (LONGEST_TEXT + 1), huge=10**5_000, zero=0)

    assert str(caught.value).startswith(f"text: {reason}")
