"""What causes follow from, read once for one request: connections with their limiters, drafts, the state of Redis."""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import Any, Final

import redis
from sqlalchemy import Connection, RowMapping

from wabroadcast_core.context import Context
from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.status import BroadcastStatus, ConnectionState
from wabroadcast_core.models.waiting import NoWorker, RedisDown, StoreDown
from wabroadcast_core.pacing.pace import BUCKETS, STRETCH
from wabroadcast_core.pacing.pace_look import PaceLook, PaceState, UsedSlots, use_from_starts
from wabroadcast_core.redis_access.connection_notes import ConnectionNotes, read_notes
from wabroadcast_core.redis_access.preparation_notes import PutOff, read_put_off
from wabroadcast_core.snapshots import ConnectionSnapshot, WarmUpDay
from wabroadcast_core.store import audit_log
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import starts as start_store
from wabroadcast_core.waiting.installation import missing_worker, pairing_fault, redis_fault, refused_write
from wabroadcast_core.waiting.limits import ConnectionFacts

Row = Mapping[Any, Any]
NO_CONNECTION = 0  # an id that no connection has
MOST_BROADCASTS = 50  # of one connection that are looked at: those that it serves first


class Unread(Enum):
    """The value of a fact that was not read yet: None is a fact too."""

    UNREAD = auto()


UNREAD: Final = Unread.UNREAD


class Facts:
    """The facts of one request. Each is read when it is needed, once.

    :param conn: a read transaction.
    """

    def __init__(self, context: Context, conn: Connection) -> None:
        self.context = context
        self.conn = conn
        self.redis_fault: RedisDown | None = pairing_fault(context)
        self._look = PaceLook(context.redis, context.keys)
        self._drafts: dict[int, BroadcastDraft] = {}
        self._broadcasts: dict[int, Sequence[RowMapping]] = {}
        self._connections: dict[int, ConnectionFacts] = {}
        self._missing_worker: NoWorker | RedisDown | Unread | None = UNREAD
        self._refused_write: RedisDown | StoreDown | Unread | None = UNREAD
        self._quiet: dict[int, bool] = {}
        self._pauses: dict[int, dict[str, str]] = {}
        self._pausers: dict[tuple[int, str], str] = {}  # of broadcasts, by id and reason
        self._looked_for: set[int] = set()  # the broadcasts whose pausers were read
        self._connection_pausers: dict[int, str | None] = {}
        self._pools: dict[tuple[str, ...], list[ConnectionFacts]] = {}
        self._rows: dict[str, RowMapping | None] = {}  # of connections, by name
        self._inactive: list[int] | None = None

    def draft(self, broadcast: Row) -> BroadcastDraft:
        """Return the draft of a broadcast."""
        key = broadcast["id"]
        if key not in self._drafts:
            self._drafts[key] = BroadcastDraft.model_validate_json(broadcast["draft"])
        return self._drafts[key]

    def broadcasts_on(self, connection_id: int) -> Sequence[RowMapping]:
        """Return the broadcasts with open messages that a connection may send, in the order in which it serves them."""
        if connection_id not in self._broadcasts:
            self.load_broadcasts_on([connection_id])
        return self._broadcasts[connection_id]

    def load_broadcasts_on(self, connection_ids: Sequence[int]) -> None:
        """Read the broadcasts of several connections together."""
        self._broadcasts |= broadcast_store.open_broadcasts(self.conn, connection_ids, limit=MOST_BROADCASTS)

    def pool(self, broadcast: Row) -> list[ConnectionFacts]:
        """Return the connections of a broadcast."""
        return self.pool_of(self.draft(broadcast))

    def pool_of(self, draft: BroadcastDraft) -> list[ConnectionFacts]:
        """Return the connections that a draft names."""
        names = tuple(draft.pool)
        if names not in self._pools:
            self._load_connections(names)
            rows = [row for name in names if (row := self._rows[name]) is not None]
            self._pools[names] = [self.connection(row) for row in sorted(rows, key=lambda row: row["id"])]
        return self._pools[names]

    def load_pools(self, broadcasts: Iterable[Row]) -> None:
        """Read the connections of several broadcasts together, which costs far less than one after the other."""
        self._load_connections(name for broadcast in broadcasts for name in self.draft(broadcast).pool)

    def connection(self, row: RowMapping) -> ConnectionFacts:
        """Return the facts of a connection."""
        key = row["id"]
        if key not in self._connections:
            limits = ConnectionSnapshot.of(row, now=self.context.clock.now()).limits
            pace = self._pace_of(key, limits)
            self._connections[key] = ConnectionFacts(row, limits, WarmUpDay.of(row, now=pace.now), pace)
        return self._connections[key]

    def notes(self, connection_ids: Sequence[int]) -> dict[int, ConnectionNotes]:
        """Return what is noted of connections, by id; nothing while Redis is away."""
        if self.redis_fault is not None:
            return {}
        try:
            return read_notes(self.context.redis, self.context.keys, connection_ids)
        except redis.RedisError as error:
            self.redis_fault = redis_fault(error)
            return {}

    def put_off(self, broadcast_id: int) -> PutOff | None:
        """Return why the preparation of a broadcast was put off; None if it was not, or while Redis is away."""
        if self.redis_fault is not None:
            return None
        try:
            return read_put_off(self.context.redis, self.context.keys, broadcast_id)
        except redis.RedisError as error:
            self.redis_fault = redis_fault(error)
            return None

    def pauser_of_broadcast(self, broadcast: Row) -> str | None:
        """Return who paused a broadcast for the reason that it has; None if that is not recorded."""
        if broadcast["id"] not in self._looked_for:
            self.load_pausers([broadcast])
        return self._pausers.get((broadcast["id"], broadcast["status_reason"] or ""))

    def load_pausers(self, broadcasts: Iterable[Row]) -> None:
        """Read who paused several broadcasts together."""
        if keys := [row["id"] for row in broadcasts if row["status"] == BroadcastStatus.PAUSED]:
            self._pausers |= audit_log.pausers_of_broadcasts(self.conn, keys)
            self._looked_for.update(keys)

    def pauser_of_connection(self, connection: Row) -> str | None:
        """Return who paused a connection; None if that is not recorded."""
        if connection["id"] not in self._connection_pausers:
            self.load_connection_pausers([connection])
        return self._connection_pausers[connection["id"]]

    def load_connection_pausers(self, connections: Iterable[Row]) -> None:
        """Read who paused several connections together."""
        if keys := [row["id"] for row in connections if row["state"] != ConnectionState.ACTIVE]:
            found = audit_log.pausers_of_connections(self.conn, keys)
            self._connection_pausers |= {key: found.get(key) for key in keys}

    def pauses_of_parts(self, broadcast: Row) -> dict[str, str]:
        """Return who paused batches and messages of a broadcast, by part."""
        key = broadcast["id"]
        if key not in self._pauses:
            self._pauses[key] = audit_log.pauses_of_parts(self.conn, key)
        return self._pauses[key]

    def routes(self, broadcast: Row, connection_id: int) -> list[int]:
        """Return the routes whose messages a connection may claim, as :class:`Claims` does."""
        if len(self.draft(broadcast).pool) == 1:
            return [0]
        if self._inactive is None:
            self._inactive = connection_store.inactive_keys(self.conn)
        return [connection_id, 0, *(key for key in self._inactive if key != connection_id)]

    def missing_worker(self, pace: PaceState | None = None) -> NoWorker | RedisDown | None:
        """Return that no worker is alive, if none is.

        :param pace: the state of any limiter, if it was read: it has Redis' clock.
        """
        if self._missing_worker is UNREAD:
            try:
                pace = pace or self._look.look(NO_CONNECTION, Limits())
                steady = pace.now - pace.jump
                self._missing_worker = missing_worker(self.context, self.conn, steady=steady, jump=pace.jump)
            except redis.RedisError as error:
                self._missing_worker = self.redis_fault = redis_fault(error)
        return self._missing_worker

    def is_quiet(self, connection: ConnectionFacts) -> bool:
        """Return whether no start of a connection was recorded in the present span of time."""
        key = connection.row["id"]
        if key not in self._quiet:
            last = start_store.last_span(self.conn, key)
            self._quiet[key] = last is None or last <= connection.pace.now
        return self._quiet[key]

    def refused_write(self) -> RedisDown | StoreDown | None:
        """Return which of Redis and the store refuses writes, by a write to both."""
        if self._refused_write is UNREAD:
            self._refused_write = refused_write(self.context)
        return self._refused_write

    def _load_connections(self, names: Iterable[str]) -> None:
        if missing := set(names) - self._rows.keys():
            found = {row["name"]: row for row in connection_store.find_connections(self.conn, sorted(missing))}
            self._rows |= {name: found.get(name) for name in missing}

    def _pace_of(self, connection_id: int, limits: Limits) -> PaceState:
        """Return the state of a limiter; where it is away or knows nothing, what the store knows."""
        now = self.context.clock.now()
        state = PaceState(now=now, jump=0.0, next_at=None, cool_until=0.0, factor=1.0)
        if self.redis_fault is None:
            own = [row["id"] for row in self.broadcasts_on(connection_id) if self.draft(row).rate is not None]
            try:
                state = self._look.look(connection_id, limits, broadcasts=own)
            except redis.RedisError as error:
                self.redis_fault = redis_fault(error)
        if state.next_at is not None:
            return state
        return state.with_uses(self._stored_uses(connection_id, limits, now=state.now))

    def _stored_uses(self, connection_id: int, limits: Limits, *, now: float) -> list[UsedSlots]:
        uses = []
        for quota in limits.quotas:
            since, seconds = now - STRETCH * quota.per_seconds, max(1, int(quota.per_seconds / BUCKETS))
            starts = start_store.starts_by_period(self.conn, connection_id, since=since, seconds=seconds)
            uses.append(use_from_starts(quota, starts, now=now))
        return uses
