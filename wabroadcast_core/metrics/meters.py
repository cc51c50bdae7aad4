"""What one process has measured and not yet added to the shared totals."""

import threading
from bisect import bisect_right
from collections import defaultdict
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

from wabroadcast_core.metrics.catalogue import Metric

Label: TypeAlias = int | str

VALUE: Final = "value"  # the part of a counter
SUM: Final = "sum"  # of a histogram; its other parts are the numbers of its buckets
MOST_NOTED: Final = 10_000  # durations of one kind that are kept singly


class Cell(NamedTuple):
    """One number of a metric: of these label values, the value, the sum or a bucket."""

    metric: str
    labels: tuple[Label, ...]
    part: str | int


class Meters:
    """Counts and durations of this process. It may be used from any thread.

    A duration is measured for each message, so it is only added to a list; many are put into their buckets at once.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin anew, as a new process does. No other thread may use it meanwhile."""
        self._lock = threading.Lock()
        self._amounts: defaultdict[Cell, float] = defaultdict(float)
        self._durations: dict[tuple[Metric, tuple[Label, ...]], list[float]] = {}

    def count(self, metric: Metric, *labels: Label, amount: int = 1) -> None:
        """Add to a counter."""
        cell = Cell(metric.name, labels, VALUE)
        with self._lock:
            self._amounts[cell] += amount

    def observe(self, metric: Metric, seconds: float, *labels: Label) -> None:
        """Add one duration to a histogram."""
        series = metric, labels
        durations = self._durations.get(series)
        if durations is None:
            durations = self._durations.setdefault(series, [])  # another thread may have been faster
        durations.append(seconds)
        if len(durations) >= MOST_NOTED:
            with self._lock:
                self._sort(series, durations)

    def take(self) -> dict[Cell, float]:
        """Return what was measured since the last call, and begin anew."""
        with self._lock:
            for series, durations in list(self._durations.items()):
                self._sort(series, durations)
            amounts, self._amounts = self._amounts, defaultdict(float)
        return dict(amounts)

    def put_back(self, amounts: dict[Cell, float]) -> None:
        """Add what was taken and could not be shared."""
        with self._lock:
            for cell, amount in amounts.items():
                self._amounts[cell] += amount

    def _sort(self, series: tuple[Metric, tuple[Label, ...]], durations: list[float]) -> None:
        """Put durations into their buckets and remove them from the list; other threads may add more meanwhile."""
        metric, labels = series
        taken = durations[:]
        if not taken:
            return
        del durations[: len(taken)]
        taken.sort()
        self._amounts[Cell(metric.name, labels, SUM)] += sum(taken)
        ends = [bisect_right(taken, bound) for bound in metric.buckets]
        for bucket, (begin, end) in enumerate(pairwise([0, *ends, len(taken)])):
            if end > begin:
                self._amounts[Cell(metric.name, labels, bucket)] += end - begin
