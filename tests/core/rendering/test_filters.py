import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.rendering.texts import render_body, render_by_jinja, render_by_us, unhurried
from wabroadcast_core.rendering.content import BadText


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        pytest.param("Halo {{ nick|default('Kak') }}", "Halo Kak", id="default-of-a-missing-one"),
        pytest.param("Halo {{ name|d('Kak') }}", "Halo Budi", id="default-of-a-present-one"),
        pytest.param("{{ none_at_all|default(name) }}", "Budi", id="default-is-another-variable"),
        pytest.param("{{ name|default(none_at_all) }}", "Budi", id="unused-default-may-be-missing"),
        pytest.param("{{ full.split()|last }}", "Rahma", id="last-name"),
        pytest.param(
            "{{ 3.14159|round(2) }} {{ '7'|int + 1 }} {{ full|truncate(9, true, '…', 0) }}",
            "3.14 8 Siti Nur…",
            id="numbers-and-truncate",
        ),
        pytest.param("https://x.id/?q={{ full|urlencode }}", "https://x.id/?q=Siti%20Nur%20Rahma", id="link"),
    ],
)
def test_a_filter_changes_a_value(text: str, rendered: str) -> None:
    assert render_body(text, full="Siti Nur Rahma") == rendered


@pytest.mark.parametrize(
    "source",
    [
        "{{ code|upper }} {{ code|lower }} {{ code|title }} {{ code|capitalize }} {{ code|trim }} {{ code|length }}",
        "{{ code|replace('a', 'bb') }} {{ code|replace('', '-', 3) }}",
        "{{ code|truncate(10) }} {{ code|truncate(8, true, '') }} {{ code|truncate(9, leeway=0) }}",
        "{{ total|int }} {{ total|float }} {{ (total / 3)|int(3) }}",
        "{{ code|string }} {{ code|urlencode }} {{ total|string }}",
        "{{ code|first|default('none') }} {{ code|last|default('none') }} {{ code|join('-') }}",
        "{{ code|default('x', true) }} {{ other|default }} {{ other|d(total) }}",
        "{{ total|abs }} {{ total|round }} {{ total|round(-1) }}",
        "{{ (total / 3)|round(2, 'ceil') }} {{ (total / 3)|round(method='floor') }}",
    ],
)
@unhurried
@given(code=st.text(max_size=40), total=st.integers(-(10**6), 10**6))
def test_filters_give_what_jinja_gives(source: str, code: str, total: int) -> None:
    values = {"code": code, "total": total}

    assert render_by_us(source, values) == render_by_jinja(source, values)


@pytest.mark.parametrize(
    "source",
    [
        "{{ total is even }} {{ total is odd }} {{ total is divisibleby(3) }} {{ code is string }}",
        "{{ total is number }} {{ other is defined }} {{ total is none }} {{ total is not float }}",
    ],
)
@unhurried
@given(code=st.text(max_size=40), total=st.integers(-(10**6), 10**6))
def test_tests_of_values_give_what_jinja_gives(source: str, code: str, total: int) -> None:
    values = {"code": code, "total": total}

    assert render_by_us(source, values) == render_by_jinja(source, values)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("{{ huge|string }}", "a number is too large", id="too-large-to-print"),
        pytest.param("{{ 1.5|round(digits) }}", "the precision of round is more than 15 digits", id="precision"),
        pytest.param("{{ word|round(9, 'ceil') }}", "a text where a number is required", id="text-rounded"),
        pytest.param("{{ word|truncate(1) }}", "(AssertionError)", id="truncated-to-less-than-its-end"),
        pytest.param("{{ [word]|upper }}", "a list, a mapping or nothing", id="list-in-upper-case"),
        pytest.param("{{ digits|join }}", "a number where a text or a list is required", id="number-joined"),
    ],
)
def test_a_filter_that_does_not_fit_its_value_makes_a_bad_text(text: str, reason: str) -> None:
    with pytest.raises(BadText) as caught:
        render_body(text, huge=10**5_000, digits=16, word="Selamat pagi")

    assert reason in str(caught.value)
