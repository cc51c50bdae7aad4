"""The child process that opens workbooks for the excel source.

It is started by its path and imports ``workbook_cells`` and ``workbook_parts``, but none of our other code.

The reader may panic, and a damaged or hostile workbook may expand without limit: then only this small process ends.

Input: one argument, a JSON object with path, sheet, megabytes, seconds, and the limits of a table.
Output, lines of JSON: ``{"sheet", "others"}`` when the workbook is open; a row as a list of texts, followed by its
number in the sheet; a row that yields no recipient as ``{"damaged", "row", "column", "cells"}``; at the end
``{"rows"}``, or ``{"error"}``. What is wrong is a code of ``WORKBOOK_TEXTS`` with the values of its text. Output that
ends without either of the last two means that the process died.
The process ends when its standard input closes, which happens when its parent is gone.
"""

import contextlib
import json
import os
import re
import resource
import sys
import threading
import zipfile
from collections.abc import Iterator, Sequence
from typing import IO, Any, NoReturn

if __name__ == "__main__":
    sys.path.append(os.path.dirname(__file__))  # noqa: PTH120 - as above; at the end, since csv.py is there too
    from workbook_cells import TEXTS, ShownNumbers, find_cells, find_formats  # type: ignore[import-not-found]
    from workbook_parts import filled_sheets, links_of, parse_part, sheet_part  # type: ignore[import-not-found]
else:
    from wabroadcast_plugins.contact_sources.workbook_cells import TEXTS, ShownNumbers, find_cells, find_formats
    from wabroadcast_plugins.contact_sources.workbook_parts import filled_sheets, links_of, parse_part, sheet_part

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED_MARK = "EncryptedPackage".encode("utf-16-le")
MEGABYTE = 1024 * 1024
CHUNK = MEGABYTE
MOST_PARTS = 10_000  # of the zip archive
SMALL_PART = 64 * MEGABYTE  # a part up to this size may have any compression ratio
HIGHEST_RATIO = 200  # of size to compressed size; sheets of real workbooks have 5 to 50
ENCRYPTED_FLAG = 0x1
SHOWN_CHARACTERS = 1_000  # of each cell, in the report of a row that is too large
LONGEST_TAG = 4_096  # bytes
MOST_ROWS = 1_048_576  # of a sheet
LONGEST_POSITION = 10  # digits of a sheet's position

ENCRYPTED = "workbook_encrypted"
DAMAGED = "workbook_damaged"
FILTERED = "row_filtered"

Said = tuple[str, dict[str, int | str]]  # a code of WORKBOOK_TEXTS, and the values of its text


class RefusedError(Exception):
    """The workbook cannot be read; the code is that of a text for its owner."""

    def __init__(self, code: str, **values: int | str) -> None:
        super().__init__(code)
        self.said: Said = code, values


def main(task: dict[str, Any]) -> None:
    """Run the task of the command line, and end the process."""
    _limit_self(task)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    out = os.fdopen(os.dup(1), "wb", buffering=64 * 1024)
    with contextlib.suppress(BrokenPipeError):  # the parent closed the pipe and needs no more rows
        _write(out, _run(task, out))
        out.flush()
    os._exit(0)  # the thread that watches the parent would block a normal exit


def _limit_self(task: dict[str, Any]) -> None:
    memory, seconds = task["megabytes"] * MEGABYTE, max(1, round(task["seconds"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    threading.stack_size(256 * 1024)


def _end_with_parent() -> NoReturn:
    with contextlib.suppress(OSError):
        os.read(0, 1)
    os._exit(1)


def _run(task: dict[str, Any], out: IO[bytes]) -> dict[str, Any]:
    """Write all rows of the sheet, and return the last line of the output: the number of rows, or the error."""
    try:
        check_container(task["path"], most_bytes=2 * task["megabytes"] * MEGABYTE)
        return {"rows": _write_sheet(task, out)}
    except RefusedError as error:
        return {"error": error.said}
    except MemoryError:
        return {"error": ("workbook_memory", {"most": task["megabytes"]})}
    except BrokenPipeError:
        raise
    except BaseException as error:  # noqa: BLE001 - panics of the reader derive from BaseException
        return {"error": (ENCRYPTED if type(error).__name__ == "PasswordError" else DAMAGED, {})}


def check_container(path: str, *, most_bytes: int) -> None:
    """Raise RefusedError for a file that is encrypted, damaged, not a workbook, or a zip bomb, before it is opened.

    :param most_bytes: the largest total size of the expanded parts.
    """
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib would double this process' start-up
        if file.read(len(OLE_MAGIC)) == OLE_MAGIC:
            return _check_ole(file)
        return _check_zip(file, most_bytes=most_bytes)


def _check_ole(file: IO[bytes]) -> None:
    rest = b""
    while chunk := file.read(CHUNK):
        if ENCRYPTED_MARK in rest + chunk:
            raise RefusedError(ENCRYPTED)
        rest = chunk[-len(ENCRYPTED_MARK) :]


def _check_zip(file: IO[bytes], *, most_bytes: int) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise RefusedError("workbook_cut_off") from None
    if any(part.flag_bits & ENCRYPTED_FLAG for part in parts):
        raise RefusedError(ENCRYPTED)
    if not any(part.filename.lower().startswith("xl/") or part.filename == "content.xml" for part in parts):
        raise RefusedError("zip_no_workbook")
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > most_bytes or any(map(_is_bomb, parts)):
        raise RefusedError("workbook_bomb")


def _is_bomb(part: zipfile.ZipInfo) -> bool:
    return part.file_size > SMALL_PART and part.file_size > HIGHEST_RATIO * max(part.compress_size, 1)


def _write_sheet(task: dict[str, Any], out: IO[bytes]) -> int:
    sheet, others = _find_sheet(task["path"], task["sheet"])
    if sheet.end is not None and sheet.end[0] >= MOST_ROWS:
        raise RefusedError("workbook_too_far", most=MOST_ROWS)
    filtered, shown = find_filtered(task["path"], sheet.name), _find_shown(task["path"], sheet.name)
    _write(out, {"sheet": sheet.name, "others": others})
    out.flush()
    count = 0
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    for row, cells in read_rows(sheet, shown):
        if damage := _find_damage(cells, task):
            line: Any = _damaged(_truncate(cells, task), row, *damage)
        elif row in filtered:
            line = _damaged(cells, row, (FILTERED, {}), None)
        else:
            line = [*cells, row]
        out.write(encode(line).encode() + b"\n")
        count += 1
    return count


def _write(out: IO[bytes], line: dict[str, Any]) -> None:
    out.write(json.dumps(line).encode() + b"\n")


def _find_sheet(path: str, selected: str | int | None) -> tuple[Any, list[str]]:
    """Return the selected sheet, else the first visible one that is not empty.

    :param selected: its name or position (from 1); None: choose one.
    :returns: the sheet, and the names of the visible sheets with content after it where none was selected.
    """
    from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    workbook = CalamineWorkbook.from_path(path)
    if selected is not None:
        return workbook.get_sheet_by_name(_sheet_name(workbook.sheet_names, selected)), []
    visible = [
        metadata.name
        for metadata in workbook.sheets_metadata
        if metadata.typ == SheetTypeEnum.WorkSheet and metadata.visible == SheetVisibleEnum.Visible
    ]
    for position, name in enumerate(visible, 1):
        sheet = workbook.get_sheet_by_name(name)
        if sheet.start is not None:
            return sheet, filled_sheets(workbook, path, visible[position:])
    raise RefusedError("no_visible_sheet")


def _sheet_name(names: list[str], selected: str | int) -> str:
    """Return the name of the selected sheet.

    A number is a position first, then a name; a text the reverse, since forms and command lines give only texts.
    """
    text = str(selected).strip().casefold()
    by_name = [name for name in names if name.strip().casefold() == text]
    position = int(text) if text.isdecimal() and len(text) < LONGEST_POSITION else 0
    by_position = names[position - 1 : position] if position else []
    found = by_position + by_name if isinstance(selected, int) else by_name + by_position
    if found:
        return found[0]
    raise RefusedError("no_sheet", name=repr(selected), names=", ".join(names))


def _find_shown(path: str, sheet: str) -> ShownNumbers:
    """Find the numbers whose format the text follows; there are none but in .xlsx."""
    if not zipfile.is_zipfile(path):
        return ShownNumbers(())
    archive = zipfile.ZipFile(path)  # open as long as the rows are read
    formats = find_formats(parse_part(archive, "xl/styles.xml"))
    part = sheet_part(archive, sheet) if formats else None
    return ShownNumbers(find_cells(archive.open(part), formats) if part else ())


# --- rows ------------------------------------------------------------------------------------------------------


def read_rows(sheet: Any, shown: ShownNumbers | None = None) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not empty. The reader omits empty columns at the left, but not empty rows at the top.

    :param shown: the numbers of the sheet that are read as the sheet shows them.
    """
    shown = shown or ShownNumbers(())
    left = [""] * sheet.start[1] if sheet.start else []
    merges = _Merges(sheet.merged_cell_ranges or ())
    for row, values in enumerate(sheet.iter_rows(), 1):
        cells = [value if type(value) is str else TEXTS[type(value)](value) for value in values]
        for column, show in shown.of(row):
            if 0 <= (at := column - len(left)) < len(values) and type(values[at]) in {int, float}:
                cells[at] = show(values[at])
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            yield row, merges.fill(row, left + cells)


class _Merges:
    """Cells merged over several rows, such as a header of two. The reader gives their text in the first row only."""

    def __init__(self, ranges: Sequence[tuple[tuple[int, int], tuple[int, int]]]) -> None:
        self._starts: dict[int, list[tuple[int, int]]] = {}  # by first row: column and last row
        for (first, column), (last, _) in ranges:
            if last > first:
                self._starts.setdefault(first + 1, []).append((column, last + 1))
        self._open: dict[int, tuple[int, str]] = {}  # by column: last row and text

    def fill(self, row: int, cells: list[str]) -> list[str]:
        """Return a row with the texts of the merged cells that cover it. Call it for every row, in order."""
        if not self._starts:
            return cells
        for column, (last, text) in list(self._open.items()):
            if row > last:
                del self._open[column]
            elif column >= len(cells):
                cells += [*[""] * (column - len(cells)), text]
            else:
                cells[column] = cells[column] or text
        for column, last in self._starts.get(row, ()):
            if column < len(cells) and cells[column]:
                self._open[column] = last, cells[column]
        return cells


def _find_damage(cells: list[str], task: dict[str, Any]) -> tuple[Said, int | None] | None:
    """Return why a row is too large, and the column if one cell is the cause; None for a row of usual size."""
    if len(cells) > task["most_columns"]:
        return ("many_columns", {"most": task["most_columns"]}), None
    if sum(map(len, cells)) <= task["longest_field"]:
        return None
    long = next((at for at, cell in enumerate(cells) if len(cell) > task["longest_field"]), None)
    if long is not None:
        return ("long_cell", {"most": task["longest_field"] // 1024}), long
    if sum(map(len, cells)) > task["longest_row"]:
        return ("long_row", {"most": task["longest_row"] // 1024}), None
    return None


def _truncate(cells: list[str], task: dict[str, Any]) -> list[str]:
    """Return the part of a too large row that is reported."""
    return [cell[:SHOWN_CHARACTERS] for cell in cells[: task["most_columns"]]]


def _damaged(cells: list[str], row: int, reason: Said, column: int | None) -> dict[str, Any]:
    return {"damaged": reason, "row": row, "column": column, "cells": cells}


# --- filters ---------------------------------------------------------------------------------------------------

HIDDEN = re.compile(rb"""hidden=["'](?:1|true)["']""")
ROW_TAG = re.compile(rb"<(?:\w+:)?row\s")
ROW_NUMBER = re.compile(rb"""\sr=["'](\d+)["']""")
FILTER_MODE = re.compile(rb"""filterMode=["'](?:1|true)["']""")
FILTER_COLUMN = re.compile(rb"filterColumn[\s>/]")
ODS_FILTER = b'table:visibility="filter"'


def find_filtered(path: str, sheet: str) -> set[int]:
    """Return the numbers of the rows that a filter hides, from the XML of .xlsx and .ods; the reader omits this."""
    if not zipfile.is_zipfile(path):
        return set()
    with zipfile.ZipFile(path) as archive:
        if "content.xml" in archive.namelist():
            return _filtered_in_ods(archive, sheet)
        return _filtered_in_xlsx(archive, sheet)


def _filtered_in_xlsx(archive: zipfile.ZipFile, sheet: str) -> set[int]:
    """Return the hidden rows if a filter of the sheet or a table in it is active: rows hidden by hand look the same."""
    part = sheet_part(archive, sheet)
    hidden: set[int] = set()
    is_filtered = False
    for text in _read_overlapping(archive, part) if part else ():
        is_filtered = is_filtered or _has_filter(text)
        hidden.update(_hidden_rows(text))
    if part and hidden and not is_filtered:
        tables = [target for target in links_of(archive, part).values() if "/tables/" in target]
        is_filtered = any(_has_filter(archive.read(table)) for table in tables)
    return hidden if is_filtered else set()


def _has_filter(text: bytes) -> bool:
    return FILTER_COLUMN.search(text) is not None or FILTER_MODE.search(text) is not None


def _hidden_rows(text: bytes) -> Iterator[int]:
    for found in HIDDEN.finditer(text):
        start, end = text.rfind(b"<", 0, found.start()), text.find(b">", found.end())
        if start >= 0 and ROW_TAG.match(text, start) and (number := ROW_NUMBER.search(text, start, end)):
            yield int(number[1])


def _filtered_in_ods(archive: zipfile.ZipFile, sheet: str) -> set[int]:
    from xml.parsers import expat

    if not any(ODS_FILTER in text for text in _read_overlapping(archive, "content.xml")):
        return set()
    rows = _OdsRows(sheet)
    parser = expat.ParserCreate()
    parser.StartElementHandler = rows.start
    with archive.open("content.xml") as file, contextlib.suppress(expat.ExpatError):
        parser.ParseFile(file)
    return rows.filtered


class _OdsRows:
    """Counts the rows of a sheet while it is parsed. The file stores equal rows once, with the number of repeats."""

    def __init__(self, sheet: str) -> None:
        self.filtered: set[int] = set()
        self._sheet = sheet
        self._row: int | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Handle the start of an element, as ``expat`` calls it."""
        if tag == "table:table":
            self._row = 0 if attributes.get("table:name") == self._sheet else None
        elif tag == "table:table-row" and self._row is not None:
            first = self._row + 1
            self._row = min(self._row + int(attributes.get("table:number-rows-repeated", 1)), MOST_ROWS)
            if attributes.get("table:visibility") == "filter":
                self.filtered.update(range(first, self._row + 1))


def _read_overlapping(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """Yield a part in chunks, each with the end of the one before, so that every tag is complete in one of them."""
    rest = b""
    with archive.open(part) as file:
        while chunk := file.read(CHUNK):
            yield rest + chunk
            rest = chunk[-LONGEST_TAG:]


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
