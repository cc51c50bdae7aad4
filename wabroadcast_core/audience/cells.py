"""Cells of the files that we write: no spreadsheet runs them, and our own import reads them back as they were."""

import re
from typing import Final

MARK: Final = "'"
_STARTS = r"[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n]"  # also as wide characters
_RUNS = re.compile(f"{MARK}*{_STARTS}")
_IS_MARKED = re.compile(f"{MARK}+{_STARTS}")


def safe_cell(cell: object) -> str:
    """Text that no spreadsheet runs as a formula: an apostrophe goes before it where it is needed."""
    text = "" if cell is None else str(cell)
    return MARK + text if _RUNS.match(text) else text


def plain_cell(text: str) -> str:
    """What :func:`safe_cell` was given."""
    return text[1:] if _IS_MARKED.match(text) else text
