"""Export of the contact book as an Excel workbook."""

import tempfile
from collections.abc import Iterator
from functools import partial
from typing import IO

from wabroadcast_core.audience.cells import safe_cell
from wabroadcast_core.audience.export import Row, contact_table
from wabroadcast_core.audience.sheet_cells import LONGEST_CELL
from wabroadcast_core.audience.workbook_files import MOST_ROWS, workbook_pieces
from wabroadcast_core.errors import ConflictError
from wabroadcast_core.store.database import Database

PIECE = 1024 * 1024  # bytes


def export_workbook(database: Database, *, tag: str | None, query: str | None) -> Iterator[bytes]:
    """Export the table of contacts as a workbook, which is written to a temporary file before this function returns.

    So contacts that do not fit are refused, instead of a file that ends too early: an import reads only one sheet.

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
    [header] = next(pages)
    for piece in workbook_pieces("Contacts", _fitting(header), _fitting_pages(pages)):
        file.write(piece)
    file.seek(0)


def _fitting_pages(pages: Iterator[list[Row]]) -> Iterator[list[Row]]:
    rows = 1  # with the header
    for page in pages:
        rows += len(page)
        if rows > MOST_ROWS:
            raise ConflictError(
                f"there are more than the {MOST_ROWS - 1:,} contacts that fit into a sheet: export them as CSV"
            )
        yield [_fitting([number, *map(safe_cell, texts)]) for number, *texts in page]


def _fitting(row: Row) -> Row:
    if any(len(text or "") > LONGEST_CELL for text in row):
        raise ConflictError(f"a value is longer than the {LONGEST_CELL:,} characters of a cell: export as CSV")
    return row


def _read_pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        yield from iter(partial(file.read, PIECE), b"")
