"""Detection of the columns with phone numbers, and the choice among several numbers of one person."""

import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from statistics import median_low
from typing import TypeAlias

from wabroadcast_core.audience.country_codes import are_country_codes, join_country_code, says_country
from wabroadcast_core.audience.headers import (
    NumberRank,
    is_country,
    is_country_code,
    is_phone_code,
    label_headers,
    names_other_digits,
    rank_label,
    rank_number,
    word_set,
)
from wabroadcast_core.audience.numbers import is_mobile, parse_number
from wabroadcast_core.audience.several_numbers import SeveralNumbers
from wabroadcast_core.errors import NumberError

_PHONE_DIGITS = range(8, 25)  # shorter service numbers are valid too, but prices and years look like them
_LONGEST_PHONE = 64  # characters of a cell
_DIGIT = re.compile(r"\d")
_MOSTLY = 0.5
_CERTAINLY = 0.65  # half of all ten-digit numbers are valid mobile numbers in Mexico, so half proves nothing
_MOST_PARSED = 10_000  # cells
_FLAGS = word_set(
    "ya tidak tdk tak ada aktif nonaktif benar salah sudah belum yes no y n t f x v true false on off active inactive"
    " 1.0 0.0"
)

Cells: TypeAlias = Sequence[str]


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """A column with phone numbers. Columns are given by their index."""

    column: int
    rank: int
    """How likely its numbers are on WhatsApp: a lower rank is likelier."""
    label: int | None = None
    """The column that says in each row what kind of number it is, as in exports of Google Contacts."""


class NumberColumns:
    """The column of phone numbers, and the columns that replace it in rows where it has no number.

    :param code: the column with the country codes or the countries of the numbers.
    """

    def __init__(self, columns: Sequence[NumberColumn], *, region: str, code: int | None = None) -> None:
        self.first = columns[0].column
        self.columns = tuple(column.column for column in columns)
        self._columns = columns
        self.several = SeveralNumbers(region=region)
        """The cells of the rows that were read which hold more than one number."""
        self.has_code = code is not None
        """Whether another column says the country of a row's number."""
        self._region = region
        self._code = code

    def complete(self, number: str, cells: Cells) -> str:
        """Return the number of a row with the country code that another column says.

        :param number: the result of :meth:`choose`.
        :returns: the number in E.164; the text unchanged if no column says the country.
        :raises NumberError: the number is invalid, or does not fit the country.
        """
        if self._code is None or not number:
            return number
        return join_country_code(cells[self._code], number, region=self._region)

    def says_country(self, cells: Cells) -> bool:
        """Return whether another column says the country of a row's number."""
        return self._code is not None and says_country(cells[self._code])

    def choose(self, cells: Cells) -> str:
        """Return the text of the number in a row that is most likely on WhatsApp, by header and label.

        A cell that is no valid number does not hide a less likely one that is. Of several equally likely numbers it is
        the first mobile number.

        :returns: the most likely text if none is a valid number; an empty text if the row has no number.
        """
        if len(self.columns) == 1:
            return cells[self.first].strip()
        texts = [(column, text) for column in self._columns if (text := cells[column.column].strip())]
        ranked = [(rank, text) for column, text in texts if (rank := _rank(column, text, cells)) is not None]
        if not ranked:
            return next((text for _, text in texts if not _DIGIT.search(text)), "")
        ranked.sort(key=itemgetter(0))  # keeps the order of equally likely ones
        return self._first_valid(ranked, cells) or ranked[0][1]

    def _first_valid(self, ranked: Sequence[tuple[int, str]], cells: Cells) -> str | None:
        """Return the text of the first valid number; of those with its rank, the first mobile number."""
        best: int | None = None
        first: str | None = None
        for rank, text in ranked:
            if best is not None and rank > best:
                break
            if (number := self._parse(text, cells)) is None:
                continue
            if is_mobile(number):
                return text
            best, first = rank, first or text
        return first

    def _parse(self, text: str, cells: Cells) -> str | None:
        try:
            return parse_number(self.complete(text, cells), region=self._region)
        except NumberError:
            return None


def _rank(column: NumberColumn, text: str, cells: Cells) -> int | None:
    """Return the rank of a number; None if the text has no digits or its label says that it is a fax."""
    if not _DIGIT.search(text):
        return None
    return column.rank if column.label is None else rank_label(cells[column.label])


def find_numbers(
    headers: Sequence[str],
    roles: Mapping[int, str],
    shares: Mapping[int, float],
    *,
    region: str,
    flags: Container[int] = (),
    code: int | None = None,
) -> NumberColumns | None:
    """Return the columns of phone numbers: the mapped ones, else those found by header, else those found by content.

    :param roles: the meanings of columns that are known already, by index.
    :param shares: the result of :meth:`Phones.shares_below`.
    :param flags: the result of :meth:`Phones.flags_below`; such a column is used only where no other one is found.
    :param code: the column with the country codes or the countries of the numbers.
    :returns: None if no column has phone numbers.
    """
    mapped = [index for index in range(len(headers)) if roles.get(index) == "number"]
    if mapped:
        return NumberColumns([NumberColumn(index, rank) for rank, index in enumerate(mapped)], region=region, code=code)
    free = [index for index in range(len(headers)) if index not in roles and index != code]
    # beside a column of codes, another one has the numbers
    has_codes = code is not None and (is_country_code(headers[code]) or is_phone_code(headers[code]))
    named = _find_by_header(headers, free, dict.fromkeys(free, 1) if has_codes else shares)
    found = [column for column in named if column.column not in flags]
    found = found or _find_by_content(headers, free, shares) or named or _find_contacts(headers, free, shares)
    return NumberColumns(found, region=region, code=code) if found else None


def find_country_codes(headers: Sequence[str], roles: Mapping[int, str], body: Sequence[Cells]) -> int | None:
    """Return the first column of country codes, else of countries, that no mapping leaves out.

    :param body: the first rows below the header.
    """
    free = [index for index in range(len(headers)) if roles.get(index) not in {"", "number", "name"}]
    codes = (index for index in free if _holds_country_codes(headers[index], (cells[index] for cells in body)))
    countries = (index for index in free if is_country(headers[index]))
    return next(chain(codes, countries), None)


def _holds_country_codes(header: str, cells: Iterable[str]) -> bool:
    return is_country_code(header) or (is_phone_code(header) and are_country_codes(cells))


def _find_by_header(headers: Sequence[str], free: Sequence[int], shares: Mapping[int, float]) -> list[NumberColumn]:
    ranked = sorted((rank, index) for index in free if (rank := rank_number(headers[index])) is not None)
    named = [_with_label(index, rank, headers) for rank, index in ranked if rank < NumberRank.NUMBER]
    if named and named[0].rank < NumberRank.OTHER_PHONE:
        return named
    plain = (index for rank, index in ranked if rank >= NumberRank.NUMBER and shares.get(index, 0) >= _MOSTLY)
    return [*(NumberColumn(index, NumberRank.PHONE) for index in list(plain)[:1]), *named]


def _with_label(index: int, rank: NumberRank, headers: Sequence[str]) -> NumberColumn:
    label = next((headers.index(header) for header in label_headers(headers[index]) if header in headers), None)
    return NumberColumn(index, rank, label)


def _find_by_content(headers: Sequence[str], free: Sequence[int], shares: Mapping[int, float]) -> list[NumberColumn]:
    certain = [index for index in free if shares.get(index, 0) > _CERTAINLY and not names_other_digits(headers[index])]
    best = max(certain, key=lambda index: shares[index], default=None)
    return [] if best is None else [NumberColumn(best, NumberRank.NUMBER)]


def _find_contacts(headers: Sequence[str], free: Sequence[int], shares: Mapping[int, float]) -> list[NumberColumn]:
    """Return the column of contacts with the most phone numbers, also if most of its cells are none."""
    contacts = [index for index in free if shares.get(index) and rank_number(headers[index]) is NumberRank.CONTACT]
    return [NumberColumn(index, NumberRank.CONTACT) for index in sorted(contacts, key=lambda index: -shares[index])[:1]]


class Phones:
    """The cells with phone numbers among the first rows of a table.

    ``is_list`` is whether they are all mobile numbers, several in a row. ``usual_width`` is how many cells the rows
    with phone numbers fill, or all rows of a table without any. Each cell is parsed once. Of a very wide table fewer
    rows are parsed, because parsing is expensive.
    """

    def __init__(self, rows: Sequence[Cells], region: str) -> None:
        self._rows = rows[: max(1, _MOST_PARSED // max(map(len, rows)))]
        numbers = [_parse_cells(cells, region) for cells in self._rows]
        self._columns_by_row = [frozenset(found) for found in numbers]
        self.has_any = any(numbers)
        widths = [
            len(filled_columns(cells))
            for cells, found in zip(self._rows, numbers, strict=True)
            if found or not self.has_any
        ]
        self.usual_width = median_low(filter(None, widths)) if any(widths) else 0
        self._mobile_columns = [[index for index, number in found.items() if is_mobile(number)] for found in numbers]

        filled = [set(filled_columns(cells)) for cells in self._rows]
        self.is_list = max(map(len, filled)) > 1 and all(
            columns == set(mobile) for columns, mobile in zip(filled, self._mobile_columns, strict=True)
        )

    def columns_beside(self, first: int, header_row: int | None) -> list[int]:
        """Return the columns below the header that mostly hold mobile numbers where this column has a number too."""
        start = 0 if header_row is None else header_row + 1
        rows = zip(self._columns_by_row[start:], self._mobile_columns[start:], strict=True)
        beside = Counter(chain.from_iterable(mobile for columns, mobile in rows if first in columns))
        filled = Counter(chain.from_iterable(map(filled_columns, self._rows[start:])))
        return sorted(index for index, count in beside.items() if index != first and count > _CERTAINLY * filled[index])

    def columns_in(self, row: int) -> frozenset[int]:
        """Return the columns of one row that hold phone numbers."""
        return self._columns_by_row[row] if row < len(self._columns_by_row) else frozenset()

    def columns_below(self, row: int) -> frozenset[int]:
        """Return the columns that hold a phone number in any row below this one."""
        return frozenset().union(*self._columns_by_row[row + 1 :])

    def shares_below(self, header_row: int | None) -> dict[int, float]:
        """Return by column the share of its filled cells below the header that contain a mobile number.

        Landlines do not count: half of all ten-digit numbers are valid landlines in Indonesia, so they do not show that
        a column contains phone numbers.
        """
        start = 0 if header_row is None else header_row + 1
        filled = Counter(chain.from_iterable(map(filled_columns, self._rows[start:])))
        found = Counter(chain.from_iterable(self._mobile_columns[start:]))
        return {index: count / filled[index] for index, count in found.items()}

    def flags_below(self, header_row: int | None) -> frozenset[int]:
        """Return the columns whose filled cells below the header are all flags, such as 1 and 0 or yes and no."""
        start = 0 if header_row is None else header_row + 1
        cells = [(index, cell) for row in self._rows[start:] for index, cell in enumerate(row) if cell.strip()]
        flags = {index for index, cell in cells if _is_flag(cell)}
        return frozenset(flags - {index for index, cell in cells if index in flags and not _is_flag(cell)})


def _is_flag(cell: str) -> bool:
    text = cell.strip().casefold()
    return text in _FLAGS or (len(text) == 1 and not text.isalpha())


def _parse_cells(cells: Cells, region: str) -> dict[int, str]:
    return {index: number for index, cell in enumerate(cells) if (number := _parse_cell(cell, region))}


def _parse_cell(cell: str, region: str) -> str | None:
    digits = sum(map(str.isdecimal, cell))
    if len(cell) > _LONGEST_PHONE or digits not in _PHONE_DIGITS or _is_header(cell, digits):
        return None
    try:
        return parse_number(cell, region=region)
    except NumberError:
        return None


def _is_header(cell: str, digits: int) -> bool:
    """Return whether a cell is a header with an example of a number, such as ``Nomor WA (contoh: 0812…)``."""
    return sum(map(str.isalpha, cell)) > digits and rank_number(cell) is not None


def filled_columns(cells: Cells) -> list[int]:
    """Return the indexes of the cells that are not blank."""
    return [index for index, cell in enumerate(cells) if cell.strip()]
