"""The audit log: actions on broadcasts, connections and other objects, each with its actor and time."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, func, insert, or_, select, update

from wabroadcast_core.models.activity import ActObject
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.sentences import Sentence
from wabroadcast_core.store.blacklist import LISTING
from wabroadcast_core.store.tables import acts

MOST_ACTS = 100  # that are shown with one message, or on the page of a broadcast


def record_action(
    conn: Connection,
    *,
    action: str,
    actor: str,
    now: float,
    broadcast_id: int | None = None,
    connection_id: int | None = None,
    other: ActObject | None = None,
    object_id: str | None = None,
    detail: str | None = None,
) -> None:
    """Record an action on a broadcast, a connection or another object.

    :param action: what was done, such as ``pause``.
    :param actor: the user or component that did it.
    :param other: the kind of an object that is not named by one of the two ids.
    :param object_id: the name of that object.
    """
    values = {"broadcast_id": broadcast_id, "connection_id": connection_id, "detail": detail}
    values |= {"object": other, "object_id": object_id}
    conn.execute(insert(acts).values(act=action, actor=actor, at=now, **values))


def of_message(position: int) -> Sentence:
    """Return the detail of an action on one message. Acts of earlier versions have only its English."""
    return say("message", position=str(position))


def of_batch(batch: int) -> Sentence:
    """Return the detail of an action on one batch. Acts of earlier versions have only its English."""
    return say("batch", batch=str(batch))


def keep_name(conn: Connection, connection_id: int, name: str) -> None:
    """Write the name of a connection that is being deleted into the actions on it."""
    statement = update(acts).where(acts.c.connection_id == connection_id, acts.c.act.not_in(LISTING))
    conn.execute(statement.values(object=ActObject.CONNECTION, object_id=name))


def actions_on(conn: Connection, broadcast_id: int) -> Sequence[RowMapping]:
    """Return the actions on a broadcast, oldest first."""
    statement = select(acts).where(acts.c.broadcast_id == broadcast_id).order_by(acts.c.id)
    return conn.execute(statement).mappings().all()


def latest_actions_on(conn: Connection, broadcast_id: int) -> list[RowMapping]:
    """Return the latest actions on a broadcast and its parts, oldest first."""
    statement = select(acts).where(acts.c.broadcast_id == broadcast_id).order_by(acts.c.id.desc())
    return list(reversed(conn.execute(statement.limit(MOST_ACTS)).mappings().all()))


def actions_on_message(conn: Connection, broadcast_id: int, *, position: int, batch: int) -> list[RowMapping]:
    """Return the latest actions on a message, on its batch and on its broadcast as a whole, oldest first."""
    detail = func.coalesce(acts.c.detail, "")
    of_another = detail.startswith("message ") | detail.startswith("batch ")
    parts = [of_message(position), of_batch(batch)]
    mine = ~of_another | detail.in_([*parts, *map(str, parts)])
    statement = select(acts).where(acts.c.broadcast_id == broadcast_id, mine).order_by(acts.c.id.desc())
    return list(reversed(conn.execute(statement.limit(MOST_ACTS)).mappings().all()))


def pausers_of_broadcasts(conn: Connection, broadcast_ids: Sequence[int]) -> dict[tuple[int, str], str]:
    """Return who paused broadcasts as a whole last, by the id and the reason; an empty one if there is none."""
    reason = func.coalesce(acts.c.detail, "")
    is_whole = ~(reason.startswith("batch ") | reason.startswith("message "))
    paused = select(func.max(acts.c.id)).where(acts.c.act == "pause", acts.c.broadcast_id.in_(broadcast_ids), is_whole)
    last = paused.group_by(acts.c.broadcast_id, reason)
    found = conn.execute(select(acts.c.broadcast_id, reason, acts.c.actor).where(acts.c.id.in_(last)))
    return {(key, why): actor for key, why, actor in found}


def pauses_of_parts(conn: Connection, broadcast_id: int) -> dict[str, str]:
    """Return who paused batches and messages of a broadcast last, by part: ``batch 2``, ``message 17``; latest last."""
    any_part = or_(acts.c.detail.startswith("batch "), acts.c.detail.startswith("message "))
    statement = select(acts.c.detail, func.max(acts.c.id)).where(acts.c.broadcast_id == broadcast_id, any_part)
    last = statement.where(acts.c.act == "pause").group_by(acts.c.detail).subquery()
    found = select(acts.c.detail, acts.c.actor).join(last, acts.c.id == last.c[1]).order_by(acts.c.id)
    return {detail: actor for detail, actor in conn.execute(found) if detail is not None}


def pausers_of_connections(conn: Connection, connection_ids: Sequence[int]) -> dict[int, str]:
    """Return who paused connections last, by id."""
    paused = select(func.max(acts.c.id)).where(acts.c.act == "pause", acts.c.connection_id.in_(connection_ids))
    last = paused.group_by(acts.c.connection_id)
    found = conn.execute(select(acts.c.connection_id, acts.c.actor).where(acts.c.id.in_(last)))
    return {row.connection_id: row.actor for row in found}
