"""The sheets of a workbook and their parts in its zip archive: which part is which sheet's, and which hold values.

The child process that opens workbooks imports this file and none of our other code.
"""

import contextlib
import posixpath
import re
import resource
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

BOOK = "xl/workbook.xml"  # of .xlsx
BINARY_BOOK = "xl/workbook.bin"  # of .xlsb
KILOBYTE = 1024
MOST_LOOKED_AT = 100  # sheets
START = 1024 * KILOBYTE  # bytes of a sheet that are searched for a value
VALUE = re.compile(rb"<(?:\w+:)?(?:v|is)[\s>]")


def sheet_part(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """Return the part of a sheet of .xlsx; None if it has none."""
    return sheet_parts(archive).get(sheet)


def sheet_parts(archive: zipfile.ZipFile) -> Mapping[str, str]:
    """Return the part of each sheet of .xlsx, by the sheet's name."""
    links = links_of(archive, BOOK)
    parts: dict[str, str] = {}
    for element in parse_part(archive, BOOK):
        if element.tag.endswith("}sheet"):
            link = next((value for key, value in element.items() if key.endswith("}id")), "")
            if link in links:
                parts.setdefault(element.get("name"), links[link])
    return parts


def links_of(archive: zipfile.ZipFile, part: str) -> dict[str, str]:
    """Return the parts that a part refers to, by the ids it uses for them, without parts that do not exist."""
    folder, name = posixpath.split(part)
    targets = {
        element.get("Id"): posixpath.normpath(posixpath.join("/", folder, element.get("Target", ""))).lstrip("/")
        for element in parse_part(archive, f"{folder}/_rels/{name}.rels")
    }
    parts = set(archive.namelist())
    return {link: target for link, target in targets.items() if target in parts}


def parse_part(archive: zipfile.ZipFile, part: str) -> Iterator[Any]:
    """Yield the elements of a part; none if it does not exist or is not XML, which the reader reports if it matters."""
    from xml.etree import ElementTree as ET

    with contextlib.suppress(KeyError, ET.ParseError):
        yield from ET.fromstring(archive.read(part)).iter()  # noqa: S314 - the limits of the child process are for that


# --- sheets with values ----------------------------------------------------------------------------------------


def filled_sheets(workbook: Any, path: str, names: Sequence[str]) -> list[str]:
    """Return the sheets that hold a value, or may hold one where a look is too expensive.

    :param workbook: the opened workbook.
    :param names: the sheets to look at.
    """
    looked_at, rest = names[:MOST_LOOKED_AT], names[MOST_LOOKED_AT:]
    if not zipfile.is_zipfile(path):
        return [*_filled_in_memory(workbook, looked_at), *rest]
    with zipfile.ZipFile(path) as archive:
        found = archive.namelist()
        if BINARY_BOOK in found:
            return list(names)
        if BOOK not in found:
            return [*_filled_in_memory(workbook, looked_at), *rest]
        parts = sheet_parts(archive)
        return [*(name for name in looked_at if _may_hold_value(archive, parts.get(name))), *rest]


def _may_hold_value(archive: zipfile.ZipFile, part: str | None) -> bool:
    """Search the start of a sheet of .xlsx: a whole sheet may need more memory or time than there is."""
    if part is None:
        return True
    try:
        with archive.open(part) as file:
            start = file.read(START)
            return VALUE.search(start) is not None or bool(file.read(1))
    except Exception:  # noqa: BLE001 - a damaged sheet, which is not the one that is read
        return True


def _filled_in_memory(workbook: Any, names: Sequence[str]) -> Sequence[str]:
    """Look at sheets of .xls and .ods. The reader has them all in memory, and copies a sheet that it returns."""
    if not _has_room_for_copy():
        return names
    return [name for name in names if workbook.get_sheet_by_name(name).start is not None]


def _has_room_for_copy() -> bool:
    """Return whether the process may take as much memory again as it has: it would die without it."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return True
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - pathlib takes time to import
            pages = int(file.read().split()[0])
    except OSError:
        return False
    return 2 * pages * resource.getpagesize() <= limit
