"""The totals of all processes, kept in Redis: so each web process can show them, and no worker needs a port.

A process adds what it has measured every few seconds. What a process that is killed has not added is lost. If Redis
loses its keys the totals begin at zero again, which Prometheus expects of counters.
"""

import contextlib
import json
import logging
import socket
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from itertools import chain
from typing import Any

import redis

from wabroadcast_core.clock import CLOCK_SCRIPT
from wabroadcast_core.forks import renew_after_fork
from wabroadcast_core.keys import Keys
from wabroadcast_core.metrics.meters import Cell, Meters

log = logging.getLogger(__name__)

ADD_SECONDS = 5.0  # between two additions of a process
CELLS_AT_ONCE = 1_000  # Redis does nothing else meanwhile
OLDEST_CLOCK = 600.0  # seconds; a host that has noted no clock since is left out
_ADD = files(__package__).joinpath("add.lua").read_text(encoding="utf-8")
_ALIVE = CLOCK_SCRIPT + files(__package__).joinpath("alive.lua").read_text(encoding="utf-8")


class SharedTotals:
    """The totals of one installation. It may be used from any thread; each method raises redis.RedisError."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._add = client.register_script(_ADD)
        self._alive = client.register_script(_ALIVE)
        self._host = socket.gethostname()

    def note_clock(self) -> None:
        """Note how this host's clock differs from Redis' clock."""
        self._call_add(self._host, ())

    def add(self, amounts: Mapping[Cell, float]) -> None:
        """Add what was measured."""
        self._call_add("", chain.from_iterable((_field_of(cell), repr(amount)) for cell, amount in amounts.items()))

    def read(self) -> dict[Cell, float]:
        """Return the totals."""
        stored = self._hash(self._keys.metrics)
        return {_cell_of(field): float(total) for field, total in stored.items()}

    def forget(self, cells: Iterable[Cell]) -> None:
        """Delete totals."""
        if fields := [_field_of(cell) for cell in cells]:
            self._client.hdel(self._keys.metrics, *fields)

    def clock_offsets(self) -> dict[str, float]:
        """Return by how many seconds the clock of each host with a process is ahead of Redis' clock."""
        offsets: dict[str, float] = {}
        now = self._client.time()[0]
        for host, noted in self._hash(self._keys.host_clocks).items():
            offset, at = map(float, noted.split(b","))
            if now - at < OLDEST_CLOCK:
                offsets[host.decode()] = offset
        return offsets

    def count_alive(self, workers: Sequence[int]) -> int:
        """Return how many of these workers have a lease that has not expired."""
        return int(self._alive(keys=[self._keys.clock, *map(self._keys.worker, workers)]))

    def _hash(self, name: str) -> dict[bytes, bytes]:
        stored: Any = self._client.hgetall(name)  # bytes, as the client does not decode answers
        return dict(stored)

    def _call_add(self, host: str, arguments: Iterable[Any]) -> None:
        self._add(keys=[self._keys.metrics, self._keys.host_clocks], args=[host, time.time(), *arguments])


class MeterSharing:
    """A thread that adds the measurements of this process to the shared totals."""

    def __init__(self, meters: Meters, totals: SharedTotals) -> None:
        self._meters = meters
        self._totals = totals
        self._closing = threading.Event()
        self._thread = self._new_thread()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()
        renew_after_fork(self._after_fork)

    def close(self) -> None:
        """Add what was measured last, and end the thread."""
        self._closing.set()
        self._thread.join(timeout=ADD_SECONDS)

    def _after_fork(self) -> None:
        """Share in the child of a fork what it measures itself."""
        self._meters.clear()
        if not self._closing.is_set():
            self._closing = threading.Event()
            self._thread = self._new_thread()
            self._thread.start()

    def share(self) -> None:
        """Add what was measured since the last call; while Redis takes no calls, keep it.

        A call whose answer is lost is made again, so its amounts may count twice.
        """
        amounts = self._meters.take()
        cells = list(amounts)
        for begin in range(0, len(cells), CELLS_AT_ONCE):
            part = {cell: amounts[cell] for cell in cells[begin : begin + CELLS_AT_ONCE]}
            try:
                self._totals.add(part)
            except redis.RedisError:  # the engine logs it, with the way out
                self._meters.put_back(part)

    def _new_thread(self) -> threading.Thread:
        return threading.Thread(target=self._work, name="wabroadcast-metrics", daemon=True)

    def _work(self) -> None:
        while not self._closing.wait(ADD_SECONDS):
            self._share_safely()
        self._share_safely()

    def _share_safely(self) -> None:
        try:
            with contextlib.suppress(redis.RedisError):
                self._totals.note_clock()
            self.share()
        except Exception:
            log.exception("measurements could not be shared; the next attempt follows in %g s", ADD_SECONDS)


def _field_of(cell: Cell) -> str:
    return json.dumps(cell, separators=(",", ":"))


def _cell_of(field: bytes) -> Cell:
    metric, labels, part = json.loads(field)
    return Cell(metric, tuple(labels), part)
