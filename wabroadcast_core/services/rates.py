"""The counts of a broadcast by minute, or by a longer period."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

from sqlalchemy import Connection, Row, RowMapping

from wabroadcast_core.errors import Fault, InvalidInputError
from wabroadcast_core.models.base import as_timestamp, as_utc, parse_model
from wabroadcast_core.models.rates import PeriodCounts, PeriodSeconds, Rates, RatesFilter
from wabroadcast_core.services.lookups import broadcast_row
from wabroadcast_core.services.reports import Reports
from wabroadcast_core.store import minute_counts as minute_store
from wabroadcast_core.store.connections import connection_names

MOST_PERIODS = 1_440  # of each connection: the minutes of a day
LENGTHS: tuple[int, ...] = get_args(PeriodSeconds)
END_OF_TIME = 1e11  # seconds
AFTER_END_SECONDS = 600.0  # of a broadcast, for which its receipts are counted with its run


class RatedBroadcasts(Reports):
    """The method of :class:`Broadcaster` for rates. The broadcaster inherits it."""

    def rates(
        self,
        job_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        per_seconds: PeriodSeconds | None = None,
    ) -> Rates:
        """Return how many messages were sent, failed, delivered and read, by period and connection.

        Minutes are kept for 30 days, then hours.

        :param since: only periods that begin at or after this time.
        :param until: only periods that begin before this time.
        :param per_seconds: the length of the periods; by default the shortest with at most 1,440 periods.
        :raises InvalidInputError: there are more periods than that, or a time has no offset.
        :raises NotFoundError: no broadcast has this id.
        """
        chosen = parse_model(RatesFilter, {"since": since, "until": until, "per_seconds": per_seconds})
        begin, end = as_timestamp(chosen.since) or 0.0, as_timestamp(chosen.until) or END_OF_TIME
        with self.context.database.read() as conn:
            row, names = broadcast_row(conn, job_id), connection_names(conn)
            extent = minute_store.extent_of(conn, row["id"], since=begin, until=end)
            seconds = _length_for(extent, chosen.per_seconds)
            return _counted(conn, row, since=begin, until=end, seconds=seconds, connections=names)


def rates_of_run(conn: Connection, row: RowMapping, *, now: float, connections: Mapping[int, str]) -> Rates:
    """Return the counts of a broadcast by period, from its start until some minutes after its end.

    Receipts that come days later would make the periods long.

    :param row: the broadcast, from the table ``broadcasts``.
    :param now: the present time (UNIX seconds, UTC).
    :param connections: the names of its connections by their ids.
    """
    begin = float(row["started_at"] or row["created_at"]) - minute_store.MINUTE
    end = now + minute_store.MINUTE if row["finished_at"] is None else row["finished_at"] + AFTER_END_SECONDS
    seconds = _length_for((int(begin), int(end)), None)
    return _counted(conn, row, since=begin, until=end, seconds=seconds, connections=connections)


def _counted(
    conn: Connection, row: RowMapping, *, since: float, until: float, seconds: int, connections: Mapping[int, str]
) -> Rates:
    periods = minute_store.count_periods(conn, row["id"], since=since, until=until, seconds=seconds)
    items = [_counts_of(period, connection=connections.get(period.connection_id)) for period in periods]
    return Rates(job_id=row["job_id"], per_seconds=seconds, items=items)


def _counts_of(row: Row[Any], *, connection: str | None) -> PeriodCounts:
    counts = {name: getattr(row, name) for name in ("seconds", "sent", "failed", "delivered", "read")}
    return PeriodCounts(at=as_utc(row.at), connection=connection, **counts)


def _length_for(extent: tuple[int, int] | None, chosen: int | None) -> int:
    """Return the length of the periods: the chosen one, or the shortest that does not make too many.

    :raises InvalidInputError: the chosen length makes too many.
    """
    if chosen is None:
        return next((length for length in LENGTHS if _number_of_periods(extent, length) <= MOST_PERIODS), LENGTHS[-1])
    if _number_of_periods(extent, chosen) > MOST_PERIODS:
        reason = f"there are more than {MOST_PERIODS:,} periods: choose longer ones, or less time"
        raise InvalidInputError([Fault("perSeconds", reason)])
    return chosen


def _number_of_periods(extent: tuple[int, int] | None, seconds: int) -> int:
    return 0 if extent is None else extent[1] // seconds - extent[0] // seconds + 1
