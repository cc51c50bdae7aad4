"""What an overview reads: each statement touches few rows, and none of them is a message."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, Select, func, or_, select, union_all

from wabroadcast_core.models.callback import CallbackState
from wabroadcast_core.models.contact import OPEN_IMPORTS
from wabroadcast_core.models.status import BroadcastStatus, ConnectionState, Purpose
from wabroadcast_core.store.minute_counts import FACTS, MINUTE
from wabroadcast_core.store.tables import (
    blacklist,
    broadcasts,
    callback_events,
    connection_starts,
    connections,
    contacts,
    imports,
    minute_counts,
    webhook_calls,
)

RECENT_BROADCASTS = 1_000  # among which those with unknown messages are searched
_ACTUAL = broadcasts.c.purpose != Purpose.TEST


def awaited_broadcasts(conn: Connection, *, limit: int) -> Sequence[RowMapping]:
    """Return the rows of the broadcasts that start next, then of recent ones that have unknown messages.

    :param limit: most rows of each.
    """
    next_ones = select(broadcasts).where(broadcasts.c.status == BroadcastStatus.SCHEDULED, _ACTUAL)
    newest = select(func.max(broadcasts.c.id)).scalar_subquery()
    recent = broadcasts.c.id > newest - RECENT_BROADCASTS
    uncertain = select(broadcasts).where(recent, broadcasts.c.unknown > 0, _ACTUAL)
    parts = (
        next_ones.order_by(broadcasts.c.scheduled_at).limit(limit).subquery(),
        uncertain.order_by(broadcasts.c.id.desc()).limit(limit).subquery(),
    )
    return conn.execute(union_all(*map(select, parts))).mappings().all()


def recent_totals(conn: Connection, *, since: float) -> Row[Any]:
    """Return how many messages were sent since a time (UNIX seconds, UTC).

    :param since: within the time for which minutes are kept.
    :returns: ``sent``, ``failed``, ``delivered`` and ``read``.
    """
    column = minute_counts.c
    sums = [func.coalesce(func.sum(column[fact]), 0).label(fact) for fact in FACTS]
    counted: Select[Any] = select(*sums).where(column.seconds == MINUTE, column.began_at >= since)
    return conn.execute(counted).one()


def shown_connections(conn: Connection, *, limit: int, midnight: float) -> Sequence[RowMapping]:
    """Return the rows of connections, those that were paused by themselves first, then the other paused ones.

    :returns: also ``today``: how many messages each has started since midnight (UNIX seconds, UTC).
    """
    known = select(connections).where(connections.c.state.in_(list(ConnectionState)))
    shown = known.order_by(*_in_need_first(connections.c)).limit(limit).subquery()
    starts = connection_starts.c
    counted = select(func.coalesce(func.sum(starts.messages), 0)).where(
        starts.connection_id == shown.c.id, starts.ended_at > midnight
    )
    found = select(shown, counted.scalar_subquery().label("today")).order_by(*_in_need_first(shown.c))
    return conn.execute(found).mappings().all()


def _in_need_first(column: Any) -> tuple[Any, ...]:
    return (column.state == ConnectionState.ACTIVE, column.state_reason.is_(None), column.name)


def other_totals(conn: Connection, *, since: float) -> Row[Any]:
    """Return counts of what happened since a time (UNIX seconds, UTC), and whether there is anything at all.

    :returns: ``opted_out``, ``failed_callbacks``, ``rejected_rows``, ``rejecting_import`` (the id of the latest one),
        ``total_connections``, ``has_contacts``, ``has_broadcasts``, and ``has_errands``: whether an import, a webhook
        call or a callback waits for a worker.
    """
    blocked = select(func.count()).select_from(blacklist).where(blacklist.c.created_at >= since)
    given_up = callback_events.c.state == CallbackState.FAILED
    failed = select(func.count()).select_from(callback_events).where(given_up, callback_events.c.ended_at >= since)
    known = connections.c.state.in_(list(ConnectionState))
    accounts = select(func.count()).select_from(connections).where(known)
    rejecting = (imports.c.created_at >= since) & (imports.c.rejected > 0)
    latest = select(imports.c.id).where(rejecting).order_by(imports.c.created_at.desc()).limit(1)
    open_imports = select(imports.c.id).where(imports.c.status.in_(OPEN_IMPORTS))
    pending = select(callback_events.c.id).where(callback_events.c.state == CallbackState.PENDING)
    errands = or_(open_imports.exists(), select(webhook_calls.c.id).exists(), pending.exists())
    return conn.execute(
        select(
            blocked.scalar_subquery().label("opted_out"),
            failed.scalar_subquery().label("failed_callbacks"),
            select(func.sum(imports.c.rejected)).where(rejecting).scalar_subquery().label("rejected_rows"),
            latest.scalar_subquery().label("rejecting_import"),
            accounts.scalar_subquery().label("total_connections"),
            select(contacts.c.id).exists().label("has_contacts"),
            select(broadcasts.c.id).where(_ACTUAL).exists().label("has_broadcasts"),
            errands.label("has_errands"),
        )
    ).one()
