"""The worker processes. Each has an id, which its claims carry."""

import os
import socket
from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, func, insert, select, text, update

from wabroadcast_core.store.claimed_blocks import claimed_among
from wabroadcast_core.store.sql import dialects
from wabroadcast_core.store.tables import workers


def insert_worker(conn: Connection, *, now: float) -> int:
    """Register this process as a worker.

    :returns: its id, which is never used again.
    """
    values = {"host": socket.gethostname(), "pid": os.getpid(), "started_at": now}
    key: int = conn.execute(insert(workers).values(values).returning(workers.c.id)).scalar_one()
    return key


def end_worker(conn: Connection, key: int, *, now: float) -> None:
    """Record that a worker has ended."""
    conn.execute(update(workers).where(workers.c.id == key, workers.c.ended_at.is_(None)).values(ended_at=now))


def is_open(conn: Connection, key: int) -> bool:
    """Return whether a worker is registered and has not ended."""
    statement = select(workers.c.id).where(workers.c.id == key, workers.c.ended_at.is_(None))
    return conn.execute(statement).first() is not None


_RECORD_INTENTS = text("UPDATE workers SET latest_intents = :latest WHERE id = :key AND latest_intents < :latest")


def record_intents(conn: Connection, key: int, *, latest: int) -> None:
    """Record the number of the latest group of intents that a worker has written to Redis."""
    conn.execute(_RECORD_INTENTS, {"key": key, "latest": latest})


def recorded_intents(conn: Connection, key: int) -> int:
    """Return what :func:`record_intents` last recorded of a worker; 0 if nothing."""
    return conn.execute(select(workers.c.latest_intents).where(workers.c.id == key)).scalar() or 0


_OF_ENDED = "worker_id IN (SELECT ended.id FROM workers AS ended WHERE ended.ended_at IS NOT NULL)"
_CLAIMING = dialects(
    """
    SELECT id, started_at, ended_at FROM workers
    WHERE ended_at IS NULL OR id IN (SELECT worker_id FROM {claimed} WHERE status = 'processing')
    """,
    **claimed_among(_OF_ENDED),
)


def claiming_workers(conn: Connection) -> Sequence[RowMapping]:
    """Return id, start and end of workers that have not ended, and of ended ones that still have claims."""
    return conn.execute(_CLAIMING.of(conn)).mappings().all()


def open_workers(conn: Connection) -> Sequence[int]:
    """Return the ids of workers that have not ended; of some the process may be dead."""
    return conn.execute(select(workers.c.id).where(workers.c.ended_at.is_(None))).scalars().all()


def last_end(conn: Connection) -> float | None:
    """Return when the last worker ended (UNIX seconds, UTC); None if none has."""
    return conn.execute(select(func.max(workers.c.ended_at))).scalar()
