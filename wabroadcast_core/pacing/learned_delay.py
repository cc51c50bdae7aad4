"""How long something takes just then, learned from what it took: at worst, and typically."""

import math
from dataclasses import dataclass
from typing import Final

SPARE: Final = 0.25  # of what it took
MOST_SPARE: Final = 0.3  # seconds
HALF_LIFE: Final = 10.0  # seconds after which half of what was learned is forgotten


@dataclass(slots=True)
class LearnedDelay:
    """A delay that follows a rise at once and a fall slowly: what was slow once may be so again soon.

    :param least: seconds that it is never below.
    :param most: seconds that it is never above.
    """

    least: float
    most: float
    _learned: float = 0.0
    _at: float = 0.0

    def learn(self, seconds: float, *, now: float) -> None:
        """Learn that it took so long, ending at ``now``."""
        self._learned = max(with_spare(seconds), self._remembered(now))
        self._at = now

    def expect(self, now: float) -> float:
        """Return how many seconds to allow for it at ``now``."""
        return min(max(self.least, self._remembered(now)), self.most)

    def _remembered(self, now: float) -> float:
        return self._learned * math.pow(0.5, max(0.0, now - self._at) / HALF_LIFE)


@dataclass(slots=True)
class TypicalDelay:
    """A delay as it usually is: its smoothed mean and twice its mean deviation, as TCP estimates round trips.

    :param least: seconds that it is never below.
    :param most: seconds that it is never above.
    """

    least: float
    most: float
    _mean: float = 0.0
    _deviation: float = 0.0

    def learn(self, seconds: float) -> None:
        """Learn that it took so long."""
        off = seconds - self._mean
        self._mean += off / 8
        self._deviation += (abs(off) - self._deviation) / 4

    @property
    def expected(self) -> float:
        """How many seconds to allow for it."""
        return min(max(self.least, self._mean + 2 * self._deviation), self.most)


def with_spare(seconds: float) -> float:
    """Return how many seconds to allow for something that took ``seconds``."""
    return seconds + min(SPARE * seconds, MOST_SPARE)
