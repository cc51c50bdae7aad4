"""The rejected rows of a contact file as a file again: the original columns, the row number, the reason."""

import codecs
import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import RowMapping

from wabroadcast_core.audience.cells import safe_cell
from wabroadcast_core.audience.columns import REJECTED_HEADERS

_UNKNOWN_TITLES = ("number", "name")


def write_rejected(pages: Iterable[Sequence[RowMapping]], titles: Sequence[str]) -> Iterator[bytes]:
    """CSV that every spreadsheet opens, in pieces; mended, it can be read like the first file.

    :param titles: the header of the file that the rows came from; none: its source did not say.
    """
    titles = titles or _UNKNOWN_TITLES
    yield codecs.BOM_UTF8 + _lines([[*titles, *REJECTED_HEADERS]])
    for page in pages:
        yield _lines(_cells(row, len(titles)) for row in page)


def _cells(row: RowMapping, width: int) -> list[object]:
    """The row's own cells, its number and reason; what has no column in the header comes last."""
    cells: list[object] = json.loads(row["cells"] or "[]")
    return [*cells[:width], *[None] * (width - len(cells)), row["row"], row["reason"], *cells[width:]]


def _lines(rows: Iterable[Sequence[object]]) -> bytes:
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows([_readable(safe_cell(cell)) for cell in row] for row in rows)
    return lines.getvalue().encode(errors="replace")


def _readable(text: str) -> str:
    """A NUL byte would make the whole file unreadable; the row may be rejected for just that."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
