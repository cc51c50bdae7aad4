"""The rejected rows of a contact file as a file again: the original columns, the row number, the reason."""

import codecs
import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import RowMapping

from wabroadcast_core.audience.cells import safe_cell

_ALWAYS = {"number": "number", "name": "name"}


def write_rejected(pages: Iterable[Sequence[RowMapping]], columns: Mapping[str, str]) -> Iterator[bytes]:
    """CSV that every spreadsheet opens, in pieces.

    :param columns: what each column was understood as (``name, first_name``); ignored ones were not kept.
    """
    keys = {title: meaning.rpartition(", ")[2] for title, meaning in columns.items() if meaning} or _ALWAYS
    yield codecs.BOM_UTF8 + _lines([[*keys, "row", "reason"]])
    for page in pages:
        yield _lines([*_cells(row["cells"], keys.values()), row["row"], row["reason"]] for row in page)


def _cells(text: str | None, keys: Iterable[str]) -> list[object]:
    cells = json.loads(text or "{}")
    return [cells.get(key) for key in keys]


def _lines(rows: Iterable[Sequence[object]]) -> bytes:
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows([safe_cell(cell) for cell in row] for row in rows)
    return lines.getvalue().encode(errors="replace")
