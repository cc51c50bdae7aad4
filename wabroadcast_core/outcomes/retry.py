"""When a message is tried again, and when a broadcast is stopped because its messages all fail alike."""

import math
from collections import Counter, deque
from typing import Final

from wabroadcast_core.models.pacing import Retry

LONGEST_INTERVAL: Final = 86_400.0  # seconds; a doubled interval ends here
JITTER: Final = 0.2  # share of the interval, either way: what failed together does not come back together
OK: Final = "ok"


def next_delay(retry: Retry, *, attempt: int, retry_after: float | None, random: float) -> float | None:
    """Seconds until the next attempt; None when they are used up.

    :param attempt: attempts already made; ``max_attempts`` counts all of them, the first too.
    :param retry_after: seconds the provider asked for; never undercut.
    :param random: of [0, 1).
    """
    if attempt >= retry.max_attempts:
        return None
    delay = _interval(retry, attempt) * (1 - JITTER + 2 * JITTER * random)
    if retry_after is None or not math.isfinite(retry_after):
        return delay
    return max(delay, retry_after)


def _interval(retry: Retry, attempt: int) -> float:
    if retry.backoff == "fixed":
        return retry.interval_seconds
    return float(min(retry.interval_seconds * 2 ** max(attempt - 1, 0), LONGEST_INTERVAL))


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
