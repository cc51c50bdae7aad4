"""Detection of the columns with the names of people."""

import re
from collections.abc import Iterable, Mapping, Sequence

from wabroadcast_core.audience.headers import is_name, is_nickname, is_person, name_part, rank_name
from wabroadcast_core.audience.number_columns import Cells

_PERSON = re.compile(r"[^\W\d_][^\d@]*")
_MOSTLY = 0.5


def find_names(
    headers: Sequence[str],
    roles: Mapping[int, str],
    numbers: Sequence[int],
    *,
    rows: Sequence[Cells],
    has_header: bool,
) -> tuple[int, ...]:
    """Return the columns that make a recipient's name.

    :param numbers: the columns of phone numbers.
    :param rows: the first rows, for a guess by their content.
    """
    mapped = tuple(index for index in range(len(headers)) if roles.get(index) == "name")
    if mapped:
        return mapped
    free = [index for index in range(len(headers)) if index not in roles and index not in numbers]
    full_name = next((index for index in free if is_name(headers[index])), None)
    if full_name is not None:
        return (full_name,)
    parts = sorted((part, index) for index in free if (part := name_part(headers[index])) is not None)
    if parts:
        return tuple(index for _, index in parts)
    if not has_header:
        return _guess_name(rows, free)
    people = [index for index in free if rank_name(headers[index]) == 0]
    nicknames = [index for index in free if is_nickname(headers[index])]
    persons = _guess_name(rows, (index for index in free if is_person(headers[index])))
    others = [index for index in free if rank_name(headers[index]) == 1]
    return tuple([*people, *nicknames, *persons, *others][:1])


def _guess_name(rows: Sequence[Cells], free: Iterable[int]) -> tuple[int, ...]:
    """Return the first column that mostly contains words without digits."""
    for index in free:
        cells = [text for cells in rows if index < len(cells) and (text := cells[index].strip())]
        if cells and sum(map(bool, map(_PERSON.fullmatch, cells))) > _MOSTLY * len(cells):
            return (index,)
    return ()


def name_parts(headers: Sequence[str], names: Sequence[int]) -> set[int]:
    """Return the columns that are not surely the whole name: each is also a variable, such as ``{{ first_name }}``."""
    return {index for index in names if headers[index] and not is_name(headers[index])}
