"""The worker processes. Each has an id, which its claims carry."""

import os
import socket
from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, func, insert, select, text, update

from wabroadcast_core.store.tables import messages, workers


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


def claiming_workers(conn: Connection) -> Sequence[RowMapping]:
    """Return id, start and end of workers that have not ended, and of ended ones that still have claims."""
    holding = select(messages.c.worker_id).where(messages.c.status == "processing").distinct()
    found = select(workers.c.id, workers.c.started_at, workers.c.ended_at)
    open_or_holding = workers.c.ended_at.is_(None) | workers.c.id.in_(holding)
    return conn.execute(found.where(open_or_holding)).mappings().all()


def open_workers(conn: Connection) -> Sequence[int]:
    """Return the ids of workers that have not ended; of some the process may be dead."""
    return conn.execute(select(workers.c.id).where(workers.c.ended_at.is_(None))).scalars().all()


def last_end(conn: Connection) -> float | None:
    """Return when the last worker ended (UNIX seconds, UTC); None if none has."""
    return conn.execute(select(func.max(workers.c.ended_at))).scalar()
