"""TODO"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from wabroadcast_core.audience.numbers import parse_number
from wabroadcast_core.errors import BroadcastError, NumberError
from wabroadcast_core.models.contact import LONGEST_NAME, LONGEST_TAG, split_tags
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.store.contacts import NewContact
from wabroadcast_core.store.imports import Rejection
from wabroadcast_core.store.sql import clean_text

MOST_CHARACTERS = 4_000_000  # of a chunk: rows may be long
TAGS = "tags"  # the variable that holds a row's tags
_KNOWN_CELLS = 10_000  # different cells of tags that are remembered


@dataclass(slots=True)
class Chunk:
    """Some rows on their way into the book. A number that comes twice is one person, and counts for each row."""

    people: dict[str, NewContact] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)
    rows: int = 0
    characters: int = 0


class _RejectedError(Exception):
    def __init__(self, column: str | None, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


class ContactReader:
    """Makes contacts of rows, and says what is wrong with those that are none.

    :param tags: what everyone of this import is tagged with.
    """

    def __init__(self, *, region: str, tags: Sequence[str]) -> None:
        self._region = region
        self._tags = tuple(tags)
        self._cells: dict[str, tuple[str, ...] | None] = {}

    def chunks(self, rows: Iterable[AudienceRow], *, first: int, size: int) -> Iterator[Chunk]:
        """:param first: the place of the first row: its number where the source gives none."""
        chunk = Chunk()
        try:
            for place, row in enumerate(rows, first):
                self._add(chunk, row, place)
                if chunk.rows >= size or chunk.characters >= MOST_CHARACTERS:
                    yield chunk
                    chunk = Chunk()
        except BroadcastError:  # what came before the fault is taken
            if chunk.rows:
                yield chunk
            raise
        if chunk.rows:
            yield chunk

    def _add(self, chunk: Chunk, row: AudienceRow, place: int) -> None:
        chunk.rows += 1
        chunk.characters += len("".join(map(str, row.variables.values())))
        try:
            person = self._judge(row)
        except _RejectedError as fault:
            at, cells = place if row.row is None else row.row, _cells_of(row)
            chunk.rejections.append((at, fault.column, fault.reason, cells))
            chunk.characters += len(cells)
            return
        present = chunk.people.setdefault(person.number, person)
        if present is not person:
            present.name = person.name or present.name
            present.variables |= person.variables
            present.tags = tuple(dict.fromkeys((*present.tags, *person.tags)))

    def _judge(self, row: AudienceRow) -> NewContact:
        """:raises _RejectedError: it cannot be taken."""
        if row.fault is not None:
            raise _RejectedError(row.fault.column, row.fault.reason)
        try:
            number = parse_number(row.number, region=self._region)
        except NumberError as error:
            raise _RejectedError("number", error.reason) from None
        if row.name is not None and len(row.name) > LONGEST_NAME:
            raise _RejectedError("name", f"longer than {LONGEST_NAME} characters")
        tags = self._tags_of(row.variables.get(TAGS))
        if tags is None:
            raise _RejectedError(TAGS, f"a tag longer than {LONGEST_TAG} characters")
        row.variables.pop(TAGS, None)
        return NewContact(number, row.name, row.variables, tags)

    def _tags_of(self, cell: object) -> tuple[str, ...] | None:
        """The tags of a row and of the import; None: one is too long. Few cells differ, so they are remembered."""
        text = str(cell or "")
        if text not in self._cells:
            if len(self._cells) >= _KNOWN_CELLS:
                self._cells.clear()
            tags = tuple(dict.fromkeys((*self._tags, *split_tags(clean_text(text)))))
            self._cells[text] = None if any(len(tag) > LONGEST_TAG for tag in tags) else tags
        return self._cells[text]


def _cells_of(row: AudienceRow) -> str:
    """A row's cells, to hand it back as it came."""
    cells = [row.number, row.name] if row.cells is None else row.cells
    return json.dumps(cells, ensure_ascii=False, separators=(",", ":"))
