"""The people whom a preview shows: one by its place, those with the longest, shortest and emptiest message, and a list.

They are collected while the audience is counted, so that one reading of it is enough.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wabroadcast_core.audience.columns import Columns
from wabroadcast_core.audience.row_classifier import ClassifiedRows
from wabroadcast_core.models.preview import ListedPerson
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.models.status import SkipReason
from wabroadcast_core.rendering.content import Rendered
from wabroadcast_core.sentences import unpack_sentence
from wabroadcast_core.store.messages import position_of
from wabroadcast_core.store.new_messages import NewMessage

SENDABLE = "sendable"
"""In the place of a reason: the people who get a message."""
MOST_LISTED = 50


@dataclass(frozen=True, slots=True)
class PlacedMessage:
    """A message with the place of its person among those who get one, counted from 1."""

    place: int
    message: NewMessage


@dataclass(frozen=True, slots=True)
class _Measure:
    """How much one message has in it."""

    length: int
    filled: int  # variables of the text that the person has


class PeopleCollector:
    """Collects people from the chunks of an audience.

    :param place: of the person who is chosen; of an audience with fewer people, the last one is.
    :param reason: of the people who are listed, or ``SENDABLE``; None: no list.
    :param used: the slugs of the variables that the text uses.
    """

    def __init__(self, *, place: int, reason: str | None, used: frozenset[str]) -> None:
        self._place = place
        self._reason = reason
        self._used = used
        self._measures: dict[str, _Measure] = {}
        self._best: dict[str, tuple[tuple[int, int], PlacedMessage]] = {}
        self._sendable = 0
        self._read = 0
        self.chosen: PlacedMessage | None = None
        self.listed: list[ListedPerson] = []
        self.filled: Counter[str] = Counter()
        """How many rows have a value, by variable."""
        self.cells: Sequence[str] = ()
        """The cells of the first row."""

    def measure(self, number: str, row: AudienceRow, rendered: Rendered) -> None:
        """Keep how long the message of a row is, until its chunk is added."""
        filled = sum(name in row.variables or name in row.own for name in self._used)
        filled += bool(row.name and "name" in self._used)
        self._measures[number] = _Measure(len(rendered.text or ""), filled)

    def add(self, chunk: Sequence[AudienceRow], classified: ClassifiedRows, *, known: frozenset[str]) -> None:
        """Add a chunk.

        :param known: the numbers of the chunk that are of an earlier one.
        """
        for row in chunk:
            self.filled.update(row.variables.keys())
            self.filled.update(row.own.keys())  # a column has its own name only where no variable has it
        self.cells = self.cells or next((row.cells for row in chunk if row.cells), ())
        for number, message in classified.sendable.items():
            if number not in known:
                self._add_sendable(number, message)
        if self._reason is not None and len(self.listed) < MOST_LISTED:
            self._list(chunk, classified, known)
        self._read += len(chunk)
        self._measures.clear()

    def found(self, kind: str) -> PlacedMessage | None:
        """Return the person with the ``longest``, ``shortest`` or ``emptiest`` message; None without any person."""
        best = self._best.get(kind)
        return None if best is None else best[1]

    def missing(self, rows: int) -> dict[str, int]:
        """Return how many of the rows lack a value, by variable."""
        return {name: rows - filled for name, filled in self.filled.items()}

    def _add_sendable(self, number: str, message: NewMessage) -> None:
        self._sendable += 1
        placed = PlacedMessage(self._sendable, message)
        if self._sendable <= self._place:
            self.chosen = placed
        measure = self._measures[number]
        self._keep_best("longest", (-measure.length, 0), placed)
        self._keep_best("shortest", (measure.length, 0), placed)
        self._keep_best("emptiest", (measure.filled, measure.length), placed)

    def _keep_best(self, kind: str, rank: tuple[int, int], placed: PlacedMessage) -> None:
        if kind not in self._best or rank < self._best[kind][0]:
            self._best[kind] = rank, placed

    def _list(self, chunk: Sequence[AudienceRow], classified: ClassifiedRows, known: frozenset[str]) -> None:
        for message, reason in _reasons(classified, known):
            if len(self.listed) == MOST_LISTED:
                return
            if reason == self._reason:
                place = position_of(message.id)
                row = chunk[place - self._read].row
                self.listed.append(
                    ListedPerson(
                        row=row or place + 1,
                        number=message.number or message.raw or "",
                        name=message.name,
                        detail=message.detail and unpack_sentence(message.detail),
                    )
                )


def _reasons(classified: ClassifiedRows, known: frozenset[str]) -> Iterator[tuple[NewMessage, str]]:
    """Yield the messages of a chunk with the reason for which each is skipped, or ``SENDABLE``."""
    for number, message in classified.sendable.items():
        yield message, str(SkipReason.DUPLICATE) if number in known else SENDABLE
    for message in classified.skipped:
        yield message, str(message.reason)


def describe_columns(columns: Columns | None, cells: Sequence[str]) -> Iterator[tuple[str, list[str], str]]:
    """Yield title, meanings and first cell of each column of a file."""
    if columns is None:
        return
    for index, meanings in enumerate(columns.meanings()):
        yield columns.title(index), meanings, cells[index] if index < len(cells) else ""
