"""Forecast of when a broadcast will be finished: a simulation of its pool, from one event to the next.

An event is a window that opens or closes, a quota that is used up or has room again, or a batch that is released.
"""

import heapq
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import Batching, Quota, SendWindow
from wabroadcast_core.pacing.pace_look import UsedSlots
from wabroadcast_core.pacing.send_windows import next_opening, next_opening_of_all, windows_of

NEGLIGIBLE: Final = 1e-6  # of a message; a smaller rest comes from rounding
FARTHEST: Final = 90 * 86_400.0  # seconds; there is no forecast beyond that
MOST_BATCHES: Final = 200  # more of them count as a rate
SHORT_WINDOWS: Final = 50  # a quota with more windows than these in the whole time counts as a rate
STEPS_OF_WINDOW: Final = 16  # what is sent in one part of a quota's window counts as sent at its end
NEVER: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a connection may send."""

    limits: Limits
    uses: Sequence[UsedSlots] = ()  # of its quotas so far
    ready_at: float = 0.0  # no message starts before (UNIX seconds)
    factor: float = 1.0  # share of the rate that is used


@dataclass(frozen=True, slots=True)
class Release:
    """The released part of a broadcast that is sent in batches."""

    messages: int  # that are released and not sent yet
    next_at: float  # when the next batch is released (UNIX seconds)


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the first message of a broadcast starts and when the last one does (UNIX seconds).

    There is no end if only the provider decides how long the messages take, or if it takes longer than 90 days.
    """

    starts_at: float | None
    ends_at: float | None


def forecast(
    amount: int,
    pool: Sequence[Capacity],
    draft: BroadcastDraft,
    *,
    start: float,
    default_zone: str,
    release: Release | None = None,
    speed: float | None = None,
) -> Forecast:
    """Return when the messages of a broadcast will be sent. Failures are ignored.

    :param amount: how many messages are to be sent.
    :param start: no message starts before (UNIX seconds).
    :param default_zone: the time zone of send windows without one.
    :param release: the released part, if the broadcast has started; by default the first batch is, at the start.
    :param speed: the messages per second that were measured; the broadcast is not faster than that.
    """
    if not amount:
        return Forecast(start, start)
    members = [_Member.of(capacity, draft, amount=amount, zone=default_zone) for capacity in pool]
    _slow_down(members, speed)
    batching = draft.batching
    if batching is not None and amount > MOST_BATCHES * batching.size:
        _slow_down(members, batching.size / batching.interval_seconds)
        batching = None
    return _Simulation(members, _Batches.of(batching, amount, start=start, release=release), amount, start).run()


class _QuotaLeft:
    """A quota, and its used slots with the time at which each is free again."""

    def __init__(self, quota: Quota, use: UsedSlots | None) -> None:
        self.quota = quota
        self._frees: list[tuple[float, float]] = _grouped(use.frees, quota.per_seconds) if use else []
        heapq.heapify(self._frees)
        self._used = float(sum(count for _, count in self._frees))

    def left(self, now: float) -> float:
        while self._frees and self._frees[0][0] <= now:
            self._used -= heapq.heappop(self._frees)[1]
        return self.quota.messages - self._used

    def next_free(self) -> float:
        return self._frees[0][0] if self._frees else NEVER

    def use(self, now: float, amount: float) -> None:
        heapq.heappush(self._frees, (now + self.quota.per_seconds, amount))
        self._used += amount


@dataclass(slots=True)
class _Member:
    """A connection of the pool in the simulation."""

    windows: Sequence[SendWindow]
    zone: str
    speed: float  # messages per second, without the quotas
    ready_at: float
    quotas: Sequence[_QuotaLeft]
    _opens_at: float = 0.0
    _closes_at: float = 0.0

    @classmethod
    def of(cls, capacity: Capacity, draft: BroadcastDraft, *, amount: int, zone: str) -> "_Member":
        limits = capacity.limits
        speed = _speed(limits, draft, factor=capacity.factor)
        shares = [quota.messages / quota.per_seconds for quota in limits.quotas]
        rough = amount / min([speed, *shares])
        uses = {use.quota.per_seconds: use for use in capacity.uses}
        long = [quota for quota in limits.quotas if quota.per_seconds * SHORT_WINDOWS >= rough]
        short = [quota.messages / quota.per_seconds for quota in limits.quotas if quota not in long]
        quotas = [_QuotaLeft(quota, uses.get(quota.per_seconds)) for quota in long]
        return cls(windows_of(draft, limits), zone, min([speed, *short]), capacity.ready_at, quotas)

    def look(self, now: float) -> tuple[float, float]:
        """Return how many messages may be sent now, and until when that holds without a message being sent."""
        if now >= self._closes_at:
            self._find_window(now)
        if now < self._opens_at:
            return 0.0, self._opens_at
        room = min((quota.left(now) for quota in self.quotas), default=NEVER)
        if room < NEGLIGIBLE:
            return 0.0, min(quota.next_free() for quota in self.quotas if quota.left(now) < NEGLIGIBLE)
        step = min((quota.quota.per_seconds for quota in self.quotas), default=NEVER) / STEPS_OF_WINDOW
        return room, min(self._closes_at, now + step)

    def use(self, now: float, amount: float) -> None:
        for quota in self.quotas:
            quota.use(now, amount)

    def _find_window(self, now: float) -> None:
        """Find the next time in which all windows are open."""
        begin = max(now, self.ready_at)
        opens_at = next_opening_of_all(self.windows, begin, self.zone) if self.windows else begin
        self._opens_at = NEVER if opens_at is None else opens_at
        closings = [] if opens_at is None else [_closing(window, opens_at, self.zone) for window in self.windows]
        self._closes_at = min(closings, default=NEVER)


class _Batches:
    """How many messages are released, and when the next ones are."""

    def __init__(self, batching: Batching | None, release: Release) -> None:
        self._batching = batching
        self._release = release

    @classmethod
    def of(cls, batching: Batching | None, amount: int, *, start: float, release: Release | None) -> "_Batches":
        if batching is None:
            return cls(None, Release(amount, NEVER))
        return cls(batching, release or Release(batching.size, start + batching.interval_seconds))

    @property
    def are_limited(self) -> bool:
        """Whether the messages are released in batches."""
        return self._batching is not None

    def released(self, now: float) -> float:
        return self._release.messages + (self._count(now) * self._batching.size if self._batching else 0)

    def next_at(self, now: float) -> float:
        if self._batching is None:
            return NEVER
        return self._release.next_at + self._count(now) * self._batching.interval_seconds

    def _count(self, now: float) -> int:
        """Return how many batches were released since the beginning of the simulation."""
        if self._batching is None or now < self._release.next_at:
            return 0
        return 1 + int((now - self._release.next_at) / self._batching.interval_seconds + NEGLIGIBLE)


class _Simulation:
    """The sending of one broadcast."""

    def __init__(self, members: Sequence[_Member], batches: _Batches, amount: int, start: float) -> None:
        self._members = members
        self._batches = batches
        self._left = float(amount)
        self._sent = 0.0
        self._now = self._start = start
        self._starts_at: float | None = None

    def run(self) -> Forecast:
        while self._left > NEGLIGIBLE and self._now <= self._start + FARTHEST:
            released = min(self._left, self._batches.released(self._now) - self._sent)
            if released < NEGLIGIBLE:
                self._now = self._batches.next_at(self._now)
            else:
                self._send(released)
        if self._left > NEGLIGIBLE or self._now > self._start + FARTHEST:
            return Forecast(self._starts_at, None)
        return Forecast(self._starts_at, self._now if self._is_known() else None)

    def _is_known(self) -> bool:
        """Return whether rates decide the end, or waits for quotas or batches, next to which the sending is short."""
        if all(member.speed < NEVER for member in self._members):
            return True
        are_few = self._batches.are_limited or all(member.speed < NEVER or member.quotas for member in self._members)
        return are_few and self._now > self._start

    def _send(self, released: float) -> None:
        """Send until the next event."""
        looks = [(member, *member.look(self._now)) for member in self._members]
        able = [(member, room) for member, room, _ in looks if room > 0]
        if not able:
            self._now = min((until for _, _, until in looks), default=NEVER)
            return
        if self._starts_at is None:
            self._starts_at = self._now
        for member, room in able:
            if member.speed == NEVER:
                self._use(member, min(room, released))
                return
        speed = sum(member.speed for member, _ in able)
        ends = [until - self._now for _, _, until in looks]
        seconds = min([*ends, released / speed, *(room / member.speed for member, room in able)])
        self._now += seconds
        for member, _ in able:
            self._use(member, member.speed * seconds)

    def _use(self, member: _Member, amount: float) -> None:
        member.use(self._now, amount)
        self._sent += amount
        self._left -= amount


def _grouped(frees: Sequence[tuple[float, int]], seconds: float) -> list[tuple[float, float]]:
    """Return used slots in fewer groups, if they are many: each is free at the end of its part of the window."""
    if len(frees) <= 2 * STEPS_OF_WINDOW:
        return list(frees)
    step, groups = seconds / STEPS_OF_WINDOW, Counter[int]()
    for free_at, count in frees:
        groups[math.ceil(free_at / step)] += count
    return [(place * step, count) for place, count in groups.items()]


def _slow_down(members: Sequence[_Member], speed: float | None) -> None:
    """Make the members together no faster than the measured speed."""
    total = sum(member.speed for member in members)
    if not speed or total <= speed:
        return
    for member in members:
        member.speed = speed / len(members) if total == NEVER else member.speed * speed / total


def _closing(window: SendWindow, at: float, zone: str) -> float:
    """Return when an open window closes, which is when its complement opens."""
    complement = window.model_copy(update={"from_": window.to, "to": window.from_})
    return next_opening(complement, at, default_zone=zone)


def _speed(limits: Limits, draft: BroadcastDraft, *, factor: float) -> float:
    """Return messages per second; infinity without any rate."""
    speeds = [NEVER]
    if limits.rate is not None:
        speeds.append(limits.rate.per_second * factor)
    if draft.rate is not None:
        speeds.append(draft.rate.per_second)
    if limits.jitter is not None and limits.jitter.max_seconds > 0:
        speeds.append(2 / (limits.jitter.min_seconds + limits.jitter.max_seconds))
    return min(speeds)
