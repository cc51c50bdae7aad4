"""Detection of a table's columns: the header row, the columns of numbers and names, the variables."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from wabroadcast_core.audience.columns import SHOWN_HEADERS, Columns, Variables
from wabroadcast_core.audience.consent import find_consent
from wabroadcast_core.audience.foreign_numbers import find_foreign
from wabroadcast_core.audience.header_row import count_header_words, find_header
from wabroadcast_core.audience.headers import is_tags, named_exactly, names_other_digits
from wabroadcast_core.audience.name_columns import find_names, name_parts
from wabroadcast_core.audience.number_columns import (
    Cells,
    NumberColumn,
    NumberColumns,
    Phones,
    filled_columns,
    find_country_codes,
    find_numbers,
)
from wabroadcast_core.errors import FileError, NoNumbersError
from wabroadcast_core.models.contact import OWN_COLUMNS
from wabroadcast_core.models.slug import make_slug
from wabroadcast_core.sentences import Sentence, joined
from wabroadcast_core.store.sql import clean_text

REJECTED_HEADERS = ("row", "reason")  # the last columns of a file of rejected rows, after the original ones

NO_HEADER = -1  # in the place of the index of a header: the table has none
_HINTED_COLUMNS = 5  # in which numbers of another country are searched for, which is expensive

_ROLES = ("number", "name")
_POSITION = re.compile(r"(?:column )?(\d{1,6})")  # with the word, no header that is a number means another column


def find_columns(
    rows: Sequence[Cells],
    *,
    region: str,
    mapping: Mapping[str, str] | None = None,
    shifts: bool = False,
    header: int | None = None,
) -> Columns:
    """Detect the columns of a table from its first rows.

    :param region: two letters; the country of numbers without a country code.
    :param mapping: the meanings that an operator gives to columns, by header, slug or position (from 1, also
        ``column 1``): ``number``, ``name``, ``tags``, the name of a variable, or an empty text to ignore the column.
    :param shifts: the table is as wide as its header, or else as most of its rows; further cells are not columns.
    :param header: the index of the header row, or ``NO_HEADER``; None: it is detected.
    :raises NoNumbersError: there is no row, or no column with phone numbers.
    :raises FileError: the mapping names a column that the table does not have.
    """
    if not any(map(filled_columns, rows)):
        raise NoNumbersError(Sentence("no_rows", "the file holds no rows"))
    mapping = mapping or {}
    phones = Phones(rows, region)
    if phones.is_list and not mapping and header in {None, NO_HEADER}:
        return _list_columns(max(map(len, rows)), region)
    header_row = _find_header(rows, phones, mapping) if header is None else _given_header(header)
    width = _find_width(rows, header_row, mapping) if shifts else max(map(len, rows))
    headers = _headers(rows, header_row, width)
    roles = _own_roles(headers) | _read_mapping(mapping, headers)
    table = _Table(rows, phones, header_row, headers, roles, _body(rows, header_row, width), region)
    is_guess = not (header_row is None or header is not None or mapping or count_header_words(headers))
    return _columns_of(table, guesses_header=is_guess)


@dataclass(frozen=True, slots=True)
class _Table:
    """The first rows of a table whose header is known."""

    rows: Sequence[Cells]
    phones: Phones
    header_row: int | None
    headers: tuple[str, ...]
    roles: Mapping[int, str]
    body: Sequence[Cells]
    """The rows below the header, each with a cell for every column."""
    region: str


def _columns_of(table: _Table, *, guesses_header: bool) -> Columns:
    """Return the meaning of each column.

    :raises NoNumbersError: no column has phone numbers.
    """
    headers, roles, numbers = table.headers, table.roles, _numbers_of(table)
    names = find_names(headers, roles, numbers.columns, rows=table.rows, has_header=table.header_row is not None)
    taken = {numbers.first, *names, *_rejected_columns(headers)} - name_parts(headers, names)
    variables = _find_variables(headers, roles, taken=taken)
    consent = () if _is_own_export(headers) else find_consent(headers, roles, taken={*numbers.columns, *names})
    notes = [column.note([cells[column.index] for cells in table.body]) for column in consent]
    return Columns(
        headers,
        table.header_row,
        numbers,
        names,
        variables,
        guesses_header=guesses_header,
        more_numbers=_more_numbers(table, beside=numbers.first),
        foreign=find_foreign(_local_numbers(numbers, table.body), region=table.region),
        consent=consent,
        consent_notes=tuple(filter(None, notes)),
        own=_find_own(headers, (numbers.first, *names), variables),
    )


def _numbers_of(table: _Table) -> NumberColumns:
    """Return the columns of the numbers.

    :raises NoNumbersError: no column has phone numbers.
    """
    headers, roles, phones = table.headers, table.roles, table.phones
    code = None if _is_own_export(headers) else find_country_codes(headers, roles, table.body)
    shares, flags = phones.shares_below(table.header_row), phones.flags_below(table.header_row)
    numbers = find_numbers(headers, roles, shares, region=table.region, flags=flags, code=code)
    if numbers is None:
        raise NoNumbersError(_no_number(headers, table.body, region=table.region))
    return numbers


def _more_numbers(table: _Table, *, beside: int) -> tuple[int, ...]:
    """Return the other columns with phone numbers beside the one that is read."""
    found = [index for index in table.phones.columns_beside(beside, table.header_row) if index < len(table.headers)]
    return tuple(index for index in found if not names_other_digits(table.headers[index]))


def _given_header(header: int) -> int | None:
    return None if header == NO_HEADER else header


def _local_numbers(numbers: NumberColumns, body: Iterable[Cells]) -> Iterator[str]:
    """Yield the numbers of the rows in which no other column says the country."""
    return (numbers.choose(cells) for cells in body if not numbers.says_country(cells))


def _body(rows: Sequence[Cells], header_row: int | None, width: int) -> list[Cells]:
    """Return the rows below the header, each with a cell for every column."""
    start = 0 if header_row is None else header_row + 1
    return [(*cells, *[""] * (width - len(cells))) for cells in rows[start:]]


def _list_columns(width: int, region: str) -> Columns:
    numbers = NumberColumns([NumberColumn(index, 0) for index in range(width)], region=region)
    return Columns(("",) * width, None, numbers, (), (), is_list=True)


def find_variables(headers: Sequence[str], roles: Mapping[int, str]) -> Variables:
    """Return the variables of a table's columns, each with the index of its column.

    :param roles: the meanings of columns, by index: ``number``, ``name``, the name of a variable, or an empty text to
        leave the column out. A column without a role becomes a variable named by its slug.
    """
    return _find_variables(headers, roles, taken=set())


def _find_header(rows: Sequence[Cells], phones: Phones, mapping: Mapping[str, str]) -> int | None:
    named = {make_slug(key) for key in mapping if not key.strip().isdecimal()}
    if named:
        mapped = (index for index, cells in enumerate(rows) if named <= set(map(make_slug, cells)))
        if (first_mapped := next(mapped, None)) is not None:
            return first_mapped
    return 0 if _is_own_export(rows[0]) else find_header(rows, phones)


def _find_width(rows: Sequence[Cells], header_row: int | None, mapping: Mapping[str, str]) -> int:
    """Return the number of columns: as many as the header has, or most rows without one, or as many as are mapped.

    A header with fewer than half of the cells that most rows fill does not name all columns.
    """
    widths = Counter(map(len, filter(filled_columns, rows)))
    width = widths.most_common(1)[0][0] if header_row is None else len(rows[header_row])
    [(usual, _)] = Counter(filled[-1] + 1 for filled in map(filled_columns, rows) if filled).most_common(1)
    width = usual if 2 * width < usual else width
    positions = (int(key) for key in mapping if key.strip().isdecimal())
    return max([width, *(position for position in positions if position <= max(widths))])


def _headers(rows: Sequence[Cells], header_row: int | None, width: int) -> tuple[str, ...]:
    texts = [] if header_row is None else [_clean_header(cell) for cell in rows[header_row]]
    return (*texts, *[""] * (width - len(texts)))


def _clean_header(cell: str) -> str:
    """Return a header in one line, without half characters: it is stored, and shown in answers."""
    return " ".join(clean_text(cell).strip("\ufeff").split())


def _is_own_export(headers: Cells) -> bool:
    """Return whether this is the header of an exported contact book, whose columns need no guess."""
    return tuple(headers[: len(OWN_COLUMNS)]) == OWN_COLUMNS


def _own_roles(headers: Sequence[str]) -> dict[int, str]:
    """Return the roles that our own exports write: variables in braces, and the first columns of a contact book."""
    roles = {index: header for index, header in enumerate(headers) if named_exactly(header)}
    return roles | dict(enumerate(OWN_COLUMNS)) if _is_own_export(headers) else roles


def _read_mapping(mapping: Mapping[str, str], headers: Sequence[str]) -> dict[int, str]:
    return {_find_column(key, headers): _read_role(role.strip()) for key, role in mapping.items()}


def _read_role(role: str) -> str:
    """Return a role with ``number``, ``name`` and ``tags`` in lower case: they mean the fields, in any case."""
    return role.lower() if role.lower() in OWN_COLUMNS else role


def _find_column(key: str, headers: Sequence[str]) -> int:
    """Return the index of the column that a key of the mapping names by its header, slug or position.

    :raises FileError: there is no such column.
    """
    name = " ".join(key.split()).casefold()
    slugs = _unique_slugs(headers)
    by_header = (index for index, header in enumerate(headers) if header.casefold() == name and name)
    by_slug = (index for index, slug in enumerate(slugs) if slug == name)
    position = _POSITION.fullmatch(name)
    by_position = (int(position[1]) - 1,) if position and 0 < int(position[1]) <= len(headers) else ()
    found = next(chain(by_header, by_slug, by_position), None)
    if found is None:
        unknown = Sentence(
            "mapping_without_column", "the mapping names the column {name!r}, which the file does not have", name=key
        )
        columns = _columns_shown(headers)
        raise FileError(joined(unknown, columns) if columns else unknown)
    return found


def _rejected_columns(headers: Sequence[str]) -> range:
    return range(len(headers) - 2, len(headers)) if tuple(headers[-2:]) == REJECTED_HEADERS else range(0)


def _find_variables(headers: Sequence[str], roles: Mapping[int, str], *, taken: set[int]) -> Variables:
    """Return the variables of the columns that are not taken.

    A column of tags gives two variables, one with its own name and ``tags``. ``number`` and ``name`` are never names
    of variables: each means one column.
    """
    named = [(index, named_exactly(role) or make_slug(role)) for index, role in roles.items()]
    variables = [(index, name) for index, name in named if name not in {"", *_ROLES}]
    used = {*_ROLES, *(slug for _, slug in variables)}
    tags: int | None = None
    for index, slug in enumerate(_unique_slugs(headers)):
        if index not in taken and index not in roles:
            variables.append((index, _free_slug(slug, used)))
            tags = index if tags is None and is_tags(headers[index]) else tags
    if tags is not None and "tags" not in used:
        variables.append((tags, "tags"))
    return tuple(sorted(variables))


def _find_own(headers: Sequence[str], columns: Iterable[int], variables: Variables) -> Variables:
    """Return the names that columns of numbers and names have by their headers, beside ``number`` and ``name``."""
    taken = {*_ROLES, *(slug for _, slug in variables)}
    slugs = _unique_slugs(headers)
    return tuple((index, slugs[index]) for index in columns if headers[index] and slugs[index] not in taken)


def _unique_slugs(headers: Sequence[str]) -> list[str]:
    """Return one variable name for each column: repeated headers get a number, empty ones are named by position."""
    taken: set[str] = set()
    return [_free_slug(make_slug(header) or f"column_{index + 1}", taken) for index, header in enumerate(headers)]


def _free_slug(slug: str, taken: set[str]) -> str:
    """Return the slug, with a number if it is taken, and add it to those taken."""
    free, number = slug, 2
    while free in taken:
        free, number = f"{slug}_{number}", number + 1
    taken.add(free)
    return free


def _no_number(headers: Sequence[str], body: Sequence[Cells], *, region: str) -> Sentence:
    fault = Sentence("no_number_column", "no column holds phone numbers")
    if columns := _columns_shown(headers):
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


def _columns_shown(headers: Sequence[str]) -> Sentence | None:
    shown = [header for header in headers if header][:SHOWN_HEADERS]
    return Sentence("its_columns", "its columns are {names}", names=", ".join(shown)) if shown else None
