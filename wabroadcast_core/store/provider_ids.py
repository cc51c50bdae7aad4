"""The provider's ids of messages: in PostgreSQL the table ``provider_ids``, in SQLite an index of the messages."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy import ColumnElement, Connection, Join, Table, select, text

from wabroadcast_core.store.tables import messages, provider_ids

# Add, and delete, the ids that messages have. Input: :keys (an array).
_ADD = text(
    """
    INSERT INTO provider_ids (provider_id, id)
    SELECT provider_id, id FROM messages WHERE id = ANY (:keys) AND provider_id IS NOT NULL
    """
)
_DELETE = text(
    """
    DELETE FROM provider_ids USING messages
    WHERE messages.id = ANY (:keys) AND provider_ids.provider_id = messages.provider_id
      AND provider_ids.id = messages.id
    """
)


@contextmanager
def changed_ids(conn: Connection, keys: Iterable[int]) -> Iterator[None]:
    """Keep the table while a block changes the provider's ids of messages.

    :param keys: the messages' keys.
    """
    changed = [] if conn.dialect.name == "sqlite" else list(keys)
    if changed:
        conn.execute(_DELETE, {"keys": changed})
    yield
    if changed:
        conn.execute(_ADD, {"keys": changed})


def have_ids(conn: Connection, wanted: Iterable[str]) -> list[ColumnElement[bool]]:
    """Return the conditions of messages that have one of these ids."""
    ids = list(wanted)
    conditions: list[ColumnElement[bool]] = [messages.c.provider_id.in_(ids)]
    if conn.dialect.name != "sqlite":
        conditions.append(messages.c.id.in_(select(provider_ids.c.id).where(provider_ids.c.provider_id.in_(ids))))
    return conditions


def join_messages(conn: Connection, table: Table) -> Join:
    """Join a table with ``provider_id`` and ``connection_id`` to the messages that have the same."""
    same = (messages.c.provider_id == table.c.provider_id) & (messages.c.connection_id == table.c.connection_id)
    if conn.dialect.name == "sqlite":
        return table.join(messages, same)
    named = table.join(provider_ids, provider_ids.c.provider_id == table.c.provider_id)
    return named.join(messages, (messages.c.id == provider_ids.c.id) & same)
