"""What runs now, what comes next, and what needs a person: the overview of the whole installation."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, RowMapping

from wabroadcast_core.models.base import as_utc
from wabroadcast_core.models.broadcast import BroadcastDraft, BroadcastSummary, RunningBroadcast
from wabroadcast_core.models.overview import ConnectionBrief, Overview, RecentTotals
from wabroadcast_core.models.page import Page
from wabroadcast_core.models.status import BroadcastStatus, ConnectionState
from wabroadcast_core.models.waiting import NoWorker
from wabroadcast_core.services.progress import progress_with, read_progress
from wabroadcast_core.services.undo import UndoableBroadcasts
from wabroadcast_core.services.views import summary_of
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import overviews as overview_store
from wabroadcast_core.store.minute_counts import FACTS
from wabroadcast_core.waiting.causes import WaitingCauses
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
            causes = WaitingCauses(self.context, conn)
            progress = progress_with(causes, conn, rows, now=now)
            awaited = overview_store.awaited_broadcasts(conn, limit=MOST_ROWS)
            accounts = overview_store.shown_connections(conn, limit=MOST_CONNECTIONS, midnight=midnight)
            counted = overview_store.recent_totals(conn, since=since)
            others = overview_store.other_totals(conn, since=since)
            is_needed = (
                total or others.has_errands or any(row["status"] == BroadcastStatus.SCHEDULED for row in awaited)
            )
            missing = causes.facts.missing_worker() if is_needed else None
        return Overview(
            running=_running(rows, progress),
            total_running=total,
            scheduled=[_summary(row) for row in awaited if row["status"] == BroadcastStatus.SCHEDULED],
            uncertain=[_summary(row) for row in awaited if row["unknown"]],
            connections=[_brief_of(row) for row in accounts],
            total_connections=others.total_connections,
            failed_callbacks=others.failed_callbacks,
            rejected_rows=others.rejected_rows or 0,
            rejecting_import=others.rejecting_import,
            totals=_totals_of(counted, opted_out=others.opted_out),
            missing_worker=missing if isinstance(missing, NoWorker) else None,
            has_contacts=others.has_contacts,
            has_broadcasts=others.has_broadcasts,
        )

    def running(self, *, limit: int = 50) -> Page[BroadcastSummary]:
        """Return the broadcasts that are queued, sent or paused, the newest first.

        :param limit: most broadcasts that are returned; ``total`` counts all of them.
        """
        with self.context.database.read() as conn:
            rows, total = broadcast_store.running_broadcasts(conn, limit=limit)
        return Page(items=[_summary(row) for row in rows], total=total, page=1, page_size=limit)

    def running_progress(self, *, limit: int = 50) -> list[RunningBroadcast]:
        """Return the progress of the broadcasts that :meth:`running` returns, with rate, end and cause of waiting."""
        with self.context.database.read() as conn:
            rows, _ = broadcast_store.running_broadcasts(conn, limit=limit)
            return _running(rows, read_progress(self.context, conn, rows))


def _running(rows: Sequence[RowMapping], progress: Sequence[Any]) -> list[RunningBroadcast]:
    return [RunningBroadcast(name=row["name"], **dict(one)) for row, one in zip(rows, progress, strict=True)]


def _summary(row: RowMapping) -> BroadcastSummary:
    """Return the summary of a broadcast. Its draft names its connections, so they need not be read."""
    return summary_of(row, BroadcastDraft.model_validate_json(row["draft"]).pool)


def _brief_of(row: Mapping[Any, Any]) -> ConnectionBrief:
    return ConnectionBrief(
        name=row["name"],
        sender=row["sender"],
        state=row["state"],
        state_reason=row["state_reason"],
        state_since=as_utc(row["state_since"]),
        by_itself=row["state"] == ConnectionState.PAUSED and row["state_reason"] is not None,
        today=int(row["today"]),
    )


def _totals_of(counted: Row[Any], *, opted_out: int) -> RecentTotals:
    return RecentTotals(**{fact: int(getattr(counted, fact)) for fact in FACTS}, opted_out=opted_out)
