"""The rows of a CSV file, each sound or damaged, in constant memory whatever the file holds.

A damaged row is one row. Where a quotation mark may have made one cell of other people's rows, reading goes on
behind the line that holds it; where it is never closed, nobody can say where the next row begins: the file ends.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from typing import BinaryIO, TextIO

from wabroadcast_core import LONGEST_FIELD, LONGEST_ROW, MOST_COLUMNS, DamagedRow, FileError
from wabroadcast_plugins.contact_sources.csv_dialect import ESCAPES, HEAD, Dialect, choose_encoding, detect_dialect

_SHOWN = 1_000  # characters of a cell, where a row is far too large
_DOS_END = "\x1a"
_QUOTE = '"'
_BAD_BYTE = re.compile("[\udc80-\udcff]")  # as the decoder leaves a byte that is no UTF-8
_PHONE = re.compile(r"[\"' ]*\+?(?:[ ().-]*\d){8,15}[\"' ]*")
_ROW_ENDS = {"", "\r", "\n"}

_NUL = "a NUL byte: the file is damaged here"
_NO_TEXT = "bytes that are no UTF-8 text"
_LOOSE_QUOTE = "a quotation mark that is neither doubled nor at an end of its cell"
_OPEN_QUOTE = "a quotation mark is never closed"
_MANY_COLUMNS = f"more than {MOST_COLUMNS:,} columns"
_LONG_CELL = f"a cell longer than {LONGEST_FIELD // 1024} KiB"
_LONG_ROW = f"longer than {LONGEST_ROW // 1024:,} KiB"


class CsvTable:
    """Rows with their number, the first one being 1. Iterate it once; it owns the file.

    :raises FileError: the file is no text, or nobody can say where its next row begins.
    """

    def __init__(self, file: BinaryIO, *, delimiter: str | None = None, encoding: str | None = None) -> None:
        self.encoding, errors = choose_encoding(file, encoding)
        self._text = io.TextIOWrapper(file, self.encoding, errors, newline="")
        self._dialect = detect_dialect(self._read_start(), delimiter)
        self._text.seek(0)
        if self._dialect.told:
            self._text.readline()

    @property
    def delimiter(self) -> str:
        return self._dialect.delimiter

    def _read_start(self) -> str:
        try:
            start = self._text.read(HEAD)
        except UnicodeError:
            raise FileError(f"not {self.encoding} text") from None
        if not start.strip():
            raise FileError("the file is empty")
        return start

    def __iter__(self) -> Iterator[tuple[int, Sequence[str] | DamagedRow]]:
        lines, dialect = _Lines(self._text), self._dialect
        reader = csv.reader(lines, delimiter=dialect.delimiter, skipinitialspace=dialect.blanks, strict=True)
        for row in count(2 if dialect.told else 1):
            cells: Sequence[str] | DamagedRow
            try:
                cells = next(reader)
                if len(lines.row) > 1 or lines.odd or len(cells) > MOST_COLUMNS:
                    cells = _judge_row(cells, lines, dialect)
            except StopIteration:
                return
            except csv.Error:
                cells = _refuse_row(lines, dialect, row=row)
            except UnicodeError:
                raise FileError(f"not {self.encoding} text", row=row) from None
            yield row, cells
            lines.begin_row()


class _Lines:
    """Hands lines to the CSV reader, remembers those of the present row, and takes back what does not belong to it."""

    def __init__(self, text: TextIO) -> None:
        self._read_line = text.readline
        self._may_escape = text.errors == ESCAPES
        self._again: list[str] = []  # the next one last
        self.row: list[str] = []
        """The lines of the present row."""
        self.odd = False
        """Whether there are characters in it that want a second look."""
        self.wary = False
        """Whether a quotation was torn, whose closing mark is still to come."""
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else self._read_line(LONGEST_ROW + 1)
        if not line or line == _DOS_END:
            raise StopIteration
        self.row.append(line)
        self._size += len(line)
        if self._size > LONGEST_ROW:
            raise csv.Error(_LONG_ROW)
        if "\0" in line or (self._may_escape and _BAD_BYTE.search(line)) or (self.wary and _QUOTE in line):
            self.odd = True
        return line

    def begin_row(self) -> None:
        self.row.clear()
        self.odd = False
        self._size = 0

    def take_back(self) -> str:
        """Leave the present row its first line; the others begin rows of their own. :returns: that line."""
        first, *others = self.row
        self._again += reversed(others)
        self.wary = first.count(_QUOTE) % 2 == 1  # marks within a quotation come in pairs
        return first


def _judge_row(cells: Sequence[str], lines: _Lines, dialect: Dialect) -> Sequence[str] | DamagedRow:
    """A second look at a row that is out of the ordinary."""
    if _holds_rows(lines.row, dialect):
        return DamagedRow(_split(lines.take_back(), dialect), _OPEN_QUOTE)
    if len(cells) > MOST_COLUMNS:
        return DamagedRow(cells[:MOST_COLUMNS], _MANY_COLUMNS)
    is_end = lines.wary and any(_QUOTE in line for line in lines.row)
    lines.wary = lines.wary and not is_end
    for at, cell in enumerate(cells):
        if "\0" in cell:
            return DamagedRow(cells, _NUL, at)
        if lines.odd and _BAD_BYTE.search(cell):
            return DamagedRow(cells, _NO_TEXT, at)
        if is_end and _QUOTE in cell:  # the rest of a row that was torn
            return DamagedRow(cells, _LOOSE_QUOTE, at)
    return cells


def _holds_rows(lines: Sequence[str], dialect: Dialect) -> bool:
    """Whether a quotation over several lines holds rows: two of them have a phone number in the same place."""
    if len(lines) == 1 or not dialect.width:
        return False
    rows = [_split(line, dialect) for line in lines if line.count(dialect.delimiter) == dialect.width - 1]
    places = Counter(at for cells in rows for at, cell in enumerate(cells) if _PHONE.fullmatch(cell))
    return any(times > 1 for times in places.values())


def _split(line: str, dialect: Dialect) -> list[str]:
    """The cells of a line as they stand there, quotation marks and all."""
    return line.rstrip("\r\n").split(dialect.delimiter)


def _refuse_row(lines: _Lines, dialect: Dialect, *, row: int) -> DamagedRow:
    """What is wrong with a row that the reader, or the limit on its size, refused.

    :raises FileError: nobody can say where it ends.
    """
    text = "".join(lines.row)
    reason, column = _find_fault(text, dialect)
    if reason == _OPEN_QUOTE or len(text) > LONGEST_ROW:
        hint = f"{_LONG_CELL}: " if reason == _OPEN_QUOTE and len(text) > LONGEST_FIELD else ""
        raise FileError(f"{hint}{reason}", row=row, column=None if column is None else str(column + 1))
    if reason == _LOOSE_QUOTE:
        return DamagedRow(_split(lines.take_back(), dialect), reason, column)
    return DamagedRow([cell[:_SHOWN] for cell in _split(text, dialect)[:MOST_COLUMNS]], reason, column)


def _find_fault(text: str, dialect: Dialect) -> tuple[str, int | None]:
    """The reason why a row was refused, and its column, counted from 0."""
    long: int | None = None
    column = start = 0
    while found := dialect.cell.match(text, start):
        end, mark = found.end(), found["mark"]
        if mark == "":
            return _OPEN_QUOTE, column
        behind = text[end : end + 1]
        if mark and behind != dialect.delimiter and behind not in _ROW_ENDS:
            return _LOOSE_QUOTE, column
        if long is None and end - start > LONGEST_FIELD:
            long = column
        if behind != dialect.delimiter or (column > MOST_COLUMNS and len(text) > LONGEST_ROW):
            break
        column, start = column + 1, end + 1
    if long is not None:
        return _LONG_CELL, long
    return (_LONG_ROW if column < MOST_COLUMNS else _MANY_COLUMNS), None
