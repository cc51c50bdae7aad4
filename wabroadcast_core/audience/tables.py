"""Reading a table that people made: understood by its first rows, then streamed, each row sound or damaged."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TypeAlias

from wabroadcast_core.audience.columns import Columns, find_columns
from wabroadcast_core.audience.headers import rank_number
from wabroadcast_core.audience.number_columns import Cells
from wabroadcast_core.errors import FileError, NoNumbersError
from wabroadcast_core.models.recipient import AudienceRow, RowFault

SAMPLE_ROWS = 50

_PACKED_BY = ";\t|,"
_TOO_WIDE = "more cells than the header has columns: is one with a separator in it not quoted?"
_NOT_UNPACKED = "a quotation mark that is never closed"


@dataclass(frozen=True, slots=True)
class DamagedRow:
    """A row of which nobody can be made, as its reader found it."""

    cells: Cells
    """What can be shown of it."""
    reason: str
    column: int | None = None
    """The place of the damage, counted from 0."""


Rows: TypeAlias = Iterable[tuple[int, Cells | DamagedRow]]


def read_table(
    rows: Rows, *, region: str, mapping: Mapping[str, str] | None = None, shifts: bool = False
) -> tuple[Columns, Iterator[AudienceRow]]:
    """Understand a table by its first rows, then stream all its recipients.

    :param rows: each with its number in the file.
    :param region: see :func:`find_columns`, as for ``mapping``.
    :param shifts: a cell too many moves those behind it, as in a text file; such a row is damaged.
    :raises NoNumbersError: :raises FileError: as :func:`find_columns`.
    """
    stream = iter(rows)
    sample = list(islice(stream, SAMPLE_ROWS))
    separator = _find_packing(sample)
    if separator is not None:
        sample, stream, shifts = list(_unpack(sample, separator)), _unpack(stream, separator), True
    columns = _understand(sample, region=region, mapping=mapping, shifts=shifts)
    start = 0
    if (header_row := columns.header_row) is not None:
        columns = replace(columns, header_number=sample[header_row][0])
        start = header_row + 1
    widest = len(columns.headers) if shifts else None
    return columns, _read_rows(chain(sample[start:], stream), columns, widest=widest)


def _understand(
    sample: Sequence[tuple[int, Cells | DamagedRow]], *, region: str, mapping: Mapping[str, str] | None, shifts: bool
) -> Columns:
    """:raises FileError: as :func:`find_columns`; damage may be why, so the first is told."""
    cells = [found.cells if isinstance(found, DamagedRow) else found for _, found in sample]
    try:
        return find_columns(cells, region=region, mapping=mapping, shifts=shifts)
    except NoNumbersError as error:
        damage = next((_damage(found, row=row) for row, found in sample if isinstance(found, DamagedRow)), None)
        if damage is None:
            raise
        raise NoNumbersError(f"{error.reason}; {damage}") from None


def _damage(damaged: DamagedRow, *, row: int) -> FileError:
    return FileError(damaged.reason, row=row, column=None if damaged.column is None else str(damaged.column + 1))


def _read_rows(rows: Rows, columns: Columns, *, widest: int | None) -> Iterator[AudienceRow]:
    read_row = columns.read_row
    for row, cells in rows:
        if isinstance(cells, DamagedRow):
            yield _refuse(cells, columns, row=row)
        elif widest is not None and len(cells) > widest and any(map(str.strip, cells[widest:])):
            yield _refuse(DamagedRow(cells, _TOO_WIDE, widest), columns, row=row)
        elif (recipient := read_row(cells, row=row)) is not None:
            yield recipient


def _refuse(damaged: DamagedRow, columns: Columns, *, row: int) -> AudienceRow:
    """A recipient that nobody can be, to be counted and handed back."""
    column = None if damaged.column is None else columns.title(damaged.column)
    return AudienceRow("", row=row, fault=RowFault(damaged.reason, column), cells=damaged.cells)


# --- rows packed into one cell ---------------------------------------------------------------------------------


def _find_packing(sample: Sequence[tuple[int, Cells | DamagedRow]]) -> str | None:
    """What separates the cells of a text file that a spreadsheet took for one column, and saved like that."""
    sound = [cells for _, cells in sample if not isinstance(cells, DamagedRow)]
    if any(any(map(str.strip, cells[1:])) for cells in sound):
        return None
    texts = [cells[0] for cells in sound if cells and cells[0].strip()]
    return next((separator for separator in _PACKED_BY if _are_packed(texts, separator)), None)


def _are_packed(texts: Sequence[str], separator: str) -> bool:
    """Whether most of them make as many cells as a header does."""
    rows = [_split(text, separator) for text in texts]
    headers = {len(cells) for cells in rows if len(cells) > 1 and any(rank_number(cell) is not None for cell in cells)}
    return any(2 * sum(len(cells) == width for cells in rows) > len(rows) > 1 for width in headers)


def _unpack(rows: Rows, separator: str) -> Iterator[tuple[int, Cells | DamagedRow]]:
    for row, cells in rows:
        if isinstance(cells, DamagedRow) or not cells:
            yield row, cells
        elif unpacked := _split(cells[0], separator):
            yield row, [*unpacked, *cells[1:]]
        else:
            yield row, DamagedRow(cells, _NOT_UNPACKED, 0)


def _split(text: str, separator: str) -> list[str]:
    """The cells of a line; none where its quotation marks do not fit."""
    try:
        return next(csv.reader([text.replace("\r", " ").replace("\n", " ")], delimiter=separator, strict=True), [""])
    except csv.Error:
        return []
