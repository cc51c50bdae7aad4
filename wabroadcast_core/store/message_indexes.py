"""The indexes of messages. Those of due work are partial, so they stay as small as that work.

PostgreSQL writes all indexes of a row if an update changes a column of any of them, or of a condition; any other update
is heap-only and writes none. A message is updated twice on its usual way, at its claim and at its record. So there no
index has a column that these change: queued and claimed messages and the provider's ids are found by the tables of
``lookup_tables.py``, and the other indexes have ``index_status`` in the place of the status. SQLite writes only the
indexes of the columns that change.
"""

from typing import Any, Final

from sqlalchemy import Column, Computed, Connection, Index, Table, Text, TextClause, text

from wabroadcast_core.models.status import MessageStatus

_INDEXED = frozenset({MessageStatus.RETRY, MessageStatus.UNKNOWN})

LITE_STATUS: Final = {status.value: f"messages.status = '{status}'" for status in _INDEXED}
POST_STATUS: Final = {status.value: f"messages.index_status = '{status}'" for status in _INDEXED}
"""Conditions of messages with a status, as the indexes of each dialect have them."""


def index_status() -> Column[str]:
    """Return the generated column: the status, where it is not one of the usual way."""
    return Column(
        "index_status",
        Text,
        Computed("CASE WHEN status IN ('retry', 'unknown') THEN status END", persisted=True),
    )


def has_status(conn: Connection, status: MessageStatus) -> TextClause:
    """Return the condition of messages with a status, as the indexes have it."""
    is_indexed = status in _INDEXED and conn.dialect.name != "sqlite"
    return text(f"messages.{'index_status' if is_indexed else 'status'} = '{status}'")


def add_indexes(messages: Table) -> None:
    """Add its indexes to the table."""
    column = messages.c
    _add(column.number, column.broadcast_id, where="number IS NOT NULL", unique=True)
    _add(column.raw, column.id, where="raw IS NOT NULL")
    _add_by_status("retry", column.broadcast_id, column.route, column.due_at, status="retry")
    _add_by_status("unknown", column.due_at, status="unknown", also=" AND due_at IS NOT NULL")
    _add_of("postgresql", "unsettled", column.id, where="index_status = 'unknown'")
    _add_of("sqlite", "unsettled", column.connection_id, column.id, where="status = 'unknown'")
    queue = (column.broadcast_id, column.route, column.batch, column.id)
    _add_of("sqlite", "queued", *queue, where="status = 'queued'")
    _add_of("sqlite", "processing", column.worker_id, where="status = 'processing'")
    _add_of("sqlite", "provider_id", column.provider_id, where="provider_id IS NOT NULL")


def _add(*columns: Column[Any], where: str, unique: bool = False) -> None:
    name = f"ix_messages_{columns[0].name}"
    Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


def _add_by_status(name: str, *columns: Column[Any], status: str, also: str = "") -> None:
    lite, post = text(f"status = '{status}'{also}"), text(f"index_status = '{status}'{also}")
    Index(f"ix_messages_{name}", *columns, sqlite_where=lite, postgresql_where=post)


def _add_of(dialect: str, name: str, *columns: Column[Any], where: str) -> None:
    """Add an index that only one dialect has."""
    condition = text(where)
    index = Index(f"ix_messages_{name}", *columns, sqlite_where=condition, postgresql_where=condition)
    index.info["dialect"] = dialect
    index.ddl_if(dialect=dialect)
