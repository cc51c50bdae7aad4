"""Amounts and dates in texts, from values as files give them."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.rendering.texts import compile_body, render_body, unhurried
from wabroadcast_core.errors import TemplateError
from wabroadcast_core.models.recipient import Scalar
from wabroadcast_core.rendering.content import BadText, MissingVariable
from wabroadcast_core.rendering.formats import DATE_STYLES, FORMAT_COST, read_number, rupiah
from wabroadcast_core.rendering.template import compile_text
from wabroadcast_core.rendering.values import BUDGET, WorkMeter


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        pytest.param(1_250_000, "Rp1.250.000", id="whole-number"),
        pytest.param(1_250_000.0, "Rp1.250.000", id="whole-float"),
        pytest.param(1_250_000.5, "Rp1.250.000,50", id="float"),
        pytest.param("1250000", "Rp1.250.000", id="digits"),
        pytest.param(" 1.250.000 ", "Rp1.250.000", id="indonesian"),
        pytest.param("1,250,000", "Rp1.250.000", id="english"),
        pytest.param("1.250.000,75", "Rp1.250.000,75", id="indonesian-decimals"),
        pytest.param("1,250,000.75", "Rp1.250.000,75", id="english-decimals"),
        pytest.param("1250000.75", "Rp1.250.000,75", id="decimals-of-a-workbook"),
        pytest.param("1250000,75", "Rp1.250.000,75", id="decimal-comma"),
        pytest.param("1 250 000", "Rp1.250.000", id="blanks"),
        pytest.param("1\u00a0250\u202f000".replace("\u202f", "\u00a0"), "Rp1.250.000", id="no-break-blanks"),
        pytest.param("1'250'000", "Rp1.250.000", id="apostrophes"),
        pytest.param("Rp1.250.000", "Rp1.250.000", id="with-the-currency"),
        pytest.param("Rp. 1.250.000,-", "Rp1.250.000", id="as-on-a-bill"),
        pytest.param("IDR 1,250,000.00", "Rp1.250.000", id="with-the-currency-code"),
        pytest.param("1.250", "Rp1.250", id="one-group"),
        pytest.param("0.125", "Rp0,13", id="no-group-begins-with-a-zero"),
        pytest.param("1250.500", "Rp1.250,50", id="a-group-has-three-digits-at-most"),
        pytest.param("-1.250.000", "-Rp1.250.000", id="negative"),
        pytest.param("\u22125", "-Rp5", id="minus-sign"),
        pytest.param("-Rp 5.000", "-Rp5.000", id="sign-before-the-currency"),
        pytest.param(-0.001, "Rp0", id="no-negative-zero"),
        pytest.param(0, "Rp0", id="zero"),
        pytest.param(0.1 + 0.2, "Rp0,30", id="fifteen-digits"),
        pytest.param("007", "Rp7", id="leading-zeros"),
    ],
)
def test_an_amount_is_printed_in_rupiah(value: Scalar, printed: str) -> None:
    assert render_body("{{ tagihan | rupiah }}", tagihan=value) == printed


@pytest.mark.parametrize(
    "value",
    ["gratis", "1.25.000", "1,2,3", "12%", "1e6", "1.250.000.00", "--5", "1/2", "2026-12-24", "Rp", "1" * 65, "\u0661",
     "1" * 30, "1 2", True, 1e300, 10**30, "1.250 000", "5 rb"],
)  # fmt: skip
@pytest.mark.parametrize("text", ["{{ x|rupiah }}", "{{ x|format_number }}"])
def test_what_is_no_amount_is_a_bad_text(text: str, value: Scalar) -> None:
    with pytest.raises(
        BadText, match=r"^text: (x: a value is not a number: write amounts|a number is too large)"
    ) as caught:
        render_body(text, x=value)

    assert str(value) not in str(caught.value).replace("1250000", "").replace("1.250.000", "")


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        pytest.param("2026-12-24", "24 Desember 2026", id="iso"),
        pytest.param("2026-12-24 08:30", "24 Desember 2026", id="with-a-time"),
        pytest.param("2026-12-24T08:30:15.25+07:00", "24 Desember 2026", id="iso-with-an-offset"),
        pytest.param("2026-12-24 08:30:15", "24 Desember 2026", id="of-a-database"),
        pytest.param("24/12/2026", "24 Desember 2026", id="day-first"),
        pytest.param("24-12-2026", "24 Desember 2026", id="hyphens"),
        pytest.param("24.12.2026", "24 Desember 2026", id="points"),
        pytest.param("5/6/2026", "5 Juni 2026", id="short"),
        pytest.param("2026/1/5", "5 Januari 2026", id="year-first"),
        pytest.param(" 29/02/2028 ", "29 Februari 2028", id="leap-day"),
    ],
)
def test_a_date_is_printed_in_indonesian(value: str, printed: str) -> None:
    assert render_body("{{ tanggal | tanggal }}", tanggal=value) == printed


@pytest.mark.parametrize(
    "value",
    ["besok", "12/24/2026", "31/02/2026", "29/02/2027", "24/12/26", "2026-12", "24-12/2026", "0000-01-01", 46_380, 1.5,
     True, "2026-12-24 malam", "9" * 10_000],
)  # fmt: skip
@pytest.mark.parametrize("text", ["{{ x|tanggal }}", "{{ x|format_date }}"])
def test_what_is_no_date_is_a_bad_text(text: str, value: Scalar) -> None:
    with pytest.raises(BadText, match=r"^text: a value is not a date: write dates such as 2026-12-24"):
        render_body(text, x=value)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("{{ n|format_number }}", "1.250.000,5"),
        ("{{ n|format_number('en') }}", "1,250,000.5"),
        ("{{ n|format_number('de', 2) }}", "1.250.000,50"),
        ("{{ n|format_number('hi') }}", "12,50,000.5"),
        ("{{ '999999999999999999.123456789'|format_number('en') }}", "999,999,999,999,999,999.123456789"),
        ("{{ n|format_number(locale='en-US', decimals=0) }}", "1,250,001"),
        ("{{ d|format_date }}", "24 Desember 2026"),
        ("{{ d|format_date('en') }}", "December 24, 2026"),
        ("{{ d|format_date('en_GB', 'long') }}", "24 December 2026"),
        ("{{ d|format_date('id', style='full') }}", "Kamis, 24 Desember 2026"),
        ("{{ d|tanggal('short') }}", "24/12/26"),
    ],
)
def test_numbers_and_dates_are_printed_by_locale(text: str, printed: str) -> None:
    assert render_body(text, n="1.250.000,5", d="2026-12-24") == printed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("{{ x|format_number('klingon') }}", "there is no such locale", id="locale"),
        pytest.param("{{ x|format_date('../en') }}", "there is no such locale", id="path"),
        pytest.param("{{ x|format_date(5) }}", "there is no such locale", id="number-for-a-locale"),
        pytest.param("{{ x|format_date('id', 'dd MM') }}", "there is no style 'dd MM' of dates", id="style"),
        pytest.param("{{ x|tanggal('kecil') }}", "there is no style 'kecil' of dates", id="style-in-indonesian"),
        pytest.param("{{ x|format_number('id', 99) }}", "a whole number from 0 to 9", id="decimals"),
        pytest.param("{{ x|format_number(decimals=true) }}", "a whole number from 0 to 9", id="boolean-decimals"),
        pytest.param("{{ x|format_number(y) }}", "is computed: write a plain text", id="locale-of-a-recipient"),
        pytest.param("{{ x|format_date(style=y) }}", "is computed: write a plain text", id="style-of-a-recipient"),
        pytest.param("{{ x|format_date('id', 'long', 3) }}", "takes other arguments", id="too-many"),
        pytest.param("{{ x|tanggal(locale='id') }}", "takes other arguments", id="another-one"),
    ],
)
def test_wrong_arguments_are_refused_when_the_text_is_compiled(text: str, reason: str) -> None:
    with pytest.raises(TemplateError, match=reason):
        compile_body(text)


@pytest.mark.parametrize("name", ["rupiah", "tanggal", "format_number", "format_date"])
def test_a_missing_value_is_missing_and_may_have_a_default(name: str) -> None:
    with pytest.raises(MissingVariable):
        render_body(f"{{{{ x|{name} }}}}")
    assert render_body(f"{{{{ x|default('2026-12-24' if {name[-1] in 'le'} else 5)|{name} }}}}")


@pytest.mark.parametrize(
    ("name", "value"), [("format_number", "5"), ("format_date", "2026-12-24"), ("tanggal", "2026-12-24")]
)
def test_formatting_is_charged_for_its_work(name: str, value: str) -> None:
    meter = WorkMeter()

    compile_text(f"{{{{ x|{name} }}}}", longest=100).fill({"x": value}, meter=meter)

    assert BUDGET - meter.left > FORMAT_COST


@unhurried
@given(st.decimals(1 - 10**18, 10**18 - 1, places=2))
def test_an_amount_in_rupiah_is_read_as_the_same_amount(amount: Any) -> None:
    assert read_number(rupiah(f"{amount:f}")) == amount


@unhurried
@given(st.text(max_size=80), st.sampled_from(DATE_STYLES))
def test_any_text_is_printed_or_refused(value: str, style: str) -> None:
    for text in ("{{ x|rupiah }}", "{{ x|format_number('en', 3) }}", f"{{{{ x|format_date('en', '{style}') }}}}"):
        with contextlib.suppress(BadText, MissingVariable):
            assert render_body(text, x=value) != value.strip() or value.strip().isdecimal()
