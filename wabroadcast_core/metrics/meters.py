"""What one process has measured and not yet added to the shared totals."""

import threading
from bisect import bisect_left
from typing import Final, NamedTuple, TypeAlias

from wabroadcast_core.metrics.catalogue import Metric

Label: TypeAlias = int | str

VALUE: Final = "value"  # the part of a counter
SUM: Final = "sum"  # of a histogram; its other parts are the numbers of its buckets


class Cell(NamedTuple):
    """One number of a metric: of these label values, the value, the sum or a bucket."""

    metric: str
    labels: tuple[Label, ...]
    part: str | int


class Meters:
    """Counts and durations of this process. It may be used from any thread; a call takes about a microsecond."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._amounts: dict[tuple[str, tuple[Label, ...], str | int], float] = {}

    def count(self, metric: Metric, *labels: Label, amount: int = 1) -> None:
        """Add to a counter."""
        cell = (metric.name, labels, VALUE)
        with self._lock:
            self._amounts[cell] = self._amounts.get(cell, 0) + amount

    def observe(self, metric: Metric, seconds: float, *labels: Label) -> None:
        """Add one duration to a histogram."""
        bucket = (metric.name, labels, bisect_left(metric.buckets, seconds))
        total = (metric.name, labels, SUM)
        with self._lock:
            amounts = self._amounts
            amounts[bucket] = amounts.get(bucket, 0) + 1
            amounts[total] = amounts.get(total, 0) + seconds

    def take(self) -> dict[Cell, float]:
        """Return what was measured since the last call, and begin anew."""
        with self._lock:
            amounts, self._amounts = self._amounts, {}
        return {Cell._make(cell): amount for cell, amount in amounts.items()}

    def put_back(self, amounts: dict[Cell, float]) -> None:
        """Add what was taken and could not be shared."""
        with self._lock:
            for cell, amount in amounts.items():
                self._amounts[cell] = self._amounts.get(cell, 0) + amount
