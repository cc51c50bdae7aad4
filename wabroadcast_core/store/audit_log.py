"""The audit log: actions on broadcasts and connections, each with its actor and time."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, RowMapping, func, insert, or_, select

from wabroadcast_core.store.tables import acts


def record_action(
    conn: Connection,
    *,
    action: str,
    actor: str,
    now: float,
    broadcast_id: int | None = None,
    connection_id: int | None = None,
    detail: str | None = None,
) -> None:
    """Record an action on a broadcast or a connection.

    :param action: what was done, such as ``pause``.
    :param actor: the user or component that did it.
    """
    values = {"broadcast_id": broadcast_id, "connection_id": connection_id, "detail": detail}
    conn.execute(insert(acts).values(act=action, actor=actor, at=now, **values))


def actions_on(conn: Connection, broadcast_id: int) -> Sequence[RowMapping]:
    """Return the actions on a broadcast, oldest first."""
    statement = select(acts).where(acts.c.broadcast_id == broadcast_id).order_by(acts.c.id)
    return conn.execute(statement).mappings().all()


def last_pause_of_broadcast(conn: Connection, broadcast_id: int, *, reason: str | None) -> RowMapping | None:
    """Return the action that paused a broadcast as a whole for this reason; None if it is not recorded."""
    is_its = func.coalesce(acts.c.detail, "") == (reason or "")
    return _last_pause(conn, acts.c.broadcast_id == broadcast_id, is_its)


def last_pause_in_broadcast(conn: Connection, broadcast_id: int, *, part: str | None = None) -> RowMapping | None:
    """Return the last action that paused a batch or a message of a broadcast.

    :param part: only of this one, as ``batch 2`` or ``message 17``.
    """
    any_part = or_(acts.c.detail.startswith("batch "), acts.c.detail.startswith("message "))
    return _last_pause(conn, acts.c.broadcast_id == broadcast_id, any_part if part is None else acts.c.detail == part)


def last_pause_of_connection(conn: Connection, connection_id: int) -> RowMapping | None:
    """Return the last action that paused a connection."""
    return _last_pause(conn, acts.c.connection_id == connection_id)


def _last_pause(conn: Connection, *conditions: ColumnElement[bool]) -> RowMapping | None:
    statement = select(acts).where(acts.c.act == "pause", *conditions).order_by(acts.c.id.desc()).limit(1)
    return conn.execute(statement).mappings().first()
