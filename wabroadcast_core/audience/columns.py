"""Understanding a table that people made: where its header is, which column is the number, which the name."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from operator import itemgetter
from statistics import median_low

from wabroadcast_core.audience.cells import MARK, plain_cell
from wabroadcast_core.audience.headers import (
    NumberRank,
    is_name,
    is_nickname,
    is_tags,
    label_headers,
    make_slug,
    name_part,
    named_exactly,
    names_other_digits,
    rank_label,
    rank_number,
)
from wabroadcast_core.audience.numbers import is_mobile, parse_number
from wabroadcast_core.errors import FileError, NoNumbersError, NumberError
from wabroadcast_core.models.contact import OWN_COLUMNS
from wabroadcast_core.models.recipient import AudienceRow, RowFault, Scalar

SAMPLE_ROWS = 50
REJECTED_HEADERS = ("row", "reason")  # what a file of rejected rows has behind the columns it came with

_PHONE_DIGITS = range(8, 25)  # short service numbers are valid too, but prices and years look like them
_MANY_DIGITS = 5  # more than a header has
_LONGEST_PHONE = 64  # characters of a cell
_PERSON = re.compile(r"[^\W\d_][^\d@]*")
_DIGIT = re.compile(r"\d")
_MOSTLY = 0.5
_SURELY = 0.65  # of any ten digits, half make a mobile number somewhere in Mexico
_MOST_JUDGED = 10_000  # cells
_SHOWN_HEADERS = 12

_ROLES = ("number", "name")

Cells = Sequence[str]
Variables = tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class DamagedRow:
    """A row of which nobody can be made, as its reader found it."""

    cells: Cells
    """What can be shown of it."""
    reason: str
    column: int | None = None
    """The place of the damage, counted from 0."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What each column of one table means. Indexes count from 0."""

    headers: tuple[str, ...]
    """One for each column, empty where it has none."""
    header_row: int | None
    """The header's place among the rows looked at; None: the table has no header."""
    numbers: tuple[int, ...]
    """The number column first, then those that stand in where it has no number."""
    names: tuple[int, ...]
    """The name column, or several that make one name."""
    variables: Variables
    labels: Mapping[int, int]
    """By number column, the column that says what kind of number it is, as Google Contacts has it."""
    header_number: int | None = None
    """The header's number in its file."""

    def read_row(self, cells: Cells, *, row: int | None = None) -> AudienceRow | None:
        """One recipient, unjudged; None for a row that is empty. An empty cell yields no variable."""
        found = cells
        missing = len(self.headers) - len(cells)
        if missing > 0:
            cells = [*cells, *[""] * missing]
        number = cells[self.numbers[0]].strip() if len(self.numbers) == 1 else self._choose_number(cells)
        name = self._read_name(cells)
        variables: dict[str, Scalar] = {
            slug: plain_cell(text) if text[0] == MARK else text
            for at, slug in self.variables
            if (text := cells[at].strip())
        }
        if not (number or name or variables or any(map(str.strip, cells))):
            return None
        return AudienceRow(number, name, variables, row, cells=found)

    def _choose_number(self, cells: Cells) -> str:
        """The number column's, unless it holds no digit, or labels say that another one is likelier on WhatsApp."""
        filled = [(at, text) for at in self.numbers if (text := cells[at].strip())]
        able = [
            (rank, text)
            for at, text in filled
            if _DIGIT.search(text) and (rank := self._rank_number(at, cells)) is not None
        ]
        if able:
            return min(able, key=itemgetter(0))[1]
        return next((text for _, text in filled if not _DIGIT.search(text)), "")

    def _rank_number(self, at: int, cells: Cells) -> NumberRank | None:
        label = self.labels.get(at)
        return NumberRank.PHONE if label is None else rank_label(cells[label])

    def _read_name(self, cells: Cells) -> str | None:
        if len(self.names) == 1:
            return plain_cell(cells[self.names[0]].strip()) or None
        return " ".join(plain_cell(text) for at in self.names if (text := cells[at].strip())) or None

    def refuse_row(self, damaged: DamagedRow, *, row: int | None = None) -> AudienceRow:
        """A recipient that nobody can be, to be counted and handed back."""
        column = None if damaged.column is None else self._title(damaged.column)
        return AudienceRow("", row=row, fault=RowFault(damaged.reason, column), cells=damaged.cells)

    def understood(self) -> dict[str, str]:
        """What each column was taken for, by its header: ``number``, ``name``, a variable, or nothing (ignored)."""
        roles: dict[int, list[str]] = {}
        for at, slug in self.variables:
            roles.setdefault(at, []).append(slug)
        for role, places in (("name", self.names), ("number", self.numbers[:1])):
            for at in places:
                roles.setdefault(at, []).insert(0, role)
        return {self._title(at): ", ".join(roles.get(at, ())) for at in range(len(self.headers))}

    def titles(self) -> list[str]:
        """The header as it stands in the file, with something in each place."""
        return [header or f"column {at + 1}" for at, header in enumerate(self.headers)]

    def _title(self, at: int) -> str:
        header = self.headers[at] if at < len(self.headers) else ""
        if not header:
            return f"column {at + 1}"
        return f"{header} (column {at + 1})" if header in self.headers[:at] else header


def read_table(
    rows: Iterable[tuple[int, Cells | DamagedRow]],
    *,
    region: str,
    mapping: Mapping[str, str] | None = None,
    shifts: bool = False,
) -> tuple[Columns, Iterator[AudienceRow]]:
    """Understand a table by its first rows, then stream all its recipients.

    :param rows: each with its number in the file.
    :param shifts: a cell too many moves those behind it, as in a text file; such a row is damaged.
    :raises FileError: as :func:`find_columns`.
    """
    stream = iter(rows)
    sample = list(islice(stream, SAMPLE_ROWS))
    columns = _understand(sample, region=region, mapping=mapping, shifts=shifts)
    start = 0
    if (header_row := columns.header_row) is not None:
        columns = replace(columns, header_number=sample[header_row][0])
        start = header_row + 1
    widest = len(columns.headers) if shifts else None
    return columns, _read_rows(chain(sample[start:], stream), columns, widest=widest)


def _understand(
    sample: Sequence[tuple[int, Cells | DamagedRow]], *, region: str, mapping: Mapping[str, str] | None, shifts: bool
) -> Columns:
    """:raises FileError: as :func:`find_columns`; damage may be why, so the first is told."""
    cells = [found.cells if isinstance(found, DamagedRow) else found for _, found in sample]
    try:
        return find_columns(cells, region=region, mapping=mapping, shifts=shifts)
    except NoNumbersError as error:
        damage = next((_damage(found, row=row) for row, found in sample if isinstance(found, DamagedRow)), None)
        if damage is None:
            raise
        raise NoNumbersError(f"{error.reason}; {damage}") from None


def _damage(damaged: DamagedRow, *, row: int) -> FileError:
    return FileError(damaged.reason, row=row, column=None if damaged.column is None else str(damaged.column + 1))


def _read_rows(
    rows: Iterable[tuple[int, Cells | DamagedRow]], columns: Columns, *, widest: int | None
) -> Iterator[AudienceRow]:
    read_row = columns.read_row
    for row, cells in rows:
        if isinstance(cells, DamagedRow):
            yield columns.refuse_row(cells, row=row)
        elif widest is not None and len(cells) > widest and any(map(str.strip, cells[widest:])):
            yield columns.refuse_row(DamagedRow(cells, _TOO_WIDE, widest), row=row)
        elif (recipient := read_row(cells, row=row)) is not None:
            yield recipient


_TOO_WIDE = "more cells than the header has columns: is one with a separator in it not quoted?"


def find_columns(
    rows: Sequence[Cells], *, region: str, mapping: Mapping[str, str] | None = None, shifts: bool = False
) -> Columns:
    """Understand a table by its first rows.

    :param region: the country of numbers that name none.
    :param mapping: what an operator says about columns, by header, slug or place (from 1): ``number``, ``name``,
        ``tags``, the name of a variable, or nothing to ignore the column.
    :param shifts: see :func:`read_table`.
    :raises NoNumbersError: no row, or no column with phone numbers.
    :raises FileError: the mapping names a column that is not there.
    """
    if not any(map(_filled, rows)):
        raise NoNumbersError("the file holds no rows")
    mapping = mapping or {}
    phones = _Phones(rows, region)
    header_row = _find_header(rows, phones, mapping)
    width = _find_width(rows, header_row, mapping) if shifts else max(map(len, rows))
    headers = _headers(rows, header_row, width)
    roles = _own_roles(headers) | _read_mapping(mapping, headers)
    numbers = _find_numbers(headers, roles, phones.below(header_row))
    if not numbers:
        raise NoNumbersError(_no_number(headers))
    names = _find_names(headers, roles, numbers, guess=None if header_row is not None else rows)
    taken = {numbers[0], *names, *_rejected_places(headers)} - _name_parts(headers, names)
    variables = _find_variables(headers, roles, taken=taken)
    return Columns(headers, header_row, numbers, names, variables, _find_labels(headers, numbers))


def find_variables(headers: Sequence[str], roles: Mapping[int, str]) -> Variables:
    """The variables that the columns of a table become, each after the place of its column.

    :param roles: what columns mean, by place: ``number``, ``name``, the name of a variable, or nothing to leave it out.
    """
    return _find_variables(headers, roles, taken=set())


class _Phones:
    """Which cells hold phone numbers, row by row: judged once, and of a very wide table fewer rows, as it is dear."""

    def __init__(self, rows: Sequence[Cells], region: str) -> None:
        self._rows = rows[: max(1, _MOST_JUDGED // max(map(len, rows)))]
        numbers = [_numbers_in(cells, region) for cells in self._rows]
        self.found = [frozenset(found) for found in numbers]
        widths = [len(_filled(cells)) for cells, found in zip(self._rows, self.found, strict=True) if found]
        self.usual_width = median_low(widths) if widths else 0
        self._mobiles = [[at for at, number in found.items() if is_mobile(number)] for found in numbers]

    def below(self, header_row: int | None) -> dict[int, float]:
        """By column, the share of its filled cells that hold a mobile number.

        Of any ten digits every second make a landline somewhere in Indonesia: no proof that a column holds phones.
        """
        start = 0 if header_row is None else header_row + 1
        filled = Counter(chain.from_iterable(map(_filled, self._rows[start:])))
        found = Counter(chain.from_iterable(self._mobiles[start:]))
        return {at: count / filled[at] for at, count in found.items()}


def _numbers_in(cells: Cells, region: str) -> dict[int, str]:
    return {at: number for at, cell in enumerate(cells) if (number := _number_in(cell, region))}


def _number_in(cell: str, region: str) -> str | None:
    if len(cell) > _LONGEST_PHONE or sum(map(str.isdecimal, cell)) not in _PHONE_DIGITS:
        return None
    try:
        return parse_number(cell, region=region)
    except NumberError:
        return None


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
    return None if best is not None and _is_title(rows[best], phones) else best


def _is_title(cells: Cells, phones: _Phones) -> bool:
    """One cell above a wider table."""
    return 2 * len(_filled(cells)) < phones.usual_width


def _count_header_words(cells: Cells) -> int:
    known = [rank_number(cell) is not None or is_name(cell) or name_part(cell) is not None for cell in cells]
    return sum(known) and 2 * sum(known) + len(_filled(cells))


def _header_by_place(rows: Sequence[Cells], phones: _Phones) -> int | None:
    """The row just above the first phone number, unless it looks like a title."""
    first = next((at for at, found in enumerate(phones.found) if found), None)
    if first is None:
        return next((at for at, cells in enumerate(rows) if _filled(cells) and not any(map(_has_digits, cells))), None)
    above = next((at for at in range(first - 1, -1, -1) if _filled(rows[at])), None)
    return None if above is None or _is_title(rows[above], phones) else above


def _has_digits(cell: str) -> bool:
    return sum(map(str.isdecimal, cell)) >= _MANY_DIGITS


def _find_width(rows: Sequence[Cells], header_row: int | None, mapping: Mapping[str, str]) -> int:
    """How many columns there are: as many as the header has or the mapping names, or else as most rows have."""
    widths = Counter(map(len, filter(_filled, rows)))
    width = widths.most_common(1)[0][0] if header_row is None else len(rows[header_row])
    places = (int(key) for key in mapping if key.strip().isdecimal())
    return max([width, *(place for place in places if place <= max(widths))])


def _headers(rows: Sequence[Cells], header_row: int | None, width: int) -> tuple[str, ...]:
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
    ranked = sorted((rank, at) for at in free if (rank := rank_number(headers[at])) is not None)
    told = [at for rank, at in ranked if rank is not NumberRank.NUMBER]
    if told and ranked[0][0] < NumberRank.OTHER_PHONE:
        return tuple(told)
    plain = [at for rank, at in ranked if rank is NumberRank.NUMBER and shares.get(at, 0) >= _MOSTLY]
    if plain or told:
        return (*plain[:1], *told)
    surely = [at for at in free if shares.get(at, 0) > _SURELY and not names_other_digits(headers[at])]
    return tuple(sorted(surely, key=lambda at: -shares[at])[:1])


def _find_labels(headers: Sequence[str], numbers: Sequence[int]) -> dict[int, int]:
    """``Phone 1 - Label`` beside ``Phone 1 - Value``; of no use where there is one number column."""
    if len(numbers) == 1:
        return {}
    places = {header: at for at, header in enumerate(headers)}
    named = ((at, header) for at in numbers for header in label_headers(headers[at]))
    return {at: places[header] for at, header in named if header in places}


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
