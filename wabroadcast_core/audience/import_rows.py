"""Contacts read from the rows of a contact file, in chunks. Each row gives a contact or a rejection with its reason."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from wabroadcast_core.audience.consent import OTHER_ROW_SAYS_NO
from wabroadcast_core.audience.numbers import parse_number
from wabroadcast_core.errors import BroadcastError, NumberError
from wabroadcast_core.models.contact import LONGEST_TAG, MOST_TAGS, distinct_tags, split_tags
from wabroadcast_core.models.recipient import LONGEST_NAME, AudienceRow, find_excess, usual_length, without_blanks
from wabroadcast_core.models.status import SkipReason
from wabroadcast_core.sentences import Sentence
from wabroadcast_core.store.contacts import NewContact
from wabroadcast_core.store.imports import Rejection
from wabroadcast_core.store.sql import clean_text

MOST_CHARACTERS = 4_000_000  # of a chunk, because rows may be long
TAGS = "tags"  # the variable that contains the tags of a row
_CACHED_CELLS = 10_000  # different cells of tags in the cache


@dataclass(slots=True)
class ContactChunk:
    """The contacts of some rows, by number, and the rejected rows.

    Rows with the same number give one contact, but each of them is counted.
    """

    contacts: dict[str, NewContact] = field(default_factory=dict)
    accepted: list[tuple[str, int, AudienceRow]] = field(default_factory=list)
    """The rows of the contacts, each with the number and the position."""
    rejections: list[Rejection] = field(default_factory=list)
    rows: int = 0
    characters: int = 0


class _RejectedError(Exception):
    """A row that cannot become a contact."""

    def __init__(self, column: str | None, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


class ContactReader:
    """Reads contacts from rows, and rejects the rows that cannot become a contact.

    :param region: two letters; the country of numbers without a country code.
    :param tags: tags that each contact of this import gets.
    """

    def __init__(self, *, region: str, tags: Sequence[str]) -> None:
        self._region = region
        self._tags = tuple(tags)
        self._tags_by_cell: dict[str, tuple[str, ...] | str] = {}
        self._refused: set[str] = set()  # numbers of people who said no in one of the rows so far

    def chunks(self, rows: Iterable[AudienceRow], *, first: int, size: int) -> Iterator[ContactChunk]:
        """Read rows chunk by chunk. The rows before an error of the source are yielded before the error is raised.

        :param first: the position of the first row; positions number the rows that have no number in their file.
        :param size: rows of a chunk; one with long rows has fewer.
        :raises BroadcastError: the source cannot read the file to its end.
        """
        chunk = ContactChunk()
        try:
            for position, row in enumerate(rows, first):
                self._add(chunk, row, position)
                if chunk.rows >= size or chunk.characters >= MOST_CHARACTERS:
                    yield self._without_refused(chunk)
                    chunk = ContactChunk()
        except BroadcastError:
            if chunk.rows:
                yield self._without_refused(chunk)
            raise
        if chunk.rows:
            yield self._without_refused(chunk)

    def _add(self, chunk: ContactChunk, row: AudienceRow, position: int) -> None:
        chunk.rows += 1
        length = usual_length(row.variables)
        chunk.characters += len("".join(map(str, row.variables.values()))) if length is None else length
        try:
            contact = self._read_contact(row, is_usual=length is not None)
        except _RejectedError as error:
            self._reject(chunk, row, position, column=error.column, reason=error.reason)
            return
        chunk.accepted.append((contact.number, position, row))
        present = chunk.contacts.setdefault(contact.number, contact)
        if present is not contact:
            present.name = contact.name or present.name
            present.variables |= contact.variables
            present.tags = tuple(distinct_tags((*present.tags, *contact.tags)))

    def _reject(self, chunk: ContactChunk, row: AudienceRow, position: int, *, column: str | None, reason: str) -> None:
        cells = _cells_of(row)
        chunk.rejections.append((position if row.row is None else row.row, column, reason, cells))
        chunk.characters += len(cells)
        if row.fault is not None and row.fault.code is SkipReason.NO_CONSENT:
            with suppress(NumberError):
                self._refused.add(parse_number(row.number, region=self._region))

    def _without_refused(self, chunk: ContactChunk) -> ContactChunk:
        """Reject the rows of people who said no in another row, of this chunk or an earlier one."""
        if not self._refused.isdisjoint(chunk.contacts):
            for number, position, row in chunk.accepted:
                if number in self._refused:
                    chunk.contacts.pop(number, None)
                    self._reject(chunk, row, position, column=None, reason=OTHER_ROW_SAYS_NO)
        chunk.accepted.clear()
        return chunk

    def _read_contact(self, row: AudienceRow, *, is_usual: bool) -> NewContact:
        """Return the contact of a row.

        :param is_usual: whether its variables have a :func:`usual_length`.
        :raises _RejectedError: the row is damaged, its number is invalid, or a text is too long.
        """
        if row.fault is not None:
            raise _RejectedError(row.fault.column, row.fault.reason)
        try:
            number = parse_number(row.number, region=self._region)
        except NumberError as error:
            raise _RejectedError("number", error.reason) from None
        if row.name is not None and len(row.name) > LONGEST_NAME:
            raise _RejectedError("name", Sentence("long_name", "longer than {most} characters", most=LONGEST_NAME))
        if not is_usual and (excess := find_excess(row.variables)):
            raise _RejectedError(None, excess)
        tags = self._tags_of(row.variables.get(TAGS))
        if isinstance(tags, str):
            raise _RejectedError(TAGS, tags)
        row.variables.pop(TAGS, None)
        return NewContact(number, row.name, row.variables if is_usual else without_blanks(row.variables), tags)

    def _tags_of(self, cell: object) -> tuple[str, ...] | str:
        """Return the tags of a row and of the import, or the reason why a contact cannot have them.

        Few cells of tags differ within a file, so they are cached.
        """
        text = str(cell or "")
        if text not in self._tags_by_cell:
            if len(self._tags_by_cell) >= _CACHED_CELLS:
                self._tags_by_cell.clear()
            self._tags_by_cell[text] = self._read_tags(text)
        return self._tags_by_cell[text]

    def _read_tags(self, text: str) -> tuple[str, ...] | str:
        own = split_tags(clean_text(text))
        if len(own) > MOST_TAGS:
            return Sentence("many_tags_in_row", "there are more than {most} tags", most=MOST_TAGS)
        if any(len(tag) > LONGEST_TAG for tag in own):
            return Sentence("long_tag", "a tag is longer than {most} characters", most=LONGEST_TAG)
        return tuple(distinct_tags((*self._tags, *own)))


def _cells_of(row: AudienceRow) -> str:
    """Return the original cells of a row as JSON, for the file of rejected rows."""
    cells = [row.number, row.name] if row.cells is None else row.cells
    return json.dumps(cells, ensure_ascii=False, separators=(",", ":"))
