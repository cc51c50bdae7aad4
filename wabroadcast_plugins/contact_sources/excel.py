"""Recipients from a workbook: .xlsx, .xls, .xlsb and .ods.

Hooks: wab_contact_sources. Settings: uploadId, mapping, sheet.

A child process opens the workbook, with a limit on memory and time, and streams its rows back.

What counts: a number is the cell's number, however it is shown; a formula is its last result; a merged cell stands
in every row it covers (but not in an .ods); hidden columns, and rows hidden by hand, are data like the others. Rows
that a filter hides (.xlsx, .ods) are reported and nobody in them is sent to: whoever filters a list, and saves it,
means the rest of it.
"""

import json
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO, ClassVar

from pydantic import BaseModel, Field

from wabroadcast_core import (
    LONGEST_FIELD,
    LONGEST_ROW,
    MOST_COLUMNS,
    AudienceRow,
    Columns,
    ContactSource,
    DamagedRow,
    FileError,
    Model,
    NoNumbersError,
    Reading,
    SourceContext,
    file_kind,
    hookimpl,
    read_table,
)

_CHILD = Path(__file__).with_name("workbook_child.py")
_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEAD = len(_OLE_MAGIC)
_LONGEST_LINE = 8 * LONGEST_ROW  # bytes; a character takes at most 6 of them as JSON
_MOST_SHEETS = 10  # that are searched for phone numbers

Rows = Iterator[tuple[int, Sequence[str] | DamagedRow]]


class ExcelSettings(Model):
    upload_id: str
    mapping: dict[str, str] = Field(default_factory=dict, description="Column (header or place) to its meaning.")
    sheet: str | int | None = Field(
        None, description="Name or place (from 1); if not given, the first visible one with numbers."
    )


class ExcelSource:
    kind: ClassVar[str] = "excel"
    Settings: ClassVar[type[BaseModel]] = ExcelSettings
    repeatable: ClassVar[bool] = True

    def __init__(self, settings: ExcelSettings, context: SourceContext) -> None:
        self._settings = settings
        self._context = context
        self.columns: Columns | None = None
        """What the columns were taken for, once the first row was read."""
        self.reading: Reading | None = None
        """How the file is read, from then on."""

    def read(self) -> Generator[AudienceRow, None, None]:
        with self._context.open_upload(self._settings.upload_id) as upload, _copy_workbook(upload) as path:
            yield from self._read_sheets(path)

    def _read_sheets(self, path: str) -> Generator[AudienceRow, None, None]:
        """The sheet asked for; else the first one with phone numbers: one of instructions may come before it."""
        wanted: list[str | int | None] = [self._settings.sheet]
        nothing: NoNumbersError | None = None
        while wanted:
            with _open_sheet(path, wanted.pop(0), self._context) as sheet:
                try:
                    rows = self._understand(sheet)
                except NoNumbersError as error:
                    if nothing is None:
                        nothing = error
                        wanted += sheet.others
                    continue
                yield from rows
                return
        if nothing is not None:
            raise nothing

    def _understand(self, sheet: "_Sheet") -> Iterator[AudienceRow]:
        self.columns, rows = read_table(sheet.rows, region=self._context.region, mapping=self._settings.mapping)
        self.reading = Reading(sheet=sheet.name, header_row=self.columns.header_number)
        return rows


@hookimpl
def wab_contact_sources() -> list[type[ContactSource]]:
    return [ExcelSource]


@contextmanager
def _copy_workbook(upload: BinaryIO) -> Iterator[str]:
    """A workbook is read from a file of its own: the child cannot see the store."""
    head = upload.read(_HEAD)
    if not head:
        raise FileError("the file is empty")
    if file_kind(head) != "excel":
        raise FileError("this is no workbook")
    suffix = ".xls" if head == _OLE_MAGIC else ""  # named so, the reader tells a password from damage
    with tempfile.NamedTemporaryFile(prefix="wabroadcast-", suffix=suffix) as copy:
        upload.seek(0)
        shutil.copyfileobj(upload, copy)
        copy.flush()
        yield copy.name


@dataclass(frozen=True, slots=True)
class _Sheet:
    name: str
    others: Sequence[str]
    """Where none was asked for, the visible ones behind it."""
    rows: Rows


@contextmanager
def _open_sheet(path: str, sheet: str | int | None, context: SourceContext) -> Iterator[_Sheet]:
    task = {
        "path": path,
        "sheet": sheet,
        "megabytes": context.workbook_megabytes,
        "seconds": context.workbook_seconds,
        "most_columns": MOST_COLUMNS,
        "longest_field": LONGEST_FIELD,
        "longest_row": LONGEST_ROW,
    }
    # -P: beside the child lies a csv.py that is not the one zipfile's friends mean
    command = [sys.executable, "-P", str(_CHILD), json.dumps(task)]
    with subprocess.Popen(  # noqa: S603 - our own file, no shell
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        try:
            lines = _read_lines(child, context)
            opened = next(lines)
            yield _Sheet(opened["sheet"], opened["others"][:_MOST_SHEETS], _read_rows(lines))
        finally:
            child.kill()


def _read_lines(child: "subprocess.Popen[bytes]", context: SourceContext) -> Iterator[Any]:
    """What the child says, up to its last line.

    :raises FileError: it says that it cannot read the workbook, or dies.
    """
    output = child.stdout
    if output is None:
        raise TypeError("the child needs a pipe")
    _await_opened(output, context.workbook_seconds)
    for line in iter(partial(output.readline, _LONGEST_LINE), b""):
        match _parse_line(line):
            case {"error": reason}:
                raise FileError(reason)
            case {"rows": _}:
                return
            case None:
                break
            case item:
                yield item
    raise _explain_death(child.wait(), context)


def _read_rows(lines: Iterator[Any]) -> Rows:
    for item in lines:
        if isinstance(item, list):
            yield item.pop(), item
        else:
            yield item["row"], DamagedRow(item["cells"], item["damaged"], item["column"])


def _await_opened(output: IO[bytes], seconds: float) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        if not selector.select(seconds):
            raise FileError(_too_slow(seconds))


def _parse_line(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:  # half a line: the child died while it wrote
        return None


def _explain_death(status: int, context: SourceContext) -> FileError:
    if -status == signal.SIGXCPU:
        return FileError(_too_slow(context.workbook_seconds))
    limit = f"{context.workbook_megabytes:,} MB"
    return FileError(
        f"the workbook is damaged, or needs more than {limit} of memory: is a cell filled far off the table?"
    )


def _too_slow(seconds: float) -> str:
    return f"the workbook could not be opened within {seconds:g} s"
