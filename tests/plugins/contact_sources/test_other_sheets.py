"""Workbooks with several sheets: one is read, and a note names the others that may hold more people."""

import io
import resource
from collections.abc import Callable, Sequence
from typing import Any

import openpyxl
import pytest

from tests.corpus.workbooks import open_document, raw_rows, saved, with_part
from wabroadcast_core import SourceContext
from wabroadcast_core.audience.sources import notes_on
from wabroadcast_plugins.contact_sources import workbook_parts
from wabroadcast_plugins.contact_sources.excel import ExcelSettings, ExcelSource

PEOPLE = [["Nama", "No. HP"], ["Budi", "081234567890"]]
TEXT = [["Isi nomor WhatsApp di lembar berikut"]]
SECOND = "xl/worksheets/sheet2.xml"


def book_of(*sheets: tuple[str, list[list[str]]], hidden: str = "") -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets:
        page = book.create_sheet(name)
        page.sheet_state = "hidden" if name == hidden else "visible"
        for cells in rows:
            page.append(cells)
    return saved(book)


def styled_but_empty() -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(book_of(("1A", PEOPLE), ("1B", []))))
    for cells in book["1B"]["A1:Z100"]:
        for cell in cells:
            cell.font = openpyxl.styles.Font(bold=True)
    return saved(book)


def with_second(xml: bytes) -> bytes:
    """Return a workbook whose second sheet has these rows, as XML."""
    data = book_of(("1A", PEOPLE), ("1B", []))
    return with_part(data, SECOND, lambda part: part.replace(b"</sheetData>", xml + b"</sheetData>"))


def open_sheets() -> bytes:
    """Return an .ods file with the sheets A, B and Kosong."""
    data = open_document(PEOPLE)

    def add(content: bytes) -> bytes:
        start, end = content.index(b"<table:table "), content.index(b"</office:spreadsheet>")
        table = content[start:end]
        empty = b'<table:table table:name="Kosong"></table:table>'
        return content[:end] + table.replace(b'name="A"', b'name="B"') + empty + content[end:]

    return with_part(data, "content.xml", add)


def note(sheet: str, names: str) -> list[str]:
    return [f"only the sheet '{sheet}' is read, not {names}: to read another one, give its name as the sheet"]


@pytest.mark.parametrize(
    ("make", "notes"),
    [
        pytest.param(
            lambda: book_of(("1A", PEOPLE), ("1B", PEOPLE), ("2A", PEOPLE)),
            note("1A", "1B, 2A"),
            id="one-sheet-a-class",
        ),
        pytest.param(lambda: book_of(("1A", PEOPLE)), [], id="the-only-sheet"),
        pytest.param(lambda: book_of(("1A", PEOPLE), ("Sheet2", []), ("Sheet3", [])), [], id="empty-sheets"),
        pytest.param(lambda: book_of(("1A", []), ("1B", PEOPLE)), [], id="an-empty-sheet-before"),
        pytest.param(styled_but_empty, [], id="formats-without-values"),
        pytest.param(lambda: book_of(("1A", PEOPLE), ("1B", PEOPLE), hidden="1B"), [], id="a-hidden-sheet"),
        pytest.param(
            lambda: book_of(("Petunjuk", TEXT), ("1A", PEOPLE), ("1B", PEOPLE)),
            note("1A", "1B"),
            id="a-sheet-without-numbers-before",
        ),
        pytest.param(
            lambda: book_of(*((f"K{place}", PEOPLE) for place in range(15))),
            note("K0", f"{', '.join(f'K{place}' for place in range(1, 13))}, …"),
            id="many-sheets",
        ),
        pytest.param(
            lambda: with_second(b"<row>" + b"<c/>" * 300_000 + b"</row>"), note("1A", "1B"), id="too-large-for-a-look"
        ),
        pytest.param(
            lambda: with_second(b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>' + raw_rows(["x"]).encode()),
            note("1A", "1B"),
            id="a-cell-far-away",
        ),
        pytest.param(lambda: with_second(b"<row><c><v>1</row"), note("1A", "1B"), id="a-damaged-sheet"),
        pytest.param(open_sheets, note("A", "B"), id="ods"),
    ],
)
def test_other_sheets_with_content_are_named_where_no_sheet_was_given(
    make: Callable[[], bytes], notes: list[str]
) -> None:
    source = open_source(make())

    assert [row.name for row in source.read()] == ["Budi"]
    assert notes_on(source) == notes


@pytest.mark.parametrize("sheet", ["1B", 2])
def test_no_sheet_is_named_where_one_was_given(sheet: str | int) -> None:
    source = open_source(book_of(("1A", PEOPLE), ("1B", PEOPLE), ("1C", PEOPLE)), sheet=sheet)

    assert [row.name for row in source.read()] == ["Budi"]
    assert source.notes == []


def test_all_sheets_are_named_where_a_copy_of_one_may_need_too_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1, 1))

    assert workbook_parts.filled_sheets(Reader([]), __file__, ["Sheet2"]) == ["Sheet2"]


def test_sheets_of_older_workbooks_are_looked_at_in_memory() -> None:
    assert workbook_parts.filled_sheets(Reader(["1B"]), __file__, ["1B", "Sheet3"]) == ["1B"]


class Reader:
    """A reader of workbooks in which only these sheets have a cell."""

    def __init__(self, filled: Sequence[str]) -> None:
        self._filled = filled
        self.start: tuple[int, int] | None = None

    def get_sheet_by_name(self, name: str) -> Any:
        self.start = (0, 0) if name in self._filled else None
        return self


def open_source(data: bytes, *, sheet: str | int | None = None) -> ExcelSource:
    context = SourceContext(open_upload=lambda _: io.BytesIO(data), read_contacts=lambda *_: iter(()))
    return ExcelSource(ExcelSettings(upload_id="x", sheet=sheet), context)
