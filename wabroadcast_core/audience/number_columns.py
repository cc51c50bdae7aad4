"""Which columns of a table hold phone numbers, and which of several numbers of a person to write to."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median_low
from typing import TypeAlias

from wabroadcast_core.audience.headers import (
    NumberRank,
    label_headers,
    names_other_digits,
    rank_label,
    rank_number,
)
from wabroadcast_core.audience.numbers import is_mobile, parse_number
from wabroadcast_core.errors import NumberError

_PHONE_DIGITS = range(8, 25)  # short service numbers are valid too, but prices and years look like them
_LONGEST_PHONE = 64  # characters of a cell
_DIGIT = re.compile(r"\d")
_MOSTLY = 0.5
_SURELY = 0.65  # of any ten digits, half make a mobile number somewhere in Mexico
_MOST_JUDGED = 10_000  # cells

Cells: TypeAlias = Sequence[str]


@dataclass(frozen=True, slots=True)
class NumberColumn:
    place: int
    rank: int
    """How likely its number is the one on WhatsApp: lower is likelier."""
    label: int | None = None
    """The column that says in each row what kind of number it is, as Google Contacts has it."""


class NumberColumns:
    """The number column, and those that stand in where it has no number."""

    def __init__(self, columns: Sequence[NumberColumn], *, region: str) -> None:
        self.first = columns[0].place
        self.places = tuple(column.place for column in columns)
        self._columns = columns
        self._region = region

    def choose(self, cells: Cells) -> str:
        """The likeliest number of a row, by header and label; of equals the first mobile one."""
        if len(self.places) == 1:
            return cells[self.first].strip()
        texts = [(column, text) for column in self._columns if (text := cells[column.place].strip())]
        ranked = [(rank, text) for column, text in texts if (rank := _rank(column, text, cells)) is not None]
        if not ranked:
            return next((text for _, text in texts if not _DIGIT.search(text)), "")
        best = min(rank for rank, _ in ranked)
        equals = [text for rank, text in ranked if rank == best]
        return equals[0] if len(equals) == 1 else next(filter(self._is_mobile, equals), equals[0])

    def _is_mobile(self, text: str) -> bool:
        number = _number_in(text, self._region)
        return number is not None and is_mobile(number)


def _rank(column: NumberColumn, text: str, cells: Cells) -> int | None:
    """None: it is no number, or the label says that it is a fax."""
    if not _DIGIT.search(text):
        return None
    return column.rank if column.label is None else rank_label(cells[column.label])


def find_numbers(
    headers: Sequence[str], roles: Mapping[int, str], shares: Mapping[int, float], *, region: str
) -> NumberColumns | None:
    """The columns of phone numbers, by what an operator says, else by their headers, else by what is in them.

    :param shares: see :meth:`Phones.below`.
    """
    mapped = [at for at in range(len(headers)) if roles.get(at) == "number"]
    if mapped:
        return NumberColumns([NumberColumn(at, rank) for rank, at in enumerate(mapped)], region=region)
    free = [at for at in range(len(headers)) if at not in roles]
    found = _find_by_header(headers, free, shares) or _find_by_content(headers, free, shares)
    return NumberColumns(found, region=region) if found else None


def _find_by_header(headers: Sequence[str], free: Sequence[int], shares: Mapping[int, float]) -> list[NumberColumn]:
    ranked = sorted((rank, at) for at in free if (rank := rank_number(headers[at])) is not None)
    told = [_with_label(at, rank, headers) for rank, at in ranked if rank is not NumberRank.NUMBER]
    if told and told[0].rank < NumberRank.OTHER_PHONE:
        return told
    plain = (at for rank, at in ranked if rank is NumberRank.NUMBER and shares.get(at, 0) >= _MOSTLY)
    return [*(NumberColumn(at, NumberRank.PHONE) for at in list(plain)[:1]), *told]


def _with_label(at: int, rank: NumberRank, headers: Sequence[str]) -> NumberColumn:
    label = next((headers.index(header) for header in label_headers(headers[at]) if header in headers), None)
    return NumberColumn(at, rank, label)


def _find_by_content(headers: Sequence[str], free: Sequence[int], shares: Mapping[int, float]) -> list[NumberColumn]:
    surely = [at for at in free if shares.get(at, 0) > _SURELY and not names_other_digits(headers[at])]
    best = max(surely, key=lambda at: shares[at], default=None)
    return [] if best is None else [NumberColumn(best, NumberRank.NUMBER)]


class Phones:
    """Which cells hold phone numbers, row by row: judged once, and of a very wide table fewer rows, as it is dear."""

    def __init__(self, rows: Sequence[Cells], region: str) -> None:
        self._rows = rows[: max(1, _MOST_JUDGED // max(map(len, rows)))]
        numbers = [_numbers_in(cells, region) for cells in self._rows]
        self.found = [frozenset(found) for found in numbers]
        widths = [len(filled_places(cells)) for cells, found in zip(self._rows, self.found, strict=True) if found]
        self.usual_width = median_low(widths) if widths else 0
        self._mobiles = [[at for at, number in found.items() if is_mobile(number)] for found in numbers]

    def below(self, header_row: int | None) -> dict[int, float]:
        """By column, the share of its filled cells that hold a mobile number.

        Of any ten digits every second make a landline somewhere in Indonesia: no proof that a column holds phones.
        """
        start = 0 if header_row is None else header_row + 1
        filled = Counter(chain.from_iterable(map(filled_places, self._rows[start:])))
        found = Counter(chain.from_iterable(self._mobiles[start:]))
        return {at: count / filled[at] for at, count in found.items()}


def _numbers_in(cells: Cells, region: str) -> dict[int, str]:
    return {at: number for at, cell in enumerate(cells) if (number := _number_in(cell, region))}


def _number_in(cell: str, region: str) -> str | None:
    digits = sum(map(str.isdecimal, cell))
    if len(cell) > _LONGEST_PHONE or digits not in _PHONE_DIGITS or _is_header(cell, digits):
        return None
    try:
        return parse_number(cell, region=region)
    except NumberError:
        return None


def _is_header(cell: str, digits: int) -> bool:
    """``Nomor WA (contoh: 0812…)`` shows how to write a number."""
    return sum(map(str.isalpha, cell)) > digits and rank_number(cell) is not None


def filled_places(cells: Cells) -> list[int]:
    return [at for at, cell in enumerate(cells) if cell.strip()]
