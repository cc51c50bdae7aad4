"""The rejected rows of a contact file, written as a file: the original columns, then the row number and the reason."""

import codecs
import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import RowMapping

from wabroadcast_core.audience.cells import lasting_cell
from wabroadcast_core.audience.columns import REJECTED_HEADERS

_UNKNOWN_TITLES = ("number", "name")


def write_rejected(pages: Iterable[Sequence[RowMapping]], titles: Sequence[str]) -> Iterator[bytes]:
    """Write rejected rows as CSV that every spreadsheet opens. A corrected copy can be imported like the first file.

    :param pages: the rows, page by page.
    :param titles: the header of the original file; empty if its source does not report it.
    :returns: the pieces of the file.
    """
    titles = titles or _UNKNOWN_TITLES
    yield codecs.BOM_UTF8 + _lines([[*titles, *REJECTED_HEADERS]])
    for page in pages:
        yield _lines(_cells(row, len(titles)) for row in page)


def _cells(row: RowMapping, width: int) -> list[object]:
    """Return the original cells, the row number and the reason; cells beyond the header come last."""
    cells: list[object] = json.loads(row["cells"] or "[]")
    return [*cells[:width], *[None] * (width - len(cells)), row["row"], row["reason"], *cells[width:]]


def _lines(rows: Iterable[Sequence[object]]) -> bytes:
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows([_without_nul(lasting_cell(cell)) for cell in row] for row in rows)
    return lines.getvalue().encode(errors="replace")


def _without_nul(text: str) -> str:
    """Replace NUL bytes, which would make the whole file unreadable. They may be why the row was rejected."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
