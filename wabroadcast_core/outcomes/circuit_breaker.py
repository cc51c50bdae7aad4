"""TODO"""

import math
from collections import Counter, deque
from typing import Final

OK: Final = "ok"


class CircuitBreaker:
    """Says when so many recipients of one broadcast fail alike that the fault is not theirs.

    It trips when the ``first`` outcomes are all the same failure, or ``share`` of the ``last`` ones are. Told only how
    messages finished: throttling and connection faults are no outcome of a recipient.

    :param finished: how many messages of the broadcast had finished before the first outcome it is told.
    """

    def __init__(self, *, first: int = 5, last: int = 50, share: float = 0.5, finished: int = 0) -> None:
        self._first, self._last = first, last
        self._enough = math.ceil(share * last)
        self._finished = finished
        self._window: deque[str] = deque(maxlen=last)
        self._counts: Counter[str] = Counter()

    def tell(self, outcome: str) -> str | None:
        """Take in ``ok`` or a failure's reason.

        :returns: the reason that trips it now, if one does.
        """
        self._finished += 1
        self._slide(outcome)
        return outcome if outcome != OK and self._trips(outcome) else None

    def _slide(self, outcome: str) -> None:
        if len(self._window) == self._last:
            self._counts[self._window[0]] -= 1
        self._window.append(outcome)
        self._counts[outcome] += 1

    def _trips(self, reason: str) -> bool:
        at_start = self._finished == len(self._window) == self._first == self._counts[reason]
        in_window = len(self._window) == self._last and self._counts[reason] >= self._enough
        return at_start or in_window
