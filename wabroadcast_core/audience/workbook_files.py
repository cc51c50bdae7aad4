"""Tables as Excel workbooks, written piece by piece. Memory does not grow with the number of rows.

The XML has the least that spreadsheets need and is written here: a library takes several times as long, and needs a
temporary file.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import IO, Final
from xml.sax.saxutils import quoteattr
from zipfile import ZIP_DEFLATED, ZipFile

from wabroadcast_core.audience.sheet_cells import row_xml
from wabroadcast_core.audience.table_files import Row

MOST_ROWS: Final = 1_048_576  # of a sheet, with its header
MOST_SHEET_BYTES: Final = 1_500_000_000  # uncompressed; a part of 2 GiB needs a format that some programs cannot read
QUICK: Final = 1  # the level of compression; the usual one takes several times as long for a slightly smaller file
SHEET_NAME: Final = "xl/worksheets/sheet{}.xml"

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.{}+xml"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def workbook_pieces(title: str, header: Row, pages: Iterable[Iterable[Row]]) -> Iterator[bytes]:
    """Yield an Excel workbook, in about one piece for each page of rows.

    :param title: the name of the sheet. Rows that do not fit into it are in further ones: ``title 2``, ``title 3`` …
    :param header: the first row of each sheet.
    :param pages: rows whose texts have at most ``LONGEST_CELL`` characters.
    """
    return sheet_pieces(title, header, (list(map(row_xml, page)) for page in pages))


def sheet_pieces(title: str, header: Row, pages: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """Yield an Excel workbook, as :func:`workbook_pieces` does.

    :param pages: rows as XML.
    """
    output = _Output()
    with closing(_Workbook(output, title, header)) as book:
        for page in pages:
            book.write_rows(page)
            if piece := output.take():
                yield piece
    yield output.take()


class _Output:
    """A file object, written and never read, whose content is taken away bit by bit."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        """Do nothing: what is written can be taken at once."""

    def take(self) -> bytes:
        """Return what was written since the last call."""
        taken, self._written = bytes(self._written), bytearray()
        return taken


class _Workbook:
    """A workbook that is written from its first row to its last."""

    def __init__(self, output: _Output, title: str, header: Row) -> None:
        self._zip = ZipFile(output, "w", ZIP_DEFLATED, compresslevel=QUICK)  # type: ignore[call-overload]  # it is only written to
        self._title = title
        self._header = header
        self._sheets = 0
        self._begin_sheet()

    def write_rows(self, rows: Sequence[str]) -> None:
        while rows:
            if self._rows == MOST_ROWS or self._size > MOST_SHEET_BYTES:
                self._end_sheet()
                self._begin_sheet()
            room = MOST_ROWS - self._rows
            self._write_xml("".join(rows[:room]))
            self._rows += len(rows[:room])
            rows = rows[room:]

    def close(self) -> None:
        self._end_sheet()
        for name, content in _frame(self._title, self._sheets).items():
            self._zip.writestr(name, _XML + content)
        self._zip.close()

    def _begin_sheet(self) -> None:
        self._sheets += 1
        self._rows, self._size = 1, 0
        self._sheet: IO[bytes] = self._zip.open(SHEET_NAME.format(self._sheets), "w")
        self._write_xml(f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>{row_xml(self._header)}')

    def _end_sheet(self) -> None:
        self._write_xml("</sheetData></worksheet>")
        self._sheet.close()

    def _write_xml(self, xml: str) -> None:
        self._size += self._sheet.write(xml.encode(errors="replace"))


def _frame(title: str, sheets: int) -> dict[str, str]:
    """Return the other parts of a workbook by their names: they list its sheets."""
    numbers = range(1, sheets + 1)
    titles = [title, *(f"{title} {number}" for number in numbers[1:])]
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{number}" r:id="rId{number}"/>'
        for number, name in enumerate(titles, 1)
    )
    types = "".join(
        f'<Override PartName="/{SHEET_NAME.format(number)}" ContentType="{_TYPE.format("worksheet")}"/>'
        for number in numbers
    )
    targets = {number: f"worksheets/sheet{number}.xml" for number in numbers}
    return {
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": _relations("worksheet", targets),
        "_rels/.rels": _relations("officeDocument", {1: "xl/workbook.xml"}),
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE.format("sheet.main")}"/>{types}</Types>',
    }


def _relations(kind: str, targets: dict[int, str]) -> str:
    listed = "".join(
        f'<Relationship Id="rId{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for number, target in targets.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{listed}</Relationships>'
