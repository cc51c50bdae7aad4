"""The meaning of a table's columns, and the reading of its rows by them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wabroadcast_core.audience.cells import MARK, plain_cell
from wabroadcast_core.audience.consent import ConsentColumn
from wabroadcast_core.audience.foreign_numbers import ForeignNumbers, states_country
from wabroadcast_core.audience.number_columns import Cells, NumberColumns
from wabroadcast_core.errors import NumberError
from wabroadcast_core.models.recipient import AudienceRow, RowFault, Scalar
from wabroadcast_core.sentences import Sentence, listed

SHOWN_HEADERS = 12  # in error texts and notes

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
        fault: RowFault | None = None
        if self.foreign is not None or self.consent or self.numbers.has_code:
            number, fault = self._check_row(number, cells)
        return AudienceRow(number, name, variables, row, fault, original, _read_variables(self.own, cells))

    def _check_row(self, number: str, cells: Cells) -> tuple[str, RowFault | None]:
        """Return the number of a row as other columns complete it, and the fault that they show, if any."""
        try:
            number = self._complete(number, cells)
        except NumberError as error:
            return number, RowFault(error.reason, "number")
        return number, next(filter(None, (column.find_fault(cells) for column in self.consent)), None)

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
