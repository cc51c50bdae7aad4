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

from wabroadcast_core import AudienceRow, ContactSource, FileError, SourceContext
from wabroadcast_plugins.contact_sources.csv import CsvSettings, CsvSource, CsvTable

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
        pytest.param(b"\xfe\xff" + text("\t").encode("utf-16-be"), id="utf-16-the-other-way-round"),
        pytest.param(text(";").encode("cp1252"), id="windows-1252"),
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


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "@"])
def test_excels_first_line_tells_the_delimiter(delimiter: str) -> None:
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
    ("data", "words"),
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
        pytest.param(b"Nama,HP\nBudi,0811\0\n", "row 2, column 2: a NUL byte", id="nul-byte"),
        pytest.param(b"a,HP\n" + b"x" * 131_073 + b",0811\n", "row 2, column 1: a field longer", id="long-field"),
        pytest.param(b'a,HP\n1,"' + b"x\n" * 70_000, "row 2, column 2: .* never closed", id="long-open-quotation"),
        pytest.param(b'a,HP\n1,0811\n"x,0811\n', "row 3, column 1: .* never closed", id="short-open-quotation"),
        pytest.param(b"a,HP\n" + b"," * 1_000 + b"\n", "row 2: more than 1,000 columns", id="1001-columns"),
        pytest.param(b"," * 100_000 + b"\n", "row 1: more than 1,000 columns", id="100000-columns"),
        pytest.param(b"a,HP\n" + b"x," * 600_000, "row 2: more than 1,000 columns", id="endless-columns"),
        pytest.param(b"a,HP\n" + b",".join([b"x" * 9_000] * 150), "row 2: longer than 1,024 KiB", id="endless-row"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_error(data: bytes, words: str) -> None:
    with pytest.raises(FileError, match=words):
        read(data)


def test_a_long_file_without_numbers_leaves_nothing_open() -> None:
    file = io.BytesIO(b"Nama,Alamat\n" + b"Budi,Jl. A\n" * 500)

    with pytest.raises(FileError, match="no column holds phone numbers"):
        list(CsvSource(CsvSettings(upload_id="x"), lending(lambda _: file)).read())

    gc.collect()
    assert file.closed


def test_rows_before_a_fault_are_read() -> None:
    rows = iter(CsvSource(CsvSettings(upload_id="x"), context(b"HP\n" + b"0811\n" * 99 + b"\0\n")).read())

    assert len([next(rows) for _ in range(99)]) == 99
    with pytest.raises(FileError, match="row 101, column 1"):
        next(rows)


def test_a_given_encoding_and_delimiter_win() -> None:
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
    rows = CsvSource(CsvSettings(upload_id="x"), lending(lambda _: file)).read()

    for _ in range(rows_read):
        next(rows)
    rows.close()

    assert file.closed == (rows_read > 0)


FIELD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\x1a\ufeff"), max_size=12)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 5).flatmap(lambda width: st.lists(st.lists(FIELD, min_size=width, max_size=width), max_size=8)),
    st.sampled_from(",;\t|"),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(["\r\n", "\n", "\r"]),
)
def test_what_a_csv_writer_wrote_comes_back(rows: list[list[str]], delimiter: str, encoding: str, end: str) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([["head"], *rows])
    file = io.BytesIO(out.getvalue().encode(encoding))

    read_back = [list(cells) for _, cells in CsvTable(file, delimiter=delimiter, encoding=encoding)]

    assert read_back == [["head"], *rows]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_one_clear_error(data: bytes) -> None:
    try:
        rows = read(b"HP\n08123456789\n" + data)
    except FileError:
        return
    assert rows[0].number == "08123456789"


def test_memory_does_not_grow_with_the_rows() -> None:
    line = b"Budi,08123456789,A1," + b"Jakarta" * 30 + b"\n"
    file = Endless(b"Nama,HP,Kode,Kota\n", line * 100, repeats=600)

    with limited_memory(2 * MEGABYTE):
        count = sum(1 for _ in CsvSource(CsvSettings(upload_id="x"), lending(lambda _: file)).read())

    assert count == 60_000


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
        list(CsvSource(CsvSettings(upload_id="x"), lending(lambda _: file)).read())


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
    """A file of one chunk repeated, which is never held in memory."""

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


def context(data: bytes) -> SourceContext:
    return lending(lambda _: io.BytesIO(data))


def lending(open_upload: Callable[[str], Any]) -> SourceContext:
    return SourceContext(open_upload=open_upload, read_contacts=lambda *_: iter(()))


def read(data: bytes, **settings: str) -> list[AudienceRow]:
    return list(CsvSource(CsvSettings.model_validate({"uploadId": "x", **settings}), context(data)).read())
