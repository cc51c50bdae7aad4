"""Detection of a table's columns: the header row, the columns of numbers and names, the variables."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from wabroadcast_core.audience.cells import MARK, plain_cell
from wabroadcast_core.audience.column_faults import SHOWN_HEADERS, columns_shown, no_number
from wabroadcast_core.audience.consent import ConsentColumn, find_consent
from wabroadcast_core.audience.foreign_numbers import ForeignNumbers, find_foreign, states_country
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
from wabroadcast_core.errors import FileError, NoNumbersError, NumberError
from wabroadcast_core.models.contact import OWN_COLUMNS
from wabroadcast_core.models.recipient import AudienceRow, RowFault, Scalar
from wabroadcast_core.models.slug import make_slug
from wabroadcast_core.sentences import Sentence, joined, listed
from wabroadcast_core.store.sql import clean_text

REJECTED_HEADERS = ("row", "reason")  # the last columns of a file of rejected rows, after the original ones

NO_HEADER = -1  # in the place of the index of a header: the table has none

_ROLES = ("number", "name")
_POSITION = re.compile(r"(?:column )?(\d{1,6})")  # with the word, no header that is a number means another column

Variables = tuple[tuple[int, str], ...]  # index of the column, name of the variable


@dataclass(frozen=True, slots=True)
class Columns:
    """The meaning of each column of one table. Indexes count from 0."""

    headers: tuple[str, ...]
    """The header of each column; empty for a column without one."""
    header_row: int | None
    """The index of the header row among the sample rows; None if the table has no header."""
    numbers: NumberColumns
    names: tuple[int, ...]
    """The name column, or several columns whose parts make one name."""
    variables: Variables
    header_number: int | None = None
    """The row number of the header in its file, counted from 1."""
    guesses_header: bool = False
    """No cell of the header is a word that is known of headers, and no mapping names one."""
    is_list: bool = False
    """The table holds nothing but phone numbers: each cell is one recipient."""
    more_numbers: tuple[int, ...] = ()
    """Columns with phone numbers beside the one that is read from each row."""
    foreign: ForeignNumbers | None = None
    """Set if the numbers do not fit the region: then none without a country code is taken."""
    consent: tuple[ConsentColumn, ...] = ()
    """The columns in which people said whether they want messages."""
    consent_notes: tuple[str, ...] = ()
    """What the user should know about these columns, by the cells of the first rows."""
    own: Variables = ()
    """The columns of the number and the name with their own names; see :attr:`AudienceRow.own`."""

    def read_row(self, cells: Cells, *, row: int | None = None) -> AudienceRow | None:
        """Read one recipient from the cells of a row, without checking it. An empty cell gives no variable.

        :param row: the number of the row in its file, counted from 1.
        :returns: None for an empty row.
        """
        original = cells
        missing = len(self.headers) - len(cells)
        if missing > 0:
            cells = [*cells, *[""] * missing]
        number = self.numbers.choose(cells)
        name = self._read_name(cells)
        variables = _read_variables(self.variables, cells)
        if not (number or name or variables or any(map(str.strip, cells))):
            return None
        self.numbers.several.check(number, row=row)
        own = _read_variables(self.own, cells)
        fault: RowFault | None = None
        try:
            number = self._complete(number, cells)
            fault = next(filter(None, (column.find_fault(cells) for column in self.consent)), None)
        except NumberError as error:
            fault = RowFault(error.reason, "number")
        return AudienceRow(number, name, variables, row, fault, original, own)

    def _complete(self, number: str, cells: Cells) -> str:
        """Return the number of a row with the country code that its row has in another column.

        :raises NumberError: both do not fit, or the file is a list of another country and the row does not say which.
        """
        if self.foreign is not None and number and not (self.numbers.says_country(cells) or states_country(number)):
            self.foreign.refuse(number)
        return self.numbers.complete(number, cells)

    def read_list(self, cells: Cells, *, row: int | None = None) -> Iterator[AudienceRow]:
        """Yield one recipient for each filled cell of a row, without checking it.

        :param row: the number of the row in its file, counted from 1.
        """
        for cell in cells:
            if text := cell.strip():
                self.numbers.several.check(text, row=row)
                yield AudienceRow(text, row=row, cells=[text])

    def notes(self) -> list[str]:
        """Return what a user should know about columns that are not read as one might expect."""
        notes = [*([] if self.foreign is None else [self.foreign.note()]), *self.consent_notes]
        notes += filter(None, [self._header_note(), self.numbers.several.note(), self._more_numbers_note()])
        return notes

    def _more_numbers_note(self) -> Sentence | None:
        if not self.more_numbers:
            return None
        titles, first = listed(map(self.title, self.more_numbers)), self.title(self.numbers.first)
        if len(self.more_numbers) == 1:
            text = "{titles} holds more phone numbers: of each row only one is read, from {first} where it has one"
        else:
            text = "{titles} hold more phone numbers: of each row only one is read, from {first} where it has one"
        return Sentence("more_numbers", text, titles=titles, first=first)

    def _header_note(self) -> Sentence | None:
        """Return which row is read as the header, if that is a guess."""
        if not self.guesses_header:
            return None
        titles = ", ".join(filter(None, self.headers[:SHOWN_HEADERS]))
        if self.header_number is None:
            text = "a row is read as the header: {titles}. If it is a person, insert a header row above it"
            return Sentence("header_guessed", text, titles=titles)
        text = "row {row} is read as the header: {titles}. If it is a person, insert a header row above it"
        return Sentence("header_guessed_in", text, row=str(self.header_number), titles=titles)

    def _read_name(self, cells: Cells) -> str | None:
        if len(self.names) == 1:
            return plain_cell(cells[self.names[0]].strip()) or None
        return " ".join(plain_cell(text) for index in self.names if (text := cells[index].strip())) or None

    def understood(self) -> dict[str, str]:
        """Return the detected meaning of each column, by its title.

        A meaning is ``number``, ``name``, the name of a variable, or empty for a column that is ignored. A column with
        several meanings has them separated by commas.
        """
        return {self.title(index): ", ".join(meaning) for index, meaning in enumerate(self.meanings())}

    def meanings(self) -> list[list[str]]:
        """Return the detected meanings of each column, in the order of the file."""
        roles: list[list[str]] = [[] for _ in self.headers]
        for index, slug in self.variables:
            roles[index].append(slug)
        for role, indexes in (("name", self.names), ("number", self._number_columns())):
            for index in indexes:
                roles[index].insert(0, role)
        return roles

    def variable_names(self) -> list[str]:
        """Return the names that the text of a broadcast may use."""
        fields = ["name", "number"] if self.names else ["number"]
        return list(dict.fromkeys([*fields, *(slug for _, slug in sorted((*self.own, *self.variables)))]))

    def _number_columns(self) -> Sequence[int]:
        return range(len(self.headers)) if self.is_list else (self.numbers.first,)

    def titles(self) -> list[str]:
        """Return the header row of the file; a column without a header is ``column 3``."""
        return [header or f"column {index + 1}" for index, header in enumerate(self.headers)]

    def title(self, index: int) -> str:
        """Return the title that names one column in reports: its header, with its position where that is ambiguous."""
        header = self.headers[index] if index < len(self.headers) else ""
        place = str(index + 1)
        if not header:
            return Sentence("column_title", "column {n}", n=place)
        if header in self.headers[:index]:
            return Sentence("column_title_again", "{title} (column {n})", title=header, n=place)
        return header


def _read_variables(variables: Variables, cells: Cells) -> dict[str, Scalar]:
    return {
        slug: plain_cell(text) if text[0] == MARK else text
        for index, slug in variables
        if (text := cells[index].strip())
    }


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
    body = _body(rows, header_row, width)
    code = None if _is_own_export(headers) else find_country_codes(headers, roles, body)
    shares, flags = phones.shares_below(header_row), phones.flags_below(header_row)
    numbers = find_numbers(headers, roles, shares, region=region, flags=flags, code=code)
    if numbers is None:
        raise NoNumbersError(no_number(headers, body, region=region))
    names = find_names(headers, roles, numbers.columns, rows=rows, has_header=header_row is not None)
    taken = {numbers.first, *names, *_rejected_columns(headers)} - name_parts(headers, names)
    variables = _find_variables(headers, roles, taken=taken)
    beside = [index for index in phones.columns_beside(numbers.first, header_row) if index < width]
    more = [index for index in beside if not names_other_digits(headers[index])]
    consent = () if _is_own_export(headers) else find_consent(headers, roles, taken={*numbers.columns, *names})
    notes = [column.note([cells[column.index] for cells in body]) for column in consent]
    return Columns(
        headers,
        header_row,
        numbers,
        names,
        variables,
        guesses_header=not (header_row is None or header is not None or mapping or count_header_words(headers)),
        more_numbers=tuple(more),
        foreign=find_foreign(_local_numbers(numbers, body), region=region),
        consent=consent,
        consent_notes=tuple(filter(None, notes)),
        own=_find_own(headers, (numbers.first, *names), variables),
    )


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
    """Return the number of columns: as many as the header has, or most rows without one, or as many as are mapped."""
    widths = Counter(map(len, filter(filled_columns, rows)))
    width = widths.most_common(1)[0][0] if header_row is None else len(rows[header_row])
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
        columns = columns_shown(headers)
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
