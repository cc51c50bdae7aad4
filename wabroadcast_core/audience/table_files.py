"""Tables as CSV files, written piece by piece. Memory does not grow with the number of rows."""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeAlias

Row: TypeAlias = Sequence[str | int | None]


def csv_pieces(header: Row, pages: Iterable[Iterable[Row]], *, delimiter: str = ",") -> Iterator[bytes]:
    """Yield a CSV file, a piece for each page of rows.

    :param pages: rows whose cells spreadsheets neither run nor change.
    """
    lines = io.StringIO(newline="")
    write = csv.writer(lines, delimiter=delimiter).writerows
    mark = codecs.BOM_UTF8  # without it spreadsheets show non-ASCII names wrongly
    for rows in chain([[header]], pages):
        write(rows)
        yield mark + lines.getvalue().encode(errors="replace")
        lines.seek(0)
        lines.truncate()
        mark = b""
