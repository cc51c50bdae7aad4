"""The counts of a broadcast by minute, or by a longer period."""

from datetime import datetime
from typing import get_args

from wabroadcast_core.errors import Fault, InvalidInputError
from wabroadcast_core.models.base import as_timestamp, as_utc
from wabroadcast_core.models.rates import PeriodCounts, PeriodSeconds, Rates
from wabroadcast_core.services.lookups import broadcast_row
from wabroadcast_core.services.reports import Reports
from wabroadcast_core.store import minute_counts as minute_store
from wabroadcast_core.store.connections import connection_names

MOST_PERIODS = 1_440  # of each connection: the minutes of a day
LENGTHS: tuple[int, ...] = get_args(PeriodSeconds)
END_OF_TIME = 1e11  # seconds


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
        for name, moment in (("since", since), ("until", until)):
            if moment is not None and moment.tzinfo is None:
                raise InvalidInputError(
                    [Fault(name, "the time has no offset: write it as in 2026-12-01T08:00:00+07:00")]
                )
        begin, end = as_timestamp(since) or 0.0, as_timestamp(until) or END_OF_TIME
        with self.context.database.read() as conn:
            key = broadcast_row(conn, job_id)["id"]
            extent = minute_store.extent_of(conn, key, since=begin, until=end)
            seconds = per_seconds or _shortest_length(extent)
            if _number_of_periods(extent, seconds) > MOST_PERIODS:
                raise InvalidInputError(
                    [
                        Fault(
                            "perSeconds",
                            f"there are more than {MOST_PERIODS:,} periods: choose longer ones, or less time",
                        )
                    ]
                )
            rows = minute_store.count_periods(conn, key, since=begin, until=end, seconds=seconds)
            names = connection_names(conn)
        items = [
            PeriodCounts(
                at=as_utc(row.at),
                seconds=row.seconds,
                connection=names.get(row.connection_id),
                sent=row.sent,
                failed=row.failed,
                delivered=row.delivered,
                read=row.read,
            )
            for row in rows
        ]
        return Rates(job_id=job_id, per_seconds=seconds, items=items)


def _shortest_length(extent: tuple[int, int] | None) -> int:
    fitting = (length for length in LENGTHS if _number_of_periods(extent, length) <= MOST_PERIODS)
    return next(fitting, LENGTHS[-1])


def _number_of_periods(extent: tuple[int, int] | None, seconds: int) -> int:
    return 0 if extent is None else extent[1] // seconds - extent[0] // seconds + 1
