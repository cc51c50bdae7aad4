"""Cells that hold several phone numbers: only one of them is read, and a note names the first row."""

from contextlib import suppress

from wabroadcast_core.audience.numbers import BORDERS, LONGEST_CELL, parse_number
from wabroadcast_core.errors import NumberError
from wabroadcast_core.sentences import Sentence

_DIGITS_OF_TWO = 16  # fewer digits are one number
_DIGITS_OF_ONE = 8
_ONE_IS_READ = Sentence(
    "one_is_read",
    "only one of a cell is read, a mobile number if there is one; give each of the others a row of its own",
)


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

    def note(self) -> Sentence | None:
        """Return what the user should know about these cells; None if there are none."""
        if not self._cells:
            return None
        cells = Sentence("cells_hold", "{n} cell holds" if self._cells == 1 else "{n} cells hold", n=self._cells)
        if self._first_row is None:
            return Sentence("several_numbers", "{cells} several phone numbers: {rest}", cells=cells, rest=_ONE_IS_READ)
        text = "{cells} several phone numbers, the first in row {row}: {rest}"
        return Sentence("several_numbers_from", text, cells=cells, row=str(self._first_row), rest=_ONE_IS_READ)
