"""The numbers of a file, for lists that hold nothing else: read as a contact file is, chunk by chunk."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from wabroadcast_core.audience.numbers import normal_number
from wabroadcast_core.errors import BroadcastError, NumberError
from wabroadcast_core.models.contact import RejectedRow
from wabroadcast_core.models.recipient import AudienceRow

SHOWN_REJECTIONS = 100


@dataclass(slots=True)
class NumberChunk:
    """Some rows: their numbers, each once, and what was wrong with the others."""

    rows: int = 0
    numbers: dict[str, None] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    rejections: list[RejectedRow] = field(default_factory=list)  # the first ones

    def add(self, row: AudienceRow, *, place: int, region: str) -> None:
        self.rows += 1
        at = place if row.row is None else row.row
        if row.fault is not None:
            self._reject(at, row.fault.column, row.fault.reason)
            return
        try:
            self.numbers[normal_number(row.number, region=region)] = None
        except NumberError as error:
            self._reject(at, "number", error.reason)

    def _reject(self, row: int, column: str | None, reason: str) -> None:
        self.reasons[reason] += 1
        if len(self.rejections) < SHOWN_REJECTIONS:
            self.rejections.append(RejectedRow(row=row, column=column, reason=reason))


def number_chunks(rows: Iterable[AudienceRow], *, region: str, size: int) -> Iterator[NumberChunk]:
    """What comes before a fault of the file is handed over before the fault is raised.

    :raises BroadcastError: the file cannot be read to its end.
    """
    chunk = NumberChunk()
    try:
        for place, row in enumerate(rows, 1):
            chunk.add(row, place=place, region=region)
            if chunk.rows >= size:
                yield chunk
                chunk = NumberChunk()
    except BroadcastError:
        if chunk.rows:
            yield chunk
        raise
    if chunk.rows:
        yield chunk
