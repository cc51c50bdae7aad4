"""Stops a broadcast whose messages all fail alike: then the fault is not the recipients'."""

import math
from collections import Counter, deque
from typing import Final

from wabroadcast_core.models.status import SENT, MessageStatus
from wabroadcast_core.store.outcomes import Outcome

OK: Final = "ok"
MOST_BREAKERS = 1_000  # far more than broadcasts run at once


class CircuitBreaker:
    """Decides when so many recipients of one broadcast fail alike that the fault is not theirs.

    It trips when the ``first`` outcomes are all the same failure, or ``share`` of the ``last`` ones are. Only final
    outcomes count: throttling and connection faults are not outcomes of a recipient.

    :param finished: how many messages of the broadcast had finished before the first outcome it is given.
    """

    def __init__(self, *, first: int = 5, last: int = 50, share: float = 0.5, finished: int = 0) -> None:
        self._first, self._last = first, last
        self._enough = math.ceil(share * last)
        self._finished = finished
        self._window: deque[str] = deque(maxlen=last)
        self._counts: Counter[str] = Counter()

    def count(self, outcome: str) -> str | None:
        """Count ``ok`` or the reason of a failure.

        :returns: the reason, if the breaker trips on it now.
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


class CircuitBreakers:
    """The circuit breakers of the broadcasts that one worker sends.

    A breaker is made at a broadcast's first failure: until then it is enough to count what was sent.
    """

    def __init__(self) -> None:
        self._breakers: dict[int, CircuitBreaker] = {}
        self._sent: Counter[int] = Counter()  # messages of broadcasts without a failure so far

    def count(self, broadcast_id: int, outcome: Outcome) -> str | None:
        """Count the outcome of a message.

        :returns: why the broadcast must be paused, if this outcome trips its breaker.
        """
        breaker = self._breakers.get(broadcast_id)
        if outcome.status is SENT:
            if breaker is None:
                self._sent[broadcast_id] += 1
            else:
                breaker.count(OK)
        elif outcome.status is MessageStatus.FAILED:
            reason = (breaker or self._make(broadcast_id)).count(outcome.reason or "failed")
            if reason is not None:
                del self._breakers[broadcast_id]
                return f"circuit breaker: too many messages fail alike ({reason})"
        return None

    def _make(self, broadcast_id: int) -> CircuitBreaker:
        if len(self._breakers) > MOST_BREAKERS:
            self._breakers.clear()
        if len(self._sent) > MOST_BREAKERS:
            self._sent.clear()
        breaker = self._breakers[broadcast_id] = CircuitBreaker(finished=self._sent.pop(broadcast_id, 0))
        return breaker
