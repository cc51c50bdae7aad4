"""The recipient for whom a test is rendered: one of the audience, found by number or by row."""

import contextlib
import time
from collections.abc import Iterable, Iterator

from wabroadcast_core.audience.inline_recipients import AnyRecipient, inline_rows
from wabroadcast_core.audience.numbers import parse_number
from wabroadcast_core.audience.sources import ReadingEnd, empty_reason, open_source, read_source, region_of
from wabroadcast_core.context import Context
from wabroadcast_core.errors import Fault, InvalidInputError, NumberError, SourceError
from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.broadcast_test import BroadcastTest
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.sentences import Sentence


class ChosenRecipient:
    """Finds the recipient that a test names. The audience is read up to this recipient, and nothing is stored.

    :param seconds: the longest time to read the audience.
    """

    def __init__(self, context: Context, test: BroadcastTest, *, seconds: float) -> None:
        self._context = context
        self._test = test
        self._seconds = seconds
        self._region = context.settings.default_region

    def find(self, draft: BroadcastDraft, recipients: Iterable[AnyRecipient] | None) -> AudienceRow:
        """Return the row of the recipient, with its number in E.164 where it is valid.

        :param recipients: the inline audience; None if the draft has a ``source``, or the body no audience at all.
        :raises InvalidInputError: the audience has no such recipient, or this one gets no message.
        :raises SourceError: the audience cannot be read.
        :raises FileError: the audience is a file that cannot be read.
        """
        with contextlib.ExitStack() as reading:
            if recipients is not None:
                return self._pick(inline_rows(recipients), Sentence("list_empty", "the list is empty"))
            if draft.source is None:
                return self._pick(iter([AudienceRow(self._test.number, row=1)]), "")
            deadline = time.monotonic() + self._seconds
            end = ReadingEnd(lambda: time.monotonic() > deadline)
            source = open_source(self._context, draft.source, is_over=end)
            longest = max(self._seconds, self._context.settings.plugin_seconds)
            reader = read_source(self._context, source, seconds=longest, end=end)
            rows = reading.enter_context(reader).rows()
            self._region = region_of(source, default=self._region)
            return self._pick(_until(deadline, rows), empty_reason(source))

    def _pick(self, rows: Iterator[AudienceRow], no_rows: str) -> AudienceRow:
        for place, row in enumerate(rows, start=1):
            no_rows = ""
            if self._is_chosen(row, place):
                return self._checked(row)
        raise InvalidInputError([self._missing(no_rows)])

    def _is_chosen(self, row: AudienceRow, place: int) -> bool:
        test = self._test
        if test.as_row is not None:
            return test.as_row == (row.row or place)
        if test.as_number is not None:
            return self._normal(row.number) == self._normal(test.as_number)
        return row.fault is None

    def _normal(self, number: str) -> str:
        """Return a number in E.164; an invalid one as it is."""
        try:
            return parse_number(number, region=self._region)
        except NumberError:
            return number.strip()

    def _checked(self, row: AudienceRow) -> AudienceRow:
        if row.fault is not None:
            text = "this recipient gets no message: {reason}"
            raise InvalidInputError([Fault(self._path, Sentence("faulty_recipient", text, reason=row.fault.reason))])
        row.number = self._normal(row.number)
        return row

    def _missing(self, no_rows: str) -> Fault:
        if no_rows:
            return Fault("source", no_rows)
        text = "the audience has no such recipient: name one of it, or none for the first one"
        return Fault(self._path, Sentence("no_such_recipient", text))

    @property
    def _path(self) -> str:
        return "test.asRow" if self._test.as_row is not None else "test.asNumber"


def _until(deadline: float, rows: Iterator[AudienceRow]) -> Iterator[AudienceRow]:
    """Yield rows until a time.

    :raises SourceError: the time is over.
    """
    for row in rows:
        yield row
        if time.monotonic() > deadline:
            text = "the recipient was not found in time: name one nearer to the beginning of the audience"
            raise SourceError(Sentence("recipient_not_found_in_time", text))
