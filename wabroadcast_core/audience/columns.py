"""Understanding a table that people made: where its header is, which column is the number, which the name."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from wabroadcast_core.audience.cells import MARK, plain_cell
from wabroadcast_core.audience.headers import (
    NumberRank,
    is_name,
    is_tags,
    make_slug,
    name_part,
    named_exactly,
    rank_number,
)
from wabroadcast_core.audience.numbers import parse_number
from wabroadcast_core.errors import FileError, NumberError
from wabroadcast_core.models.contact import OWN_COLUMNS
from wabroadcast_core.models.recipient import AudienceRow, Scalar

SAMPLE_ROWS = 50

_PHONE_DIGITS = range(8, 25)  # short service numbers are valid too, but prices and years look like them
_MANY_DIGITS = 5  # more than a header has
_LONGEST_PHONE = 64  # characters of a cell
_PERSON = re.compile(r"[^\W\d_][^\d@]*")
_MOSTLY = 0.5
_MOST_JUDGED = 10_000  # cells
_SHOWN_HEADERS = 12

_ROLES = ("number", "name")

Cells = Sequence[str]
Variables = tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """What each column of one table means. Indexes count from 0."""

    headers: tuple[str, ...]
    """One for each column, empty where it has none."""
    header_row: int | None
    """The header's place among the rows looked at; None: the table has no header."""
    numbers: tuple[int, ...]
    """The number column first, then those that stand in where it is empty."""
    names: tuple[int, ...]
    """The name column, or several that make one name."""
    variables: Variables

    def read_row(self, cells: Cells, *, row: int | None = None) -> AudienceRow | None:
        """One recipient, unjudged; None for a row that is empty. An empty cell yields no variable."""
        missing = len(self.headers) - len(cells)
        if missing > 0:
            cells = [*cells, *[""] * missing]
        number = cells[self.numbers[0]].strip() or self._other_number(cells)
        name = self._read_name(cells)
        variables: dict[str, Scalar] = {
            slug: plain_cell(text) if text[0] == MARK else text
            for at, slug in self.variables
            if (text := cells[at].strip())
        }
        if not (number or name or variables or any(map(str.strip, cells))):
            return None
        return AudienceRow(number, name, variables, row)

    def _other_number(self, cells: Cells) -> str:
        return next((text for at in self.numbers[1:] if (text := cells[at].strip())), "")

    def _read_name(self, cells: Cells) -> str | None:
        if len(self.names) == 1:
            return plain_cell(cells[self.names[0]].strip()) or None
        return " ".join(plain_cell(text) for at in self.names if (text := cells[at].strip())) or None

    def understood(self) -> dict[str, str]:
        """What each column was taken for, by its header: ``number``, ``name``, a variable, or nothing (ignored)."""
        roles: dict[int, list[str]] = {}
        for at, slug in self.variables:
            roles.setdefault(at, []).append(slug)
        for role, places in (("name", self.names), ("number", self.numbers[:1])):
            for at in places:
                roles.setdefault(at, []).insert(0, role)
        return {self._title(at): ", ".join(roles.get(at, ())) for at in range(len(self.headers))}

    def _title(self, at: int) -> str:
        header = self.headers[at]
        if not header:
            return f"column {at + 1}"
        return f"{header} (column {at + 1})" if header in self.headers[:at] else header


def read_table(
    rows: Iterable[tuple[int, Cells]], *, region: str, mapping: Mapping[str, str] | None = None
) -> tuple[Columns, Iterator[AudienceRow]]:
    """Understand a table by its first rows, then stream all its recipients.

    :param rows: each with its number in the file.
    :raises FileError: as :func:`find_columns`.
    """
    stream = iter(rows)
    sample = list(islice(stream, SAMPLE_ROWS))
    columns = find_columns([cells for _, cells in sample], region=region, mapping=mapping)
    start = 0 if columns.header_row is None else columns.header_row + 1
    return columns, _read_rows(chain(sample[start:], stream), columns)


def _read_rows(rows: Iterable[tuple[int, Cells]], columns: Columns) -> Iterator[AudienceRow]:
    read_row = columns.read_row
    for row, cells in rows:
        recipient = read_row(cells, row=row)
        if recipient is not None:
            yield recipient


def find_columns(rows: Sequence[Cells], *, region: str, mapping: Mapping[str, str] | None = None) -> Columns:
    """Understand a table by its first rows.

    :param region: the country of numbers that name none.
    :param mapping: what an operator says about columns, by header, slug or place (from 1): ``number``, ``name``,
        ``tags``, the name of a variable, or nothing to ignore the column.
    :raises FileError: no row, no column with phone numbers, or the mapping names a column that is not there.
    """
    if not any(map(_filled, rows)):
        raise FileError("the file holds no rows")
    phones = _Phones(rows, region)
    header_row = _find_header(rows, phones, mapping or {})
    headers = _headers(rows, header_row)
    roles = _own_roles(headers) | _read_mapping(mapping or {}, headers)
    numbers = _find_numbers(headers, roles, phones.below(header_row))
    if not numbers:
        raise FileError(_no_number(headers))
    names = _find_names(headers, roles, numbers, guess=None if header_row is not None else rows)
    variables = _find_variables(headers, roles, taken={numbers[0], *names} - _name_parts(headers, names))
    return Columns(headers, header_row, numbers, names, variables)


class _Phones:
    """Which cells hold phone numbers, row by row: judged once, and of a very wide table fewer rows, as it is dear."""

    def __init__(self, rows: Sequence[Cells], region: str) -> None:
        self._rows = rows[: max(1, _MOST_JUDGED // max(map(len, rows)))]
        self.found = [_phones_in(cells, region) for cells in self._rows]

    def below(self, header_row: int | None) -> dict[int, float]:
        """By column, the share of its filled cells that hold a phone number."""
        start = 0 if header_row is None else header_row + 1
        filled = Counter(chain.from_iterable(map(_filled, self._rows[start:])))
        found = Counter(chain.from_iterable(self.found[start:]))
        return {at: count / filled[at] for at, count in found.items()}


def _phones_in(cells: Cells, region: str) -> frozenset[int]:
    return frozenset(at for at, cell in enumerate(cells) if _is_phone(cell, region))


def _is_phone(cell: str, region: str) -> bool:
    if len(cell) > _LONGEST_PHONE or sum(map(str.isdecimal, cell)) not in _PHONE_DIGITS:
        return False
    try:
        parse_number(cell, region=region)
    except NumberError:
        return False
    return True


def _filled(cells: Cells) -> list[int]:
    return [at for at, cell in enumerate(cells) if cell.strip()]


def _find_header(rows: Sequence[Cells], phones: _Phones, mapping: Mapping[str, str]) -> int | None:
    named = {make_slug(key) for key in mapping if not key.strip().isdecimal()}
    if named:
        mapped = (at for at, cells in enumerate(rows) if named <= set(map(make_slug, cells)))
        if (place := next(mapped, None)) is not None:
            return place
    if _is_own(rows[0]):
        return 0
    told = _header_by_words(rows, phones)
    return told if told is not None else _header_by_place(rows, phones)


def _header_by_words(rows: Sequence[Cells], phones: _Phones) -> int | None:
    """The row with the most header words; a title above it may have some too, a row of data has phone numbers."""
    best, best_score = None, 0
    rows_with_phones = 0
    for at, (cells, found) in enumerate(zip(rows, phones.found, strict=False)):
        if found:
            rows_with_phones += 1
        elif rows_with_phones <= 1 and (score := _count_header_words(cells)) > best_score:
            best, best_score = at, score
    return best


def _count_header_words(cells: Cells) -> int:
    known = [rank_number(cell) is not None or is_name(cell) or name_part(cell) is not None for cell in cells]
    return sum(known) and 2 * sum(known) + len(_filled(cells))


def _header_by_place(rows: Sequence[Cells], phones: _Phones) -> int | None:
    """The row just above the first phone number, unless it looks like a title: one cell above a wider table."""
    first = next((at for at, found in enumerate(phones.found) if found), None)
    if first is None:
        return next((at for at, cells in enumerate(rows) if _filled(cells) and not any(map(_has_digits, cells))), None)
    above = next((at for at in range(first - 1, -1, -1) if _filled(rows[at])), None)
    if above is None or 2 * len(_filled(rows[above])) < len(_filled(rows[first])):
        return None
    return above


def _has_digits(cell: str) -> bool:
    return sum(map(str.isdecimal, cell)) >= _MANY_DIGITS


def _headers(rows: Sequence[Cells], header_row: int | None) -> tuple[str, ...]:
    width = max(map(len, rows))
    texts = [] if header_row is None else [" ".join(cell.split()) for cell in rows[header_row]]
    return (*texts, *[""] * (width - len(texts)))


def _is_own(headers: Cells) -> bool:
    """Whether this is the header of an exported contact book: nothing in it is to be guessed."""
    return tuple(headers[: len(OWN_COLUMNS)]) == OWN_COLUMNS


def _own_roles(headers: Sequence[str]) -> dict[int, str]:
    """What headers say in our own words: variables in braces, and all of an exported contact book."""
    roles = {at: header for at, header in enumerate(headers) if named_exactly(header)}
    return roles | dict(enumerate(OWN_COLUMNS)) if _is_own(headers) else roles


def _read_mapping(mapping: Mapping[str, str], headers: Sequence[str]) -> dict[int, str]:
    return {_find_column(key, headers): role.strip() for key, role in mapping.items()}


def _find_column(key: str, headers: Sequence[str]) -> int:
    wanted = " ".join(key.split()).casefold()
    slugs = _unique_slugs(headers)
    by_header = (at for at, header in enumerate(headers) if header.casefold() == wanted and wanted)
    by_slug = (at for at, slug in enumerate(slugs) if slug == wanted)
    by_place = (int(wanted) - 1,) if wanted.isdecimal() and 0 < int(wanted) <= len(headers) else ()
    place = next(chain(by_header, by_slug, by_place), None)
    if place is None:
        raise FileError(f"the mapping names the column {key!r}, which the file does not have")
    return place


def _find_numbers(headers: Sequence[str], roles: Mapping[int, str], shares: Mapping[int, float]) -> tuple[int, ...]:
    mapped = tuple(at for at in range(len(headers)) if roles.get(at) == "number")
    if mapped:
        return mapped
    free = [at for at in range(len(headers)) if at not in roles]
    ranked = [(rank, at) for at in free if (rank := rank_number(headers[at])) is not None]
    told = tuple(at for rank, at in sorted(ranked) if rank != NumberRank.NUMBER or shares.get(at, 0) >= _MOSTLY)
    if told:
        return told
    mostly = [at for at in free if shares.get(at, 0) > _MOSTLY]
    return tuple(sorted(mostly, key=lambda at: -shares[at])[:1])


def _find_names(
    headers: Sequence[str], roles: Mapping[int, str], numbers: Sequence[int], *, guess: Sequence[Cells] | None
) -> tuple[int, ...]:
    mapped = tuple(at for at in range(len(headers)) if roles.get(at) == "name")
    if mapped:
        return mapped
    free = [at for at in range(len(headers)) if at not in roles and at not in numbers]
    whole = next((at for at in free if is_name(headers[at])), None)
    if whole is not None:
        return (whole,)
    parts = sorted((part, at) for at in free if (part := name_part(headers[at])) is not None)
    if parts:
        return tuple(at for _, at in parts)
    return _guess_name(guess, free) if guess else ()


def _guess_name(rows: Sequence[Cells], free: Iterable[int]) -> tuple[int, ...]:
    """Without a header: the first column that holds words without digits."""
    for at in free:
        cells = [text for cells in rows if at < len(cells) and (text := cells[at].strip())]
        if cells and sum(map(bool, map(_PERSON.fullmatch, cells))) > _MOSTLY * len(cells):
            return (at,)
    return ()


def _name_parts(headers: Sequence[str], names: Sequence[int]) -> set[int]:
    """A name made of several columns leaves each of them a variable too: ``{{ first_name }}``."""
    return {at for at in names if name_part(headers[at]) is not None}


def _find_variables(headers: Sequence[str], roles: Mapping[int, str], *, taken: set[int]) -> Variables:
    """A column of tags keeps its own name beside ``tags``; ``number`` and ``name`` mean one column each."""
    named = [(at, named_exactly(role) or make_slug(role)) for at, role in roles.items()]
    variables = [(at, name) for at, name in named if name not in {"", *_ROLES}]
    used = {*_ROLES, *(slug for _, slug in variables)}
    tags: int | None = None
    for at, slug in enumerate(_unique_slugs(headers)):
        if at not in taken and at not in roles:
            variables.append((at, _take_slug(slug, used)))
            tags = at if tags is None and is_tags(headers[at]) else tags
    if tags is not None and "tags" not in used:
        variables.append((tags, "tags"))
    return tuple(sorted(variables))


def _unique_slugs(headers: Sequence[str]) -> list[str]:
    """One variable name for each column: doubled headers are counted, empty ones named by their place."""
    taken: set[str] = set()
    return [_take_slug(make_slug(header) or f"column_{at + 1}", taken) for at, header in enumerate(headers)]


def _take_slug(slug: str, taken: set[str]) -> str:
    free, number = slug, 2
    while free in taken:
        free, number = f"{slug}_{number}", number + 1
    taken.add(free)
    return free


def _no_number(headers: Sequence[str]) -> str:
    shown = [header for header in headers if header][:_SHOWN_HEADERS]
    found = f"; its columns are {', '.join(shown)}" if shown else ""
    return f"no column holds phone numbers{found}"
