"""Clocks. Workers use the time of Redis, so a jump of a host's clock moves no slot and no scheduled work."""

import time
from typing import Protocol


class Clock(Protocol):
    """A source of the present time."""

    def now(self) -> float:
        """Return the present time as a UNIX timestamp (seconds, UTC)."""
        ...


class SystemClock:
    """The host's clock, for processes that only record when something arrived."""

    def now(self) -> float:
        """Return the host's time (UNIX seconds, UTC)."""
        return time.time()


class RedisClock:
    """The time of Redis. Between two readings of it, the host's monotonic clock continues it."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()
        self._followed = False

    def now(self) -> float:
        """Return the time of Redis (UNIX seconds, UTC); the host's time before the first :meth:`follow`."""
        return time.monotonic() + self._offset

    def follow(self, redis_time: float, *, asked_at: float, answered_at: float) -> None:
        """Adjust the clock to a reading of Redis' time.

        Differences below a second are smoothed: they come from the network, and time must not jump while turns wait
        for their slots.

        :param redis_time: the answer of Redis (UNIX seconds, UTC).
        :param asked_at: when the request left, in seconds of the monotonic clock.
        :param answered_at: when the answer arrived, in seconds of the monotonic clock.
        """
        offset = redis_time - (asked_at + answered_at) / 2
        drift = offset - self._offset
        smooth = self._followed and abs(drift) < 1
        self._offset += drift / 8 if smooth else drift
        self._followed = True
