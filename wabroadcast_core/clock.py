"""Clocks. Workers use the time of Redis, so a jump of a host's clock moves no slot and no scheduled work.

Redis' clock may jump too. So there are two times: wall time, by which work is scheduled, and steady time, which never
jumps, for slots, leases and all that is measured. Redis keeps it for all workers (``clock.lua``).
"""

import time
from importlib.resources import files
from typing import Protocol

CLOCK_SCRIPT = files(__package__).joinpath("clock.lua").read_text(encoding="utf-8")
"""The beginning of each script that reads the clock."""


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


class SteadyClock:
    """The steady time of Redis. Between two readings of it, the host's monotonic clock continues it."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()
        self._read: float | None = None  # the last reading of Redis' steady time
        self._read_at = 0.0  # by the monotonic clock

    def now(self) -> float:
        """Return the steady time (seconds); the host's time before the first :meth:`follow`."""
        return time.monotonic() + self._offset

    def least(self) -> float:
        """Return the least that Redis' steady time can be (seconds); 0 before the first :meth:`follow`."""
        return 0.0 if self._read is None else self._read + time.monotonic() - self._read_at

    def follow(self, steady: float, *, asked_at: float, answered_at: float) -> None:
        """Adjust the clock to a reading of Redis' steady time.

        Redis read it between the request and the answer. Within that the difference is smoothed, because it comes from
        the network.

        :param steady: the answer of Redis.
        :param asked_at: when the request left, in seconds of the monotonic clock.
        :param answered_at: when the answer arrived, in seconds of the monotonic clock.
        """
        offset = steady - (asked_at + answered_at) / 2
        if self._read is not None:
            smooth = self._offset + (offset - self._offset) / 8
            offset = min(max(smooth, steady - answered_at), steady - asked_at)
        self._offset = offset
        if (
            self._read is None or steady - answered_at >= self._read - self._read_at
        ):  # it proves more than the one before
            self._read, self._read_at = steady, answered_at


class RedisClock:
    """The wall time of Redis, which follows its jumps."""

    def __init__(self) -> None:
        self.steady = SteadyClock()
        self.jump = 0.0  # seconds by which wall time is ahead of steady time

    def now(self) -> float:
        """Return the wall time of Redis (UNIX seconds, UTC); the host's time before the first :meth:`follow`."""
        return self.steady.now() + self.jump

    def to_wall(self, steady: float) -> float:
        """Return a steady time as wall time (UNIX seconds, UTC)."""
        return steady + self.jump

    def to_steady(self, wall: float) -> float:
        """Return a wall time as steady time."""
        return wall - self.jump

    def follow(self, steady: float, jump: float, *, asked_at: float, answered_at: float) -> None:
        """Adjust the clock to a reading of Redis' clock; see :meth:`SteadyClock.follow`.

        :param jump: the sum of the jumps of Redis' wall clock (seconds).
        """
        self.steady.follow(steady, asked_at=asked_at, answered_at=answered_at)
        self.jump = jump
