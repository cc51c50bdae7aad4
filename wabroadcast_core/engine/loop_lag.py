"""How far the event loop of a worker process falls behind.

Turns that wait for a crowded loop miss their slots, give their messages back and claim them again: with more turns each
does less, in the end nothing. A loop that lags gets no further turns; other processes take them, or they wait.
"""

import asyncio

PERIOD = 0.02  # seconds between two measurements
FALL = 0.9  # what is left of the lag after each measurement that is lower
LAGGING = 0.05  # seconds: well below what a message may be late for its slot


class LoopLag:
    """The lag of one event loop: how much later than due its timers run. It rises at once and falls within a second."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @property
    def is_high(self) -> bool:
        """Whether another turn would keep the others from their slots."""
        return self.seconds > LAGGING

    async def watch(self) -> None:
        """Measure the lag until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PERIOD
            await asyncio.sleep(PERIOD)
            self.seconds = max(loop.time() - due, self.seconds * FALL)
