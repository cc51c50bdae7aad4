"""What a host shows of connections beside their state: their past, what waits, who uses them, and their defaults."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.audience.capabilities import default_connections
from wabroadcast_core.context import Context
from wabroadcast_core.errors import NotFoundError, SetupError
from wabroadcast_core.models.connection import (
    HUMAN_PACE,
    ConnectionChoice,
    ConnectionDay,
    ConnectionDetails,
    ConnectionKind,
    ConnectionView,
    Limits,
    UsingBroadcast,
)
from wabroadcast_core.models.status import ConnectionState
from wabroadcast_core.services.connection_kinds import describe_kinds
from wabroadcast_core.services.secret_settings import secret_fields
from wabroadcast_core.store import backlog, minute_counts
from wabroadcast_core.store import connections as connection_store

DAYS: Final = 30  # that are shown: minutes of older days are not kept
MOST_USERS: Final = 10  # broadcasts that are named
USED_FIELDS: Final = ("job_id", "name", "status", "purpose")  # of each


class ConnectionReads:
    """The methods of ``broadcaster.connections`` that only read. :class:`Connections` inherits them."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def kinds(self) -> Sequence[ConnectionKind]:
        """Return the installed kinds of sender, each with the JSON schema of its settings."""
        return self._kinds

    @cached_property
    def _kinds(self) -> tuple[ConnectionKind, ...]:
        """The kinds of sender, whose schemas take long to make and never change."""
        return describe_kinds(self._context.plugins.senders)

    def default_limits(self, kind: str) -> Limits:
        """Return the limits of a new connection of a kind whose operator gives none.

        :raises NotFoundError: there is no sender of this kind.
        """
        sender = self._context.plugins.senders.get(kind)
        if sender is None:
            raise NotFoundError("sender", kind)
        careful = given_limits(HUMAN_PACE) if sender.capabilities.ban_risk else {}
        return Limits.model_validate({**careful, **given_limits(sender.capabilities.limits)})

    def choices(self) -> list[ConnectionChoice]:
        """Return all connections, with what is needed to choose among them."""
        with self._context.database.read() as conn:
            rows = connection_store.list_connections(conn)
            default = default_connections(self._context, conn, among=rows)
        return [
            ConnectionChoice(
                name=row["name"],
                sender=row["sender"],
                state=ConnectionState(row["state"]),
                default=default == [row["name"]],
            )
            for row in rows
        ]

    def waiting(self) -> dict[str, int]:
        """Return how many messages of running broadcasts wait for each connection; for a pool, all of its messages."""
        with self._context.database.read() as conn:
            names = connection_store.connection_names(conn)
            found = backlog.waiting_messages(conn)
        return {names[key]: waiting.queued + waiting.retry for key, waiting in found.items() if key in names}

    def _details(self, conn: Connection, row: RowMapping, view: ConnectionView, *, zone: ZoneInfo) -> ConnectionDetails:
        shown = self._last_days(zone, DAYS)
        since = datetime.combine(shown[0], time(), zone).timestamp()
        quarters = minute_counts.count_quarters(conn, row["id"], since=since)
        users = connection_store.needing_broadcasts(conn, row["id"], limit=MOST_USERS)
        waiting = backlog.waiting_messages(conn).get(row["id"], backlog.Waiting(0, 0))
        return ConnectionDetails(
            connection=view,
            days=_sum_up(quarters, shown, zone),
            used_by=[UsingBroadcast.model_validate({name: one[name] for name in USED_FIELDS}) for one in users],
            waiting=waiting.queued + waiting.retry,
            stored_secrets=self._stored_secrets(row),
        )

    def _last_days(self, zone: ZoneInfo, days: int) -> list[date]:
        today = datetime.fromtimestamp(self._context.clock.now(), zone).date()
        return [today - timedelta(days=back) for back in reversed(range(days))]

    def _stored_secrets(self, row: RowMapping) -> list[str]:
        sender, stored = self._context.plugins.senders.get(row["sender"]), self._stored(row)
        if sender is None or stored is None:
            return []
        return [
            field for field, names in secret_fields(sender.Settings).items() if any(stored.get(one) for one in names)
        ]

    def _stored(self, row: RowMapping) -> dict[str, Any] | None:
        """Return the stored settings; None if they were encrypted with another key, so that they must be given anew."""
        try:
            return self._context.vault.open(row["settings"])
        except SetupError:
            return None


def _sum_up(quarters: Sequence[RowMapping], days: Sequence[date], zone: ZoneInfo) -> list[ConnectionDay]:
    """Return the numbers of each day, from those of the quarters of an hour."""
    counts = {day: dict.fromkeys(minute_counts.FACTS, 0) for day in days}
    for row in quarters:
        of_day = counts.get(datetime.fromtimestamp(row["at"], zone).date(), {})
        for fact in of_day:
            of_day[fact] += row[fact]
    return [ConnectionDay(day=day, **of_day) for day, of_day in counts.items()]


def find_row(conn: Connection, name: str) -> RowMapping:
    """Return the row of a connection by its name.

    :raises NotFoundError: no connection has this name.
    """
    row = connection_store.find_connection(conn, name)
    if row is None:
        raise NotFoundError("connection", name)
    return row


def given_limits(limits: Limits) -> dict[str, Any]:
    """Return the limits that were set, including those that were set to None."""
    return {name: getattr(limits, name) for name in limits.model_fields_set & Limits.model_fields.keys()}
