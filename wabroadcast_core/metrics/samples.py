"""The values of metrics, as they are exported."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from wabroadcast_core.metrics.catalogue import Metric


@dataclass(frozen=True, slots=True)
class Distribution:
    """The value of a histogram: the observations in each bucket, the last one without an upper bound, and their sum."""

    buckets: Sequence[float]
    sum: float


Value: TypeAlias = float | Distribution
Labels: TypeAlias = tuple[str, ...]
Samples: TypeAlias = dict[Metric, dict[Labels, Value]]
