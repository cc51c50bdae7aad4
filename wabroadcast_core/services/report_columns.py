"""The columns of a report, made from rows of the store.

They are made column by column, which takes half the time that it takes row by row.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol, TypeAlias, TypeVar

from wabroadcast_core.audience.numbers import E164
from wabroadcast_core.sentences import unpack_sentence
from wabroadcast_core.store.messages import position_of
from wabroadcast_core.store.tables import messages

HEADER = (
    "messageId",
    "number",
    "name",
    "status",
    "reason",
    "detail",
    "attempts",
    "batch",
    "connection",
    "providerId",
    "dueAt",
    "sentAt",
    "deliveredAt",
    "readAt",
)
STORED = (
    messages.c.id,
    messages.c.number,
    messages.c.raw,
    messages.c.name,
    messages.c.status,
    messages.c.reason,
    messages.c.detail,
    messages.c.attempts,
    messages.c.batch,
    messages.c.connection_id,
    messages.c.provider_id,
    messages.c.due_at,
    messages.c.sent_at,
    messages.c.delivered_at,
    messages.c.read_at,
)
"""The columns of the store that :meth:`ReportColumns.of` takes."""

KEPT_MOMENTS = 65_536  # seconds whose text is kept: neighbouring messages are sent and read at the same times

Value = TypeVar("Value")
_Column: TypeAlias = Sequence[Any]  # of the store
_Cells: TypeAlias = Sequence[str]


class ColumnFormat(Protocol):
    """Makes finished cells of one kind of file, a whole column at once."""

    def phone_numbers(self, numbers: Sequence[str | None]) -> _Cells:
        """Return the cells of numbers in E.164."""

    def texts(self, texts: Sequence[str | None]) -> _Cells:
        """Return the cells of texts of any content."""

    def words(self, words: Sequence[str]) -> _Cells:
        """Return the cells of texts of our own, which no spreadsheet changes."""

    def whole_numbers(self, numbers: Sequence[int]) -> _Cells:
        """Return the cells of whole numbers."""


class ReportColumns:
    """Makes the columns of the report of one broadcast.

    :param connections: the names of connections by their ids.
    :param cells: makes the cells of the file.
    """

    def __init__(self, job_id: str, connections: Mapping[int, str], cells: ColumnFormat) -> None:
        self._job_id = job_id
        self._connections = connections
        self._cells = cells

    def of(self, page: Sequence[Sequence[Any]]) -> Sequence[_Cells]:
        """Return the columns of a page of rows, which are none if it has no row."""
        return self._columns(*zip(*page, strict=True)) if page else ()

    def _columns(
        self, keys: _Column, numbers: _Column, raws: _Column, names: _Column, statuses: _Column, reasons: _Column,
        details: _Column, attempts: _Column, batches: _Column, connections: _Column, provider_ids: _Column,
        *moments: _Column,
    ) -> Sequence[_Cells]:  # fmt: skip
        cells = self._cells
        return (
            self._ids(keys),
            self._numbers(numbers, raws),
            cells.texts(names),
            _each_once(statuses, cells.words),
            _each_once(reasons, cells.texts),
            _each_once(details, self._details),
            _each_once(attempts, cells.whole_numbers),
            _each_once(batches, cells.whole_numbers),
            _each_once(connections, self._names),
            cells.texts(provider_ids),
            *map(self._moments, moments),
        )

    def _ids(self, keys: Sequence[int]) -> _Cells:
        first = keys[0] - position_of(keys[0])
        return self._cells.words([f"{self._job_id}-{key - first}" for key in keys])

    def _numbers(self, numbers: _Column, raws: _Column) -> _Cells:
        """Return the number of each message, or what its audience has instead."""
        if all(numbers):
            return self._cells.phone_numbers(numbers)
        pairs = zip(numbers, raws, strict=True)
        known = [number or (raw if raw and E164.fullmatch(raw) else None) for number, raw in pairs]
        rows = zip(known, self._cells.phone_numbers(known), self._cells.texts(raws), strict=True)
        return [cell if number else raw for number, cell, raw in rows]

    def _details(self, details: Sequence[str | None]) -> _Cells:
        return self._cells.texts([detail and unpack_sentence(detail) for detail in details])

    def _names(self, connections: Sequence[int | None]) -> _Cells:
        return self._cells.texts([self._connections.get(key or 0) for key in connections])

    def _moments(self, moments: _Column) -> _Cells:
        return _each_once([None if moment is None else int(moment) for moment in moments], self._seconds)

    def _seconds(self, seconds: Sequence[int | None]) -> _Cells:
        return self._cells.words(["" if second is None else _moment_text(second) for second in seconds])


def _each_once(column: Sequence[Value], make: Callable[[Sequence[Value]], _Cells]) -> _Cells:
    """Return the cells of a column in which values repeat: each value is made into a cell once."""
    values = list(set(column))
    cells = dict(zip(values, make(values), strict=True))
    return [*map(cells.__getitem__, column)]


@lru_cache(KEPT_MOMENTS)
def _moment_text(second: int) -> str:
    """Return a time (UNIX seconds) as the API writes it."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
