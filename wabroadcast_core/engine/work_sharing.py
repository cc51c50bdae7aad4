"""How worker processes share the work: one that has time comes first.

An interpreter uses one processor at a time. A process that needs more than half of one therefore lets the others look
at the queue first, and hands its turns over one by one: a process that has time takes them, otherwise it gets them
back.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol

PERIOD: Final = 0.5  # seconds between two measurements, and between two turns that are handed over
BUSY: Final = 0.5  # of a processor
HEAD_START: Final = 0.05  # seconds for each turn of a busy process, in which others take what waits
LONGEST_HEAD_START: Final = 0.1  # seconds; a turn begins that much later where all processes are busy


class SharedTurns(Protocol):
    """The turns under way, as the sharing uses them."""

    @property
    def planning(self) -> int:
        """How many of them claim messages."""
        ...

    def hand_one_over(self) -> None:
        """Let one of several turns end early."""
        ...


class WorkSharing:
    """The share that one process leaves to others.

    :param cpu_seconds: returns the processor time that this process has used.
    """

    def __init__(self, turns: SharedTurns, *, cpu_seconds: Callable[[], float] = time.process_time) -> None:
        self._turns = turns
        self._cpu_seconds = cpu_seconds
        self._is_busy = False

    @property
    def head_start(self) -> float:
        """Seconds for which this process leaves the tasks in the queue to others."""
        return min(HEAD_START * self._turns.planning, LONGEST_HEAD_START) if self._is_busy else 0.0

    async def follow(self) -> None:
        """Measure how busy the process is and hand turns over, until cancelled."""
        loop = asyncio.get_running_loop()
        used, measured_at = self._cpu_seconds(), loop.time()
        while True:
            await asyncio.sleep(PERIOD)
            seconds, now = self._cpu_seconds(), loop.time()
            self._is_busy = seconds - used > BUSY * (now - measured_at)
            used, measured_at = seconds, now
            if self._is_busy:
                self._turns.hand_one_over()
