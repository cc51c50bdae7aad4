"""Reading of a table: its columns are detected from the first rows, then all rows are streamed, sound or damaged."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TypeAlias

from wabroadcast_core.audience.column_detection import NO_HEADER, find_columns
from wabroadcast_core.audience.columns import Columns
from wabroadcast_core.audience.headers import rank_number
from wabroadcast_core.audience.number_columns import Cells
from wabroadcast_core.errors import FileError, NoNumbersError
from wabroadcast_core.models.recipient import AudienceRow, RowFault
from wabroadcast_core.sentences import Sentence, joined, sentence_of

SAMPLE_ROWS = 50
_ROWS_BETWEEN_CHECKS = 1_000

_DELIMITERS = ";\t|,"  # of cells that are packed into one cell; of several that fit, the first wins
_TOO_WIDE = Sentence(
    "row_too_wide", "more cells than the header: put a cell that contains the delimiter in quotation marks"
)
_OPEN_QUOTE = Sentence("open_quotation", "a quotation mark is never closed")


@dataclass(frozen=True, slots=True)
class DamagedRow:
    """A row from which no recipient can be read, as the reader of the file found it."""

    cells: Cells
    """The part of the row that can be shown to the user."""
    reason: str
    column: int | None = None
    """The index of the damaged column, counted from 0."""


Rows: TypeAlias = Iterable[tuple[int, Cells | DamagedRow]]


def read_table(
    rows: Rows,
    *,
    region: str,
    mapping: Mapping[str, str] | None = None,
    shifts: bool = False,
    header_row: int | None = None,
    is_over: Callable[[], bool] = bool,
) -> tuple[Columns, Iterator[AudienceRow]]:
    """Detect the columns of a table from its first rows, then stream its recipients.

    :param rows: the rows, each with its number in the file.
    :param region: two letters; the country of numbers without a country code.
    :param mapping: the meanings that an operator gives to columns; see :func:`find_columns`.
    :param shifts: an additional cell shifts the cells after it, as in a text file, so a row that is wider than the
        table is damaged.
    :param header_row: the number of the header row in the file; 0: there is no header; None: it is detected.
    :param is_over: see :attr:`SourceContext.is_over`.
    :returns: the columns, and an iterator over the rows below the header.
    :raises NoNumbersError: there is no row, or no column with phone numbers.
    :raises FileError: the mapping names a column that the table does not have, or the header row is none of the first.
    """
    stream = iter(rows)
    sample = list(islice(stream, SAMPLE_ROWS))
    delimiter = _find_packing(sample)
    if delimiter is not None:
        sample, stream, shifts = list(_unpack(sample, delimiter)), _unpack(stream, delimiter), True
    header = None if header_row is None else _place_of(header_row, sample)
    columns = _detect_columns(sample, region=region, mapping=mapping, shifts=shifts, header=header)
    start = 0
    if (index := columns.header_row) is not None:
        columns = replace(columns, header_number=sample[index][0])
        start = index + 1
    width = len(columns.headers) if shifts and not columns.is_list else None
    body = _until(is_over, chain(sample[start:], stream))
    return columns, _read_rows(body, columns, width=width)


def _place_of(header_row: int, sample: Sequence[tuple[int, Cells | DamagedRow]]) -> int:
    """Return the index of a header row among the first rows.

    :raises FileError: it is not among them.
    """
    if not header_row:
        return NO_HEADER
    for index, (row, _) in enumerate(sample):
        if row == header_row:
            return index
    text = "row {row} cannot be the header: give one of the first {most} rows, or 0 for none"
    raise FileError(Sentence("no_header_row", text, row=header_row, most=SAMPLE_ROWS))


def _until(is_over: Callable[[], bool], rows: Rows) -> Rows:
    """Return rows until the reading is over, which is asked for blank rows too: a file may have nothing else."""
    return chain.from_iterable(_blocks_until(is_over, iter(rows)))


def _blocks_until(
    is_over: Callable[[], bool], rows: Iterator[tuple[int, Cells | DamagedRow]]
) -> Iterator[Iterable[tuple[int, Cells | DamagedRow]]]:
    for count, first in enumerate(rows):
        if count and is_over():
            return
        yield chain([first], islice(rows, _ROWS_BETWEEN_CHECKS - 1))


def _detect_columns(
    sample: Sequence[tuple[int, Cells | DamagedRow]],
    *,
    region: str,
    mapping: Mapping[str, str] | None,
    shifts: bool,
    header: int | None,
) -> Columns:
    """Detect the columns from the sample rows.

    :raises FileError: as :func:`find_columns`; a damaged row may be the cause, so the first one is named in the text.
    """
    cells = [found.cells if isinstance(found, DamagedRow) else found for _, found in sample]
    try:
        return find_columns(cells, region=region, mapping=mapping, shifts=shifts, header=header)
    except NoNumbersError as error:
        damage = next((_error_of(found, row=row) for row, found in sample if isinstance(found, DamagedRow)), None)
        if damage is None:
            raise
        raise NoNumbersError(joined(error.reason, sentence_of(damage))) from None


def _error_of(damaged: DamagedRow, *, row: int) -> FileError:
    return FileError(damaged.reason, row=row, column=None if damaged.column is None else str(damaged.column + 1))


def _read_rows(rows: Rows, columns: Columns, *, width: int | None) -> Iterator[AudienceRow]:
    read_row = columns.read_row
    for row, cells in rows:
        if isinstance(cells, DamagedRow):
            yield _faulty_row(cells, columns, row=row)
        elif width is not None and len(cells) > width and any(map(str.strip, cells[width:])):
            yield _faulty_row(DamagedRow(cells, _TOO_WIDE, width), columns, row=row)
        elif columns.is_list:
            yield from columns.read_list(cells, row=row)
        elif (recipient := read_row(cells, row=row)) is not None:
            yield recipient


def _faulty_row(damaged: DamagedRow, columns: Columns, *, row: int) -> AudienceRow:
    """Return a damaged row as a row with a fault, so that it is counted and can be returned to the user."""
    column = None if damaged.column is None else columns.title(damaged.column)
    return AudienceRow("", row=row, fault=RowFault(damaged.reason, column), cells=damaged.cells)


# --- rows packed into one cell ---------------------------------------------------------------------------------


def _find_packing(sample: Sequence[tuple[int, Cells | DamagedRow]]) -> str | None:
    """Return the delimiter of cells that are packed into one column; None if they are not.

    A spreadsheet that opens a text file with another delimiter shows each line as one cell, and saves it like that.
    """
    sound = [cells for _, cells in sample if not isinstance(cells, DamagedRow)]
    if any(any(map(str.strip, cells[1:])) for cells in sound):
        return None
    texts = [cells[0] for cells in sound if cells and cells[0].strip()]
    return next((delimiter for delimiter in _DELIMITERS if _are_packed(texts, delimiter)), None)


def _are_packed(texts: Sequence[str], delimiter: str) -> bool:
    """Return whether most texts have as many cells as a text among them that looks like a header."""
    rows = [_split(text, delimiter) for text in texts]
    headers = {len(cells) for cells in rows if len(cells) > 1 and any(rank_number(cell) is not None for cell in cells)}
    return any(2 * sum(len(cells) == width for cells in rows) > len(rows) > 1 for width in headers)


def _unpack(rows: Rows, delimiter: str) -> Iterator[tuple[int, Cells | DamagedRow]]:
    for row, cells in rows:
        if isinstance(cells, DamagedRow) or not cells:
            yield row, cells
        elif unpacked := _split(cells[0], delimiter):
            yield row, [*unpacked, *cells[1:]]
        else:
            yield row, DamagedRow(cells, _OPEN_QUOTE, 0)


def _split(text: str, delimiter: str) -> list[str]:
    """Return the cells of a line; none if its quotation marks do not match."""
    try:
        return next(csv.reader([text.replace("\r", " ").replace("\n", " ")], delimiter=delimiter, strict=True), [""])
    except csv.Error:
        return []
