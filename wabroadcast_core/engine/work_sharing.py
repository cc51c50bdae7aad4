"""How worker processes share the work: a busy one leaves turns to those that have time.

An interpreter uses one processor at a time. A process that needs more than half of its share of one therefore
looks at the queue later than the others, which wait there, and ends its turns early, one by one: a process that waits
takes the connection's next turn. If none does, the turn comes back, and the pauses between such attempts grow.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

PERIOD: Final = 0.5  # seconds between two measurements, and at first between two turns that end early
LONGEST_PAUSE: Final = 8.0  # seconds between two turns that end early, where no other process takes them
BUSY: Final = 0.5  # of the share of a processor that a process may use
HEAD_START: Final = 0.05  # seconds for each turn of a busy process, by which it looks at the queue later
LONGEST_HEAD_START: Final = 0.1  # seconds; a turn begins that much later where all processes are busy
# The limit of a container on Linux, as "50000 100000" or "max 100000".
CPU_MAX: Final = Path("/sys/fs/cgroup/cpu.max")


class SharedTurns(Protocol):
    """The turns under way, as the sharing uses them."""

    @property
    def staying_count(self) -> int:
        """How many turns claim messages and are not to end early. Any thread may read this."""
        ...

    def has_staying(self, connection_id: int) -> bool:
        """Return whether a connection has such a turn here."""
        ...

    def end_one_early(self) -> int | None:
        """End one of several such turns early; return the id of its connection."""
        ...


class WorkSharing:
    """What one process leaves to others.

    :param cpu_seconds: returns the processor time that this process has used.
    :param processor: the share of one processor that it may use.
    """

    def __init__(
        self, turns: SharedTurns, *, cpu_seconds: Callable[[], float] = time.process_time, processor: float = 1.0
    ) -> None:
        self._turns = turns
        self._cpu_seconds = cpu_seconds
        self._busy = BUSY * processor
        self._is_busy = False
        self._offered: int | None = None  # the connection whose turn ended early last
        self._pause = PERIOD
        self._next_at = 0.0

    @property
    def head_start(self) -> float:
        """Seconds by which this process looks at the queue later than others. Any thread may read this."""
        return min(HEAD_START * self._turns.staying_count, LONGEST_HEAD_START) if self._is_busy else 0.0

    async def follow(self) -> None:
        """Measure how busy the process is and end turns early, until cancelled."""
        loop = asyncio.get_running_loop()
        used, measured_at = self._cpu_seconds(), loop.time()
        while True:
            await asyncio.sleep(PERIOD)
            seconds, now = self._cpu_seconds(), loop.time()
            self._is_busy = seconds - used > self._busy * (now - measured_at)
            used, measured_at = seconds, now
            if self._is_busy and now >= self._next_at:
                self._offer_turn(now)

    def _offer_turn(self, now: float) -> None:
        """End a turn early. Wait longer for the next one if the last one came back."""
        came_back = self._offered is not None and self._turns.has_staying(self._offered)
        self._pause = min(2 * self._pause, LONGEST_PAUSE) if came_back else PERIOD
        self._next_at = now + self._pause
        self._offered = self._turns.end_one_early()


def usable_processor(limit: Path = CPU_MAX) -> float:
    """Return the share of one processor that a process here may use: less than 1 in a container with a lower limit.

    Other processes of the container have the same limit together, and may leave less.

    :param limit: the file with the limit; where there is none, there is no limit.
    """
    try:
        quota, period = limit.read_text().split()
        return 1.0 if quota == "max" else min(1.0, int(quota) / int(period))
    except (OSError, ValueError):
        return 1.0
