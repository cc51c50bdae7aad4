"""Reading of a contact source in a thread of plugins, so that one that hangs is left behind and holds no worker.

What it raises and yields is checked here: a bug of a source fails its broadcast with its name, a bad row is skipped.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from queue import Empty, SimpleQueue
from types import NoneType, TracebackType
from typing import Final, Self

from wabroadcast_core.errors import BroadcastError, SourceError
from wabroadcast_core.models.plain_values import (
    OddValueError,
    a_type,
    are_plain,
    name_text,
    number_text,
    plain_variables,
)
from wabroadcast_core.models.recipient import AudienceRow, RowFault
from wabroadcast_core.models.status import SkipReason
from wabroadcast_core.plugin_faults import describe_fault, trace_fault
from wabroadcast_core.plugins.threads import PluginThreads
from wabroadcast_core.plugins.time_limits import ExitError
from wabroadcast_core.sentences import Sentence, foreign, sentence_of

log = logging.getLogger(__name__)

BLOCK = 100  # rows that are read at once where they are taken one by one
_TEXTS: Final = frozenset({str, NoneType})


class SourceReader:
    """Reads the rows of one source. The thread reads what is asked for, and nothing ahead.

    :param read: the source's ``read``.
    :param kind: of the source, for the text of an error.
    :param seconds: the longest time without a sign of life.
    :param threads: those in which plugin code runs.
    :param owner: of the thread.
    :param signs_of_life: returns a number that grows while the source works without a row.
    """

    def __init__(
        self,
        read: Callable[[], Iterable[AudienceRow]],
        *,
        kind: str,
        seconds: float,
        threads: PluginThreads,
        owner: str,
        signs_of_life: Callable[[], int] = int,
    ) -> None:
        self._read = read
        self._kind = kind
        self._seconds = seconds
        self._signs_of_life = signs_of_life
        self._rows_read = 0
        self._requests: SimpleQueue[int] = SimpleQueue()  # amounts of rows; 0 ends the reading
        self._replies: SimpleQueue[list[AudienceRow] | BroadcastError] = SimpleQueue()
        threads.start(self._work, owner=owner)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._requests.put(0)

    def take(self, count: int) -> list[AudienceRow]:
        """Return the next rows, at most ``count``; an empty list at the end.

        :raises SourceError: the source hangs, raised an exception of its own, or yielded something that is not a row.
        :raises BroadcastError: the source raised it.
        """
        self._requests.put(count)
        while True:
            signs = self._progress
            try:
                reply = self._replies.get(timeout=self._seconds)
            except Empty:
                if self._progress == signs:
                    text = (
                        "the contact source {kind} has yielded no row for {seconds} s:"
                        " repair its plugin, then submit again"
                    )
                    raise SourceError(Sentence("source_hangs", text, kind=self._kind, seconds=self._seconds)) from None
                continue
            if isinstance(reply, BroadcastError):
                raise reply
            return reply

    def skip(self, count: int) -> None:
        """Read so many rows without returning them."""
        while count > 0 and (rows := self.take(min(count, BLOCK))):
            count -= len(rows)

    def rows(self) -> Iterator[AudienceRow]:
        """Yield all rows."""
        while block := self.take(BLOCK):
            yield from block

    @property
    def _progress(self) -> int:
        return self._rows_read + self._signs_of_life()

    def _work(self) -> None:
        try:
            rows = iter(self._read())
            while count := self._requests.get():
                self._replies.put(self._read_block(rows, count))
        except BroadcastError as error:
            self._replies.put(error)
        except BaseException as error:  # noqa: BLE001 - whatever a plugin raises, the caller of `take` gets an error
            self._replies.put(source_failure(self._kind, error))

    def _read_block(self, rows: Iterator[object], count: int) -> list[AudienceRow]:
        block: list[AudienceRow] = []
        for row in islice(rows, count):
            self._rows_read += 1
            if not isinstance(row, AudienceRow):
                fault = foreign(f"{a_type(row)} as its row {self._rows_read:,} instead of an AudienceRow")
                text = "the contact source {kind} yielded {fault}: repair its plugin, then submit again"
                raise SourceError(Sentence("source_yielded", text, kind=self._kind, fault=fault))
            block.append(row if _is_plain(row) else _plain_row(row))
        return block


def source_failure(kind: str, error: BaseException) -> SourceError:
    """Log the bug of a contact source, and return the error that its caller gets.

    :param kind: of the source.
    """
    if isinstance(error, ExitError) and error.__cause__ is not None:
        error = error.__cause__
    log.error("the contact source %s failed: %s", kind, describe_fault(error))
    log.debug("the contact source %s failed through these calls: %s", kind, trace_fault(error))
    text = "the contact source {kind} failed with {error} (see the log): repair its plugin, then submit again"
    return SourceError(Sentence("source_broke", text, kind=kind, error=type(error).__name__))


def _is_plain(row: AudienceRow) -> bool:
    """Return whether a row has values of the plain types only, as almost all rows do."""
    return (
        type(row.number) is str
        and type(row.name) in _TEXTS
        and type(row.variables) is dict
        and are_plain(row.variables)
    )


def _plain_row(row: AudienceRow) -> AudienceRow:
    """Return a row with plain values in the place of dates and the like.

    A value that cannot be made plain is the fault of its row, so that the other rows are read.
    """
    if row.fault is not None:
        return AudienceRow(_shown_number(row.number), row=row.row, fault=row.fault, cells=row.cells)
    try:
        return replace(
            row,
            number=number_text(row.number),
            name=name_text(row.name),
            variables=plain_variables(row.variables),
            own=plain_variables(row.own),
        )
    except OddValueError as error:
        code = SkipReason.INVALID_NUMBER if error.column == "number" else SkipReason.BAD_TEXT
        fault = RowFault(sentence_of(error), column=error.column, code=code)
        return AudienceRow(_shown_number(row.number), row=row.row, fault=fault, cells=row.cells)


def _shown_number(number: object) -> str:
    """Return the number of a damaged row as it is shown."""
    try:
        return number_text(number)
    except OddValueError:
        return ""
