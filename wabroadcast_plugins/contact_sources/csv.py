"""Recipients from a text table: CSV as Excel, Google Sheets and databases write it.

Hooks: wab_contact_sources. Settings: uploadId, mapping, delimiter, encoding.

Streams in constant memory: no line, field or quoted text is ever built beyond the limits, whatever the file holds.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from itertools import islice
from typing import BinaryIO, ClassVar, TextIO

from pydantic import BaseModel, Field, field_validator

from wabroadcast_core import (
    LONGEST_FIELD,
    LONGEST_ROW,
    MOST_COLUMNS,
    SAMPLE_ROWS,
    AudienceRow,
    Columns,
    ContactSource,
    FileError,
    Model,
    SourceContext,
    file_kind,
    hookimpl,
    read_table,
)

_DELIMITERS = ";\t|,"  # where they fit equally well the comma is last: it is a decimal comma too
_TOLD_DELIMITER = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # Excel's own first line
_OWN_HEADER = re.compile(r"number([,;\t|])name\1tags\b")  # of an exported contact book, saved anew or not

_HEAD = 64 * 1024
_CHUNK = 1024 * 1024
_QUOTE = '"'
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_KINDS = (
    ((b"<!doctype html", b"<html", b"<table", b"<?xml", b"<meta"), "a web page, as some systems export for Excel"),
    ((b"%pdf",), "a PDF document"),
    ((b"begin:vcard",), "a file of vCards"),
    ((b"{\\rtf",), "a text document"),
)
_CONTROLS = [bytes([code]) for code in range(32) if code not in b"\t\n\v\f\r\x1a\x1b"]
_FEW_CONTROLS = 3  # a stray NUL byte is a fault of its row; many, and a share, are another kind of file
_MOST_CONTROLS = 0.02


class CsvSettings(Model):
    upload_id: str
    mapping: dict[str, str] = Field(default_factory=dict, description="Column (header or place) to its meaning.")
    delimiter: str | None = Field(None, min_length=1, max_length=1, description="Detected if not given.")
    encoding: str | None = Field(None, description="Detected if not given.")

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str | None) -> str | None:
        try:
            "".encode(encoding or "utf-8")
        except LookupError:
            raise ValueError("no such text encoding") from None
        return encoding

    @field_validator("delimiter")
    @classmethod
    def _separates(cls, delimiter: str | None) -> str | None:
        if delimiter is not None and delimiter in '\r\n"\0':
            raise ValueError("cannot be a line end or a quotation mark")
        return delimiter


class CsvSource:
    kind: ClassVar[str] = "csv"
    Settings: ClassVar[type[BaseModel]] = CsvSettings
    repeatable: ClassVar[bool] = True

    def __init__(self, settings: CsvSettings, context: SourceContext) -> None:
        self._settings = settings
        self._context = context
        self.columns: Columns | None = None
        """What the columns were taken for, once the first row was read."""

    def read(self) -> Generator[AudienceRow, None, None]:
        with self._context.open_upload(self._settings.upload_id) as file:
            table = CsvTable(file, delimiter=self._settings.delimiter, encoding=self._settings.encoding)
            self.columns, rows = read_table(table, region=self._context.region, mapping=self._settings.mapping)
            yield from rows


@hookimpl
def wab_contact_sources() -> list[type[ContactSource]]:
    return [CsvSource]


class CsvTable:
    """The rows of a CSV file, each with its number, the first one being 1. Iterate it once; it owns the file.

    :raises FileError: the file is no text, or a row is not fit to be read.
    """

    def __init__(self, file: BinaryIO, *, delimiter: str | None = None, encoding: str | None = None) -> None:
        self.encoding = _choose_encoding(file, encoding)
        self._text = io.TextIOWrapper(file, self.encoding, "strict" if encoding else "replace", newline="")
        start = self._read_start()
        told = _TOLD_DELIMITER.match(start)
        self.delimiter = delimiter or (told[1] if told else _detect_delimiter(start))
        self._text.seek(0)
        if told:
            self._text.readline()
        self._lines = _Lines(self._text, self.delimiter, first_row=2 if told else 1)

    def _read_start(self) -> str:
        try:
            start = self._text.read(_HEAD)
        except UnicodeDecodeError:
            raise FileError(f"not {self.encoding} text") from None
        if not start.strip():
            raise FileError("the file is empty")
        return start

    def __iter__(self) -> Iterator[tuple[int, Sequence[str]]]:
        lines = self._lines
        try:
            for row, cells in enumerate(csv.reader(lines, delimiter=self.delimiter), lines.row):
                if len(cells) > MOST_COLUMNS:
                    raise FileError(f"more than {MOST_COLUMNS:,} columns", row=row)
                yield row, cells
                lines.begin_row()
        except csv.Error as error:
            raise lines.fault(str(error)) from None
        except UnicodeDecodeError:
            raise FileError(f"not {self.encoding} text", row=lines.row) from None


class _Lines:
    """Hands lines to the CSV reader, and refuses before memory would grow with what the file holds."""

    def __init__(self, text: TextIO, delimiter: str, *, first_row: int) -> None:
        self._text = text
        self._delimiter = delimiter
        self.row = first_row
        self._parts: list[str] = []  # the lines of the present row
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        read_line = self._text.readline
        while line := read_line(LONGEST_ROW + 1):
            self._parts.append(line)
            self._size += len(line)
            if self._size > LONGEST_ROW or "\0" in line:
                raise self.fault(f"longer than {LONGEST_ROW // 1024:,} KiB")
            yield line
        if self._parts:  # the reader asks for more in the midst of a row: it is inside a quotation
            raise self.fault("cut off")

    def begin_row(self) -> None:
        self.row += 1
        self._parts.clear()
        self._size = 0

    def fault(self, otherwise: str) -> FileError:
        """What is wrong with the present row, and in which column."""
        return _find_fault("".join(self._parts), self._delimiter, row=self.row) or FileError(otherwise, row=self.row)


def _find_fault(text: str, delimiter: str, *, row: int) -> FileError | None:
    """Walk a row that the reader refused. Slow, and needed once a file."""
    column, start, quoted = 1, 0, False
    for at, character in enumerate(text):
        if character == "\0":
            return FileError("a NUL byte, the file is damaged", row=row, column=str(column))
        if at - start > LONGEST_FIELD:
            hint = "; is its quotation mark never closed?" if quoted else ""
            return FileError(f"a field longer than {LONGEST_FIELD // 1024} KiB{hint}", row=row, column=str(column))
        if character == _QUOTE:
            quoted = not quoted and (at == start or text[at - 1] == _QUOTE)
        elif character == delimiter and not quoted:
            column, start = column + 1, at + 1
    if quoted:
        return FileError("a quotation mark is never closed", row=row, column=str(column))
    return FileError(f"more than {MOST_COLUMNS:,} columns", row=row) if column > MOST_COLUMNS else None


def _choose_encoding(file: BinaryIO, given: str | None) -> str:
    """The encoding to read ``file`` with, which is left at its start."""
    head = file.read(_HEAD)
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    _refuse_other_kinds(head, is_wide=marked == "utf-16" or given is not None)
    encoding = marked or given or ("utf-8" if _is_utf8(file, head) else "cp1252")
    file.seek(0)
    return encoding


def _refuse_other_kinds(head: bytes, *, is_wide: bool) -> None:
    if file_kind(head) == "excel":
        raise FileError("this is a workbook or a zip archive, not a CSV file")
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()[:64].lower()
    for marks, what in _OTHER_KINDS:
        if start.startswith(marks):
            raise FileError(f"this is {what}, not a CSV file")
    controls = 0 if is_wide else sum(head.count(control) for control in _CONTROLS)
    if controls > _FEW_CONTROLS and controls > _MOST_CONTROLS * len(head):
        raise FileError("this is a binary file, not a CSV file")


def _is_utf8(file: BinaryIO, head: bytes) -> bool:
    """Look at the whole file: one name in Windows-1252 may stand in its last row."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        chunk = head
        while chunk:
            decoder.decode(chunk)
            chunk = file.read(_CHUNK)
    except UnicodeDecodeError:
        return False
    return True


def _detect_delimiter(start: str) -> str:
    if own := _OWN_HEADER.match(start):
        return own[1]
    return max(_DELIMITERS, key=lambda delimiter: _rate_delimiter(start, delimiter))


def _rate_delimiter(start: str, delimiter: str) -> tuple[int, int]:
    """In how many of the first rows it makes the same number of columns, and how many; at least two."""
    rows = list(islice(csv.reader(io.StringIO(start, newline=""), delimiter=delimiter), SAMPLE_ROWS))
    whole = rows[:-1] if len(start) == _HEAD and len(rows) > 1 else rows
    widths = Counter(len(cells) for cells in whole if len(cells) > 1)
    return max(((count, width) for width, count in widths.items()), default=(0, 0))
