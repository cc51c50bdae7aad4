"""Cells that hold several phone numbers: only one of them is read, and a note names the first row."""

from contextlib import suppress

from wabroadcast_core.audience.numbers import BORDERS, LONGEST_CELL, parse_number
from wabroadcast_core.errors import NumberError
from wabroadcast_core.models.amounts import count_of

_DIGITS_OF_TWO = 16  # fewer digits are one number
_DIGITS_OF_ONE = 8


class SeveralNumbers:
    """Counts the cells of a table that hold several phone numbers.

    :param region: two letters; the country of numbers without a country code.
    """

    def __init__(self, *, region: str) -> None:
        self._region = region
        self._cells = 0
        self._first_row: int | None = None

    def check(self, text: str, *, row: int | None) -> None:
        """Count a cell if it holds several numbers.

        :param row: the number of its row in the file, counted from 1.
        """
        if not _DIGITS_OF_TWO < len(text) <= LONGEST_CELL or not self._holds_several(text):
            return
        self._cells += 1
        if self._cells == 1:
            self._first_row = row

    def _holds_several(self, text: str) -> bool:
        if sum(map(str.isdecimal, text)) < _DIGITS_OF_TWO:
            return False
        numbers = set()
        for part in BORDERS.split(text):
            if sum(map(str.isdecimal, part)) >= _DIGITS_OF_ONE:
                with suppress(NumberError):
                    numbers.add(parse_number(part, region=self._region))
        return len(numbers) > 1

    def note(self) -> str | None:
        """Return what the user should know about these cells; None if there are none."""
        if not self._cells:
            return None
        place = "" if self._first_row is None else f", the first in row {self._first_row}"
        cells = count_of(self._cells, "cell holds", several="cells hold")
        return (
            f"{cells} several phone numbers{place}: only one of a cell is read, a mobile number if there is one;"
            " give each of the others a row of its own"
        )
