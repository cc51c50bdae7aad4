"""The one row about the installation that the store belongs to: its Redis, its secret key, the last probe."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Double, RowMapping, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite

from wabroadcast_core.store.tables import installation

_ID = 1
_CLOCKS = {  # the store's own clock (UNIX seconds): processes compare their signs of life by it
    "sqlite": "(julianday('now') - 2440587.5) * 86400.0",
    "postgresql": "EXTRACT(EPOCH FROM clock_timestamp())",
}


@dataclass(frozen=True, slots=True)
class SignOfLife:
    """The last sign of life of a process that uses the store."""

    redis: str  # the name of its Redis
    seen_at: float
    age: float  # seconds


def probe_write(conn: Connection, *, now: float) -> None:
    """Write to the store."""
    write(conn, probed_at=now)


def write(conn: Connection, **values: Any) -> None:
    """Set columns of the row. The row is created if there is none."""
    insert = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    values = {"id": _ID, **values}
    statement = insert(installation).values(values)
    conn.execute(statement.on_conflict_do_update(index_elements=[installation.c.id], set_=values))


def read(conn: Connection) -> RowMapping | None:
    """Return the row."""
    return conn.execute(select(installation).where(installation.c.id == _ID)).mappings().first()


def ensure_token(conn: Connection, token: str) -> str:
    """Store a token, unless there is one already.

    :returns: the token of the store.
    """
    write(conn, id=_ID)  # so that there is a row
    conn.execute(
        update(installation).where(installation.c.id == _ID, installation.c.token.is_(None)).values(token=token)
    )
    return str(conn.execute(select(installation.c.token).where(installation.c.id == _ID)).scalar_one())


def token_of(conn: Connection, *, lock: bool = False) -> str | None:
    """Return the token of the store that a connection reaches; None if it has none yet.

    :param lock: on SQLite, take the lock for writing before the first read: it cannot be taken after the read any more
        if another process wrote in between.
    """
    if lock and conn.dialect.name == "sqlite":
        conn.execute(update(installation).where(installation.c.id == _ID).values(id=_ID))
    row = read(conn)
    return None if row is None else row["token"]


def show_life(conn: Connection, *, token: str, redis: str) -> None:
    """Record that a process is running that uses the store with this Redis."""
    write(conn, token=token, redis=redis, seen_at=_now(conn))


def sign_of_life(conn: Connection) -> SignOfLife | None:
    """Return the last sign of life of any process."""
    columns = (installation.c.redis, installation.c.seen_at, _now(conn) - installation.c.seen_at)
    row = conn.execute(select(*columns).where(installation.c.id == _ID)).first()
    return None if row is None or row[0] is None else SignOfLife(row[0], float(row[1]), float(row[2]))


def _now(conn: Connection) -> ColumnElement[float]:
    return literal_column(_CLOCKS[conn.dialect.name], Double())
