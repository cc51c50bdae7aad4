"""Cells that spreadsheets do not run as formulas."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabroadcast_core.audience.cells import plain_cell, safe_cell


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


@given(st.text() | st.text("'=+-@\t\r\nx"))
def test_a_marked_cell_is_restored(text: str) -> None:
    assert plain_cell(safe_cell(text)) == text
