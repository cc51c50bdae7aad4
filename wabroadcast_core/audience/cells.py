"""Cells of the files that we write: spreadsheets do not run them, and our own import restores their original text."""

import re
from typing import Final

MARK: Final = "'"
_FORMULA_START = r"[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n]"  # with the full-width forms of = + - @
_NEEDS_MARK = re.compile(f"{MARK}*{_FORMULA_START}")
_IS_MARKED = re.compile(f"{MARK}+{_FORMULA_START}")


def safe_cell(cell: object) -> str:
    """Return a cell as a text that no spreadsheet runs as a formula.

    An apostrophe is put before a text that a spreadsheet would run, and before one that already has such a mark.
    """
    text = "" if cell is None else str(cell)
    return MARK + text if _NEEDS_MARK.match(text) else text


def plain_cell(text: str) -> str:
    """Return the original text of a cell that :func:`safe_cell` wrote."""
    return text[1:] if _IS_MARKED.match(text) else text
