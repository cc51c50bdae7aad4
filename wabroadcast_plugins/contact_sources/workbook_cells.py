"""The cells of workbooks as texts. The child process that opens workbooks imports this file and none of our other code.

A number is the stored number, except in .xlsx where its format has leading zeros (``00000``) or is a percentage: then
it is what the sheet shows.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import IO, Any, TypeAlias

CHUNK = 1024 * 1024  # bytes of XML
LONGEST_TAG = 4_096  # bytes
LETTERS = 26  # in the names of columns

Show: TypeAlias = Callable[[float], str]


def _float_text(value: float) -> str:
    return str(int(value)) if value.is_integer() else f"{value:.15g}"  # spreadsheets store 15 digits


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


# --- formats of numbers ----------------------------------------------------------------------------------------

MOST_SHOWN = 1e10  # a percentage from here on is read as it is stored
BUILT_IN = {"9": "0%", "10": "0.00%"}
PERCENT = re.compile(r"#?[#,]*0(?:\.(?P<decimals>0{1,9}))?\\? ?%")
ZEROS = re.compile(r"0{2,15}(?:[\-. ]0{1,15}){0,4}")
ESCAPED = re.compile(r'\\(.)|"([^"]*)"')


def find_formats(styles: Iterable[Any]) -> dict[bytes, Show]:
    """Return how numbers are shown, by the index of a cell's style, for the formats that are followed.

    :param styles: the elements of the part ``xl/styles.xml``.
    """
    codes = dict(BUILT_IN)
    formats: dict[bytes, Show] = {}
    for element in styles:
        if element.tag.endswith("}numFmt"):
            codes[element.get("numFmtId", "")] = element.get("formatCode", "")
        elif element.tag.endswith("}cellXfs"):
            for index, style in enumerate(element):
                if show := _read_format(codes.get(style.get("numFmtId", ""), "")):
                    formats[b"%d" % index] = show
    return formats


def _read_format(code: str) -> Show | None:
    """Return how a format shows numbers; None for a format that is not followed."""
    code = ESCAPED.sub(lambda found: found[1] or found[2] or "", code.partition(";")[0])
    if found := PERCENT.fullmatch(code):
        return partial(_percent_text, decimals=len(found["decimals"] or ""))
    return partial(_padded_text, code=code) if ZEROS.fullmatch(code) else None


def _percent_text(value: float, *, decimals: int) -> str:
    if not abs(value) < MOST_SHOWN:  # also true of NaN
        return _text(value)
    percent = Decimal(f"{value:.15g}").scaleb(2)
    return f"{percent.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP):f}%"


def _padded_text(value: float, *, code: str) -> str:
    if value < 0 or value % 1:  # also true of NaN and infinity
        return _text(value)
    digits = str(int(value)).zfill(code.count("0"))
    shown = ""
    for sign in reversed(code):
        if sign == "0":
            shown, digits = digits[-1] + shown, digits[:-1]
        else:
            shown = sign + shown
    return digits + shown


def _text(value: float) -> str:
    return TEXTS[type(value)](value)


def find_cells(sheet: IO[bytes], formats: Mapping[bytes, Show]) -> Iterator[tuple[int, int, Show]]:
    """Yield row (from 1), column (from 0) and format of the cells with one of these formats, in their order."""
    styles = b"|".join(formats)
    cell = re.compile(
        rb"<(?:\w+:)?c\s(?=[^<>]*\bs=[\"'](" + styles + rb")[\"'])[^<>]*?\br=[\"']([A-Z]{1,3})(\d{1,7})[\"']"
    )
    rest = b""
    while chunk := sheet.read(CHUNK):
        text, end, rest = (rest + chunk).rpartition(b">")
        for found in cell.finditer(text + end):
            yield int(found[3]), _column(found[2]), formats[found[1]]
        rest = rest[-LONGEST_TAG:]


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = LETTERS * number + letter - ord("A") + 1
    return number - 1


class ShownNumbers:
    """The numbers of a sheet that are read as it shows them, row by row.

    :param cells: row, column and format of each, in the order of the rows.
    """

    def __init__(self, cells: Iterable[tuple[int, int, Show]]) -> None:
        self._cells = iter(cells)
        self._next = next(self._cells, None)

    def of(self, row: int) -> Iterator[tuple[int, Show]]:
        """Yield column and format of each cell of a row. Call it for every row, in order."""
        while self._next is not None and self._next[0] <= row:
            if self._next[0] == row:
                yield self._next[1:]
            self._next = next(self._cells, None)
