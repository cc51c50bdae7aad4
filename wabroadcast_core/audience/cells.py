"""Cells of the files that we write: spreadsheets neither run nor change them, and our import restores their text."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Final

import phonenumbers

MARK: Final = "'"
_FORMULA_START = r"[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n]"  # with the full-width forms of = + - @
_COUNTRY_CODES = frozenset(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
_DIGITS = r"0\d+|\d{12,}|\d+(?:\.\d+)?[eE][+-]?\d+"  # that a spreadsheet rounds, or cuts zeros from
_ERROR = r"#(?:N/A|REF!|VALUE!|DIV/0!|NAME\?|NUM!|NULL!)"  # a text that a spreadsheet takes for an error
_CHANGED = rf"(?:{_DIGITS}|{_ERROR})\Z"
_NEEDS_MARK = re.compile(f"{MARK}*{_FORMULA_START}|{MARK}+{_CHANGED}", re.ASCII)
_IS_CHANGED = re.compile(_CHANGED, re.ASCII)
_MAY_NEED_MARK = re.compile(f"\n(?:{_FORMULA_START}|{MARK}|[0-9#])")  # of texts that a line feed separates
_IS_MARKED = re.compile(f"{MARK}+(?:{_FORMULA_START}|{_CHANGED})", re.ASCII)


def safe_cell(cell: object) -> str:
    """Return a cell as a text that no spreadsheet runs as a formula.

    An apostrophe is put before a text that a spreadsheet would run, and before one that already has such a mark.
    """
    text = "" if cell is None else str(cell)
    if text[:1].isalpha():  # as most texts: a tenth of the time
        return text
    return MARK + text if _NEEDS_MARK.match(text) else text


def lasting_cell(cell: object) -> str:
    """Return a cell of a text file, as :func:`safe_cell` does, that a spreadsheet also saves as it was.

    A spreadsheet takes digits in a text file for a number: ``00123`` becomes 123, and a long one 3.27E+15. It takes
    ``#N/A`` for an error, as our import does.
    """
    text = safe_cell(cell)
    return MARK + text if (text[:1].isdecimal() or text[:1] == "#") and _IS_CHANGED.match(text) else text


def safe_cells(texts: Sequence[str]) -> Sequence[str]:
    """Return the texts of a column as :func:`safe_cell` does. If none of them needs a mark, it takes no time."""
    return [*map(safe_cell, texts)] if _some_need_marks(texts) else texts


def lasting_cells(texts: Sequence[str]) -> Sequence[str]:
    """Return the texts of a column as :func:`lasting_cell` does. If none of them needs a mark, it takes no time."""
    return [*map(lasting_cell, texts)] if _some_need_marks(texts) else texts


def _some_need_marks(texts: Sequence[str]) -> bool:
    """Return False if no text needs a mark: one search for all takes a tenth of the time of one for each."""
    return _MAY_NEED_MARK.search("\n" + "\n".join(filter(None, texts))) is not None


def lasting_number(number: str) -> str:
    """Return a phone number in E.164 with blanks, because a spreadsheet takes ``+6281…`` for 6.28E+12.

    The blanks are not where they separate thousands: some countries write large numbers with them.
    """
    return " ".join(_blocks_after(number[1:4])(number)).rstrip()


@lru_cache(1_000)
def _blocks_after(digits: str) -> Callable[[str], tuple[str, ...]]:
    """Return what cuts a number with these first three digits into its country code and blocks of four."""
    end = next((end for end in (3, 2, 4) if digits[: end - 1] in _COUNTRY_CODES), 3)  # no code begins with another one
    return itemgetter(
        slice(end), *(slice(place, place + 4) for place in range(end, end + 12, 4)), slice(end + 12, None)
    )


def plain_cell(text: str) -> str:
    """Return the original text of a cell that :func:`safe_cell` or :func:`lasting_cell` wrote."""
    return text[1:] if text[:1] == MARK and _IS_MARKED.match(text) else text
