"""What waits in the store, for the metrics: from counters and the ends of indexes, however many messages there are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, text

from wabroadcast_core.models.status import ENDED_BROADCASTS, BroadcastStatus, Purpose
from wabroadcast_core.store.message_indexes import LITE_STATUS, POST_STATUS
from wabroadcast_core.store.message_queue import LITE_QUEUE, POST_QUEUE
from wabroadcast_core.store.sql import dialects
from wabroadcast_core.store.tables import broadcast_connections, broadcasts, webhook_calls

MOST_CALLS = 10_000  # webhook calls of one connection that are counted
NOT_STARTED = (BroadcastStatus.SCHEDULED, BroadcastStatus.QUEUED)
_COUNTED = broadcasts.c.purpose != Purpose.TEST
OPEN = tuple(status for status in BroadcastStatus if status not in ENDED_BROADCASTS)

Interval = Callable[[int], float]
"""Returns the seconds between two batches of a broadcast."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The waiting messages of the running broadcasts that a connection sends."""

    queued: int
    retry: int


def waiting_messages(conn: Connection) -> dict[int, Waiting]:
    """Return the waiting messages by connection id, from the counters of the broadcasts."""
    pool = broadcast_connections.c
    statement = (
        select(pool.connection_id, func.sum(broadcasts.c.queued), func.sum(broadcasts.c.retry))
        .join(broadcasts, broadcasts.c.id == pool.broadcast_id)
        .where(broadcasts.c.status == BroadcastStatus.PROCESSING, _COUNTED)
        .group_by(pool.connection_id)
    )
    return {key: Waiting(int(queued), int(retry)) for key, queued, retry in conn.execute(statement)}


def open_broadcasts(conn: Connection) -> Mapping[BroadcastStatus, int]:
    """Return the number of broadcasts in each status, without those that have ended."""
    statement = select(broadcasts.c.status, func.count()).where(broadcasts.c.status.in_(OPEN), _COUNTED)
    found: dict[str, int] = dict(conn.execute(statement.group_by(broadcasts.c.status)).all())
    return {status: found.get(status, 0) for status in OPEN}


def earliest_unstarted(conn: Connection, *, now: float) -> float | None:
    """Return since when the broadcast has been due that should have started first; None if none is due."""
    due_since = func.coalesce(broadcasts.c.scheduled_at, broadcasts.c.created_at)
    statement = select(func.min(due_since)).where(broadcasts.c.status.in_(NOT_STARTED), due_since <= now)
    found: float | None = conn.execute(statement).scalar()
    return found


# Find the first due message of each broadcast on each of its connections. The messages of a pool have the route 0.
# Input: :now.
# Output: broadcast, connection, start of the broadcast, the first batches with a queued message and the times of the
# first retries, each first of the route 0 and then of the connection's own.
_QUEUED = """
    (SELECT batch FROM {{queue}}
      WHERE broadcast_id = b.id AND route = {route} AND messages.status = 'queued' AND batch <= b.released_batch
      ORDER BY batch, id LIMIT 1)
    """
_RETRY = """
    (SELECT due_at FROM messages
      WHERE broadcast_id = b.id AND route = {route} AND {{retry}} AND due_at <= :now
      ORDER BY due_at LIMIT 1)
    """
_OWN = "pool.connection_id"
_FIRST_DUE = dialects(
    f"""
    SELECT b.id, pool.connection_id, coalesce(b.started_at, b.created_at),
      {_QUEUED.format(route=0)}, {_QUEUED.format(route=_OWN)}, {_RETRY.format(route=0)}, {_RETRY.format(route=_OWN)}
    FROM broadcasts AS b JOIN broadcast_connections AS pool ON pool.broadcast_id = b.id
    WHERE b.status = 'processing' AND b.queued + b.retry > 0
    """,  # noqa: S608 - no user's text
    sqlite={**LITE_QUEUE, **LITE_STATUS},
    postgresql={**POST_QUEUE, **POST_STATUS},
)


def oldest_due(conn: Connection, *, now: float, interval_of: Interval) -> dict[int, float]:
    """Return since when the oldest due message of each connection has been due (UNIX seconds, UTC).

    A queued message is due since its broadcast started, or since its batch could be released. Send windows and pauses
    are not considered.
    """
    oldest: dict[int, float] = {}
    for broadcast_id, connection_id, began, *found in conn.execute(_FIRST_DUE.of(conn), {"now": now}):
        batches, retries = found[:2], found[2:]
        times = [due_at for due_at in retries if due_at is not None]
        times += [  # the first batch needs no look at the broadcast's interval
            began + batch * interval_of(broadcast_id) if batch else began for batch in batches if batch is not None
        ]
        if times:
            oldest[connection_id] = min([oldest.get(connection_id, now), *times])
    return oldest


_LAST_STARTS = text(
    """
    SELECT c.id, (SELECT max(s.ended_at) FROM connection_starts AS s WHERE s.connection_id = c.id)
    FROM connections AS c
    """
)


def last_starts(conn: Connection, *, now: float) -> dict[int, float]:
    """Return when each connection last started a message, to the length of a span; not later than ``now``."""
    return {key: min(float(ended_at), now) for key, ended_at in conn.execute(_LAST_STARTS) if ended_at is not None}


# Count the stored webhook calls of each connection, at most :most of each. Output: connection, amount.
_CALLS = text(
    """
    SELECT c.id, (SELECT count(*) FROM (SELECT 1 FROM webhook_calls AS w WHERE w.connection_id = c.id LIMIT :most) AS f)
    FROM connections AS c
    """
)


def webhook_backlog(conn: Connection) -> tuple[dict[int, int], float | None]:
    """Return the stored webhook calls by connection id, each at most ``MOST_CALLS``, and when the oldest arrived."""
    oldest = conn.execute(select(webhook_calls.c.received_at).order_by(webhook_calls.c.id).limit(1)).scalar()
    if oldest is None:
        return {}, None
    amounts: dict[int, int] = dict(conn.execute(_CALLS, {"most": MOST_CALLS}).all())
    return amounts, oldest
