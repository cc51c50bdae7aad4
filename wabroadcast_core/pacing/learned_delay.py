"""How long something takes just then: learned from what it took, with some to spare."""

import math
from dataclasses import dataclass
from typing import Final

SPARE: Final = 1.25
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
        self._learned = max(SPARE * seconds, self._remembered(now))
        self._at = now

    def expect(self, now: float) -> float:
        """Return how many seconds to allow for it at ``now``."""
        return min(max(self.least, self._remembered(now)), self.most)

    def _remembered(self, now: float) -> float:
        return self._learned * math.pow(0.5, max(0.0, now - self._at) / HALF_LIFE)
