"""Cells that are made a whole column at once: the same bytes as cell by cell."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wabroadcast_core.audience.cells import lasting_cell, safe_cell
from wabroadcast_core.audience.sheet_cells import LONGEST_CELL, SheetColumns, row_xml
from wabroadcast_core.audience.table_files import CsvColumns, csv_page

TEXTS = st.text() | st.text("'=+-@\t\r\n\uff1d0123e.x", max_size=20) | st.text('a,;"\r\n', max_size=8)
MARKUP = st.text("_x0A7\x07\ufffe<&>\n\u0301 ", max_size=12)
COLUMNS = st.lists(st.none() | st.sampled_from(["Budi", "Siti Aminah", "wamid.HBgN"]) | TEXTS | MARKUP, max_size=6)


@pytest.mark.parametrize("delimiter", [",", ";"])
@given(texts=COLUMNS)
@example(["", None, "=1"])  # the empty cells stand before the one that needs a mark
@example(["Budi", "a;b,c", 'said "x"', "two\nlines", "a\rb"])
def test_a_column_of_a_csv_file_has_the_bytes_that_its_cells_have(delimiter: str, texts: list[str | None]) -> None:
    lines = CsvColumns(delimiter)
    ends = ["."] * len(texts)  # so that a line is not one empty cell, which is written with quotes

    page = lines.page([lines.texts(texts), lines.words(ends)])

    assert page == csv_page([[lasting_cell(text), "."] for text in texts], delimiter=delimiter)


@given(texts=COLUMNS)
@example(["a & b", "<b>", "_x0041_", "a bell \x07", "x" * (LONGEST_CELL + 1)])
def test_a_column_of_a_sheet_has_the_bytes_that_its_cells_have(texts: list[str | None]) -> None:
    sheet = SheetColumns()

    rows = sheet.page([sheet.texts(texts)])

    assert rows == [row_xml([safe_cell(text)[:LONGEST_CELL]]) for text in texts]
