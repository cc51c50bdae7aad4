"""Why the columns of a table cannot be understood, with what the table has instead."""

from collections.abc import Sequence

from wabroadcast_core.audience.foreign_numbers import find_foreign
from wabroadcast_core.audience.number_columns import Cells
from wabroadcast_core.sentences import Sentence, joined

SHOWN_HEADERS = 12  # in error texts
_HINTED_COLUMNS = 5  # in which numbers of another country are searched for, which is expensive


def no_number(headers: Sequence[str], body: Sequence[Cells], *, region: str) -> Sentence:
    """Return why a table is no list of numbers: it has no column of them.

    :param body: the first rows below the header.
    :param region: two letters; the country of numbers without a country code.
    """
    fault = Sentence("no_number_column", "no column holds phone numbers")
    if columns := columns_shown(headers):
        fault = joined(fault, Sentence("map_a_column", "{columns}: map one of them to number", columns=columns))
    hint = _region_hint(body, region=region)
    return fault if hint is None else joined(fault, hint)


def _region_hint(body: Sequence[Cells], *, region: str) -> Sentence | None:
    """Return the region that fits the numbers of a column which has none of the region of the installation."""
    for index in range(min(len(body[0]), _HINTED_COLUMNS) if body else 0):
        foreign = find_foreign((cells[index] for cells in body if index < len(cells)), region=region)
        if foreign is not None and foreign.fitting:
            text = "if column {column} is the number, {reason}"
            return Sentence("number_of_other_region", text, column=index + 1, reason=foreign.reason)
    return None


def columns_shown(headers: Sequence[str]) -> Sentence | None:
    """Return the columns of a table, for an error; None if no column has a header."""
    shown = [header for header in headers if header][:SHOWN_HEADERS]
    return Sentence("its_columns", "its columns are {names}", names=", ".join(shown)) if shown else None
