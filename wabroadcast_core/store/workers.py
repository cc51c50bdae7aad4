"""The worker processes: a number each, so that a claim says whose it is."""

import os
import socket
from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from wabroadcast_core.store.tables import messages, workers


def insert_worker(conn: Connection, *, now: float) -> int:
    """Enter this process. :returns: its number, never used again."""
    values = {"host": socket.gethostname(), "pid": os.getpid(), "started_at": now}
    key: int = conn.execute(insert(workers).values(values).returning(workers.c.id)).scalar_one()
    return key


def end_worker(conn: Connection, key: int, *, now: float) -> None:
    conn.execute(update(workers).where(workers.c.id == key, workers.c.ended_at.is_(None)).values(ended_at=now))


def is_open(conn: Connection, key: int) -> bool:
    statement = select(workers.c.id).where(workers.c.id == key, workers.c.ended_at.is_(None))
    return conn.execute(statement).first() is not None


def claiming_workers(conn: Connection) -> Sequence[int]:
    """Workers that have not ended, and those that ended and still hold claims."""
    holding = select(messages.c.worker_id).where(messages.c.status == "processing").distinct()
    statement = select(workers.c.id).where(workers.c.ended_at.is_(None) | workers.c.id.in_(holding))
    return conn.execute(statement).scalars().all()
