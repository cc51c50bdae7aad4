"""The acts of the audit log, with what each concerns, newest first."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, case, func, or_, select, tuple_

from wabroadcast_core.models.activity import ActivityFilter, ActObject
from wabroadcast_core.models.status import Purpose
from wabroadcast_core.store.blacklist import LISTING, names_number
from wabroadcast_core.store.tables import acts, broadcasts, connections

ROUNDING = 5e-7  # seconds: a time is shown in whole microseconds, and must select its own act


class Place(NamedTuple):
    """The place of an act in the order of the activity."""

    at: float
    act_id: int


_kind: ColumnElement[str] = case(
    (acts.c.object.is_not(None), acts.c.object),
    (acts.c.act.in_(LISTING), ActObject.BLACKLIST.value),
    (acts.c.broadcast_id.is_not(None), ActObject.BROADCAST.value),
    (acts.c.connection_id.is_not(None), ActObject.CONNECTION.value),
    else_=ActObject.CONTACT.value,  # an erasure, in stores of earlier versions
)
_ACTS = (
    select(
        *(acts.c.id, acts.c.at, acts.c.actor, acts.c.act, acts.c.object_id, acts.c.detail),
        _kind.label("kind"),
        broadcasts.c.job_id,
        broadcasts.c.name.label("broadcast"),
        connections.c.name.label("connection"),
    )
    .outerjoin_from(acts, broadcasts, broadcasts.c.id == acts.c.broadcast_id)
    .outerjoin(connections, connections.c.id == acts.c.connection_id)
    .order_by(acts.c.at.desc(), acts.c.id.desc())
)


def list_acts(
    conn: Connection, chosen: ActivityFilter, *, before: Place | None = None, limit: int
) -> Sequence[RowMapping]:
    """Return rows of the chosen acts, newest first.

    :param before: only acts after this place in the order, which are older.
    """
    statement = _select(chosen)
    if before is not None:
        statement = statement.where(tuple_(acts.c.at, acts.c.id) < before)
    return conn.execute(statement.limit(limit)).mappings().all()


def _select(chosen: ActivityFilter) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = [func.coalesce(broadcasts.c.purpose, "") != Purpose.TEST]
    if chosen.object is not None:
        conditions.append(_kind == chosen.object.value)
    if chosen.object_id is not None:
        conditions.append(_concerns(chosen.object_id))
    if chosen.actor is not None:
        conditions.append(acts.c.actor == chosen.actor)
    if chosen.action is not None:
        conditions.append(acts.c.act == chosen.action)
    if chosen.since is not None:
        conditions.append(acts.c.at >= chosen.since.timestamp() - ROUNDING)
    if chosen.until is not None:
        conditions.append(acts.c.at < chosen.until.timestamp() - ROUNDING)
    return _ACTS.where(*conditions)


def _concerns(object_id: str) -> ColumnElement[bool]:
    is_other = acts.c.object_id == object_id
    is_connection = and_(
        _kind == ActObject.CONNECTION.value, acts.c.object_id.is_(None), connections.c.name == object_id
    )
    return or_(is_other, broadcasts.c.job_id == object_id, is_connection, names_number(object_id))
