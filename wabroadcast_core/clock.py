"""What time it is: the engine's clock follows Redis, so that a host's clock may jump and nothing moves."""

import time
from typing import Protocol


class Clock(Protocol):
    """Says the time as a UNIX timestamp (seconds, UTC)."""

    def now(self) -> float: ...


class SystemClock:
    """The host's clock: for processes that only note when something came in."""

    def now(self) -> float:
        return time.time()


class RedisClock:
    """Redis' time, carried on between two looks by the monotonic clock."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()
        self._followed = False

    def now(self) -> float:
        return time.monotonic() + self._offset

    def follow(self, redis_time: float, *, asked_at: float, answered_at: float) -> None:
        """Take over what Redis said. ``asked_at`` and ``answered_at`` are monotonic seconds.

        Small differences are the way's noise: they are smoothed, so that time never steps while slots are awaited.
        """
        offset = redis_time - (asked_at + answered_at) / 2
        drift = offset - self._offset
        smooth = self._followed and abs(drift) < 1
        self._offset += drift / 8 if smooth else drift
        self._followed = True
