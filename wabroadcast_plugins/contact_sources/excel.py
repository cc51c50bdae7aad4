"""Recipients from a workbook: .xlsx, .xls, .xlsb and .ods.

Hooks: wab_contact_sources. Settings: uploadId, mapping, region, sheet, headerRow.

A child process opens the workbook, with a limit on memory and time, and streams its rows back. Two run at once in a
process; a third one waits, and the wait counts as time of its opening.

How cells are read:

- A number is the stored number, except in .xlsx where its format has leading zeros or is a percentage: then it is what
  the sheet shows.
- A formula is its last calculated result.
- A merged cell counts for every row that it covers (not in .ods files).
- Hidden columns, and rows hidden by hand, are read like the others.
- Rows that a filter hides (.xlsx, .ods) are reported and receive nothing: an operator who filters a list and saves it
  means only the visible rows.

One sheet is read. Where the settings name none, a note names the visible sheets that may hold more people.
"""

import json
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO, ClassVar

from pydantic import BaseModel, Field
from pydantic_core import from_json

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
    Region,
    Sentence,
    SourceContext,
    file_kind,
    hookimpl,
    read_table,
)
from wabroadcast_plugins.contact_sources.workbook_slots import WorkbookSlots
from wabroadcast_plugins.contact_sources.workbook_texts import WORKBOOK_TEXTS

_CHILD = Path(__file__).with_name("workbook_child.py")
_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEAD = len(_OLE_MAGIC)
_LONGEST_LINE = 8 * LONGEST_ROW  # bytes; a character takes at most 6 of them as JSON
_MOST_SHEETS = 10  # searched for phone numbers, after the first
_SHOWN_SHEETS = 12  # in a note
_SLOTS = WorkbookSlots(2)  # of this process, for all sources in it
_POLL_SECONDS = 0.2  # between two checks whether the reading is over
_STOPPED = Sentence("workbook_not_opened", "the time was over before the workbook was open: no row of it was read")

Rows = Iterator[tuple[int, Sequence[str] | DamagedRow]]


class ExcelSettings(Model):
    """Which upload to read, and how."""

    upload_id: str
    mapping: dict[str, str] = Field(
        default_factory=dict,
        description="What columns mean: from a header or a position (from 1) to number, name, tags, a variable's name, "
        "or an empty text to ignore the column.",
    )
    region: Region | None = Field(
        None, description="Country of numbers without a country code, as ID; the installation's if not given."
    )
    sheet: str | int | None = Field(
        None,
        description="Name or position (from 1) of the sheet; if not given, the first visible one with phone numbers.",
    )
    header_row: int | None = Field(
        None, ge=0, description="Number of the header row in the file; 0: there is none; detected if not given."
    )


class ExcelSource:
    """The contact source for workbooks."""

    kind: ClassVar[str] = "excel"
    Settings: ClassVar[type[BaseModel]] = ExcelSettings
    repeatable: ClassVar[bool] = True
    empty_reason: ClassVar[str] = Sentence("only_header", "the file has no rows below its header")

    def __init__(self, settings: ExcelSettings, context: SourceContext) -> None:
        self._settings = settings
        self._context = context
        self.region = settings.region or context.region
        """The country of numbers without a country code."""
        self.columns: Columns | None = None
        """The meaning of each column; set when the first row has been read."""
        self.reading: Reading | None = None
        """The sheet and header row in use; set at the same moment."""
        self.notes: list[str] = []
        """What was left out of the workbook; set at the same moment."""

    def read(self) -> Generator[AudienceRow, None, None]:
        context = self._context
        deadline = time.monotonic() + context.workbook_seconds
        with (
            context.open_upload(self._settings.upload_id) as upload,
            _copy_workbook(upload) as path,
            _SLOTS.hold(deadline=deadline, is_over=context.is_over),
        ):
            yield from self._read_sheets(path, deadline)

    def _read_sheets(self, path: str, deadline: float) -> Generator[AudienceRow, None, None]:
        """Yield the rows of the sheet in the settings; without one, of the first sheet with phone numbers.

        The first sheet of a workbook may hold only instructions.
        """
        selected, others = self._settings.sheet, list[str]()
        first_error: NoNumbersError | None = None
        for _ in range(1 + _MOST_SHEETS):
            with _open_sheet(path, selected, self._context, deadline=deadline) as sheet:
                if sheet is None:
                    self.notes = [_STOPPED]
                    return
                others += sheet.others
                try:
                    rows = self._read_sheet(sheet)
                except NoNumbersError as error:
                    first_error = first_error or error
                else:
                    self.notes = [_others_note(sheet.name, others)] if others else []
                    yield from rows
                    return
            if not others:
                break
            selected = others.pop(0)
        if first_error is not None:
            raise first_error

    def _read_sheet(self, sheet: "_Sheet") -> Iterator[AudienceRow]:
        self.columns, rows = read_table(
            sheet.rows,
            region=self.region,
            mapping=self._settings.mapping,
            header_row=self._settings.header_row,
            is_over=self._context.is_over,
        )
        self.reading = Reading(sheet=sheet.name, header_row=self.columns.header_number)
        return rows


def _others_note(sheet: str, others: Sequence[str]) -> Sentence:
    """Return the note that names the sheets which are not read."""
    names = ", ".join([*others[:_SHOWN_SHEETS], *(["…"] if len(others) > _SHOWN_SHEETS else [])])
    text = "only the sheet {sheet!r} is read, not {names}: to read another one, give its name as the sheet"
    return Sentence("other_sheets", text, sheet=sheet, names=names)


@hookimpl
def wab_contact_sources() -> list[type[ContactSource]]:
    return [ExcelSource]


@contextmanager
def _copy_workbook(upload: BinaryIO) -> Iterator[str]:
    """Copy the workbook to a temporary file, because the child process cannot access the store.

    :returns: the path of the copy.
    :raises FileError: the file is empty, or not a workbook.
    """
    head = upload.read(_HEAD)
    if not head:
        raise FileError(Sentence("file_empty", "the file is empty"))
    if file_kind(head) != "excel":
        text = "this is not a workbook: give an .xlsx, .xls, .xlsb or .ods file"
        raise FileError(Sentence("no_workbook", text))
    suffix = ".xls" if head == _OLE_MAGIC else ""  # with it, the reader distinguishes a password from damage
    with tempfile.NamedTemporaryFile(prefix="wabroadcast-", suffix=suffix) as copy:
        upload.seek(0)
        shutil.copyfileobj(upload, copy)
        copy.flush()
        yield copy.name


@dataclass(frozen=True, slots=True)
class _Sheet:
    name: str
    others: Sequence[str]
    """The visible sheets with content after this one; empty where a sheet was named."""
    rows: Rows


@contextmanager
def _open_sheet(
    path: str, sheet: str | int | None, context: SourceContext, *, deadline: float
) -> Iterator[_Sheet | None]:
    """Open a sheet in a child process, which ends with the block.

    :returns: the sheet; None if the reading was over before.
    """
    task = {
        "path": path,
        "sheet": sheet,
        "megabytes": context.workbook_megabytes,
        "seconds": context.workbook_seconds,
        "most_columns": MOST_COLUMNS,
        "longest_field": LONGEST_FIELD,
        "longest_row": LONGEST_ROW,
    }
    # -P: keeps the child's folder out of sys.path, where csv.py would hide the standard library's
    command = [sys.executable, "-P", str(_CHILD), json.dumps(task)]
    with subprocess.Popen(  # noqa: S603 - our own file, no shell
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        try:
            if not _wait_for_output(child, context, deadline=deadline):
                yield None
                return
            lines = _read_lines(child, context)
            opened = next(lines)
            yield _Sheet(opened["sheet"], opened["others"], _read_rows(lines))
        finally:
            child.kill()


def _read_lines(child: "subprocess.Popen[bytes]", context: SourceContext) -> Iterator[Any]:
    """Yield the lines of the child's output, parsed, without the last one.

    :raises FileError: the child reports that it cannot read the workbook, or dies.
    """
    for line in iter(partial(_output_of(child).readline, _LONGEST_LINE), b""):
        match _parse_line(line):
            case list() as cells:
                yield cells
            case {"error": said}:
                raise FileError(_sentence(said))
            case {"rows": _}:
                return
            case None:
                break
            case item:
                yield item
    raise _exit_error(child.wait(), context)


def _read_rows(lines: Iterator[Any]) -> Rows:
    for item in lines:
        if isinstance(item, list):
            yield item.pop(), item
        else:
            yield item["row"], DamagedRow(item["cells"], _sentence(item["damaged"]), item["column"])


def _sentence(said: Any) -> Sentence:
    """Return what the child says, from its code and values."""
    code, values = said
    return Sentence(code, WORKBOOK_TEXTS[code], **values)


def _output_of(child: "subprocess.Popen[bytes]") -> IO[bytes]:
    if child.stdout is None:
        raise TypeError("the child process was started without a pipe for its output")
    return child.stdout


def _wait_for_output(child: "subprocess.Popen[bytes]", context: SourceContext, *, deadline: float) -> bool:
    """Wait until the child has opened the workbook.

    :returns: whether it did, or failed to; false if the reading was over before.
    :raises FileError: the deadline passed.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(_output_of(child), selectors.EVENT_READ)
        while not selector.select(min(_POLL_SECONDS, max(0, deadline - time.monotonic()))):
            if context.is_over():
                return False
            if time.monotonic() > deadline:
                raise FileError(_too_slow(context.workbook_seconds))
    return True


def _parse_line(line: bytes) -> Any:
    try:
        return from_json(line)  # takes half of the time of the standard library
    except ValueError:  # half a surrogate pair, or half a line
        return _parse_unusual_line(line)


def _parse_unusual_line(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:  # half a line: the child died while it was writing
        return None


def _exit_error(status: int, context: SourceContext) -> FileError:
    """Return the error for a child that died.

    :param status: of the child's exit; negative: the number of the signal that ended it.
    """
    if -status == signal.SIGXCPU:
        return FileError(_too_slow(context.workbook_seconds))
    text = (
        "the workbook is damaged, or needs more than {most} MB of memory: delete cells far outside the table, "
        "or save it as CSV"
    )
    return FileError(Sentence("workbook_died", text, most=context.workbook_megabytes))


def _too_slow(seconds: float) -> Sentence:
    text = "the workbook could not be opened within {seconds} s: save it as CSV"
    return Sentence("workbook_too_slow", text, seconds=seconds)
