"""Forecast of when a broadcast will be finished: a simulation of its pool's limits and send windows, in steps."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import Quota, SendWindow
from wabroadcast_core.pacing.send_windows import is_open

STEPS: Final = 200  # of the simulation, if no window and no quota delays the broadcast
LONGEST_STEP: Final = 300.0  # seconds
NEGLIGIBLE: Final = 1e-6  # of a message; a smaller rest comes from rounding
FARTHEST: Final = 90 * 86_400.0  # seconds; there is no forecast beyond that


@dataclass(slots=True)
class _Member:
    """A connection of the pool in the simulation."""

    windows: Sequence[SendWindow]
    speed: float  # messages per second, without the quotas
    quotas: list["_QuotaUse"] = field(default_factory=list)

    def room(self, now: float, step: float) -> float:
        """Return how many messages can be sent in the step."""
        return max(0.0, min([self.speed * step, *(quota.left(now) for quota in self.quotas)]))

    def use(self, now: float, amount: float) -> None:
        for quota in self.quotas:
            quota.use(now, amount)


class _QuotaUse:
    """A quota, and its use within its window."""

    def __init__(self, quota: Quota) -> None:
        self._quota = quota
        self._used: deque[tuple[float, float]] = deque()
        self._sum = 0.0

    def left(self, now: float) -> float:
        while self._used and self._used[0][0] <= now - self._quota.per_seconds:
            self._sum -= self._used.popleft()[1]
        return self._quota.messages - self._sum

    def use(self, now: float, amount: float) -> None:
        self._used.append((now, amount))
        self._sum += amount


def forecast(
    amount: int, limits: Sequence[Limits], draft: BroadcastDraft, *, start: float, default_zone: str
) -> float | None:
    """Return when all messages of a broadcast will be sent (UNIX seconds).

    The forecast ignores failures and other broadcasts of the same connections.

    :param amount: how many messages are to be sent.
    :param limits: the limits of the pool's connections.
    :param start: when the first message is sent (UNIX seconds).
    :param default_zone: the time zone of send windows without one.
    :returns: None if the pool has a connection without any limit, or if it takes longer than 90 days.
    """
    members = [_member(of_connection, draft) for of_connection in limits]
    speed = sum(member.speed for member in members)
    if not amount:
        return start
    if not members or speed == float("inf"):
        return None
    step = min(LONGEST_STEP, max(1.0, amount / speed / STEPS))
    now, left = start, float(amount)
    while now < start + FARTHEST:
        released = _released(draft, amount, elapsed=now - start)
        left -= _send(members, min(left, released - (amount - left)), now, step, default_zone)
        now += step
        if left < NEGLIGIBLE:
            return now
    return None


def _send(members: Sequence[_Member], most: float, now: float, step: float, default_zone: str) -> float:
    """Send the messages of one step.

    :param most: how many messages may be sent.
    :returns: how many messages are sent.
    """
    sent = 0.0
    for member in members:
        if all(is_open(window, now, default_zone=default_zone) for window in member.windows):
            part = min(member.room(now, step), most - sent)
            member.use(now, part)
            sent += part
    return sent


def _member(limits: Limits, draft: BroadcastDraft) -> _Member:
    windows = [window for window in (draft.send_window, limits.send_window) if window is not None]
    return _Member(windows, _speed(limits, draft), [_QuotaUse(quota) for quota in limits.quotas])


def _speed(limits: Limits, draft: BroadcastDraft) -> float:
    """Return messages per second; infinity without any limit."""
    speeds = [float("inf")]
    speeds += [rate.per_second for rate in (limits.rate, draft.rate) if rate is not None]
    if limits.jitter is not None and limits.jitter.max_seconds > 0:
        speeds.append(2 / (limits.jitter.min_seconds + limits.jitter.max_seconds))
    if limits.quotas and min(speeds) == float("inf"):
        speeds.append(min(quota.messages / quota.per_seconds for quota in limits.quotas))
    return min(speeds)


def _released(draft: BroadcastDraft, amount: int, *, elapsed: float) -> float:
    """Return how many messages the batches have released.

    :param elapsed: seconds since the first batch.
    """
    if draft.batching is None:
        return amount
    batches = 1 + elapsed // draft.batching.interval_seconds
    return min(amount, batches * draft.batching.size)
