"""The audit log: actions on broadcasts and connections, each with its actor and time."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, insert, select

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
