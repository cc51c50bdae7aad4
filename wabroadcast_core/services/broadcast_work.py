"""The work that follows a change of a broadcast: its preparation, turns of its connections, the closing of messages."""

from wabroadcast_core.audience.submission import Submitted
from wabroadcast_core.context import Context
from wabroadcast_core.control import transitions
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.models.base import as_timestamp
from wabroadcast_core.models.broadcast import BroadcastSummary
from wabroadcast_core.models.status import BroadcastStatus
from wabroadcast_core.services.lookups import broadcast_row, broadcast_summary
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import connections as connection_store


def begin_work(context: Context, submitted: Submitted) -> BroadcastSummary:
    """Notify the plugins of a broadcast that was submitted now, and queue its preparation.

    :returns: its summary.
    """
    summary = broadcast_summary(context.database, submitted.key)
    if submitted.new:
        context.plugins.broadcast_changed(summary)
        queue_preparation(context, submitted.key, summary)
    return summary


def queue_preparation(context: Context, key: int, summary: BroadcastSummary) -> None:
    """Queue the preparation of a broadcast, at once or for the time of its schedule.

    :param key: the store's id of the broadcast.
    """
    start = as_timestamp(summary.scheduled_at) if summary.status == BroadcastStatus.SCHEDULED else None
    context.work_queue.prepare(key, rank=summary.priority.rank, at=start)


def queue_turns(context: Context, job_id: str) -> None:
    """Queue a turn for each connection of a broadcast.

    :raises NotFoundError: no broadcast has this id.
    """
    with context.database.read() as conn:
        row = broadcast_row(conn, job_id)
        pool = broadcast_store.pools_of(conn, [row["id"]])[row["id"]]
        keys = connection_store.connection_keys(conn, pool)
    for key in keys.values():
        context.work_queue.turn(key, rank=row["rank"])


def sweep_messages(context: Context, key: int) -> None:
    """Close the open messages of an ended broadcast: as many as fit one transaction here, the rest in a worker.

    :param key: the store's id of the broadcast.
    """
    try:
        more = transitions.sweep_some(context.database, key, now=context.clock.now())
    except UnavailableError:  # the broadcast has ended in any case; recover sweeps it later
        more = True
    if more:
        context.work_queue.sweep(key)
