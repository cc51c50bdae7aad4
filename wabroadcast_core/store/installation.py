"""The one row about the installation that the store belongs to: its Redis, its secret key, the last probe."""

from typing import Any

from sqlalchemy import Connection, RowMapping, select
from sqlalchemy.dialects import postgresql, sqlite

from wabroadcast_core.store.tables import installation

_ID = 1


def probe_write(conn: Connection, *, now: float) -> None:
    """Write to the store."""
    write(conn, probed_at=now)


def write(conn: Connection, **values: Any) -> None:
    """Set columns of the row. The row is created if there is none."""
    insert = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    statement = insert(installation).values(id=_ID, **values)
    conn.execute(statement.on_conflict_do_update(index_elements=[installation.c.id], set_=values))


def read(conn: Connection) -> RowMapping | None:
    """Return the row."""
    return conn.execute(select(installation).where(installation.c.id == _ID)).mappings().first()
