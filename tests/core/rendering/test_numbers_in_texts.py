"""Numbers that files give as texts: in comparisons, in arithmetic, and in the filters ``int`` and ``float``."""

import csv
import io
import math
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.rendering.texts import LONG, render_body, render_by_us, unhurried
from wabroadcast_core.models.recipient import Scalar, scalar_text
from wabroadcast_core.rendering.content import BadText, MissingVariable
from wabroadcast_core.rendering.formats import READ_COST
from wabroadcast_core.rendering.template import compile_text
from wabroadcast_core.rendering.values import BUDGET, WorkMeter

README: Final = Path(__file__).parents[3] / "README.md"
NO_NUMBER: Final = "a value is not a number: write amounts such as 1250000, 1.250.000 or 1250000,50"

SPELLINGS: Final[list[Callable[[int], str]]] = [
    str,
    "{:,}".format,
    lambda number: f"{number:,}".replace(",", "."),
    " {:,}.00 ".format,
    lambda number: f"{'-' if number < 0 else ''}Rp {abs(number)},-",
]
NUMBERS: Final = st.integers(-(10**9), 10**9)

# the example of the README


@pytest.mark.parametrize(
    ("cell", "rendered"),
    [
        pytest.param("1250000", "ada", id="digits"),
        pytest.param("1.250.000", "ada", id="thousands"),
        pytest.param("Rp 500", "ada", id="with-the-currency"),
        pytest.param("0", "lunas", id="zero"),
        pytest.param("-5", "lunas", id="negative"),
    ],
)
def test_the_condition_of_the_readme_holds_for_the_values_of_a_file(cell: str, rendered: str) -> None:
    condition = "{% if total > 0 %}"
    (row,) = csv.DictReader(io.StringIO(f"number;total\n0812;{cell}\n"), delimiter=";")

    assert f"`{condition}`" in README.read_text(encoding="utf-8")
    assert render_body(f"{condition}ada{{% else %}}lunas{{% endif %}}", total=row["total"]) == rendered


def test_the_sum_of_the_readme_is_computed_from_the_value_of_a_file() -> None:
    text = "{{ (tagihan | int + 5000) | rupiah }}"

    assert text in README.read_text(encoding="utf-8")
    assert render_body(text, tagihan="1.250") == "Rp6.250"


# comparisons and arithmetic


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        pytest.param("{{ total == 1250 }}{{ 1250 == total }}", "TrueTrue", id="equal"),
        pytest.param("{{ total != 1250 }}{{ total != 5 }}", "FalseTrue", id="unequal"),
        pytest.param("{{ 0 < total < 2000 }}{{ 0 < total < 1000 }}", "TrueFalse", id="in-the-middle-of-a-chain"),
        pytest.param("{{ total > 5 < total }}", "True", id="at-both-ends-of-a-chain"),
        pytest.param("{{ total == 1250 == total == '1.250' }}", "True", id="each-pair-of-a-chain-by-itself"),
        pytest.param("{{ rate == 0.1 }}{{ rate < 0.2 }}", "TrueTrue", id="decimals"),
        pytest.param("{{ total * 2 }}", "2500", id="product"),
        pytest.param("{{ 2 * total }}", "2500", id="product-from-the-right"),
        pytest.param("{{ total + 5000 }}", "6250", id="sum"),
        pytest.param("{{ total - 250 - total|int }}", "-250", id="difference"),
        pytest.param("{{ total / 4 }} {{ total // 4 }} {{ total % 4 }}", "312.5 312 2", id="quotients"),
        pytest.param("{{ rate + 0.2 }}", "0.3", id="sum-of-decimals"),
        pytest.param("{{ -total }} {{ +total }}", "-1250 1250", id="signs"),
        pytest.param("{{ 2 ** three }} {{ three ** 2 }}", "8 9", id="powers"),
        pytest.param("{{ total|length > three }}", "True", id="beside-a-computed-number"),
        pytest.param("{{ total + three }} {{ 'a' + three }}", "1.2503 a3", id="two-texts-are-joined"),
        pytest.param("{{ three < '20' }} {{ three == '3,0' }}", "False False", id="two-texts-are-compared-as-texts"),
        pytest.param("{{ word == '5' }} {{ word != three }}", "False True", id="words-are-compared-as-texts"),
        pytest.param("{{ word == true }} {{ three == true }}", "False False", id="a-boolean-is-no-number"),
        pytest.param("{{ 3 in [three] }} {{ '3' in three }}", "False True", id="searches-read-no-numbers"),
    ],
)
def test_a_text_beside_a_number_counts_as_its_number(text: str, rendered: str) -> None:
    assert render_body(text, total="1.250", rate="0,1", three="3", word="belum") == rendered


@pytest.mark.parametrize("name", ["<", "<=", ">", ">=", "==", "!=", "+", "-", "*", "/", "//", "%"])
@unhurried
@given(NUMBERS, NUMBERS.filter(bool), st.sampled_from(SPELLINGS))
def test_an_operator_gives_for_a_text_what_it_gives_for_its_number(
    name: str, left: int, right: int, spell: Callable[[int], str]
) -> None:
    source = f"{{{{ left {name} right }}}}"
    of_numbers = render_by_us(source, {"left": left, "right": right})

    assert render_by_us(source, {"left": spell(left), "right": right}) == of_numbers
    assert render_by_us(source, {"left": left, "right": spell(right)}) == of_numbers


@unhurried
@given(st.lists(NUMBERS, min_size=3, max_size=3), st.lists(st.sampled_from(SPELLINGS), min_size=3, max_size=3))
def test_a_chain_compares_each_pair(numbers: list[int], spell: list[Callable[[int], str]]) -> None:
    first, middle, last = numbers
    values = {"first": first, "middle": spell[1](middle), "last": last}

    rendered = render_by_us("{{ first < middle <= last }}", values)

    assert rendered == str(operator.lt(first, middle) and operator.le(middle, last))


@pytest.mark.parametrize(
    "text",
    [
        "{{ total < 5 }}", "{{ 5 <= total }}", "{{ total > 5 }}", "{{ total >= 5.5 }}", "{{ 1 < 2 < total }}",
        "{{ total + 1 }}", "{{ 1 - total }}", "{{ total * 9999999999 }}",
        "{{ total / 2 }}", "{{ total // 2 }}", "{{ total % 1 }}", "{{ -total }}", "{{ total|int }}",
        "{{ total|float }}", "{% set x = total %}{{ x + 1 }}", "{{ total|rupiah }}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", ["belum", "12%", "5 rb", "%999999999d", "-", "1" * 65])
def test_a_text_that_is_no_number_is_a_bad_text_that_names_its_variable(text: str, value: str) -> None:
    with pytest.raises(BadText) as caught:
        render_body(text, total=value, other="5")

    assert str(caught.value) == f"text: total: {NO_NUMBER}"


@pytest.mark.parametrize("value", ["belum", "5A", "12%", "-"])
def test_a_text_that_is_no_number_equals_no_number(value: str) -> None:
    assert render_body("{{ unit == 5 }} {{ 5 != unit }} {{ unit == unit }}", unit=value) == "False True True"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{{ total.upper() + 1 }}{{ paid }}", id="computed"),
        pytest.param("{{ 'belum ada' * 3 }}{{ paid }}", id="constant"),
        pytest.param("{{ total + 1 }}{{ paid }}", id="one-of-two-with-the-same-value"),
    ],
)
def test_no_variable_is_named_if_it_is_not_certain_which_one_is_wrong(text: str) -> None:
    value = "belum"

    with pytest.raises(BadText) as caught:
        render_body(text, total=value, paid=value)

    assert str(caught.value) == f"text: {NO_NUMBER}"


@pytest.mark.parametrize("source", ["{{ x < 1 }}", "{{ x + 1 }}", "{{ -x }}", "{{ x|int }}", "{{ x|float }}"])
def test_reading_a_number_is_charged(source: str) -> None:
    meter = WorkMeter()

    compile_text(source, longest=LONG).fill({"x": f"{' ' * 1_000}5"}, meter=meter)

    assert BUDGET - meter.left > 1_000 + READ_COST


# filters


@pytest.mark.parametrize(
    ("value", "whole", "decimal"),
    [
        pytest.param("1250", "1250", "1250", id="digits"),
        pytest.param("1.250", "1250", "1250", id="thousands"),
        pytest.param("12,5", "12", "12.5", id="decimal-comma"),
        pytest.param("-12.75", "-12", "-12.75", id="truncated-towards-zero"),
        pytest.param("Rp 500.000", "500000", "500000", id="with-the-currency"),
        pytest.param(" 7 ", "7", "7", id="blanks-around"),
        pytest.param(12.9, "12", "12.9", id="float"),
        pytest.param(12, "12", "12", id="whole-number"),
        pytest.param(True, "1", "1", id="boolean"),
    ],
)
def test_int_and_float_read_values_as_rupiah_does(value: Scalar, whole: str, decimal: str) -> None:
    assert render_body("{{ x|int }} {{ x|float }}", x=value) == f"{whole} {decimal}"
    assert render_body("{{ x|int(7) }} {{ x|float(default=7) }}", x=value) == f"{whole} {decimal}"


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        pytest.param("{{ x|int(0) }}", "0", id="int"),
        pytest.param("{{ x|int(default=0) + 5 }}", "5", id="int-by-name"),
        pytest.param("{{ x|float(1.5) }}", "1.5", id="float"),
        pytest.param("{{ x|float(default=other) }}", "A1", id="any-value"),
    ],
)
@pytest.mark.parametrize("value", ["belum", "1.25.000", math.nan, math.inf])
def test_int_and_float_take_a_default_that_the_text_gives(text: str, rendered: str, value: Scalar) -> None:
    assert render_body(text, x=value, other="A1") == rendered


@pytest.mark.parametrize("text", ["{{ x|int(0) }}", "{{ x|float(0) }}", "{{ 'a'|int(x) }}"])
def test_int_and_float_have_no_default_for_a_missing_variable(text: str) -> None:
    with pytest.raises(MissingVariable):
        render_body(text)


@unhurried
@given(st.integers(-(10**40), 10**40), st.sampled_from(SPELLINGS))
def test_int_reads_each_digit(number: int, spell: Callable[[int], str]) -> None:
    assert render_by_us("{{ x|int }}", {"x": spell(number)}) == str(number)


@unhurried
@given(st.decimals(-(10**9), 10**9, places=2))
def test_float_reads_what_is_printed_with_a_decimal_comma(number: Any) -> None:
    assert render_by_us("{{ x|float }}", {"x": f"{number:f}".replace(".", ",")}) == scalar_text(float(number))
