"""Connections: the WhatsApp accounts that send."""

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, count
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from wabroadcast_core.models.status import DELETED, ENDED_BROADCASTS, ConnectionState, MessageStatus
from wabroadcast_core.store.message_indexes import has_status
from wabroadcast_core.store.tables import acts, broadcast_connections, broadcasts, connections, messages

DEFAULT_ACT = "default"  # in the audit log: the choice of the default connection

RECEIPT_SECONDS = 5.0  # between two notes of a receipt: receipts of many messages must not all write this row


def find_connection(conn: Connection, name: str) -> RowMapping | None:
    """Return the row of a connection by its name, or None."""
    statement = select(connections).where(connections.c.name == name, connections.c.state != DELETED)
    return conn.execute(statement).mappings().one_or_none()


_FIND = select(connections).where(  # this one and the next are built once, because they run for every webhook call
    connections.c.name.in_(bindparam("names", expanding=True)), connections.c.state != DELETED
)
_OF_KINDS = select(connections).where(
    connections.c.sender.in_(bindparam("kinds", expanding=True)), connections.c.state != DELETED
)


def find_connections(conn: Connection, names: Iterable[str]) -> Sequence[RowMapping]:
    """Return the rows of those connections that exist."""
    return conn.execute(_FIND, {"names": list(names)}).mappings().all()


def connections_of_kinds(conn: Connection, kinds: Iterable[str]) -> Sequence[RowMapping]:
    """Return the rows of the connections with these kinds of sender."""
    return conn.execute(_OF_KINDS, {"kinds": list(kinds)}).mappings().all()


_GET = select(connections).where(connections.c.id == bindparam("key"))  # built once, because every claim runs it


def get_connection(conn: Connection, key: int) -> RowMapping | None:
    """Return the row of a connection by its id, or None."""
    return conn.execute(_GET, {"key": key}).mappings().one_or_none()


def list_connections(conn: Connection) -> Sequence[RowMapping]:
    """Return the rows of all connections, in the order of their names."""
    statement = select(connections).where(connections.c.state != DELETED).order_by(connections.c.name)
    return conn.execute(statement).mappings().all()


def connection_names(conn: Connection) -> dict[int, str]:
    """Return the name of each connection by its id, deleted ones included."""
    return dict(conn.execute(select(connections.c.id, connections.c.name)).all())


def find_default(conn: Connection) -> RowMapping | None:
    """Return the row of the connection that was chosen as the default last, or None.

    The audit log remembers the choice.
    """
    choices = select(func.max(acts.c.id)).where(acts.c.connection_id > 0, acts.c.act == DEFAULT_ACT).scalar_subquery()
    statement = (
        select(connections)
        .join(acts, acts.c.connection_id == connections.c.id)
        .where(acts.c.id == choices, connections.c.state != DELETED)
    )
    return conn.execute(statement).mappings().one_or_none()


def connection_keys(conn: Connection, names: Sequence[str]) -> dict[str, int]:
    """Return the ids of those connections that exist, by name."""
    statement = select(connections.c.name, connections.c.id).where(
        connections.c.name.in_(names), connections.c.state != DELETED
    )
    return dict(conn.execute(statement).all())


def paused_for(conn: Connection, reason: str) -> Sequence[RowMapping]:
    """Return the rows of the connections that are paused with a reason, or with its code and a text.

    A pause by a person has no reason.
    """
    because = or_(connections.c.state_reason == reason, connections.c.state_reason.startswith(f"{reason}: "))
    return (
        conn.execute(select(connections).where(connections.c.state == ConnectionState.PAUSED, because)).mappings().all()
    )


def inactive_keys(conn: Connection) -> list[int]:
    """Return the ids of the connections that are not active."""
    statement = select(connections.c.id).where(connections.c.state != ConnectionState.ACTIVE)
    return list(conn.execute(statement).scalars())


def add_connection(
    conn: Connection, name: str, *, sender: str, settings: bytes, limits: dict[str, Any], now: float
) -> bool:
    """Create a connection, unless there is one of this name: several processes may do so at once.

    :param settings: encrypted.
    :returns: whether it was created.
    """
    insert = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    values = {"sender": sender, "settings": settings, "limits": json.dumps(limits)}
    state = {"state": ConnectionState.ACTIVE, "state_since": now, "created_at": now}
    statement = insert(connections).values(name=name, **values, **state).on_conflict_do_nothing()
    return conn.execute(statement.returning(connections.c.id)).first() is not None


def change_connection(conn: Connection, key: int, *, sender: str, settings: bytes, limits: dict[str, Any]) -> None:
    """Change a connection.

    :param settings: encrypted.
    """
    values = {"sender": sender, "settings": settings, "limits": json.dumps(limits)}
    statement = update(connections).where(connections.c.id == key)
    conn.execute(statement.values(**values, revision=connections.c.revision + 1))


_NOTE_RECEIPT = (
    update(connections)
    .where(
        connections.c.id == bindparam("key"),
        connections.c.last_receipt_at.is_(None) | (connections.c.last_receipt_at < bindparam("before")),
    )
    .values(last_receipt_at=bindparam("now"))
)


def note_receipt(conn: Connection, key: int, *, now: float) -> None:
    """Record that a receipt of a connection was processed now, unless one was a moment ago."""
    conn.execute(_NOTE_RECEIPT, {"key": key, "before": now - RECEIPT_SECONDS, "now": now})


def delete_connection(conn: Connection, key: int) -> None:
    """Delete a connection that was never used."""
    conn.execute(delete(connections).where(connections.c.id == key))


def hide_connection(conn: Connection, key: int, *, settings: bytes, now: float) -> None:
    """Delete a connection that ended broadcasts have used: its row keeps only what their history shows.

    Its name becomes free.

    :param settings: encrypted settings without any secret.
    """
    taken = set(conn.execute(select(connections.c.name)).scalars())
    name = conn.execute(select(connections.c.name).where(connections.c.id == key)).scalar_one()
    endings = chain(["(deleted)"], (f"(deleted, {number})" for number in count(2)))
    values = {"state": DELETED, "state_reason": None, "state_since": now, "settings": settings}
    free = next(text for ending in endings if (text := f"{name} {ending}") not in taken)
    statement = update(connections).where(connections.c.id == key)
    conn.execute(statement.values(**values, name=free, revision=connections.c.revision + 1))


def is_used(conn: Connection, key: int) -> bool:
    """Return whether any broadcast, also an ended one, uses this connection."""
    statement = select(broadcast_connections.c.broadcast_id).where(broadcast_connections.c.connection_id == key)
    return conn.execute(statement.limit(1)).first() is not None


def is_needed(conn: Connection, key: int) -> bool:
    """Return whether a broadcast that has not ended uses this connection, or a message waits to be sent again by it."""
    resent = select(messages.c.id).where(
        messages.c.connection_id == key, has_status(conn, MessageStatus.UNKNOWN), messages.c.due_at.is_not(None)
    )
    return bool(needing_broadcasts(conn, key, limit=1)) or conn.execute(resent.limit(1)).first() is not None


def needing_broadcasts(conn: Connection, key: int, *, limit: int) -> Sequence[RowMapping]:
    """Return rows of the broadcasts that have not ended and use this connection, the newest first."""
    statement = (
        select(broadcasts)
        .join(broadcast_connections, broadcast_connections.c.broadcast_id == broadcasts.c.id)
        .where(broadcast_connections.c.connection_id == key, broadcasts.c.status.not_in(list(ENDED_BROADCASTS)))
        .order_by(broadcasts.c.id.desc())
    )
    return conn.execute(statement.limit(limit)).mappings().all()


def take_over_pause(conn: Connection, key: int) -> bool:
    """Turn an automatic pause into a pause by a person, which only a person ends.

    :returns: whether the connection was paused automatically.
    """
    statement = update(connections).where(
        connections.c.id == key,
        connections.c.state == ConnectionState.PAUSED,
        connections.c.state_reason.is_not(None),
    )
    return conn.execute(statement.values(state_reason=None)).rowcount == 1


def set_state(conn: Connection, key: int, state: ConnectionState, *, reason: str | None, now: float) -> bool:
    """Set the state of a connection.

    :param reason: the reason of an automatic pause; None if a person pauses or resumes it.
    :returns: whether the state has changed.
    """
    statement = (
        update(connections)
        .where(connections.c.id == key, connections.c.state.not_in([state, DELETED]))
        .values(state=state, state_reason=reason, state_since=now)
    )
    return conn.execute(statement).rowcount == 1


def reseal_settings(conn: Connection, reseal: Callable[[bytes], bytes]) -> None:
    """Replace the encrypted settings of all connections by the result of ``reseal``: the same, with another key."""
    for key, settings in conn.execute(select(connections.c.id, connections.c.settings)).all():
        conn.execute(update(connections).where(connections.c.id == key).values(settings=reseal(bytes(settings))))
