"""Detection of the header row of a table: the first row of the table, below any titles."""

from collections.abc import Iterator, Sequence

from wabroadcast_core.audience.headers import is_name, is_person, name_part, rank_number
from wabroadcast_core.audience.number_columns import Cells, Phones, filled_columns

_MANY_DIGITS = 5  # a header has fewer in a cell


def find_header(rows: Sequence[Cells], phones: Phones) -> int | None:
    """Return the index of the header row; None if the table begins with data.

    A table without phone numbers has a header too, unless it has no filled row.
    """
    first = next(
        (index for index, cells in enumerate(rows) if filled_columns(cells) and not _is_title(index, rows, phones)),
        None,
    )
    if first is None or phones.columns_in(first):
        return None
    lower = max(_lower_headers(first, rows, phones), key=lambda index: count_header_words(rows[index]), default=None)
    if lower is not None:
        return lower
    return None if _is_data(first, rows, phones) else first


def _is_title(index: int, rows: Sequence[Cells], phones: Phones) -> bool:
    """Return whether a row is a title: it fills fewer than half as many cells as the rows of the table do.

    A single cell is a title also above a header of two. A row that names the phone numbers is a header of any width.
    """
    filled = filled_columns(rows[index])
    if len(filled) == 1 and _is_above_header(index, rows, phones):
        return True
    return 2 * len(filled) < phones.usual_width and not _is_narrow_header(index, rows, phones)


def _is_narrow_header(index: int, rows: Sequence[Cells], phones: Phones) -> bool:
    """Return whether a row names a column of phone numbers, and the next row is no header."""
    if not _names_numbers(index, rows, phones):
        return False
    below = next((row for row in range(index + 1, len(rows)) if filled_columns(rows[row])), None)
    if below is None or phones.columns_in(below):
        return True
    return count_header_words(rows[below]) < count_header_words(rows[index])


def _is_above_header(index: int, rows: Sequence[Cells], phones: Phones) -> bool:
    below = next((row for row in range(index + 1, len(rows)) if len(filled_columns(rows[row])) > 1), None)
    if below is None or phones.columns_in(below):
        return False
    if count_header_words(rows[below]):
        return True
    is_plain = not phones.columns_in(index) and not count_header_words(rows[index])
    return is_plain and not any(map(_has_many_digits, rows[below]))


def _lower_headers(first: int, rows: Sequence[Cells], phones: Phones) -> Iterator[int]:
    """Yield rows below the first one that are the header instead: it is a title, or the upper part of merged cells.

    Such a row names a column that holds phone numbers. A row above it that may be data is never passed over.
    """
    for index in range(first + 1, len(rows)):
        if phones.columns_in(index):
            return
        upper = [cells for cells in rows[first:index] if filled_columns(cells)]
        if _names_numbers(index, rows, phones) and all(_is_upper_part(cells, rows[index]) for cells in upper):
            yield index


def _names_numbers(index: int, rows: Sequence[Cells], phones: Phones) -> bool:
    named = {column for column, cell in enumerate(rows[index]) if rank_number(cell) is not None}
    if phones.has_any:
        return not phones.columns_below(index).isdisjoint(named)
    return bool(named) and any(map(is_name, rows[index]))


def _is_upper_part(cells: Cells, header: Cells) -> bool:
    equal = sum(cell == below for cell, below in zip(cells, header, strict=False) if cell.strip())
    filled = len(filled_columns(cells))
    return filled < len(filled_columns(header)) or 2 * equal > filled


def _is_data(index: int, rows: Sequence[Cells], phones: Phones) -> bool:
    """Return whether a row is a person's: it has no word of a header, and no header above the phone numbers.

    Its cells above them have digits or, if the person has no number, no letter.
    """
    places = phones.columns_below(index)
    if count_header_words(rows[index]) or not places:
        return False
    above = {column: cell for column, cell in enumerate(rows[index]) if column in places}
    has_digits = any(_has_many_digits(cell) or _is_plain_number(cell) for cell in above.values())
    return has_digits or not any(map(str.isalpha, "".join(above.values())))


def count_header_words(cells: Cells) -> int:
    """Return how many cells of a row are headers that are known."""
    return sum(
        rank_number(cell) is not None or is_name(cell) or name_part(cell) is not None or is_person(cell)
        for cell in cells
    )


def _has_many_digits(cell: str) -> bool:
    return sum(map(str.isdecimal, cell)) >= _MANY_DIGITS


def _is_plain_number(cell: str) -> bool:
    return any(map(str.isdecimal, cell)) and not any(map(str.isalpha, cell))
