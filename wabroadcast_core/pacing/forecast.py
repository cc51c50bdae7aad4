"""When a broadcast would be done: its pool's limits and windows, played through in steps."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import Quota, SendWindow
from wabroadcast_core.pacing.send_windows import is_open

STEPS: Final = 200  # that the whole would take without windows and quotas
LONGEST_STEP: Final = 300.0  # seconds
TOO_LITTLE: Final = 1e-6  # of a message: what rounding leaves
FARTHEST: Final = 90 * 86_400.0  # seconds; what takes longer is not foretold


@dataclass(slots=True)
class _Member:
    """A connection as it is used up."""

    windows: Sequence[SendWindow]
    speed: float  # messages a second, quotas aside
    quotas: list["_Spent"] = field(default_factory=list)

    def room(self, now: float, step: float) -> float:
        return max(0.0, min([self.speed * step, *(quota.left(now) for quota in self.quotas)]))

    def use(self, now: float, amount: float) -> None:
        for quota in self.quotas:
            quota.use(now, amount)


class _Spent:
    """A quota, and what was used of it within its length."""

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
    """When ``amount`` messages that start at ``start`` are sent (UNIX seconds).

    Others that use the same connections, and failures, are not reckoned with.

    :param limits: of the pool's connections.
    :returns: None where a connection has no pace to reckon with, or it takes longer than three months.
    """
    members = [_member(each, draft) for each in limits]
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
        if left < TOO_LITTLE:
            return now
    return None


def _send(members: Sequence[_Member], most: float, now: float, step: float, default_zone: str) -> float:
    """:returns: how many messages leave in a step."""
    sent = 0.0
    for member in members:
        if all(is_open(window, now, default_zone=default_zone) for window in member.windows):
            part = min(member.room(now, step), most - sent)
            member.use(now, part)
            sent += part
    return sent


def _member(limits: Limits, draft: BroadcastDraft) -> _Member:
    windows = [window for window in (draft.send_window, limits.send_window) if window is not None]
    return _Member(windows, _speed(limits, draft), [_Spent(quota) for quota in limits.quotas])


def _speed(limits: Limits, draft: BroadcastDraft) -> float:
    speeds = [float("inf")]
    speeds += [rate.per_second for rate in (limits.rate, draft.rate) if rate is not None]
    if limits.jitter is not None and limits.jitter.max_seconds > 0:
        speeds.append(2 / (limits.jitter.min_seconds + limits.jitter.max_seconds))
    if limits.quotas and min(speeds) == float("inf"):
        speeds.append(min(quota.messages / quota.per_seconds for quota in limits.quotas))
    return min(speeds)


def _released(draft: BroadcastDraft, amount: int, *, elapsed: float) -> float:
    """How many messages were released by then."""
    if draft.batching is None:
        return amount
    batches = 1 + elapsed // draft.batching.interval_seconds
    return min(amount, batches * draft.batching.size)
