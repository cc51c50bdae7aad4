"""What runs now, and how much was sent: what an overview of the whole installation shows."""

from wabroadcast_core.models.broadcast import BroadcastSummary, RunningBroadcast
from wabroadcast_core.models.page import Page
from wabroadcast_core.services.progress import read_progress
from wabroadcast_core.services.undo import UndoableBroadcasts
from wabroadcast_core.services.views import summary_of
from wabroadcast_core.store import broadcasts as broadcast_store


class OverviewedBroadcasts(UndoableBroadcasts):
    """The methods of :class:`Broadcaster` about all broadcasts at once. The broadcaster inherits them."""

    def running(self, *, limit: int = 50) -> Page[BroadcastSummary]:
        """Return the broadcasts that are queued, sent or paused, the newest first.

        :param limit: most broadcasts that are returned; ``total`` counts all of them.
        """
        with self.context.database.read() as conn:
            rows, total = broadcast_store.running_broadcasts(conn, limit=limit)
            pools = broadcast_store.pools_of(conn, [row["id"] for row in rows])
        items = [summary_of(row, pools[row["id"]]) for row in rows]
        return Page(items=items, total=total, page=1, page_size=limit)

    def running_progress(self, *, limit: int = 50) -> list[RunningBroadcast]:
        """Return the progress of the broadcasts that :meth:`running` returns, with rate, end and cause of waiting."""
        with self.context.database.read() as conn:
            rows, _ = broadcast_store.running_broadcasts(conn, limit=limit)
            found = read_progress(self.context, conn, rows)
        return [RunningBroadcast(name=row["name"], **dict(progress)) for row, progress in zip(rows, found, strict=True)]
