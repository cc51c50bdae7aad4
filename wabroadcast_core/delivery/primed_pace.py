"""The limiter, primed from the store whenever it does not know what a connection has sent."""

import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial

import redis

from wabroadcast_core.clock import RedisClock
from wabroadcast_core.delivery.ledger import Ledger
from wabroadcast_core.metrics.catalogue import SLOTS_GIVEN, SLOTS_GIVEN_UP, SLOW_DOWNS
from wabroadcast_core.metrics.meters import Meters
from wabroadcast_core.pacing.pace import LEAD, Candidate, ColdPaceError, Pace, RecentStarts, SlotReport, Slots
from wabroadcast_core.snapshots import ConnectionSnapshot

MOST_PRIMINGS = 3  # for one reservation: a process with earlier limits may prime a cold limiter for those only


class PrimedPace:
    """Reserves slots. After Redis lost its keys, or a quota was added, it first primes the limiter from the store."""

    def __init__(self, pace: Pace, *, ledger: Ledger, clock: RedisClock, meters: Meters | None = None) -> None:
        self._pace = pace
        self._meters = meters or Meters()
        self._ledger = ledger
        self._clock = clock
        self._unreported: dict[int, tuple[float, float]] = {}  # late starts by connection id: slot, shift

    async def reserve(
        self,
        connection: ConnectionSnapshot,
        *,
        count: int,
        candidates: Sequence[Candidate] = (),
        report: SlotReport | None = None,
        lead: float = LEAD,
    ) -> Slots:
        """Reserve up to ``count`` slots as :meth:`Pace.reserve` does.

        :raises redis.RedisError: Redis cannot be reached: nothing may be sent.
        :raises UnavailableError: the limiter is cold, and the store cannot be reached.
        """
        reserve = partial(
            self._pace.reserve, connection.id, connection.limits, count=count, candidates=candidates, lead=lead
        )
        with self._reporting(connection.id, report) as whole:
            try:
                slots = await reserve(report=whole)
            except ColdPaceError as cold:
                slots = await self._reserve_primed(connection, reserve, cold)
        self._count_slots(connection.id, given=len(slots.times), given_up=len(whole.unused))
        return slots

    async def report(self, connection: ConnectionSnapshot, report: SlotReport) -> None:
        """Report what became of slots and reserve none. A limiter that lost its keys has no use for the report.

        :raises redis.RedisError: Redis cannot be reached.
        """
        with self._reporting(connection.id, report) as whole, contextlib.suppress(ColdPaceError):
            await self._pace.report(connection.id, connection.limits, whole)
            self._count_slots(connection.id, given=0, given_up=len(whole.unused))

    async def slow_down(self, connection_id: int, *, slot: float, wait: float | None, refused: float = 0.0) -> None:
        """Lower the connection's rate as :meth:`Pace.slow_down` does.

        While Redis is away this does nothing: nothing is sent then.
        """
        with contextlib.suppress(redis.RedisError):
            if await self._pace.slow_down(connection_id, slot=slot, wait=wait, refused=refused):
                self._meters.count(SLOW_DOWNS, connection_id)

    async def end_silence(self, connection_id: int) -> None:
        """Send again at the connection's rate. While Redis is away this does nothing: the next probe does it."""
        with contextlib.suppress(redis.RedisError):
            await self._pace.end_silence(connection_id)

    def _count_slots(self, connection_id: int, *, given: int, given_up: int) -> None:
        if given:
            self._meters.count(SLOTS_GIVEN, connection_id, amount=given)
        if given_up:
            self._meters.count(SLOTS_GIVEN_UP, connection_id, amount=given_up)

    @contextlib.contextmanager
    def _reporting(self, connection_id: int, report: SlotReport | None) -> Iterator[SlotReport]:
        """Yield the report, with the late start of an earlier one that failed. Keep it if this one fails.

        The limiter would otherwise never shift its slots for that start, and a window would have too many.
        """
        whole = report or SlotReport()
        kept = self._unreported.pop(connection_id, None)
        whole.late = max(filter(None, (whole.late, kept)), key=lambda late: late[1], default=None)
        try:
            yield whole
        except BaseException:
            if whole.late is not None:
                self._unreported[connection_id] = whole.late
            raise

    async def _reserve_primed(
        self, connection: ConnectionSnapshot, reserve: Callable[[], Awaitable[Slots]], cold: ColdPaceError
    ) -> Slots:
        """Prime the limiter until it gives slots. It has no use for the report, or has counted it."""
        for _ in range(MOST_PRIMINGS):
            await self._prime(connection, asked_at=cold.answered_at)
            try:
                return await reserve()
            except ColdPaceError as again:
                cold = again
        raise cold

    async def _prime(self, connection: ConnectionSnapshot, *, asked_at: float) -> None:
        """Prime the limiter. What the store recorded before a jump of the clock counts as late as it can have been."""
        wall, now = self._clock.now(), self._clock.steady.now()
        recent = await self._ledger.recent_starts(connection, now=min(wall, now))
        starts: Counter[float] = Counter()
        for ended_at, count in recent.starts.items():
            starts[min(now, max(ended_at, self._clock.to_steady(ended_at)))] += count
        await self._pace.prime(
            connection.id, connection.limits, RecentStarts(max(starts, default=None), starts, asked_at), now=now
        )
