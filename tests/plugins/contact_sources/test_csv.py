import csv
import gc
import io
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import repeat
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from wabroadcast_core import AudienceRow, ContactSource, DamagedRow, FileError, Reading, RowFault, SourceContext
from wabroadcast_core.audience.cells import lasting_cell
from wabroadcast_plugins.contact_sources.csv import CsvSettings, CsvSource
from wabroadcast_plugins.contact_sources.csv_table import CsvTable

BUDI = AudienceRow("0812 3456 7890", "Büdi", {"kode": "A1"}, row=2)


def text(delimiter: str = ",") -> str:
    return "Nama,No. HP,Kode\r\nBüdi,0812 3456 7890,A1\r\n".replace(",", delimiter)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(text(",").encode(), id="comma"),
        pytest.param(text(";").encode(), id="semicolon"),
        pytest.param(text("\t").encode(), id="tab"),
        pytest.param(text("|").encode(), id="pipe"),
        pytest.param(text(";").encode("utf-8-sig"), id="utf-8-with-mark"),
        pytest.param(text("\t").encode("utf-16"), id="utf-16"),
        pytest.param(b"\xfe\xff" + text("\t").encode("utf-16-be"), id="utf-16-big-endian"),
        pytest.param(text(";").encode("utf-16-le"), id="utf-16-without-mark"),
        pytest.param(text(",").encode("utf-16-be"), id="utf-16-big-endian-without-mark"),
        pytest.param(text(",").encode("utf-32"), id="utf-32"),
        pytest.param(text(";").encode("cp1252"), id="windows-1252"),
        pytest.param('Nama, "No. HP", Kode\n"Büdi", "0812 3456 7890", "A1"\n'.encode(), id="blanks-before-quotations"),
        pytest.param(text().replace("\r\n", "\n").encode(), id="unix-lines"),
        pytest.param(text().replace("\r\n", "\r").encode(), id="old-mac-lines"),
        pytest.param(text().rstrip().encode(), id="no-last-line-end"),
        pytest.param((text() + "\x1a").encode(), id="dos-end-of-file"),
        pytest.param('"Nama","No. HP","Kode"\n"Büdi","0812 3456 7890","A1"\n'.encode(), id="all-quoted"),
        pytest.param("Nama,No. HP,Kode,Nilai\nBüdi,0812 3456 7890,A1,\n".encode(), id="empty-last-column"),
    ],
)
def test_a_csv_file_is_read_as_real_programs_write_it(data: bytes) -> None:
    assert read(data)[0] == BUDI


@pytest.mark.parametrize("error", ["#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", " #N/A "])
def test_an_error_of_a_spreadsheet_is_a_blank_cell(error: str) -> None:
    named, numbered = read(f"Nama,HP,Kota\n{error},081234567890,{error}\nBudi,{error},Solo\n".encode())

    assert (named.number, named.name, named.variables) == ("081234567890", None, {})
    assert (numbered.number, numbered.name, numbered.variables) == ("", "Budi", {"kota": "Solo"})


@pytest.mark.parametrize("cell", ["#N/A?", "x #N/A", "#n/a", "#1", "#", "#N/A #N/A"])
def test_a_text_like_an_error_of_a_spreadsheet_is_kept(cell: str) -> None:
    (row,) = read(f"Nama,HP\n{cell},081234567890\n".encode())

    assert row.name == cell


def test_an_error_text_that_our_export_wrote_is_kept() -> None:
    (row,) = read(f"Nama,HP\n{lasting_cell('#N/A')},081234567890\n".encode())

    assert row.name == "#N/A"


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "@"])
def test_the_sep_line_of_excel_declares_the_delimiter(delimiter: str) -> None:
    data = f"sep={delimiter}\r\n{text(delimiter)}".encode()

    (row,) = read(data)

    assert (row.name, row.variables, row.row) == ("Büdi", {"kode": "A1"}, 3)


@pytest.mark.parametrize(
    ("data", "delimiter"),
    [
        pytest.param("Nama;HP;Alamat\nA;0811;Jl. X, no 1\nB;0812;Jl. Y, no 2\n", ";", id="commas-in-addresses"),
        pytest.param("0811;1,5;2,5\n0812;3,5;4,5\n", ";", id="decimal-commas"),
        pytest.param('Nama,HP,Catatan\nA,0811,"a;b;c"\nB,0812,"d;e;f"\n', ",", id="quoted-semicolons"),
        pytest.param("Laporan, November\nNama\tHP\nA\t0811\nB\t0812\n", "\t", id="title-with-a-comma"),
        pytest.param("HP\n0811\n0812\n", ";", id="one-column"),
    ],
)
def test_the_delimiter_is_the_one_that_makes_equal_rows(data: str, delimiter: str) -> None:
    assert CsvTable(io.BytesIO(data.encode())).delimiter == delimiter


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        pytest.param(
            "\u0418\u0432\u0430\u043d \u041f\u0435\u0442\u0440\u043e\u0432\u0438\u0447", "windows-1251", id="cyrillic"
        ),
        pytest.param("Andr\xe9, Zo\xeb, Fran\xe7ois, J\xfcrgen Gro\xdf, A\xf1o", "windows-1252", id="western"),
        pytest.param("\xc5\xc4\xd6 \xc4\xd6\xc5 \xe4\xf6\xe5\xe4\xf6", "windows-1252", id="many-western-letters"),
    ],
)
def test_an_older_encoding_is_assumed_and_reported(name: str, encoding: str) -> None:
    source = source_of(f'Nama,HP\n"{name}",081234567890\n'.encode(encoding))

    (row,) = source.read()

    assert row.name == name
    assert f"read as {encoding}. If letters look wrong, give its encoding" in source.notes[0]


@pytest.mark.parametrize(("data", "settings"), [("\xe9", {}), ("\xe9".encode("cp1252"), {"encoding": "cp1252"})])
def test_nothing_is_reported_of_an_encoding_that_is_sure(data: str | bytes, settings: dict[str, str]) -> None:
    source = source_of(b"Nama,HP\n" + (data.encode() if isinstance(data, str) else data) + b",0812345678\n", **settings)

    list(source.read())

    assert source.notes == []


def test_a_name_in_windows_1252_at_the_very_end_is_read_right() -> None:
    data = b"Nama,HP\n" + b"Budi,08123456789\n" * 100_000 + "André,08123456789\n".encode("cp1252")

    assert read(data)[-1].name == "André"


def test_quoted_line_breaks_belong_to_their_field_and_rows_keep_their_number() -> None:
    data = b'Nama,HP,Alamat\n"Budi",0811,"Jl. A\n\nJakarta, ""Pusat"""\n\nAni,0812,\n'

    rows = read(data)

    assert rows == [
        AudienceRow("0811", "Budi", {"alamat": 'Jl. A\n\nJakarta, "Pusat"'}, row=2),
        AudienceRow("0812", "Ani", {}, row=4),
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "the file is empty", id="empty"),
        pytest.param(b"\xef\xbb\xbf", "the file is empty", id="only-a-mark"),
        pytest.param(b"\r\n \n\n", "the file is empty", id="only-blank-lines"),
        pytest.param(b",,\n,,\n", "the file holds no rows", id="only-delimiters"),
        pytest.param(b"Nama,Alamat\nBudi,Jl. A\n", "no column holds phone numbers", id="no-numbers"),
        pytest.param(bytes(range(256)) * 20, "binary file", id="binary"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"\0" * 20, "binary file", id="image"),
        pytest.param(b"PK\x03\x04rest", "workbook or a zip", id="workbook"),
        pytest.param(b"\n<HTML><table>", "web page", id="web-page-named-xls"),
        pytest.param(b"%PDF-1.7\n%\xe2\xe3", "PDF", id="pdf"),
        pytest.param(b"BEGIN:VCARD\nTEL:0811\n", "vCards", id="vcards"),
        pytest.param(
            b"\0,Kota\nBudi,Jl. A\n", "row 1, column 1: the cell holds a NUL byte", id="nul-byte-and-no-numbers"
        ),
        pytest.param(b'a,HP\n1,"' + b"x\n" * 70_000, "row 2, column 2: .* never closed", id="long-open-quotation"),
        pytest.param(b'a,HP\n1,0811\n"x,0811\n', "row 3, column 1: .* never closed", id="short-open-quotation"),
        pytest.param(b"," * 100_000 + b"\n", "row 1: the row has more than 1,000 columns", id="100000-columns"),
        pytest.param(b"a,HP\n" + b"x," * 600_000, "row 2: the row has more than 1,000 columns", id="endless-columns"),
        pytest.param(
            b"a,HP\n" + b",".join([b"x" * 9_000] * 150), "row 2: the row is longer than 1,024 KiB", id="endless-row"
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_error(data: bytes, message: str) -> None:
    with pytest.raises(FileError, match=message):
        read(data)


def test_a_long_file_without_numbers_leaves_nothing_open() -> None:
    file = io.BytesIO(b"Nama,Alamat\n" + b"Budi,Jl. A\n" * 500)

    with pytest.raises(FileError, match="no column holds phone numbers"):
        list(CsvSource(CsvSettings(upload_id="x"), context_of(lambda _: file)).read())

    gc.collect()
    assert file.closed


def test_rows_before_a_fault_are_read() -> None:
    rows = iter(CsvSource(CsvSettings(upload_id="x"), context(b"HP\n" + b"0811\n" * 99 + b'"0\n')).read())

    assert len([next(rows) for _ in range(99)]) == 99
    with pytest.raises(FileError, match="row 101, column 1"):
        next(rows)


LONG = b"x" * 131_073


@pytest.mark.parametrize(
    ("line", "fault", "cells"),
    [
        pytest.param(
            b"Bu\0di,0811,A",
            RowFault("the cell holds a NUL byte: the file is damaged here", "Nama"),
            None,
            id="nul-byte",
        ),
        pytest.param(
            b'"Budi "Kumis" S",0811,A',
            RowFault("a quotation mark inside the cell is not doubled: write it twice", "Nama"),
            ['"Budi "Kumis" S"', "0811", "A"],
            id="stray-quotation-mark",
        ),
        pytest.param(
            b"Budi, S.Pd,0811,A",
            RowFault(
                "more cells than the header: put a cell that contains the delimiter in quotation marks", "column 4"
            ),
            ["Budi", " S.Pd", "0811", "A"],
            id="a-cell-too-many",
        ),
        pytest.param(
            b"Budi,0811" + b"," * 1_000,
            RowFault("the row has more than 1,000 columns"),
            ["Budi", "0811", *[""] * 998],
            id="columns",
        ),
        pytest.param(
            LONG + b",0811,A",
            RowFault("the cell is longer than 128 KiB", "Nama"),
            ["x" * 1_000, "0811", "A"],
            id="long-cell",
        ),
        pytest.param(
            b'Budi,0811,"' + LONG + b'"',
            RowFault("the cell is longer than 128 KiB", "Kode"),
            None,
            id="long-quoted-cell",
        ),
        pytest.param(
            b'"Jl. A\nNo. 5",0811,"' + LONG + b'"',
            RowFault("the cell is longer than 128 KiB", "Kode"),
            None,
            id="long-quoted-cell-after-several-lines",
        ),
        pytest.param(
            "Zoë".encode()[:-1] + b",0811,A",
            RowFault("the cell holds bytes that are not UTF-8 text: save the file as UTF-8", "Nama"),
            None,
            id="broken-character",
        ),
    ],
)
def test_a_damaged_row_is_one_row_and_the_rest_is_read(line: bytes, fault: RowFault, cells: list[str] | None) -> None:
    data = "Nama,HP,Kode\nZoë,0810,Ä\n".encode() + line + b"\nAni,0812,B\n"

    before, damaged, after = read(data)

    assert (before.name, after) == ("Zoë", AudienceRow("0812", "Ani", {"kode": "B"}, row=4))
    assert damaged == AudienceRow("", row=3, fault=fault)
    assert cells is None or damaged.cells == cells


@pytest.mark.parametrize(
    ("data", "read_rows"),
    [
        pytest.param(b'1,"Budi,0811\n2,Ani,0812\n3,"Cici",0813\n', [3, 4], id="up-to-the-next-quoted-cell"),
        pytest.param(b'1,"Budi,0811\n2,Ani,0812\n3,"Cici"" x",0813\n', [3], id="up-to-a-doubled-mark"),
        pytest.param(
            b'1,"Budi,08110000000\n2,Ani,08120000000\n3,TV 14",08130000000\n4,TV 14",0814\n',
            [3, 5],
            id="up-to-a-mark-that-may-close-the-quotation",
        ),
        pytest.param(b'1,"Jl. "A" 5\nRT 5, Kota D",0811\n2,Ani,0812\n', [4], id="with-its-rest-on-the-next-line"),
        pytest.param(b'1,"Budi "A" S",0811\n2,TV 14",0812\n', [3], id="with-no-rest"),
    ],
)
def test_a_broken_quotation_damages_only_its_lines_and_merges_no_rows(data: bytes, read_rows: list[int]) -> None:
    rows = read(b"No,Nama,HP\n" + data)

    assert rows[0].cells == data.decode().split("\n", 1)[0].split(",")
    assert [row.row for row in rows if row.fault is None] == read_rows
    assert not [row for row in rows if "\n" in f"{row.number}{row.name}"]


def test_a_broken_quotation_in_a_row_over_the_size_limit_ends_the_file() -> None:
    broken = b'1,"Budi "A",' + b"x" * 1_100_000 + b",0811\n"

    with pytest.raises(FileError, match="row 2, column 2"):
        read(b"No,Nama,HP\n" + broken)


def test_a_list_of_numbers_inside_a_quotation_is_one_cell() -> None:
    note = "Istri, 08120000001\nAnak, 08120000002"

    (row,) = read(f'Nama,HP,Catatan\nBudi,"08110000000\n08110000009","{note}"\n'.encode())

    assert row == AudienceRow("08110000000\n08110000009", "Budi", {"catatan": note}, row=2)


def test_the_source_reports_how_the_file_was_read() -> None:
    source = CsvSource(CsvSettings(upload_id="x"), context("sep=;\nDaftar;\n\nNama;HP\nZoë;0811\n".encode("cp1252")))

    assert [row.name for row in source.read()] == ["Zoë"]
    assert source.reading == Reading(delimiter=";", encoding="windows-1252", header_row=4)


def test_a_given_encoding_and_delimiter_override_the_detection() -> None:
    data = "Nama:HP\nBüdi:08123456789\n".encode("latin-1")

    rows = read(data, delimiter=":", encoding="latin-1")

    assert rows == [AudienceRow("08123456789", "Büdi", {}, row=2)]


@pytest.mark.parametrize("rows_before", [0, 20_000])
def test_a_given_encoding_that_does_not_fit_is_an_error(rows_before: int) -> None:
    data = b"Nama,HP\n" + b"Budi,0811\n" * rows_before + "Büdi,0811\n".encode("latin-1")

    with pytest.raises(FileError, match="not utf-8 text"):
        read(data, encoding="utf-8")


@pytest.mark.parametrize(
    "fault", [{"encoding": "klingon"}, {"encoding": "rot13"}, {"delimiter": '"'}, {"delimiter": ",,"}]
)
def test_settings_that_cannot_work_are_refused(fault: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        CsvSettings.model_validate({"uploadId": "x", **fault})


def test_settings_are_camel_case_and_a_mapping_reaches_the_columns() -> None:
    settings = CsvSettings.model_validate({"uploadId": "x", "mapping": {"No. HP": "number", "Kode": ""}})
    source = CsvSource(settings, context(text().encode()))

    rows = list(source.read())

    assert rows[0].variables == {}
    assert source.columns is not None
    assert source.columns.understood() == {"Nama": "name", "No. HP": "number", "Kode": ""}


def test_it_is_a_contact_source() -> None:
    assert isinstance(CsvSource(CsvSettings(upload_id="x"), context(b"")), ContactSource)


@pytest.mark.parametrize("rows_read", [0, 1, 10])
def test_the_upload_is_closed_when_the_reader_stops_early(rows_read: int) -> None:
    file = io.BytesIO(b"HP\n" + b"0811\n" * 100)
    rows = CsvSource(CsvSettings(upload_id="x"), context_of(lambda _: file)).read()

    for _ in range(rows_read):
        next(rows)
    rows.close()

    assert file.closed == (rows_read > 0)


FIELD = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\r\n", exclude_characters="\ufeff"),
    max_size=12,
)
WRITER_OPTIONS = [
    *({"quoting": csv.QUOTE_ALL, "lineterminator": end} for end in ("\r\n", "\n", "\r")),
    {"quoting": csv.QUOTE_NONNUMERIC, "lineterminator": "\n"},
    {"quoting": csv.QUOTE_MINIMAL, "lineterminator": "\r\n"},  # quotes only its own line ends
]


@settings(max_examples=75, deadline=None)
@given(
    st.integers(1, 5).flatmap(lambda width: st.lists(st.lists(FIELD, min_size=width, max_size=width), max_size=8)),
    st.sampled_from(",;\t|"),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(WRITER_OPTIONS),
)
def test_the_output_of_a_csv_writer_is_read_back(
    rows: list[list[str]], delimiter: str, encoding: str, options: dict[str, Any]
) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, **options).writerows([["head"], *rows])
    file = io.BytesIO(out.getvalue().encode(encoding))

    assert cells_of(CsvTable(file, delimiter=delimiter)) == [["head"], *rows]


WORD = st.text(st.characters(codec="cp1252", categories=["Lu", "Ll", "Nd"]), max_size=6)


@settings(max_examples=75, deadline=None)
@given(
    st.integers(2, 5).flatmap(lambda width: st.lists(st.lists(WORD, min_size=width, max_size=width), max_size=60)),
    st.sampled_from(",;\t|"),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]),
)
def test_delimiter_and_encoding_are_detected(rows: list[list[str]], delimiter: str, encoding: str) -> None:
    head = [f"Kolom é {index}" for index in range(len(rows[0]) if rows else 2)]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows([head, *rows])

    table = CsvTable(io.BytesIO(out.getvalue().encode(encoding)))

    assert (table.delimiter, cells_of(table)) == (delimiter, [head, *rows])


@settings(max_examples=75, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_one_clear_error(data: bytes) -> None:
    try:
        rows = read(b"HP\n08123456789\n" + data)
    except FileError:
        return
    assert rows[0].number == "08123456789"


def test_memory_does_not_grow_with_the_rows() -> None:
    line = b"Budi,08123456789,A1," + b"Jakarta" * 30 + b"\n"
    file = Endless(b"Nama,HP,Kode,Kota\n", line * 100, repeats=200)

    with limited_memory(2 * MEGABYTE):
        count = sum(1 for _ in CsvSource(CsvSettings(upload_id="x"), context_of(lambda _: file)).read())

    assert count == 20_000


@pytest.mark.parametrize(
    ("opening", "chunk"),
    [
        pytest.param(b"Nama,HP\nx,", b"a", id="one-cell"),
        pytest.param(b'Nama,HP\nx,"', b"a", id="one-quotation"),
        pytest.param(b'Nama,HP\nx,"', b"a\n", id="one-quotation-of-many-lines"),
        pytest.param(b"Nama,HP\nx,", b"a,", id="one-row-of-many-columns"),
    ],
)
def test_a_row_of_a_gigabyte_is_refused_in_bounded_memory(opening: bytes, chunk: bytes) -> None:
    file = Endless(opening, chunk * (MEGABYTE // len(chunk)), repeats=1024)

    with limited_memory(24 * MEGABYTE), pytest.raises(FileError, match="row 2"):
        list(CsvSource(CsvSettings(upload_id="x"), context_of(lambda _: file)).read())


MEGABYTE = 1024 * 1024


@contextmanager
def limited_memory(most: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most


class Endless(io.RawIOBase):
    """A file of one repeated chunk, which is never in memory as a whole."""

    def __init__(self, head: bytes, chunk: bytes, *, repeats: int) -> None:
        self._head, self._chunk, self._repeats = head, chunk, repeats
        self._chunks = self._make()

    def _make(self) -> Iterator[bytes]:
        yield self._head
        yield from repeat(self._chunk, self._repeats)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        assert (offset, whence) == (0, 0)
        self._chunks = self._make()
        return 0

    def tell(self) -> int:
        return 0

    def read(self, size: int = -1) -> bytes:  # noqa: ARG002 - a raw file may return what it has
        return next(self._chunks, b"")

    read1 = read


def cells_of(table: CsvTable) -> list[list[str]]:
    found = [cells for _, cells in table]
    assert not [cells for cells in found if isinstance(cells, DamagedRow)]
    return [list(cells) for cells in found if not isinstance(cells, DamagedRow)]


def context(data: bytes) -> SourceContext:
    return context_of(lambda _: io.BytesIO(data))


def context_of(open_upload: Callable[[str], Any]) -> SourceContext:
    return SourceContext(open_upload=open_upload, read_contacts=lambda *_: iter(()))


def read(data: bytes, **settings: str) -> list[AudienceRow]:
    return list(source_of(data, **settings).read())


def source_of(data: bytes, **settings: str) -> CsvSource:
    return CsvSource(CsvSettings.model_validate({"uploadId": "x", **settings}), context(data))
