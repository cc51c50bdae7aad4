"""The worker processes: a number each, so that a claim says whose it is."""

import os
import socket
from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from wabroadcast_core.store.tables import workers


def insert_worker(connection: Connection, *, now: float) -> int:
    """Enter this process. :returns: its number, never used again."""
    values = {"host": socket.gethostname(), "pid": os.getpid(), "started_at": now}
    key: int = connection.execute(insert(workers).values(values).returning(workers.c.id)).scalar_one()
    return key


def end_worker(connection: Connection, key: int, *, now: float) -> None:
    connection.execute(update(workers).where(workers.c.id == key, workers.c.ended_at.is_(None)).values(ended_at=now))


def is_open(connection: Connection, key: int) -> bool:
    statement = select(workers.c.id).where(workers.c.id == key, workers.c.ended_at.is_(None))
    return connection.execute(statement).first() is not None


def open_workers(connection: Connection) -> Sequence[int]:
    return connection.execute(select(workers.c.id).where(workers.c.ended_at.is_(None))).scalars().all()
