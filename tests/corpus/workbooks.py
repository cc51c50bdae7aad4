"""Workbooks built byte by byte: in every format, and with whatever XML a test wants."""

import io
import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import openpyxl

SCHEMAS = "http://schemas.openxmlformats.org"
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


def with_part(data: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """A workbook with one part changed."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    return zipped(parts | {name: change(parts[name])})


def open_document(rows: Sequence[Sequence[str | float]], *, hidden: Mapping[int, str] | None = None) -> bytes:
    """A spreadsheet as LibreOffice lays it out. ``hidden``: how, by row."""
    urn = "urn:oasis:names:tc:opendocument:xmlns"
    names = " ".join(f'xmlns:{name}="{urn}:{name}:1.0"' for name in ("office", "table", "text"))
    ways = {row: f' table:visibility="{how}"' for row, how in (hidden or {}).items()}
    body = "".join(
        f"<table:table-row{ways.get(row, '')}>{''.join(map(open_cell, cells))}</table:table-row>"
        for row, cells in enumerate(rows, 1)
    )
    rest = '<table:table-row table:number-rows-repeated="1000"><table:table-cell/></table:table-row>'
    sheet = f'<office:spreadsheet><table:table table:name="A">{body}{rest}</table:table></office:spreadsheet>'
    content = f"<office:document-content {names}><office:body>{sheet}</office:body></office:document-content>"
    return zipped(
        {
            "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": content.encode(),
            "META-INF/manifest.xml": f'<manifest:manifest xmlns:manifest="{urn}:manifest:1.0"/>'.encode(),
        }
    )


def open_cell(value: str | float) -> str:
    if value == "":
        return "<table:table-cell/>"
    kind = f'"float" office:value="{value!r}"' if isinstance(value, float) else '"string"'
    return f"<table:table-cell office:value-type={kind}><text:p>{value}</text:p></table:table-cell>"


def old_workbook(rows: Sequence[Sequence[str | float]], *, password: bool = False) -> bytes:
    """An .xls file: BIFF8 records in an OLE container of one stream. ``password``: it says that it has one."""
    start, end = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 6)), record(0x000A, b"")
    start += record(0x002F, struct.pack("<HHH48x", 1, 1, 1)) if password else b""
    listed = len(start) + 4 + 8 + 1 + len(end)
    sheet = record(0x0085, struct.pack("<IHBB", listed, 0, 1, 0) + b"A")
    cells = b"".join(
        old_cell(row, column, value) for row, values in enumerate(rows) for column, value in enumerate(values)
    )
    page = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0, 0, 6))
    return ole_container("Workbook", start + sheet + end + page + cells + end)


def old_cell(row: int, column: int, value: str | float) -> bytes:
    if isinstance(value, float):
        return record(0x0203, struct.pack("<HHHd", row, column, 0, value))
    return record(0x0204, struct.pack("<HHHHB", row, column, 0, len(value), 0) + value.encode("latin-1"))


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
