"""The rejected rows of a contact file, written as a file: the original columns, then the row number and the reason."""

import json
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import RowMapping

from wabroadcast_core.audience.cells import lasting_cell
from wabroadcast_core.audience.column_detection import REJECTED_HEADERS
from wabroadcast_core.audience.table_files import csv_pieces

_UNKNOWN_TITLES = ("number", "name")


def write_rejected(pages: Iterable[Sequence[RowMapping]], titles: Sequence[str]) -> Iterator[bytes]:
    """Write rejected rows as CSV that every spreadsheet opens. A corrected copy can be imported like the first file.

    :param pages: the rows, page by page.
    :param titles: the header of the original file; empty if its source does not report it.
    :returns: the pieces of the file.
    """
    titles = titles or _UNKNOWN_TITLES
    header = list(map(_cell, (*titles, *REJECTED_HEADERS)))
    return csv_pieces(header, ([_cells(row, len(titles)) for row in page] for page in pages))


def _cells(row: RowMapping, width: int) -> list[str]:
    """Return the original cells, the row number and the reason; cells beyond the header come last."""
    cells: list[object] = json.loads(row["cells"] or "[]")
    shown = (
        *cells[:width],
        *[None] * (width - len(cells)),
        row["row"],
        str(row["reason"]),
        *cells[width:],
    )
    return list(map(_cell, shown))


def _cell(value: object) -> str:
    """Return a cell without NUL bytes, which make the whole file unreadable. They may be why the row was rejected."""
    return lasting_cell(value).replace("\0", "\N{REPLACEMENT CHARACTER}")
