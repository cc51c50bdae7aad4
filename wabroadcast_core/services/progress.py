"""The progress of broadcasts: what the status of one returns and what live events have."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.context import Context
from wabroadcast_core.models.broadcast import BroadcastProgress
from wabroadcast_core.services.views import progress_of
from wabroadcast_core.store import reason_counts
from wabroadcast_core.waiting.causes import WaitingCauses
from wabroadcast_core.waiting.outlook import outlook_of


def read_progress(context: Context, conn: Connection, rows: Sequence[RowMapping]) -> list[BroadcastProgress]:
    """Return the progress of broadcasts. What they share, such as a connection and its limiter, is read once.

    :param conn: a read transaction.
    :param rows: of the table ``broadcasts``.
    """
    return progress_with(WaitingCauses(context, conn), conn, rows, now=context.clock.now())


def progress_with(
    causes: WaitingCauses, conn: Connection, rows: Sequence[RowMapping], *, now: float
) -> list[BroadcastProgress]:
    """Return the progress of broadcasts, whose causes are found by ``causes``."""
    keys = [row["id"] for row in rows]
    skips, failures = reason_counts.reasons_of_all(conn, keys)
    causes.facts.load_pools(rows)
    causes.facts.load_pausers(rows)
    return [
        progress_of(row, skips=skips[row["id"]], failures=failures[row["id"]], outlook=outlook_of(causes, row, now=now))
        for row in rows
    ]
