"""The metrics that are read from the store."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from wabroadcast_core.context import Context
from wabroadcast_core.metrics import catalogue
from wabroadcast_core.metrics.samples import Samples
from wabroadcast_core.snapshots import BroadcastSnapshot, ConnectionSnapshot
from wabroadcast_core.store import backlog
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import callbacks as callback_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import workers as worker_store

MOST_INTERVALS = 10_000  # of broadcasts in memory


class StoreMetrics:
    """Reads the store. What it has found last is kept for a time when the store cannot be read."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._intervals: dict[int, float] = {}  # between two batches, by broadcast id
        self.is_read = False  # what follows is of the present
        self.connections: Mapping[int, ConnectionSnapshot] = {}  # by id
        self.workers: Sequence[int] = ()  # the ids of those that have not ended

    def add_to(self, samples: Samples) -> None:
        """Add the store's metrics.

        :raises UnavailableError: the store cannot be reached.
        """
        self.is_read = False
        now = self._context.clock.now()
        with self._context.database.read() as conn:
            self._add_connections(conn, samples, now=now)
            self._add_waiting(conn, samples, now=now)
            self._add_broadcasts(conn, samples, now=now)
            self._add_webhooks(conn, samples, now=now)
            self._add_callbacks(conn, samples, now=now)
            self.workers = worker_store.open_workers(conn)
        self.is_read = True

    def _add_connections(self, conn: Connection, samples: Samples, *, now: float) -> None:
        snapshots = [ConnectionSnapshot.of(row, now=now) for row in connection_store.list_connections(conn)]
        self.connections = {snapshot.id: snapshot for snapshot in snapshots}
        for snapshot in snapshots:
            samples[catalogue.ACTIVE][snapshot.name,] = int(snapshot.active)
            if snapshot.limits.rate is not None:
                samples[catalogue.RATE_LIMIT][snapshot.name,] = snapshot.limits.rate.per_second
        last_starts = backlog.last_starts(conn, now=now)
        for key in self.connections.keys() & last_starts.keys():
            samples[catalogue.LAST_START][self.connections[key].name,] = last_starts[key]

    def _add_waiting(self, conn: Connection, samples: Samples, *, now: float) -> None:
        waiting = backlog.waiting_messages(conn)
        due = backlog.oldest_due(conn, now=now, interval_of=lambda key: self._interval_of(conn, key))
        for key, connection in self.connections.items():
            name = connection.name
            found = waiting.get(key, backlog.Waiting(0, 0))
            samples[catalogue.WAITING][name, "queued"] = found.queued
            samples[catalogue.WAITING][name, "retry"] = found.retry
            samples[catalogue.OLDEST_DUE][name,] = max(0.0, now - due.get(key, now))

    def _add_broadcasts(self, conn: Connection, samples: Samples, *, now: float) -> None:
        for status, amount in backlog.open_broadcasts(conn).items():
            samples[catalogue.BROADCASTS][status.value,] = amount
        since = backlog.earliest_unstarted(conn, now=now)
        samples[catalogue.SCHEDULE_LAG][()] = 0.0 if since is None else now - since

    def _add_webhooks(self, conn: Connection, samples: Samples, *, now: float) -> None:
        amounts, oldest_at = backlog.webhook_backlog(conn)
        for key, connection in self.connections.items():
            samples[catalogue.WEBHOOKS][connection.name,] = amounts.get(key, 0)
        samples[catalogue.WEBHOOK_AGE][()] = 0.0 if oldest_at is None else max(0.0, now - oldest_at)

    def _add_callbacks(self, conn: Connection, samples: Samples, *, now: float) -> None:
        amount, oldest_at = callback_store.backlog(conn)
        samples[catalogue.CALLBACK_BACKLOG][()] = amount
        samples[catalogue.CALLBACK_AGE][()] = 0.0 if oldest_at is None else max(0.0, now - oldest_at)

    def _interval_of(self, conn: Connection, broadcast_id: int) -> float:
        """Return the seconds between two batches of a broadcast. Its draft never changes once it has started."""
        if broadcast_id not in self._intervals:
            row = broadcast_store.get_broadcast(conn, broadcast_id)
            batching = None if row is None else BroadcastSnapshot.of(row).draft.batching
            if len(self._intervals) >= MOST_INTERVALS:
                self._intervals.clear()
            self._intervals[broadcast_id] = 0.0 if batching is None else batching.interval_seconds
        return self._intervals[broadcast_id]
