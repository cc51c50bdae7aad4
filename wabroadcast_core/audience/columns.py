"""Understanding the columns that people made: where their header is, which is the number, which the name."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from wabroadcast_core.audience.cells import MARK, plain_cell
from wabroadcast_core.audience.headers import (
    is_name,
    is_nickname,
    is_tags,
    name_part,
    named_exactly,
    rank_number,
)
from wabroadcast_core.audience.number_columns import Cells, NumberColumns, Phones, filled_places, find_numbers
from wabroadcast_core.errors import FileError, NoNumbersError
from wabroadcast_core.models.contact import OWN_COLUMNS
from wabroadcast_core.models.recipient import AudienceRow, Scalar
from wabroadcast_core.models.slug import make_slug

REJECTED_HEADERS = ("row", "reason")  # what a file of rejected rows has behind the columns it came with

_MANY_DIGITS = 5  # more than a header has
_PERSON = re.compile(r"[^\W\d_][^\d@]*")
_MOSTLY = 0.5
_SHOWN_HEADERS = 12

_ROLES = ("number", "name")

Variables = tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """What each column of one table means. Indexes count from 0."""

    headers: tuple[str, ...]
    """One for each column, empty where it has none."""
    header_row: int | None
    """The header's place among the rows looked at; None: the table has no header."""
    numbers: NumberColumns
    names: tuple[int, ...]
    """The name column, or several that make one name."""
    variables: Variables
    header_number: int | None = None
    """The header's number in its file."""

    def read_row(self, cells: Cells, *, row: int | None = None) -> AudienceRow | None:
        """One recipient, unjudged; None for a row that is empty. An empty cell yields no variable."""
        found = cells
        missing = len(self.headers) - len(cells)
        if missing > 0:
            cells = [*cells, *[""] * missing]
        number = self.numbers.choose(cells)
        name = self._read_name(cells)
        variables: dict[str, Scalar] = {
            slug: plain_cell(text) if text[0] == MARK else text
            for at, slug in self.variables
            if (text := cells[at].strip())
        }
        if not (number or name or variables or any(map(str.strip, cells))):
            return None
        return AudienceRow(number, name, variables, row, cells=found)

    def _read_name(self, cells: Cells) -> str | None:
        if len(self.names) == 1:
            return plain_cell(cells[self.names[0]].strip()) or None
        return " ".join(plain_cell(text) for at in self.names if (text := cells[at].strip())) or None

    def understood(self) -> dict[str, str]:
        """What each column was taken for, by its header: ``number``, ``name``, a variable, or nothing (ignored)."""
        roles: dict[int, list[str]] = {}
        for at, slug in self.variables:
            roles.setdefault(at, []).append(slug)
        for role, places in (("name", self.names), ("number", (self.numbers.first,))):
            for at in places:
                roles.setdefault(at, []).insert(0, role)
        return {self.title(at): ", ".join(roles.get(at, ())) for at in range(len(self.headers))}

    def titles(self) -> list[str]:
        """The header as it stands in the file, with something in each place."""
        return [header or f"column {at + 1}" for at, header in enumerate(self.headers)]

    def title(self, at: int) -> str:
        """What a column is called where it is told."""
        header = self.headers[at] if at < len(self.headers) else ""
        if not header:
            return f"column {at + 1}"
        return f"{header} (column {at + 1})" if header in self.headers[:at] else header


def find_columns(
    rows: Sequence[Cells], *, region: str, mapping: Mapping[str, str] | None = None, shifts: bool = False
) -> Columns:
    """Understand a table by its first rows.

    :param region: the country of numbers that name none.
    :param mapping: what an operator says about columns, by header, slug or place (from 1): ``number``, ``name``,
        ``tags``, the name of a variable, or nothing to ignore the column.
    :param shifts: rows are as wide as the header or most of them; what is beyond is no column of its own.
    :raises NoNumbersError: no row, or no column with phone numbers.
    :raises FileError: the mapping names a column that is not there.
    """
    if not any(map(filled_places, rows)):
        raise NoNumbersError("the file holds no rows")
    mapping = mapping or {}
    phones = Phones(rows, region)
    header_row = _find_header(rows, phones, mapping)
    width = _find_width(rows, header_row, mapping) if shifts else max(map(len, rows))
    headers = _headers(rows, header_row, width)
    roles = _own_roles(headers) | _read_mapping(mapping, headers)
    numbers = find_numbers(headers, roles, phones.below(header_row), region=region)
    if numbers is None:
        raise NoNumbersError(_no_number(headers))
    names = _find_names(headers, roles, numbers.places, guess=None if header_row is not None else rows)
    taken = {numbers.first, *names, *_rejected_places(headers)} - _name_parts(headers, names)
    variables = _find_variables(headers, roles, taken=taken)
    return Columns(headers, header_row, numbers, names, variables)


def find_variables(headers: Sequence[str], roles: Mapping[int, str]) -> Variables:
    """The variables that the columns of a table become, each after the place of its column.

    :param roles: what columns mean, by place: ``number``, ``name``, the name of a variable, or nothing to leave it out.
    """
    return _find_variables(headers, roles, taken=set())


def _find_header(rows: Sequence[Cells], phones: Phones, mapping: Mapping[str, str]) -> int | None:
    named = {make_slug(key) for key in mapping if not key.strip().isdecimal()}
    if named:
        mapped = (at for at, cells in enumerate(rows) if named <= set(map(make_slug, cells)))
        if (place := next(mapped, None)) is not None:
            return place
    if _is_own(rows[0]):
        return 0
    told = _header_by_words(rows, phones)
    return told if told is not None else _header_by_place(rows, phones)


def _header_by_words(rows: Sequence[Cells], phones: Phones) -> int | None:
    """The row with the most header words; a title above it may have some too, a row of data has phone numbers."""
    best, best_score = None, 0
    rows_with_phones = 0
    for at, (cells, found) in enumerate(zip(rows, phones.found, strict=False)):
        if found:
            rows_with_phones += 1
        elif rows_with_phones <= 1 and (score := _count_header_words(cells)) > best_score:
            best, best_score = at, score
    return None if best is not None and _is_title(rows[best], phones) else best


def _is_title(cells: Cells, phones: Phones) -> bool:
    """One cell above a wider table."""
    return 2 * len(filled_places(cells)) < phones.usual_width


def _count_header_words(cells: Cells) -> int:
    known = [rank_number(cell) is not None or is_name(cell) or name_part(cell) is not None for cell in cells]
    return sum(known) and 2 * sum(known) + len(filled_places(cells))


def _header_by_place(rows: Sequence[Cells], phones: Phones) -> int | None:
    """The row just above the first phone number, unless it looks like a title."""
    first = next((at for at, found in enumerate(phones.found) if found), None)
    if first is None:
        return next(
            (at for at, cells in enumerate(rows) if filled_places(cells) and not any(map(_has_digits, cells))), None
        )
    above = next((at for at in range(first - 1, -1, -1) if filled_places(rows[at])), None)
    return None if above is None or _is_title(rows[above], phones) else above


def _has_digits(cell: str) -> bool:
    return sum(map(str.isdecimal, cell)) >= _MANY_DIGITS


def _find_width(rows: Sequence[Cells], header_row: int | None, mapping: Mapping[str, str]) -> int:
    """How many columns there are: as many as the header has or the mapping names, or else as most rows have."""
    widths = Counter(map(len, filter(filled_places, rows)))
    width = widths.most_common(1)[0][0] if header_row is None else len(rows[header_row])
    places = (int(key) for key in mapping if key.strip().isdecimal())
    return max([width, *(place for place in places if place <= max(widths))])


def _headers(rows: Sequence[Cells], header_row: int | None, width: int) -> tuple[str, ...]:
    texts = [] if header_row is None else [" ".join(cell.strip("\ufeff").split()) for cell in rows[header_row]]
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
    nickname = next((at for at in free if is_nickname(headers[at])), None)
    if nickname is not None:
        return (nickname,)
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


def _rejected_places(headers: Sequence[str]) -> range:
    return range(len(headers) - 2, len(headers)) if tuple(headers[-2:]) == REJECTED_HEADERS else range(0)


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
