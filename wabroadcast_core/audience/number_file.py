"""Files for lists that have only numbers, such as the blacklist: read like a contact file, chunk by chunk."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from wabroadcast_core.audience.consent import ConsentColumn
from wabroadcast_core.audience.numbers import normal_number
from wabroadcast_core.errors import BroadcastError, NumberError
from wabroadcast_core.models.contact import RejectedRow
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.models.status import SkipReason
from wabroadcast_core.sentences import Sentence, listed

SHOWN_REJECTIONS = 100


@dataclass(slots=True)
class NumberChunk:
    """The distinct numbers of some rows, and the reasons why the other rows were rejected."""

    rows: int = 0
    numbers: dict[str, None] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    rejections: list[RejectedRow] = field(default_factory=list)  # at most SHOWN_REJECTIONS

    def add(self, row: AudienceRow, *, position: int, region: str, consent: Sequence[ConsentColumn] = ()) -> None:
        """Add one row.

        :param position: numbers the row if it has no number in its file.
        :param region: two letters; the country of numbers without a country code.
        :param consent: if there are such columns, a row that does not say no in one of them is rejected.
        """
        self.rows += 1
        row_number = position if row.row is None else row.row
        if row.fault is not None and row.fault.code is not SkipReason.NO_CONSENT:  # who said no belongs here
            self._reject(row_number, row.fault.column, row.fault.reason)
            return
        if consent and row.fault is None and not any(column.may_have_left(row.cells or ()) for column in consent):
            self._reject(row_number, consent[0].title, _not_said(consent))
            return
        try:
            self.numbers[normal_number(row.number, region=region)] = None
        except NumberError as error:
            self._reject(row_number, "number", error.reason)

    def _reject(self, row: int, column: str | None, reason: str) -> None:
        self.reasons[reason] += 1
        if len(self.rejections) < SHOWN_REJECTIONS:
            self.rejections.append(RejectedRow(row=row, column=column, reason=reason))


def _not_said(consent: Sequence[ConsentColumn]) -> Sentence:
    titles = listed(column.title for column in consent)
    return Sentence("no_not_said", "does not plainly say no in {titles}", titles=titles)


def number_chunks(
    rows: Iterable[AudienceRow],
    *,
    region: str,
    size: int,
    find_consent: Callable[[], Sequence[ConsentColumn]] = tuple,
) -> Iterator[NumberChunk]:
    """Yield the numbers of rows chunk by chunk. The rows before an error are yielded before the error is raised.

    :param region: two letters; the country of numbers without a country code.
    :param size: rows of a chunk.
    :param find_consent: returns the columns in which a row must say no; called once the first row is read.
    :raises BroadcastError: the file cannot be read to its end.
    """
    chunk = NumberChunk()
    consent: Sequence[ConsentColumn] = ()
    try:
        for position, row in enumerate(rows, 1):
            if position == 1:
                consent = find_consent()
            chunk.add(row, position=position, region=region, consent=consent)
            if chunk.rows >= size:
                yield chunk
                chunk = NumberChunk()
    except BroadcastError:
        if chunk.rows:
            yield chunk
        raise
    if chunk.rows:
        yield chunk
