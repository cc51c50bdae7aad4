"""New messages of broadcasts, as the preparation of an audience stores them: many at once."""

from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from wabroadcast_core.store.sql import POST_ROWS, as_json, clean_text, dialects, json_columns

_, _COLUMNS = json_columns(
    id="BIGINT",
    broadcast_id="BIGINT",
    batch="INTEGER",
    route="INTEGER",
    status="TEXT",
    number="TEXT",
    raw="TEXT",
    name="TEXT",
    variables="TEXT",
    reason="TEXT",
    detail="TEXT",
)


class NewMessage(NamedTuple):
    """A message to store, in the order of the columns above."""

    id: int
    broadcast_id: int
    batch: int
    route: int
    status: str
    number: str | None
    raw: str | None
    name: str | None
    variables: str | None  # JSON
    reason: str | None
    detail: str | None


_SELECTED = "SELECT {columns} FROM {rows} WHERE true"
# PostgreSQL adds the queued ones to the queue.
_QUEUE = """
    RETURNING id, broadcast_id, route, batch, status), queued AS (
      INSERT INTO queued_messages (broadcast_id, route, batch, id)
      SELECT broadcast_id, route, batch, id FROM added WHERE status = 'queued'
    ) SELECT id FROM added
    """
# Store messages; those whose position or number its broadcast has already are left out.
# Input: in SQLite one row for each message, as NewMessage; in PostgreSQL :rows, JSON rows of NewMessage.
# Output in PostgreSQL: the keys of the stored messages.
_INSERT = dialects(
    """
    {begin} INSERT INTO messages (id, broadcast_id, batch, route, status, number, raw, name, variables, reason, detail)
    {values}
    ON CONFLICT DO NOTHING {end}
    """,
    sqlite={"begin": "", "values": "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", "end": ""},
    postgresql={
        "begin": "WITH added AS (",
        "values": _SELECTED.format(columns=_COLUMNS, rows=POST_ROWS),
        "end": _QUEUE,
    },
)
_texts_of = attrgetter("raw", "name", "detail")  # the columns that may have characters that no database stores
_STORED = text("SELECT id FROM messages WHERE id IN (SELECT each.value FROM json_each(:keys) AS each)")
_HAS_ANY = text("SELECT EXISTS (SELECT 1 FROM messages WHERE id BETWEEN :low AND :high)")


def insert_messages(conn: Connection, rows: Sequence[NewMessage]) -> set[int]:
    """Store new messages.

    :returns: the keys of those that were stored: without positions and numbers that the broadcast has already.
    """
    if conn.dialect.name == "sqlite":
        return _insert_in_sqlite(conn, rows)
    return set(conn.execute(_INSERT.of(conn), {"rows": as_json(rows)}).scalars())


def _insert_in_sqlite(conn: Connection, rows: Sequence[NewMessage]) -> set[int]:
    """Store messages row by row, which takes SQLite less time than to take them out of JSON."""
    keys = {row.id for row in rows}
    if not keys:
        return keys
    present = _present(conn, keys) if conn.scalar(_HAS_ANY, {"low": min(keys), "high": max(keys)}) else set()
    stored = conn.exec_driver_sql(_INSERT.sqlite.text, _storable(rows)).rowcount
    return keys if stored == len(rows) else _present(conn, keys) - present


def _present(conn: Connection, keys: Collection[int]) -> set[int]:
    return set(conn.scalars(_STORED, {"keys": as_json([*keys])}))


def _storable(rows: Sequence[NewMessage]) -> list[tuple[Any, ...]]:
    """Return the messages without characters that no database stores; one search for all takes the least time."""
    texts = "".join([text for row in rows for text in _texts_of(row) if text])
    if clean_text(texts) == texts:
        return [*rows]
    return [
        row._replace(
            raw=row.raw and clean_text(row.raw),
            name=row.name and clean_text(row.name),
            detail=row.detail and clean_text(row.detail),
        )
        for row in rows
    ]
