"""Cells that spreadsheets do not run as formulas."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabroadcast_core.audience.cells import lasting_cell, lasting_cells, lasting_number, plain_cell, safe_cell
from wabroadcast_core.audience.numbers import parse_number


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        pytest.param("=1+1", "'=1+1", id="formula"),
        pytest.param("+62812", "'+62812", id="plus"),
        pytest.param("-5", "'-5", id="minus"),
        pytest.param("@SUM(A1)", "'@SUM(A1)", id="at"),
        pytest.param("\uff1dHYPERLINK()", "'\uff1dHYPERLINK()", id="wide-equals"),
        pytest.param("\t=1", "'\t=1", id="tab"),
        pytest.param("'=1", "''=1", id="marked-already"),
        pytest.param("'Aisyah", "'Aisyah", id="a-name-with-an-apostrophe"),
        pytest.param(None, "", id="nothing"),
        pytest.param(7, "7", id="number"),
    ],
)
def test_a_cell_that_a_spreadsheet_would_run_gets_a_mark(cell: object, written: str) -> None:
    assert safe_cell(cell) == written


@given(st.text() | st.text("'=+-@\t\r\nx") | st.text("'0123e.+", max_size=20) | st.sampled_from(["#N/A", "'#N/A"]))
def test_a_marked_cell_is_restored(text: str) -> None:
    assert plain_cell(safe_cell(text)) == text
    assert plain_cell(lasting_cell(text)) == text


@pytest.mark.parametrize("cell", ["00123", "3273010101010001", "6281234567890", "12E4", "1.5e-3", "+62812", "0"])
def test_a_spreadsheet_saves_a_lasting_cell_as_it_was(cell: str) -> None:
    assert saved_by_spreadsheet(lasting_cell(cell)) == lasting_cell(cell)
    assert plain_cell(lasting_cell(cell)) == cell


@pytest.mark.parametrize("cell", ["#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!"])
def test_a_text_that_a_spreadsheet_takes_for_an_error_is_restored(cell: str) -> None:
    assert [lasting_cell(cell), *lasting_cells([cell])] == [f"'{cell}"] * 2
    assert plain_cell(f"'{cell}") == cell


@pytest.mark.parametrize("cell", ["12", "1.5", "A001", "#1", "#N/A?", "2026-12-24", "123 456 789 012", "Budi"])
def test_a_cell_that_a_spreadsheet_keeps_needs_no_mark(cell: str) -> None:
    assert lasting_cell(cell) == cell


@pytest.mark.parametrize("number", ["+6281234567801", "+16502530000", "+34612345678", "+85223456789", "+3912345678"])
def test_a_spreadsheet_keeps_a_phone_number_and_the_import_reads_it(number: str) -> None:
    cell = lasting_number(number)

    assert saved_by_spreadsheet(cell) == cell
    assert saved_by_spreadsheet(number) != number
    assert cell.replace(" ", "") == number
    assert number == "+3912345678" or parse_number(cell, region="ID") == number


def saved_by_spreadsheet(cell: str) -> str:
    """Return a cell of a text file as a spreadsheet saves it again: numbers lose zeros, and digits from the 12th on.

    Blanks before groups of three are taken for the separators of thousands, as in France.
    """
    digits = re.sub(r"(?<=\d) (?=\d{3}(?!\d))", "", cell) if re.fullmatch(r"\+?\d{1,3}( \d{3})*", cell) else cell
    if not re.fullmatch(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", digits):
        return cell
    value = float(digits)
    return f"{value:.2E}" if abs(value) >= 1e11 else f"{value:g}" if abs(value) < 1e5 else f"{value:.0f}"
