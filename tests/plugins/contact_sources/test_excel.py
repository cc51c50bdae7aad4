import datetime as dt
import io
import os
import re
import select
import struct
import subprocess
import sys
import threading
import tracemalloc
import zipfile
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from wabroadcast_core import AudienceRow, ContactSource, FileError, SourceContext
from wabroadcast_plugins.contact_sources import excel
from wabroadcast_plugins.contact_sources.excel import ExcelSettings, ExcelSource

MEGABYTE = 1024 * 1024
SCHEMAS = "http://schemas.openxmlformats.org"
HEADER = ["Nama", "No. HP", "Kode"]
BUDI = ["Budi", "0812 3456 7890", "A1"]
CONTENT_TYPES = "[Content_Types].xml"
SHEET = "xl/worksheets/sheet1.xml"
OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def workbook(rows: Iterable[Iterable[Any]]) -> bytes:
    book = openpyxl.Workbook()
    for cells in rows:
        book.active.append(list(cells))
    return saved(book)


def saved(book: Any) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def raw_rows(*rows: Iterable[str]) -> str:
    """Rows as a sheet's XML has them."""
    return "".join(
        "<row>" + "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in cells) + "</row>" for cells in rows
    )


def raw_workbook(rows: str, *, before: str = "", after: str = "", strings: str = "") -> bytes:
    """A workbook of one sheet, with whatever XML."""
    main, package = f"{SCHEMAS}/spreadsheetml/2006/main", f"{SCHEMAS}/package/2006/relationships"
    relation = f"{SCHEMAS}/officeDocument/2006/relationships"

    def relate(kind: str, target: str) -> bytes:
        link = f'<Relationship Id="r1" Type="{relation}/{kind}" Target="{target}"/>'
        return f'<Relationships xmlns="{package}">{link}</Relationships>'.encode()

    sheets = '<sheets><sheet name="A" sheetId="1" r:id="r1"/></sheets>'
    parts = {
        CONTENT_TYPES: b"<Types/>",
        "_rels/.rels": relate("officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{relation}">{sheets}</workbook>'.encode(),
        "xl/_rels/workbook.xml.rels": relate("worksheet", "worksheets/sheet1.xml"),
        SHEET: f'<worksheet xmlns="{main}">{before}<sheetData>{rows}</sheetData>{after}</worksheet>'.encode(),
    }
    return zipped(parts | ({"xl/sharedStrings.xml": strings.encode()} if strings else {}))


def zipped(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def find_entry(data: bytes | bytearray, magic: bytes, name: bytes) -> int:
    return data.rindex(magic, 0, data.rindex(name) if magic == b"PK\x01\x02" else data.index(name))


def with_flipped_bytes(data: bytes) -> bytes:
    at = data.index(SHEET.encode()) + 60
    return data[:at] + bytes(byte ^ 0xFF for byte in data[at : at + 40]) + data[at + 40 :]


def encrypted_workbook() -> bytes:
    return OLE_MAGIC + b"\0" * 2_000 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 500


def encrypted_zip() -> bytes:
    data = bytearray(workbook([HEADER, BUDI]))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def open_document(rows: list[list[str]]) -> bytes:
    """A spreadsheet as LibreOffice lays it out."""
    urn = "urn:oasis:names:tc:opendocument:xmlns"
    names = " ".join(f'xmlns:{name}="{urn}:{name}:1.0"' for name in ("office", "table", "text"))
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    body = "".join(f"<table:table-row>{''.join(map(cell.format, cells))}</table:table-row>" for cells in rows)
    sheet = f'<office:spreadsheet><table:table table:name="A">{body}</table:table></office:spreadsheet>'
    content = f"<office:document-content {names}><office:body>{sheet}</office:body></office:document-content>"
    return zipped(
        {
            "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": content.encode(),
            "META-INF/manifest.xml": f'<manifest:manifest xmlns:manifest="{urn}:manifest:1.0"/>'.encode(),
        }
    )


def old_workbook(rows: list[list[str]]) -> bytes:
    """An .xls file: BIFF8 records in an OLE container of one stream."""
    start, end = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 6)), record(0x000A, b"")
    listed = len(start) + 4 + 8 + 1 + len(end)
    sheet = record(0x0085, struct.pack("<IHBB", listed, 0, 1, 0) + b"A")
    cells = b"".join(
        record(0x0204, struct.pack("<HHHHB", row, column, 0, len(text), 0) + text.encode("latin-1"))
        for row, texts in enumerate(rows)
        for column, text in enumerate(texts)
    )
    page = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0, 0, 6))
    return ole_container("Workbook", start + sheet + end + page + cells + end)


def record(kind: int, content: bytes) -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def ole_container(name: str, stream: bytes) -> bytes:
    """Sectors of 512 bytes: the allocation table, the directory, then the stream."""
    stream = stream.ljust(8 * 512, b"\0")  # shorter ones would need a mini stream
    count = len(stream) // 512
    chain = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, 2 + count), 0xFFFFFFFE]
    table = struct.pack(f"<{len(chain)}I", *chain).ljust(512, b"\xff")
    header = OLE_MAGIC + b"\0" * 16 + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIIII", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0, 0)
    directory = ole_entry("Root Entry", 5, child=1, start=0xFFFFFFFE) + ole_entry(name, 2, start=2, size=len(stream))
    return header.ljust(512, b"\xff") + table + directory.ljust(512, b"\0") + stream


def ole_entry(name: str, kind: int, *, start: int, child: int = 0xFFFFFFFF, size: int = 0) -> bytes:
    text = name.encode("utf-16-le")
    links = struct.pack("<HBBIII", len(text) + 2, kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child)
    return text.ljust(64, b"\0") + links + b"\0" * 36 + struct.pack("<IQ", start, size)


def test_typed_cells_become_the_text_that_people_see() -> None:
    header = ["Nama", "HP", "Float", "Pecahan", "Tanggal", "Waktu", "Jam", "Lama", "Ya", "Bulat", "Kosong", "NIK"]
    moment = dt.datetime(2026, 12, 1, 8, 30, 15)  # noqa: DTZ001 - a cell knows no zone
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


def test_a_table_may_stand_anywhere_in_its_sheet_and_rows_keep_their_number() -> None:
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


def test_merged_cells_and_hidden_rows_are_ordinary_cells() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for cells in (["Daftar"], HEADER, BUDI, ["Ani", "0813", "A2"]):
        sheet.append(cells)
    sheet.merge_cells("A1:C1")
    sheet.row_dimensions[4].hidden = True

    assert [row.name for row in read(saved(book))] == ["Budi", "Ani"]


@pytest.mark.parametrize(
    ("sheet", "name"),
    [
        pytest.param(None, "visible", id="the-first-visible-one-that-holds-anything"),
        pytest.param("Kedua", "second", id="by-name"),
        pytest.param(" kedua ", "second", id="by-name-as-people-type"),
        pytest.param("Rahasia", "hidden", id="a-hidden-one-if-asked-for"),
        pytest.param(4, "second", id="by-place"),
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
    ("make", "words"),
    [
        pytest.param(lambda: b"", "the file is empty", id="empty-file"),
        pytest.param(lambda: b"Nama;HP\n", "no workbook", id="text"),
        pytest.param(lambda: workbook([]), "the workbook is empty", id="empty-workbook"),
        pytest.param(lambda: workbook([["Nama", "Alamat"], ["B", "Jl"]]), "no column holds phone", id="no-numbers"),
        pytest.param(lambda: workbook([HEADER, BUDI])[:-30], "archive is damaged", id="cut-off"),
        pytest.param(lambda: b"PK\x03\x04" + b"x" * 99, "archive is damaged", id="no-archive"),
        pytest.param(lambda: zipped({"a.txt": b"x"}), "no workbook", id="zip-of-something-else"),
        pytest.param(lambda: zipped({"xl/workbook.xml": b"<workbook"}), "damaged and cannot", id="no-parts"),
        pytest.param(lambda: raw_workbook("<row><c"), "damaged and cannot", id="broken-xml"),
        pytest.param(lambda: with_flipped_bytes(workbook([HEADER, BUDI])), "damaged", id="flipped-bytes"),
        pytest.param(lambda: OLE_MAGIC + b"\0" * 600, "damaged and cannot", id="broken-xls"),
        pytest.param(encrypted_workbook, "protected by a password", id="encrypted"),
        pytest.param(encrypted_zip, "protected by a password", id="encrypted-zip"),
        pytest.param(lambda: zipped({SHEET: b"0" * (80 * MEGABYTE), CONTENT_TYPES: b""}), "a zip bomb", id="zip-bomb"),
        pytest.param(lambda: zipped({f"xl/{n}": b"" for n in range(10_001)}), "a zip bomb", id="bomb-of-parts"),
        pytest.param(
            lambda: raw_workbook(raw_rows(HEADER, [*BUDI, *"x" * 998])),
            "row 2, column ALM: more than 1,000 columns",
            id="1001-columns",
        ),
        pytest.param(
            lambda: raw_workbook(f'{raw_rows(HEADER, BUDI)}<row r="3"><c r="XFD3"><v>1</v></c></row>'),
            "row 3, column XFD: more than 1,000 columns",
            id="cell-far-right",
        ),
        pytest.param(
            lambda: raw_workbook(f'{raw_rows(HEADER, BUDI)}<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
            "a cell filled far off the table",
            id="cell-far-away",
        ),
        pytest.param(
            lambda: raw_workbook(raw_rows(HEADER, ["Budi", "0811", "x" * 140_000])),
            "row 2, column C: a cell longer than 128 KiB",
            id="long-cell",
        ),
        pytest.param(
            lambda: raw_workbook(raw_rows(HEADER, [*BUDI, *["x" * 120_000] * 9])),
            "row 2: longer than 1,024 KiB",
            id="long-row",
        ),
    ],
)
def test_a_workbook_that_cannot_be_read_is_one_clear_error(make: Callable[[], bytes], words: str) -> None:
    with pytest.raises(FileError, match=words):
        read(make())


def test_a_missing_sheet_is_named_beside_those_that_exist() -> None:
    with pytest.raises(FileError, match="no sheet 'Juni'; the workbook has Sheet"):
        read(workbook([HEADER, BUDI]), sheet="Juni")


@pytest.mark.parametrize(
    "sheet_xml",
    [
        pytest.param({"before": '<dimension ref="A1:XFD1048576"/>'}, id="wrong-dimension"),
        pytest.param({"after": "<mergeCells>" + '<mergeCell ref="E1:F2"/>' * 50_000 + "</mergeCells>"}, id="merged"),
    ],
)
def test_what_a_sheet_claims_costs_nothing(sheet_xml: dict[str, str]) -> None:
    data = raw_workbook(raw_rows(HEADER, BUDI), **sheet_xml)

    assert len(read(data, workbook_megabytes=128)) == 1


@pytest.mark.parametrize(
    "strings",
    [
        pytest.param(
            '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
            + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in pairwise("abcdefghij"))
            + "]><sst><si><t>&j;</t></si></sst>",
            id="entities",
        ),
        pytest.param("<sst>" + "<si><t>x</t></si>" * 3_000_000 + "</sst>", id="many-strings"),
    ],
)
def test_strings_that_unfold_end_with_an_error_or_without_the_memory(strings: str) -> None:
    data = raw_workbook(raw_rows(HEADER, BUDI), strings=strings)

    try:
        rows = read(data, workbook_megabytes=128, workbook_seconds=20)
    except FileError as error:
        rows, words = [], str(error)
        assert re.search("memory|damaged", words)
    assert len(rows) <= 1


def test_a_size_that_lies_is_stopped_by_the_memory_limit() -> None:
    data = bytearray(raw_workbook(raw_rows(HEADER, BUDI), strings="<sst>" + "<si><t>x</t></si>" * 6_000_000 + "</sst>"))
    for magic, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = find_entry(data, magic, b"xl/sharedStrings.xml")
        data[at + offset : at + offset + 4] = (1_000).to_bytes(4, "little")

    with pytest.raises(FileError, match=r"memory|damaged"):
        read(bytes(data), workbook_megabytes=200)


def test_a_workbook_that_takes_too_long_to_open_is_given_up() -> None:
    with pytest.raises(FileError, match=r"within 0.001 s"):
        read(workbook([HEADER, BUDI]), workbook_seconds=0.001)


@pytest.mark.parametrize(
    ("fate", "words"),
    [
        pytest.param("os.abort()", "damaged, or needs more than 2,048 MB", id="panic"),
        pytest.param("os.kill(os.getpid(), signal.SIGKILL)", "damaged, or needs more", id="out-of-memory-killer"),
        pytest.param("os.kill(os.getpid(), signal.SIGXCPU)", "within 120 s", id="processor-time"),
        pytest.param("os.write(1, b'[\"half')", "damaged, or needs more", id="half-a-line"),
    ],
)
def test_a_child_that_dies_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fate: str, words: str
) -> None:
    child = tmp_path / "child.py"
    child.write_text(f'import os, signal\nos.write(1, b\'{{"sheet": "A"}}\\n["HP",1]\\n\')\n{fate}\n')
    monkeypatch.setattr(excel, "_CHILD", child)

    with pytest.raises(FileError, match=words):
        read(workbook([HEADER, BUDI]))


def test_nothing_is_left_behind_when_the_reader_stops_early(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
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


def test_it_is_a_contact_source_with_settings_in_camel_case() -> None:
    settings = ExcelSettings.model_validate({"uploadId": "x", "sheet": "A", "mapping": {"B": "number"}})

    assert isinstance(ExcelSource(settings, open_context(b"")), ContactSource)


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


def read(data: bytes, *, sheet: str | int | None = None, **limits: float) -> list[AudienceRow]:
    return list(open_source(data, sheet=sheet, **limits).read())


def open_source(data: bytes, *, sheet: str | int | None = None, **limits: float) -> ExcelSource:
    return ExcelSource(ExcelSettings(upload_id="x", sheet=sheet), open_context(data, **limits))


def open_context(data: bytes, **limits: Any) -> SourceContext:
    return SourceContext(open_upload=lambda _: io.BytesIO(data), read_contacts=lambda *_: iter(()), **limits)
