"""The child process that opens workbooks for the excel source; run by its path, imports nothing of ours.

The reader may panic, and a damaged or hostile workbook may unfold without end: here that ends one small process.

Input: one argument, a JSON object: path, sheet, megabytes, seconds, and the limits of a table.
Output, lines of JSON: ``{"sheet": …}`` once the workbook is open; a row as a list of texts, its number in the sheet
last; at the end ``{"rows": …}``, or ``{"error", "row", "column"}``. An output that just stops means that it died.
Its standard input closes when its parent is gone; then it ends as well.
"""

import contextlib
import json
import os
import resource
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from typing import IO, Any, NoReturn

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED_MARK = "EncryptedPackage".encode("utf-16-le")
MEGABYTE = 1024 * 1024
CHUNK = MEGABYTE
MOST_PARTS = 10_000
SMALL_PART = 64 * MEGABYTE  # a part below this size may be packed as tightly as it likes
TIGHTEST_RATIO = 200  # sheets of real workbooks unfold 5 to 50 times
ENCRYPTED_FLAG = 0x1

ENCRYPTED = "the workbook is protected by a password; save it without one"
DAMAGED = "the workbook is damaged and cannot be read"
BOMB = "the workbook unfolds to far more than its size: a zip bomb"


class RefusedError(Exception):
    def __init__(self, reason: str, *, row: int | None = None, column: str | None = None) -> None:
        super().__init__(reason)
        self.row, self.column = row, column


def main(task: dict[str, Any]) -> None:
    _limit_self(task)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    out = os.fdopen(os.dup(1), "wb", buffering=64 * 1024)
    with contextlib.suppress(BrokenPipeError):  # the parent closed its end: nobody wants more
        _write(out, _run(task, out))
        out.flush()
    os._exit(0)  # the watching thread would hold an orderly exit up


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
    """Everything, and the line that says how it ended."""
    try:
        check_container(task["path"], most_bytes=2 * task["megabytes"] * MEGABYTE)
        return {"rows": _write_sheet(task, out)}
    except RefusedError as error:
        return {"error": str(error), "row": error.row, "column": error.column}
    except MemoryError:
        return {"error": f"the workbook needs more than {task['megabytes']:,} MB of memory"}
    except BrokenPipeError:
        raise
    except BaseException as error:  # noqa: BLE001 - the reader's panics derive from BaseException
        return {"error": ENCRYPTED if type(error).__name__ == "PasswordError" else DAMAGED}


def check_container(path: str, *, most_bytes: int) -> None:
    """Refuse what the reader should not even open."""
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
        raise RefusedError("the workbook's zip archive is damaged or cut off") from None
    if any(part.flag_bits & ENCRYPTED_FLAG for part in parts):
        raise RefusedError(ENCRYPTED)
    if not any(part.filename.lower().startswith("xl/") or part.filename == "content.xml" for part in parts):
        raise RefusedError("this is a zip archive, but no workbook")
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > most_bytes or any(map(_is_bomb, parts)):
        raise RefusedError(BOMB)


def _is_bomb(part: zipfile.ZipInfo) -> bool:
    return part.file_size > SMALL_PART and part.file_size > TIGHTEST_RATIO * max(part.compress_size, 1)


def _write_sheet(task: dict[str, Any], out: IO[bytes]) -> int:
    sheet = _find_sheet(task["path"], task["sheet"])
    _write(out, {"sheet": sheet.name})
    out.flush()
    count = 0
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    for row, cells in _read_rows(sheet, task):
        out.write(encode([*cells, row]).encode() + b"\n")
        count += 1
    return count


def _write(out: IO[bytes], line: dict[str, Any]) -> None:
    out.write(json.dumps(line).encode() + b"\n")


def _find_sheet(path: str, wanted: str | int | None) -> Any:
    """The sheet asked for, or the first visible one that holds anything."""
    from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    workbook = CalamineWorkbook.from_path(path)
    if wanted is not None:
        return workbook.get_sheet_by_name(_sheet_name(workbook.sheet_names, wanted))
    for facts in workbook.sheets_metadata:
        if facts.typ == SheetTypeEnum.WorkSheet and facts.visible == SheetVisibleEnum.Visible:
            sheet = workbook.get_sheet_by_name(facts.name)
            if sheet.start is not None:
                return sheet
    raise RefusedError("the workbook is empty")


def _sheet_name(names: list[str], wanted: str | int) -> str:
    if isinstance(wanted, int) and 0 < wanted <= len(names):
        return names[wanted - 1]
    for name in names:
        if name.strip().casefold() == str(wanted).strip().casefold():
            return name
    raise RefusedError(f"there is no sheet {wanted!r}; the workbook has {', '.join(names)}")


def _read_rows(sheet: Any, task: dict[str, Any]) -> Iterator[tuple[int, list[str]]]:
    """The rows that hold anything. The reader leaves empty columns at the left out, but no empty rows above."""
    left = [""] * sheet.start[1] if sheet.start else []
    for row, values in enumerate(sheet.iter_rows(), 1):
        cells = [value if type(value) is str else TEXTS[type(value)](value) for value in values]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            cells = left + cells
            _check_row(cells, row, task)
            yield row, cells


def _check_row(cells: list[str], row: int, task: dict[str, Any]) -> None:
    if len(cells) > task["most_columns"]:
        raise RefusedError(f"more than {task['most_columns']:,} columns", row=row, column=column_name(len(cells)))
    if sum(map(len, cells)) <= task["longest_field"]:
        return
    for at, cell in enumerate(cells, 1):
        if len(cell) > task["longest_field"]:
            reason = f"a cell longer than {task['longest_field'] // 1024} KiB"
            raise RefusedError(reason, row=row, column=column_name(at))
    if sum(map(len, cells)) > task["longest_row"]:
        raise RefusedError(f"longer than {task['longest_row'] // 1024:,} KiB", row=row)


def column_name(place: int) -> str:
    """``1`` is ``A``, ``28`` is ``AB``."""
    letters = ""
    while place:
        place, digit = divmod(place - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return letters


def _float_text(value: float) -> str:
    return str(int(value)) if value.is_integer() else f"{value:.15g}"  # a spreadsheet keeps 15 digits


def _moment_text(value: datetime) -> str:
    if value.time() == time():
        return value.date().isoformat()
    return value.isoformat(sep=" ", timespec="auto" if value.second or value.microsecond else "minutes")


def _time_text(value: time) -> str:
    return value.isoformat(timespec="auto" if value.second or value.microsecond else "minutes")


def _duration_text(value: timedelta) -> str:
    minutes, seconds = divmod(round(value.total_seconds()), 60)
    return f"{minutes // 60}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")


TEXTS: dict[type, Callable[[Any], str]] = {
    str: str,
    int: str,
    float: _float_text,
    bool: lambda value: "TRUE" if value else "FALSE",
    date: date.isoformat,
    datetime: _moment_text,
    time: _time_text,
    timedelta: _duration_text,
}

if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
