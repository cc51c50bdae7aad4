"""``broadcaster.metrics``: what all processes have measured, and the present state of the store and Redis."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis
from huey import Huey

from wabroadcast_core.context import Context
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.metrics.catalogue import (
    CLOCK_OFFSET,
    CONNECTION,
    COOL_DOWN,
    MEASURED,
    RATE_FACTOR,
    READ,
    TASKS,
    UP,
    WORKERS,
    Metric,
)
from wabroadcast_core.metrics.meters import SUM, VALUE, Cell
from wabroadcast_core.metrics.samples import Distribution, Labels, Samples, Value
from wabroadcast_core.metrics.shared_totals import SharedTotals
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.pacing.pace_look import PaceLook
from wabroadcast_core.services.store_metrics import StoreMetrics

CACHED_SECONDS = 5.0  # several scrapers cost no more than one
_BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in MEASURED}


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with its present values, by the values of its labels."""

    metric: Metric
    samples: Mapping[Labels, Value]


class Metrics:
    """Reads the metrics of the whole installation. They are read again after ``CACHED_SECONDS``.

    What cannot be read is left out, and the metric ``wabroadcast_up`` shows it.

    :param huey: the queue of tasks.
    :param monotonic: returns seconds that never run backward.
    """

    def __init__(
        self,
        context: Context,
        totals: SharedTotals,
        huey: Huey,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._totals = totals
        self._huey = huey
        self._store = StoreMetrics(context)
        self._look = PaceLook(context.redis, context.keys)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._families: Sequence[Family] = ()
        self._read_at = float("-inf")

    def read(self) -> Sequence[Family]:
        """Return all metrics, in the order of the catalogue."""
        with self._lock:
            if self._monotonic() - self._read_at > CACHED_SECONDS:
                self._families = self._read_now()
                self._read_at = self._monotonic()
            return self._families

    def _read_now(self) -> list[Family]:
        samples: Samples = defaultdict(dict)
        samples[UP]["store",] = _could_read(self._store.add_to, samples)
        samples[UP]["redis",] = _could_read(self._add_redis, samples)
        return [Family(metric, samples[metric]) for metric in (*MEASURED, *READ)]

    def _add_redis(self, samples: Samples) -> None:
        samples[WORKERS][()] = self._totals.count_alive(self._store.workers)
        for connection in self._store.connections.values():
            state = self._look.look(connection.id, Limits())
            samples[COOL_DOWN][connection.name,] = max(0.0, state.cool_until - state.now)
            samples[RATE_FACTOR][connection.name,] = state.factor
        samples[TASKS] = {("ready",): self._huey.pending_count(), ("scheduled",): self._huey.scheduled_count()}
        samples[CLOCK_OFFSET] = {(host,): offset for host, offset in self._totals.clock_offsets().items()}
        self._add_totals(samples)

    def _add_totals(self, samples: Samples) -> None:
        """Add the shared totals. Those of deleted connections are removed from Redis.

        Metrics that this version does not know are left there: a process of a newer version may count them.
        """
        totals = {cell: total for cell, total in self._totals.read().items() if _is_known(cell)}
        orphaned = {cell for cell in totals if not self._has_subject(cell)}
        if self._store.is_read:
            self._totals.forget(orphaned)
        kept = [(cell, total) for cell, total in totals.items() if cell not in orphaned]
        for (metric, labels), parts in _by_labels(kept).items():
            named = self._named(metric, labels)
            samples[metric][named] = parts[VALUE] if metric.kind == "counter" else _distribution(metric, parts)

    def _has_subject(self, cell: Cell) -> bool:
        """Return whether the connection of a number exists; True for a number of no connection."""
        return CONNECTION not in _BY_NAME[cell.metric].labels or cell.labels[0] in self._store.connections

    def _named(self, metric: Metric, labels: tuple[Any, ...]) -> Labels:
        """Return label values with the name of the connection, which is the first label, instead of its id."""
        if CONNECTION not in metric.labels:
            return tuple(map(str, labels))
        return (self._store.connections[labels[0]].name, *map(str, labels[1:]))


def _could_read(read: Callable[[Samples], None], samples: Samples) -> int:
    """Read the store or Redis. Return 1 if that was possible, else 0."""
    try:
        read(samples)
    except (UnavailableError, redis.RedisError):
        return 0
    return 1


def _is_known(cell: Cell) -> bool:
    metric = _BY_NAME.get(cell.metric)
    return metric is not None and len(cell.labels) == len(metric.labels)


def _by_labels(totals: Iterable[tuple[Cell, float]]) -> dict[tuple[Metric, tuple[Any, ...]], dict[str | int, float]]:
    grouped: dict[tuple[Metric, tuple[Any, ...]], dict[str | int, float]] = defaultdict(dict)
    for cell, total in totals:
        grouped[_BY_NAME[cell.metric], cell.labels][cell.part] = total
    return grouped


def _distribution(metric: Metric, parts: Mapping[str | int, float]) -> Distribution:
    return Distribution([parts.get(place, 0) for place in range(len(metric.buckets) + 1)], parts.get(SUM, 0))
