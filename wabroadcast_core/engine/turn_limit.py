"""How many turns a worker process runs at once: fewer while its event loop falls behind.

Turns that wait for a crowded loop miss their slots, give their messages back and claim them again: with more turns each
does less, in the end nothing. The limit therefore rises slowly and falls fast, as TCP's window does. Turns beyond it
are left to other processes, or wait in the queue.
"""

import asyncio
from collections.abc import Callable
from typing import Final

PERIOD: Final = 0.02  # seconds between two measurements
IDLE_PERIOD: Final = 0.25  # the same without any turn: waking 50 times a second costs an idle process 1 % of a core
LAGGING: Final = 0.05  # seconds by which a timer is late: well below what a message may be late for its slot
FALL: Final = 0.7  # what is left of the turns after each measurement of a loop that lags
LEAST: Final = 8  # turns, whatever the lag: it may have other reasons
FIRST: Final = 64  # turns, until the first measurements


class TurnLimit:
    """The limit of one event loop.

    :param most: is never exceeded.
    :param on_lag: called with each measurement (seconds).
    """

    def __init__(self, most: int, *, on_lag: Callable[[float], None] | None = None) -> None:
        self._most = most
        self._on_lag = on_lag
        self.value = min(most, FIRST)

    async def follow(self, turns: Callable[[], int]) -> None:
        """Measure how late the loop's timers are, and move the limit, until cancelled.

        :param turns: returns how many turns are under way.
        """
        loop = asyncio.get_running_loop()
        while True:
            period = PERIOD if turns() else IDLE_PERIOD
            due = loop.time() + period
            await asyncio.sleep(period)
            lag = loop.time() - due
            self.learn(turns(), lag=lag)
            if self._on_lag is not None:
                self._on_lag(lag)

    def learn(self, turns: int, *, lag: float) -> None:
        """Move the limit after one measurement.

        :param turns: under way.
        :param lag: seconds by which a timer was late.
        """
        if lag > LAGGING:
            self.value = min(self._most, max(LEAST, int(FALL * min(turns, self.value))))
        elif turns >= self.value:
            self.value = min(self._most, self.value + 1)
