"""The number of workbooks that a process reads at once. Each takes a process of its own, with much memory."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wabroadcast_core import BusyError, Sentence

_POLL_SECONDS = 0.1  # between two checks whether the waiting is over


class WorkbookSlots:
    """Places for workbooks that are read at the same time.

    :param amount: how many there are.
    """

    def __init__(self, amount: int) -> None:
        self._amount = amount
        self._free = threading.BoundedSemaphore(amount)

    @contextmanager
    def hold(self, *, deadline: float, is_over: Callable[[], bool]) -> Iterator[None]:
        """Hold a place while the block runs; wait for it first.

        :param deadline: by the monotonic clock; the waiting ends then at the latest.
        :param is_over: returns whether the reading, and so the waiting, is to end.
        :raises BusyError: no place became free in time.
        """
        while not self._free.acquire(timeout=_POLL_SECONDS):
            if is_over() or time.monotonic() > deadline:
                text = "{n} workbooks are being read, as many as may be read at once: try again in a minute"
                raise BusyError(Sentence("workbooks_busy", text, n=self._amount))
        try:
            yield
        finally:
            self._free.release()
