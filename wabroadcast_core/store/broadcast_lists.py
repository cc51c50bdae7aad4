"""Lists of broadcasts, the newest first, and how many there are. Tests are in none."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, func, select

from wabroadcast_core.models.status import BroadcastStatus, Purpose
from wabroadcast_core.store.search import Folded, fold
from wabroadcast_core.store.tables import broadcast_connections, broadcasts, connections


def list_broadcasts(
    conn: Connection,
    *,
    status: str | None = None,
    rank: int | None = None,
    connection_name: str | None = None,
    query: str | None = None,
    id_prefix: str | None = None,
    offset: int = 0,
    limit: int = 50,
) -> tuple[Sequence[RowMapping], int]:
    """Return a page of broadcasts, newest first. Tests are in no list.

    :param query: part of a name, or the beginning of a job id.
    :param id_prefix: the beginning of a job id.
    :returns: the rows of the page, and the total number of rows.
    """
    chosen = select(broadcasts).where(*_conditions(connection_name=connection_name, query=query))
    if status is not None:
        chosen = chosen.where(broadcasts.c.status == status)
    if rank is not None:
        chosen = chosen.where(broadcasts.c.rank == rank)
    if id_prefix:
        chosen = chosen.where(broadcasts.c.job_id.startswith(id_prefix.lower(), autoescape=True))
    total = conn.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    return _newest(conn, chosen, offset=offset, limit=limit), total


def page_of_broadcasts(
    conn: Connection,
    *,
    statuses: Collection[str],
    connection_name: str | None,
    query: str | None,
    offset: int,
    limit: int,
) -> Sequence[RowMapping]:
    """Return a page of the broadcasts with some statuses, newest first."""
    chosen = select(broadcasts).where(*_conditions(connection_name=connection_name, query=query))
    if limit == 0:
        return []
    if len(statuses) < len(BroadcastStatus):
        chosen = chosen.where(broadcasts.c.status.in_(list(statuses)))
    return _newest(conn, chosen, offset=offset, limit=limit)


def _newest(conn: Connection, chosen: Select[Any], *, offset: int, limit: int) -> Sequence[RowMapping]:
    page = chosen.order_by(broadcasts.c.created_at.desc(), broadcasts.c.id.desc()).offset(offset).limit(limit)
    return conn.execute(page).mappings().all()


def count_broadcasts(conn: Connection, *, connection_name: str | None, query: str | None) -> dict[str, int]:
    """Return the number of broadcasts by status, of those that :func:`list_broadcasts` finds without a status."""
    conditions = _conditions(connection_name=connection_name, query=query)
    counted = select(broadcasts.c.status, func.count()).where(*conditions).group_by(broadcasts.c.status)
    return dict(conn.execute(counted).all())


def _conditions(*, connection_name: str | None, query: str | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [broadcasts.c.purpose != Purpose.TEST]
    if query:
        named = Folded(broadcasts.c.name).contains(fold(query), autoescape=True)
        conditions.append(named | broadcasts.c.job_id.startswith(query.lower(), autoescape=True))
    if connection_name is not None:
        pool = (
            select(broadcast_connections.c.broadcast_id)
            .join(connections, connections.c.id == broadcast_connections.c.connection_id)
            .where(connections.c.name == connection_name)
        )
        conditions.append(broadcasts.c.id.in_(pool))
    return conditions
