"""Reading of a contact source in a thread of its own, so that one that hangs is left behind and holds no worker."""

import contextvars
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self

from wabroadcast_core.errors import SourceError
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.sentences import Sentence

BLOCK = 100  # rows that are read at once where they are taken one by one


class SourceReader:
    """Reads the rows of one source. The thread reads what is asked for, and nothing ahead.

    :param read: the source's ``read``.
    :param kind: of the source, for the text of an error.
    :param seconds: the longest time without a sign of life.
    :param signs_of_life: returns a number that grows while the source works without a row.
    """

    def __init__(
        self,
        read: Callable[[], Iterable[AudienceRow]],
        *,
        kind: str,
        seconds: float,
        signs_of_life: Callable[[], int] = int,
    ) -> None:
        self._read = read
        self._kind = kind
        self._seconds = seconds
        self._signs_of_life = signs_of_life
        self._rows_read = 0
        self._requests: SimpleQueue[int] = SimpleQueue()  # amounts of rows; 0 ends the thread
        self._replies: SimpleQueue[list[AudienceRow] | BaseException] = SimpleQueue()
        run = contextvars.copy_context().run
        threading.Thread(target=run, args=(self._work,), name=f"wabroadcast-source-{kind}", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._requests.put(0)

    def take(self, count: int) -> list[AudienceRow]:
        """Return the next rows, at most ``count``; an empty list at the end.

        :raises SourceError: the source hangs.
        :raises BaseException: what the source raised.
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
            if isinstance(reply, BaseException):
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
                self._replies.put(list(islice(self._counted(rows), count)))
        except BaseException as error:  # noqa: BLE001 - raised in the caller of `take`
            self._replies.put(error)

    def _counted(self, rows: Iterator[AudienceRow]) -> Iterator[AudienceRow]:
        for row in rows:
            self._rows_read += 1
            yield row
