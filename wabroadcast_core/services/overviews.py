"""What runs now, what comes next, and what needs a person: the overview of the whole installation."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, RowMapping

from wabroadcast_core.models.base import as_utc
from wabroadcast_core.models.broadcast import BroadcastSummary, RunningBroadcast
from wabroadcast_core.models.overview import ConnectionBrief, Overview, RecentTotals, RejectedRows
from wabroadcast_core.models.page import Page
from wabroadcast_core.models.status import ConnectionState
from wabroadcast_core.services.progress import read_progress
from wabroadcast_core.services.undo import UndoableBroadcasts
from wabroadcast_core.services.views import summary_of
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import overviews as overview_store
from wabroadcast_core.store.minute_counts import FACTS
from wabroadcast_core.waiting.usage import midnight_of

MOST_ROWS: Final = 10  # of each list of an overview
MOST_CONNECTIONS: Final = 24
DAY: Final = 86_400.0


class OverviewedBroadcasts(UndoableBroadcasts):
    """The methods of :class:`Broadcaster` about all broadcasts at once. The broadcaster inherits them."""

    def overview(self, *, days: int = 7) -> Overview:
        """Return what runs, what comes, what needs a person, and what happened in the last days.

        :param days: at most 30, for which minutes are counted.
        """
        now = self.context.clock.now()
        since, midnight = now - days * DAY, midnight_of(now, self.context.settings.timezone)
        with self.context.database.read() as conn:
            rows, total = broadcast_store.running_broadcasts(conn, limit=MOST_ROWS)
            progress = read_progress(self.context, conn, rows)
            scheduled = overview_store.scheduled_broadcasts(conn, limit=MOST_ROWS)
            uncertain = overview_store.uncertain_broadcasts(conn, limit=MOST_ROWS)
            summaries = _summaries(conn, [*scheduled, *uncertain])
            accounts = overview_store.shown_connections(conn, limit=MOST_CONNECTIONS)
            counted = overview_store.recent_totals(conn, since=since, midnight=midnight)
            others = overview_store.other_totals(conn, since=since)
            imports = overview_store.rejecting_imports(conn, since=since, limit=MOST_ROWS)
        today = {row.connection_id: int(row.today) for row in counted}
        return Overview(
            running=_running(rows, progress),
            total_running=total,
            scheduled=[summaries[row["id"]] for row in scheduled],
            uncertain=[summaries[row["id"]] for row in uncertain],
            connections=[_brief_of(row, today=today.get(row["id"], 0)) for row in accounts],
            total_connections=others.total_connections,
            failed_callbacks=others.failed_callbacks,
            rejected_imports=[_rejected_rows(row) for row in imports],
            totals=_totals_of(counted, opted_out=others.opted_out),
            has_contacts=others.has_contacts,
            has_broadcasts=others.has_broadcasts,
        )

    def running(self, *, limit: int = 50) -> Page[BroadcastSummary]:
        """Return the broadcasts that are queued, sent or paused, the newest first.

        :param limit: most broadcasts that are returned; ``total`` counts all of them.
        """
        with self.context.database.read() as conn:
            rows, total = broadcast_store.running_broadcasts(conn, limit=limit)
            summaries = _summaries(conn, rows)
        return Page(items=[summaries[row["id"]] for row in rows], total=total, page=1, page_size=limit)

    def running_progress(self, *, limit: int = 50) -> list[RunningBroadcast]:
        """Return the progress of the broadcasts that :meth:`running` returns, with rate, end and cause of waiting."""
        with self.context.database.read() as conn:
            rows, _ = broadcast_store.running_broadcasts(conn, limit=limit)
            return _running(rows, read_progress(self.context, conn, rows))


def _running(rows: Sequence[RowMapping], progress: Sequence[Any]) -> list[RunningBroadcast]:
    return [RunningBroadcast(name=row["name"], **dict(one)) for row, one in zip(rows, progress, strict=True)]


def _summaries(conn: Connection, rows: Sequence[RowMapping]) -> dict[int, BroadcastSummary]:
    """Return the summaries of broadcasts by their ids in the store."""
    pools = broadcast_store.pools_of(conn, [row["id"] for row in rows]) if rows else {}
    return {row["id"]: summary_of(row, pools[row["id"]]) for row in rows}


def _brief_of(row: Mapping[Any, Any], *, today: int) -> ConnectionBrief:
    return ConnectionBrief(
        name=row["name"],
        sender=row["sender"],
        state=row["state"],
        state_reason=row["state_reason"],
        state_since=as_utc(row["state_since"]),
        by_itself=row["state"] == ConnectionState.PAUSED and row["state_reason"] is not None,
        today=today,
    )


def _rejected_rows(row: Mapping[Any, Any]) -> RejectedRows:
    return RejectedRows(import_id=row["id"], filename=row["filename"], rejected=row["rejected"])


def _totals_of(counted: Sequence[Row[Any]], *, opted_out: int) -> RecentTotals:
    return RecentTotals(
        **{fact: sum(int(getattr(row, fact)) for row in counted) for fact in FACTS}, opted_out=opted_out
    )
