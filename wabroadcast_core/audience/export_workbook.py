"""Export of the contact book as an Excel workbook.

Imported only when a workbook is exported, because its library is slow to import and needs much memory.
"""

import re
import tempfile
from collections.abc import Iterator
from functools import partial
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ERROR_CODES, TYPE_STRING

from wabroadcast_core.audience.cells import safe_cell
from wabroadcast_core.audience.export import Row, contact_table
from wabroadcast_core.errors import ConflictError
from wabroadcast_core.store.database import Database

MOST_ROWS = 1_048_576
LONGEST_CELL = 32_767  # characters
PIECE = 1024 * 1024  # bytes
_NO_XML = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


def export_workbook(database: Database, *, tag: str | None, query: str | None) -> Iterator[bytes]:
    """Export the table of contacts as a workbook, which is written to a temporary file before this function returns.

    :param tag: only contacts with this tag.
    :param query: only contacts that this search finds.
    :returns: the pieces of the file.
    :raises ConflictError: the contacts do not fit into a sheet.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the reader of the pieces closes it
    try:
        _write_workbook(file, contact_table(database, tag=tag, query=query))
    except BaseException:
        file.close()
        raise
    return _read_pieces(file)


def _write_workbook(file: IO[bytes], pages: Iterator[list[Row]]) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Contacts")
    try:
        _fill_sheet(sheet, pages)
    finally:
        book.save(file)  # also after an error, because it removes the library's own temporary file
    file.seek(0)


def _fill_sheet(sheet: Any, pages: Iterator[list[Row]]) -> None:
    rows = 0
    for page in pages:
        rows += len(page)
        if rows > MOST_ROWS:
            raise ConflictError(
                f"there are more than the {MOST_ROWS - 1:,} contacts that fit into a sheet: export them as CSV"
            )
        for number, *texts in page:
            sheet.append([_cell(sheet, text) for text in (number, *map(safe_cell, texts))])


def _cell(sheet: Any, text: str) -> Any:
    """Return a text cell. Characters that XML does not allow are written as spreadsheets write them: ``_x000B_``."""
    text = _NO_XML.sub(lambda match: f"_x{ord(match[0]):04X}_", text)
    if len(text) > LONGEST_CELL:
        raise ConflictError(f"a value is longer than the {LONGEST_CELL:,} characters of a cell: export as CSV")
    if text not in ERROR_CODES:
        return text or None
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = TYPE_STRING
    return cell


def _read_pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        yield from iter(partial(file.read, PIECE), b"")
