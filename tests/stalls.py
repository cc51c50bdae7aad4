"""How much a busy machine adds to what a test measures: the judge of time must know how late itself was."""

import threading
import time
from typing import Self

STEP = 0.002
CALM = 0.004  # seconds late: less is an idle machine's own


class StallWatch:
    """Sleeps short sleeps in a thread and notes how much later than asked it woke."""

    def __init__(self) -> None:
        self.worst = 0.0
        self._late = 0
        self._steps = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @property
    def slack(self) -> float:
        """Seconds that an arrival may be noted off: it passes two processes, and each may be kept waiting."""
        return 2 * self.worst

    @property
    def is_calm(self) -> bool:
        """Whether the machine gave a process its time nearly always when it was due."""
        return self._late < 0.02 * self._steps

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            due = time.monotonic() + STEP
            time.sleep(STEP)
            late = time.monotonic() - due
            self.worst = max(self.worst, late)
            self._late += late > CALM
            self._steps += 1
