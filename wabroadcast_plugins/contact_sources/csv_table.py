"""The rows of a CSV file, each intact or damaged, in constant memory for any content.

Damage is limited to one row. Where a stray quotation mark may have merged several rows into one cell, reading resumes
at the line after that mark. Where a quotation is never closed, the start of the next row cannot be found, and reading
ends with an error.

A cell that holds only an error of a spreadsheet, such as ``#N/A``, is blank, as in a workbook.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from typing import BinaryIO, TextIO

from wabroadcast_core import LONGEST_FIELD, LONGEST_ROW, MOST_COLUMNS, DamagedRow, FileError, Sentence
from wabroadcast_plugins.contact_sources.csv_dialect import ESCAPES, HEAD, Dialect, choose_encoding, detect_dialect

_SHOWN_CHARACTERS = 1_000  # of each cell, in the report of a row that is too large
_DOS_END = "\x1a"
_QUOTE = '"'
_BAD_BYTE = re.compile("[\udc80-\udcff]")  # how the decoder represents a byte that is not UTF-8
_PHONE = re.compile(r"[\"' ]*\+?(?:[ ().-]*\d){8,15}[\"' ]*")
_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!"})
_ERROR_START = "#"
_ROW_ENDS = {"", "\r", "\n"}

_NUL = Sentence("cell_with_nul", "the cell holds a NUL byte: the file is damaged here")
_NO_TEXT = Sentence("cell_not_utf8", "the cell holds bytes that are not UTF-8 text: save the file as UTF-8")
_STRAY_QUOTE = Sentence("stray_quotation", "a quotation mark inside the cell is not doubled: write it twice")
_OPEN_QUOTE = Sentence("open_quotation", "a quotation mark is never closed")
_MANY_COLUMNS = Sentence("many_columns", "the row has more than {most} columns", most=MOST_COLUMNS)
_LONG_CELL = Sentence("long_cell", "the cell is longer than {most} KiB", most=LONGEST_FIELD // 1024)
_LONG_ROW = Sentence("long_row", "the row is longer than {most} KiB", most=LONGEST_ROW // 1024)


class CsvTable:
    """The rows of a file, each with its number, counted from 1. Iterate it only once; it owns the file.

    :param delimiter: the operator's choice; None: detect it.
    :param encoding: the operator's choice; None: detect it.
    :raises FileError: the file is not text, or the start of its next row cannot be found.
    """

    def __init__(self, file: BinaryIO, *, delimiter: str | None = None, encoding: str | None = None) -> None:
        self.encoding, errors = choose_encoding(file, encoding)
        self._text = io.TextIOWrapper(file, self.encoding, errors, newline="")
        self._dialect = detect_dialect(self._read_start(), delimiter)
        self._text.seek(0)
        if self._dialect.has_sep_line:
            self._text.readline()

    @property
    def delimiter(self) -> str:
        """The character between cells, as given or detected."""
        return self._dialect.delimiter

    def _read_start(self) -> str:
        try:
            start = self._text.read(HEAD)
        except UnicodeError:
            raise FileError(_not_decodable(self.encoding)) from None
        if not start.strip():
            raise FileError(Sentence("file_empty", "the file is empty"))
        return start

    def __iter__(self) -> Iterator[tuple[int, Sequence[str] | DamagedRow]]:
        lines, dialect = _Lines(self._text), self._dialect
        reader = csv.reader(lines, delimiter=dialect.delimiter, skipinitialspace=dialect.blanks, strict=True)
        for row in count(2 if dialect.has_sep_line else 1):
            cells: Sequence[str] | DamagedRow
            try:
                cells = next(reader)
                if len(lines.row) > 1 or lines.is_suspect or len(cells) > MOST_COLUMNS:
                    cells = _check_row(cells, lines, dialect)
            except StopIteration:
                return
            except csv.Error:
                cells = _report_refused_row(lines, dialect, row=row)
            except UnicodeError:
                raise FileError(_not_decodable(self.encoding), row=row) from None
            yield row, cells
            lines.begin_row()


class _Lines:
    """The lines that the CSV reader reads. It records the lines of the current row and can push some of them back."""

    def __init__(self, text: TextIO) -> None:
        self._read_line = text.readline
        self._may_escape = text.errors == ESCAPES
        self._pushed_back: list[str] = []  # the line to read next is the last
        self.row: list[str] = []
        """The lines of the current row."""
        self.is_suspect = False
        """Whether the current row holds characters that need a check."""
        self.in_split_quotation = False
        """Whether a quotation was split at its first line, and its closing mark has not been read yet."""
        self._size = 0  # characters of the current row

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._pushed_back.pop() if self._pushed_back else self._read_line(LONGEST_ROW + 1)
        if not line or line == _DOS_END:
            raise StopIteration
        self.row.append(line)
        self._size += len(line)
        if self._size > LONGEST_ROW:
            raise csv.Error(_LONG_ROW)
        if (
            "\0" in line
            or (_ERROR_START in line and any(error in line for error in _ERRORS))
            or (self._may_escape and _BAD_BYTE.search(line))
            or (self.in_split_quotation and _QUOTE in line)
        ):
            self.is_suspect = True
        return line

    def begin_row(self) -> None:
        """Start the next row: the lines read from now on belong to it."""
        self.row.clear()
        self.is_suspect = False
        self._size = 0

    def push_back_all_but_first(self) -> str:
        """Push back all lines of the current row but the first, so that they begin rows of their own.

        :returns: the first line, which remains the current row.
        """
        first, *others = self.row
        self._pushed_back += reversed(others)
        self.in_split_quotation = first.count(_QUOTE) % 2 == 1  # marks within a quotation come in pairs
        return first


def _check_row(cells: Sequence[str], lines: _Lines, dialect: Dialect) -> Sequence[str] | DamagedRow:
    """Return an unusual row as it is, or as a damaged one."""
    if _holds_rows(lines.row, dialect):
        return DamagedRow(_split(lines.push_back_all_but_first(), dialect)[:MOST_COLUMNS], _OPEN_QUOTE)
    if len(cells) > MOST_COLUMNS:
        return DamagedRow(cells[:MOST_COLUMNS], _MANY_COLUMNS)
    ends_quotation = lines.in_split_quotation and any(_QUOTE in line for line in lines.row)
    lines.in_split_quotation = lines.in_split_quotation and not ends_quotation
    for at, cell in enumerate(cells):
        if "\0" in cell:
            return DamagedRow(cells, _NUL, at)
        if lines.is_suspect and _BAD_BYTE.search(cell):
            return DamagedRow(cells, _NO_TEXT, at)
        if ends_quotation and _QUOTE in cell:  # the end of a quotation that was split
            return DamagedRow(cells, _STRAY_QUOTE, at)
    return ["" if cell.strip() in _ERRORS else cell for cell in cells] if lines.is_suspect else cells


def _holds_rows(lines: Sequence[str], dialect: Dialect) -> bool:
    """Check whether a quotation over several lines holds rows: two lines have a phone number in the same column."""
    if len(lines) == 1 or not dialect.width:
        return False
    rows = [_split(line, dialect) for line in lines if line.count(dialect.delimiter) == dialect.width - 1]
    places = Counter(at for cells in rows for at, cell in enumerate(cells) if _PHONE.fullmatch(cell))
    return any(times > 1 for times in places.values())


def _split(line: str, dialect: Dialect) -> list[str]:
    """Split a line into cells at every delimiter, and keep the quotation marks."""
    return line.rstrip("\r\n").split(dialect.delimiter)


def _not_decodable(encoding: str) -> str:
    text = "the file is not {encoding} text: save it as UTF-8, or give its encoding"
    return Sentence("not_decodable", text, encoding=encoding)


def _report_refused_row(lines: _Lines, dialect: Dialect, *, row: int) -> DamagedRow:
    """Report the fault of a row that the CSV reader, or the limit on its size, refused.

    :param row: the row's number, for the error.
    :raises FileError: the end of the row cannot be found.
    """
    text = "".join(lines.row)
    reason, column = _find_fault(text, dialect)
    if reason == _OPEN_QUOTE or len(text) > LONGEST_ROW:
        if reason == _OPEN_QUOTE and len(text) > LONGEST_FIELD:
            reason = Sentence("long_cell_because", "{fault}: {reason}", fault=_LONG_CELL, reason=reason)
        raise FileError(reason, row=row, column=None if column is None else str(column + 1))
    if reason == _STRAY_QUOTE:
        return DamagedRow(_split(lines.push_back_all_but_first(), dialect)[:MOST_COLUMNS], reason, column)
    return DamagedRow([cell[:_SHOWN_CHARACTERS] for cell in _split(text, dialect)[:MOST_COLUMNS]], reason, column)


def _find_fault(text: str, dialect: Dialect) -> tuple[str, int | None]:
    """Return why a row was refused, and the column of the fault, counted from 0."""
    long: int | None = None
    column = start = 0
    while found := dialect.cell.match(text, start):
        end, mark = found.end(), found["mark"]
        if mark == "":
            return _OPEN_QUOTE, column
        following = text[end : end + 1]
        if mark and following != dialect.delimiter and following not in _ROW_ENDS:
            return _STRAY_QUOTE, column
        if long is None and end - start > LONGEST_FIELD:
            long = column
        if following != dialect.delimiter or (column > MOST_COLUMNS and len(text) > LONGEST_ROW):
            break
        column, start = column + 1, end + 1
    if long is not None:
        return _LONG_CELL, long
    return (_LONG_ROW if column < MOST_COLUMNS else _MANY_COLUMNS), None
