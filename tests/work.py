"""The work that a call takes, in units that no busy machine changes."""

import sys
import tracemalloc
from collections import Counter
from typing import Self


class Work:
    """Counts the calls of functions, and the most bytes that are allocated, inside a ``with`` block of one thread."""

    def __init__(self) -> None:
        self._counted: Counter[str] = Counter()
        self.peak = 0

    @property
    def calls(self) -> int:
        return self._counted["call"] + self._counted["c_call"]

    def __enter__(self) -> Self:
        tracemalloc.start()
        self._before = sys.getprofile()
        sys.setprofile(lambda _frame, happened, _argument: self._counted.update([happened]))
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before)
        self.peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
