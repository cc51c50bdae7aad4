import datetime as dt
import io
import os
import select
import subprocess
import sys
import tempfile
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.worksheet.filters import AutoFilter, FilterColumn, Filters
from openpyxl.worksheet.table import Table

from tests.corpus.workbooks import (
    OLE_MAGIC,
    SHEET,
    old_workbook,
    open_document,
    raw_rows,
    raw_workbook,
    saved,
    workbook,
    zipped,
)
from wabroadcast_core import AudienceRow, BusyError, ContactSource, FileError, Reading, RowFault, SourceContext
from wabroadcast_plugins.contact_sources import excel, workbook_cells, workbook_child
from wabroadcast_plugins.contact_sources.excel import ExcelSettings, ExcelSource
from wabroadcast_plugins.contact_sources.workbook_slots import WorkbookSlots

MEGABYTE = 1024 * 1024
HEADER = ["Nama", "No. HP", "Kode"]
BUDI = ["Budi", "0812 3456 7890", "A1"]


class Pieces(io.BytesIO):
    """A file that is read in these pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces

    def read(self, size: int | None = -1, /) -> bytes:
        del size
        return next(self._pieces, b"")


def with_flipped_bytes(data: bytes) -> bytes:
    at = data.index(SHEET.encode()) + 60
    return data[:at] + bytes(byte ^ 0xFF for byte in data[at : at + 40]) + data[at + 40 :]


def encrypted_workbook() -> bytes:
    return OLE_MAGIC + b"\0" * 2_000 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 500


def encrypted_zip() -> bytes:
    data = bytearray(workbook([HEADER, BUDI]))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def test_typed_cells_become_the_text_that_people_see() -> None:
    header = ["Nama", "HP", "Float", "Pecahan", "Tanggal", "Waktu", "Jam", "Lama", "Ya", "Bulat", "Kosong", "NIK"]
    moment = dt.datetime(2026, 12, 1, 8, 30, 15)  # noqa: DTZ001 - a cell has no zone
    cells = ["Budi", 6281234567890.0, 3.0, 0.1 + 0.2, dt.date(2026, 12, 1), moment]
    cells += [dt.time(8, 30), dt.timedelta(hours=30), True, 7, None, 3201234567890123]

    (row,) = read(workbook([header, cells]))

    assert (row.number, row.name, row.row) == ("6281234567890", "Budi", 2)
    assert row.variables == {
        "float": "3",
        "pecahan": "0.3",
        "tanggal": "2026-12-01",
        "waktu": "2026-12-01 08:30:15",
        "jam": "08:30",
        "lama": "30:00",
        "ya": "TRUE",
        "bulat": "7",
        "nik": "3201234567890123",
    }


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        pytest.param(1110, "00000", "01110", id="postcode"),
        pytest.param(1110.0, "00000", "01110", id="float"),
        pytest.param(123456, "00000", "123456", id="more-digits-than-zeros"),
        pytest.param(12345678, "000-000-000", "012-345-678", id="groups"),
        pytest.param(81234567890, "0000\\-0000\\-0000", "0812-3456-7890", id="escaped-hyphens"),
        pytest.param(7, '"A"000', "7", id="with-a-prefix"),
        pytest.param(0, "000", "000", id="zero"),
        pytest.param(-7, "000", "-7", id="negative"),
        pytest.param(7.5, "000", "7.5", id="fraction"),
        pytest.param(0.15, "0%", "15%", id="percent"),
        pytest.param(0.155, "0%", "16%", id="percent-rounded-as-shown"),
        pytest.param(0.1255, "0.00%", "12.55%", id="percent-with-decimals"),
        pytest.param(-0.05, "0%", "-5%", id="negative-percent"),
        pytest.param(1, "0%;[Red]-0%", "100%", id="first-section-of-a-format"),
        pytest.param(1e300, "0%", str(int(1e300)), id="huge-percent"),
        pytest.param(1250000, "#,##0", "1250000", id="thousands"),
        pytest.param(0.15, "General", "0.15", id="general"),
        pytest.param("007", "00000", "007", id="text"),
        pytest.param(True, "00000", "TRUE", id="boolean"),
    ],
)
@pytest.mark.parametrize("left", [0, 27])
def test_leading_zeros_and_percentages_are_read_as_shown(
    value: object, number_format: str, text: str, left: int
) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in ([], ["Nama", "HP", "Nilai"], ["Budi", "081234567890", value], ["Siti", "081234567891", 0.5]):
        sheet.append([*[None] * left, *row])
    sheet.cell(3, left + 3).number_format = number_format

    budi, siti = read(saved(book))

    assert budi.variables == {"nilai": text}
    assert siti.variables == {"nilai": "0.5"}


def test_formats_are_found_where_the_xml_is_cut() -> None:
    rows = "".join(
        f'<row r="{row}"><c r="A{row}" s="1"><v>1</v></c><c r="AB{row}" s="2"/></row>' for row in range(1, 9)
    )
    formats: dict[bytes, workbook_cells.Show] = {b"1": str, b"2": repr}

    for size in (1, 7, 30, 1_000):
        pieces = iter(rows[at : at + size].encode() for at in range(0, len(rows), size))
        found = list(workbook_cells.find_cells(Pieces(pieces), formats))
        assert found == [(row, column, show) for row in range(1, 9) for column, show in ((0, str), (27, repr))]


def test_a_table_may_start_anywhere_in_its_sheet_and_rows_keep_their_number() -> None:
    rows = [[], [None, None, "Daftar"], [], [None, *HEADER], [None, *BUDI], [], [None, "Ani", "0813"]]

    read_rows = read(workbook(rows))

    assert read_rows == [
        AudienceRow("0812 3456 7890", "Budi", {"kode": "A1"}, row=5),
        AudienceRow("0813", "Ani", {}, row=7),
    ]


def test_formulas_give_their_cached_value_and_errors_nothing() -> None:
    formulas = '<c r="A3" t="str"><f>1+1</f><v>Cici</v></c><c r="B3"><f>A1</f><v>62813</v></c>'
    error = '<c r="C3" t="e"><f>1/0</f><v>#DIV/0!</v></c>'

    rows = read(raw_workbook(f'{raw_rows(HEADER, BUDI)}<row r="3">{formulas}{error}</row>'))

    assert rows[-1] == AudienceRow("62813", "Cici", {}, row=3)


def test_a_merged_cell_counts_for_every_row_it_covers() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for cells in (
        ["Daftar siswa"],
        ["Nama", "Kontak", None, "Kelas"],
        [None, "HP", "Surel", None],
        ["Budi", "0811", "b@x", "5A"],
        ["Ani", "0812"],
        ["Cici", "0813", None, "5B"],
    ):
        sheet.append(cells)
    for merged in ("A1:D1", "A2:A3", "B2:C2", "D2:D3", "D4:D5", "D6:D9"):
        sheet.merge_cells(merged)

    assert read(saved(book)) == [
        AudienceRow("0811", "Budi", {"surel": "b@x", "kelas": "5A"}, row=4),
        AudienceRow("0812", "Ani", {"kelas": "5A"}, row=5),
        AudienceRow("0813", "Cici", {"kelas": "5B"}, row=6),
    ]


FILTERED = RowFault("the row is hidden by a filter in the workbook: clear the filter to include it")


def hidden_row(*, filtered: bool = False, in_table: bool = False) -> bytes:
    """Return a workbook with two sheets; the last row but one of the first is hidden, the second has no filter."""
    book = openpyxl.Workbook()
    book.create_sheet("Lain & lagi")
    sheet = book.active
    for cells in (HEADER, BUDI, BUDI, BUDI):
        sheet.append(cells)
    sheet.row_dimensions[sheet.max_row - 1].hidden = True
    whole = f"A1:C{sheet.max_row}"
    criterion = FilterColumn(colId=0, filters=Filters(filter=["Budi"]))
    if filtered:
        sheet.auto_filter.ref = whole
        sheet.auto_filter.filterColumn.append(criterion)
    if in_table:
        table = Table(displayName="Orang", ref=whole)
        table.autoFilter = AutoFilter(ref=whole, filterColumn=[criterion])
        sheet.add_table(table)
    return saved(book)


def hidden_far_down() -> bytes:
    hidden = raw_rows(BUDI).replace("<row>", "<row r='52' spans='1:3' hidden='true'>")
    rows = raw_rows(HEADER, *[["Budi", "0812 3456 7890", "x" * 30_000]] * 50)
    return raw_workbook(rows + hidden, after='<autoFilter ref="A1:C52"><filterColumn colId="0"/></autoFilter>')


@pytest.mark.parametrize(
    ("make", "faults"),
    [
        pytest.param(hidden_row, [None, None, None], id="by-hand"),
        pytest.param(lambda: hidden_row(filtered=True), [None, FILTERED, None], id="by-a-filter"),
        pytest.param(lambda: hidden_row(in_table=True), [None, FILTERED, None], id="by-the-filter-of-a-table"),
        pytest.param(hidden_far_down, [*[None] * 50, FILTERED], id="far-down"),
        pytest.param(
            lambda: open_document([HEADER, BUDI, BUDI, BUDI], hidden={3: "collapse"}), [None] * 3, id="ods-by-hand"
        ),
        pytest.param(
            lambda: open_document([HEADER, BUDI, BUDI, BUDI], hidden={3: "filter"}),
            [None, FILTERED, None],
            id="ods-by-a-filter",
        ),
    ],
)
def test_rows_that_a_filter_hides_are_reported_and_those_hidden_by_hand_are_read(
    make: Callable[[], bytes], faults: list[RowFault | None]
) -> None:
    rows = read(make())

    assert [row.fault for row in rows] == faults


def test_a_sheet_without_numbers_before_the_list_is_skipped() -> None:
    book = openpyxl.Workbook()
    book.active.title = "Petunjuk"
    book.active.append(["Isi nomor WhatsApp di lembar berikut"])
    book.create_sheet("Kosong")
    page = book.create_sheet("Data")
    for cells in (["Daftar"], HEADER, BUDI):
        page.append(cells)
    source = open_source(saved(book))

    assert [row.name for row in source.read()] == ["Budi"]
    assert source.reading == Reading(sheet="Data", header_row=2)


def test_the_error_for_sheets_without_numbers_names_the_columns_of_the_first() -> None:
    book = openpyxl.Workbook()
    book.active.append(["Nama", "Alamat"])
    book.create_sheet("Lain").append(["Kota"])

    with pytest.raises(FileError, match="no column holds phone numbers; its columns are Nama, Alamat"):
        read(saved(book))


@pytest.mark.parametrize(
    ("sheet", "name"),
    [
        pytest.param(None, "visible", id="the-first-visible-one-with-content"),
        pytest.param("Kedua", "second", id="by-name"),
        pytest.param(" kedua ", "second", id="by-name-as-people-type"),
        pytest.param("Rahasia", "hidden", id="a-hidden-one-by-name"),
        pytest.param(4, "second", id="by-position"),
    ],
)
def test_a_sheet_can_be_chosen(sheet: str | int | None, name: str) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Kosong"
    for title, person in (("Rahasia", "hidden"), ("Pertama", "visible"), ("Kedua", "second")):
        page = book.create_sheet(title)
        page.append(HEADER)
        page.append([person, "0811", "x"])
    book["Rahasia"].sheet_state = "hidden"

    assert [row.name for row in read(saved(book), sheet=sheet)] == [name]


@pytest.mark.parametrize("kind", ["ods", "xls"])
def test_older_and_open_formats_are_read(kind: str) -> None:
    data = open_document([HEADER, BUDI]) if kind == "ods" else old_workbook([HEADER, BUDI])

    assert read(data) == [AudienceRow("0812 3456 7890", "Budi", {"kode": "A1"}, row=2)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda: b"", "the file is empty", id="empty-file"),
        pytest.param(lambda: b"Nama;HP\n", "not a workbook", id="text"),
        pytest.param(lambda: workbook([]), "no visible sheet with content", id="empty-workbook"),
        pytest.param(lambda: workbook([["Nama", "Alamat"], ["B", "Jl"]]), "no column holds phone", id="no-numbers"),
        pytest.param(lambda: workbook([HEADER, BUDI])[:-30], "archive is damaged", id="cut-off"),
        pytest.param(lambda: b"PK\x03\x04" + b"x" * 99, "archive is damaged", id="no-archive"),
        pytest.param(lambda: zipped({"a.txt": b"x"}), "not a workbook", id="zip-of-something-else"),
        pytest.param(lambda: zipped({"xl/workbook.xml": b"<workbook"}), "damaged and cannot", id="no-parts"),
        pytest.param(lambda: raw_workbook("<row><c"), "damaged and cannot", id="broken-xml"),
        pytest.param(lambda: with_flipped_bytes(workbook([HEADER, BUDI])), "damaged", id="flipped-bytes"),
        pytest.param(lambda: OLE_MAGIC + b"\0" * 600, "damaged and cannot", id="broken-xls"),
        pytest.param(encrypted_workbook, "protected by a password", id="encrypted"),
        pytest.param(encrypted_zip, "protected by a password", id="encrypted-zip"),
    ],
)
def test_a_workbook_that_cannot_be_read_is_one_clear_error(make: Callable[[], bytes], message: str) -> None:
    with pytest.raises(FileError, match=message):
        read(make())


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        pytest.param(raw_rows([*BUDI, *"x" * 998]), RowFault("the row has more than 1,000 columns"), id="1001-columns"),
        pytest.param(
            '<row><c r="XFD2"><v>1</v></c></row>', RowFault("the row has more than 1,000 columns"), id="cell-far-right"
        ),
        pytest.param(
            raw_rows(["Budi", "0811", "x" * 140_000]),
            RowFault("the cell is longer than 128 KiB", "Kode"),
            id="long-cell",
        ),
        pytest.param(
            raw_rows([*BUDI, *["x" * 120_000] * 9]), RowFault("the row is longer than 1,024 KiB"), id="long-row"
        ),
    ],
)
def test_a_damaged_row_is_one_row_and_the_rest_is_read(row: str, fault: RowFault) -> None:
    damaged, after = read(raw_workbook(raw_rows(HEADER) + row + raw_rows(BUDI)))

    assert damaged == AudienceRow("", row=2, fault=fault)
    assert damaged.cells is not None
    assert max(map(len, damaged.cells)) <= 1_000
    assert after == AudienceRow("0812 3456 7890", "Budi", {"kode": "A1"}, row=3)


def test_the_error_for_a_missing_sheet_names_the_sheets_that_exist() -> None:
    with pytest.raises(FileError, match="no sheet 'Juni': the workbook has Sheet"):
        read(workbook([HEADER, BUDI]), sheet="Juni")


def test_a_workbook_that_takes_too_long_to_open_is_an_error() -> None:
    with pytest.raises(FileError, match=r"within 0.001 s"):
        read(workbook([HEADER, BUDI]), workbook_seconds=0.001)


@pytest.mark.parametrize(
    ("ending", "message"),
    [
        pytest.param("os.abort()", "damaged, or needs more than 512 MB", id="panic"),
        pytest.param("os.kill(os.getpid(), signal.SIGKILL)", "damaged, or needs more", id="out-of-memory-killer"),
        pytest.param("os.kill(os.getpid(), signal.SIGXCPU)", "within 120 s", id="processor-time"),
        pytest.param("os.write(1, b'[\"half')", "damaged, or needs more", id="half-a-line"),
    ],
)
def test_a_child_that_dies_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ending: str, message: str
) -> None:
    child = tmp_path / "child.py"
    child.write_text(f'import os, signal\nos.write(1, b\'{{"sheet": "A", "others": []}}\\n["HP",1]\\n\')\n{ending}\n')
    monkeypatch.setattr(excel, "_CHILD", child)

    with pytest.raises(FileError, match=message):
        read(workbook([HEADER, BUDI]))


TEXT_CELL = '<c t="inlineStr"><is><t>x</t></is></c>'


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(f'<row r="4294967295">{TEXT_CELL}</row>', id="the-only-row"),
        pytest.param(f'<row r="1048577">{TEXT_CELL}</row>', id="one-too-many"),
        pytest.param(f'<row r="4294967290">{TEXT_CELL}</row>' + raw_rows(HEADER, BUDI), id="before-the-table"),
        pytest.param(raw_rows(HEADER, BUDI) + '<row><c r="A2000000"><v>1</v></c></row>', id="after-the-table"),
    ],
)
def test_a_row_number_that_no_sheet_can_have_is_refused_before_any_row_is_read(rows: str) -> None:
    with pytest.raises(FileError, match="below row 1,048,576, the last one"):
        read(raw_workbook(rows), workbook_seconds=20)


def test_a_third_workbook_waits_until_one_of_two_was_read_and_is_refused_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(excel, "_SLOTS", WorkbookSlots(2))
    data = raw_workbook(raw_rows(HEADER, *[BUDI] * 50_000))
    first, second = open_source(data).read(), open_source(data).read()
    next(first), next(second)
    others = children()

    with pytest.raises(BusyError, match="2 workbooks are being read"):
        read(data, workbook_seconds=0.2)
    with pytest.raises(BusyError):
        read(data, is_over=lambda: True)
    refused_children = children() - others
    first.close()
    rows = read(data)
    second.close()

    assert refused_children == set()
    assert len(rows) == 50_000


def test_opening_ends_when_the_reading_is_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    child = tmp_path / "child.py"
    child.write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(excel, "_CHILD", child)
    others = children()
    source = open_source(workbook([HEADER, BUDI]), is_over=lambda: True)

    rows = list(source.read())

    assert rows == []
    assert source.notes == ["the time was over before the workbook was open: no row of it was read"]
    assert children() <= others


def test_no_file_and_no_process_remains_when_the_reader_stops_early(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    others = children()
    rows = open_source(raw_workbook(raw_rows(HEADER, *[BUDI] * 50_000))).read()

    next(rows)
    busy = (len(list(tmp_path.iterdir())), len(children() - others))
    rows.close()

    assert busy == (1, 1)
    assert list(tmp_path.iterdir()) == []
    assert children() <= others


def test_the_child_ends_with_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "many.xlsx"
    path.write_bytes(raw_workbook(raw_rows(HEADER, *[BUDI] * 50_000)))
    command = [sys.executable, "-c", READ_ONE_ROW, str(path)]

    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": ":".join(sys.path)}
    ) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()

    ended, _, _ = select.select([child], [], [], 10)
    os.close(child)
    assert ended


def test_memory_does_not_grow_with_the_rows() -> None:
    source = open_source(raw_workbook(raw_rows(HEADER, *[BUDI] * 20_000)))
    tracemalloc.start()

    count = sum(1 for _ in source.read())

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 2 * MEGABYTE


CELLS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**15) + 1, 10**15 - 1)
    | st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 4))
    | st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], include_characters="\n"), max_size=12).filter(
        lambda text: not text.startswith(("=", "#")) and "_x" not in text  # formulas, errors, escapes
    )
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(CELLS, max_size=5), max_size=6))
def test_the_output_of_a_workbook_writer_is_read_back_as_texts(rows: list[list[Any]]) -> None:
    with tempfile.NamedTemporaryFile(suffix=".xlsx") as file:
        file.write(workbook([["head"], *rows]))
        file.flush()
        sheet, _ = workbook_child._find_sheet(file.name, None)
        found = dict(workbook_child.read_rows(sheet))

    expected = {row: trimmed([as_text(value) for value in cells]) for row, cells in enumerate([["head"], *rows], 1)}
    assert found == {row: cells for row, cells in expected.items() if cells}


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return f"{value:.15g}" if value % 1 else str(int(value))
    return "" if value is None else str(value)


def trimmed(cells: list[str]) -> list[str]:
    while cells and not cells[-1]:
        cells.pop()
    return cells


def test_it_is_a_contact_source_with_settings_in_camel_case() -> None:
    given = ExcelSettings.model_validate({"uploadId": "x", "sheet": "A", "mapping": {"B": "number"}})

    assert isinstance(ExcelSource(given, open_context(b"")), ContactSource)


READ_ONE_ROW = """
import os, pathlib, signal, sys
from wabroadcast_core import SourceContext
from wabroadcast_plugins.contact_sources.excel import ExcelSettings, ExcelSource

context = SourceContext(open_upload=lambda name: open(name, "rb"), read_contacts=lambda tags, match: iter(()))
rows = ExcelSource(ExcelSettings(upload_id=sys.argv[1]), context).read()
next(rows)
print(pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().strip(), flush=True)
signal.pause()
"""


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split())


def read(data: bytes, *, sheet: str | int | None = None, **limits: Any) -> list[AudienceRow]:
    return list(open_source(data, sheet=sheet, **limits).read())


def open_source(data: bytes, *, sheet: str | int | None = None, **limits: Any) -> ExcelSource:
    return ExcelSource(ExcelSettings(upload_id="x", sheet=sheet), open_context(data, **limits))


def open_context(data: bytes, **limits: Any) -> SourceContext:
    return SourceContext(open_upload=lambda _: io.BytesIO(data), read_contacts=lambda *_: iter(()), **limits)
