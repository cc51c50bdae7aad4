"""Stops a broadcast whose messages all fail alike, and a connection whose answers are all lost.

Then the fault is not the recipients', and the rest of the audience must not go the same way.
"""

import math
from collections import Counter, deque
from typing import Final

from wabroadcast_core.errors import ConnectionDown
from wabroadcast_core.models.status import SENT, MessageStatus
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.store.outcomes import Outcome

OK: Final = "ok"
MOST_BREAKERS = 1_000  # far more than broadcasts run at once
MOST_UNKNOWN: Final = 5  # unknown outcomes in a row on one connection
NO_ANSWER: Final = "no_certain_answer"  # the reason of a connection that is paused for them


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
        return outcome if outcome != OK and (self._fills_start(outcome) or self._fills_window(outcome)) else None

    def count_unknown(self, reason: str) -> str | None:
        """Count an outcome that is unknown. A few at the start do not trip: :class:`LostAnswers` counts those.

        :returns: the reason, if the breaker trips on it now.
        """
        self._finished += 1
        self._slide(reason)
        return reason if self._fills_window(reason) else None

    def _slide(self, outcome: str) -> None:
        if len(self._window) == self._last:
            self._counts[self._window[0]] -= 1
        self._window.append(outcome)
        self._counts[outcome] += 1

    def _fills_start(self, reason: str) -> bool:
        return self._finished == len(self._window) == self._first == self._counts[reason]

    def _fills_window(self, reason: str) -> bool:
        return len(self._window) == self._last and self._counts[reason] >= self._enough


class LostAnswers:
    """Decides when a connection's provider is down: so many sends in a row ended without a certain answer.

    An answer that is certain, accepted or not, ends the run. The reasons in a run may differ: a provider that goes
    down first resets connections and then answers through a proxy. Retries and messages that were not tried neither
    end a run nor belong to it.
    """

    def __init__(self, *, most: int = MOST_UNKNOWN) -> None:
        self._most = most
        self._runs: Counter[int] = Counter()  # unknown outcomes in a row, by connection id

    def count(self, connection_id: int, outcome: Outcome) -> ConnectionDown | None:
        """Count the outcome of a message.

        :returns: why the connection must be paused, if it must be now.
        """
        if outcome.status is SENT or outcome.status is MessageStatus.FAILED:
            self.end_run(connection_id)
        elif outcome.status is MessageStatus.UNKNOWN:
            self._runs[connection_id] += 1
            if self._runs[connection_id] % self._most == 0:
                return self._down(outcome.reason or "unknown")
        return None

    def end_run(self, connection_id: int) -> None:
        """End the run of a connection: an answer of its provider was certain."""
        if self._runs:
            self._runs.pop(connection_id, None)

    def is_down(self, connection_id: int) -> bool:
        """Whether the run of a connection is so long that its provider counts as down."""
        return self._runs.get(connection_id, 0) >= self._most

    def _down(self, reason: str) -> ConnectionDown:
        return ConnectionDown(NO_ANSWER, say("provider_lost", n=self._most, reason=reason))


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
            self.count_sent(broadcast_id)
        elif outcome.status is MessageStatus.FAILED:
            reason = (breaker or self._make(broadcast_id)).count(outcome.reason or "failed")
            if reason is not None:
                del self._breakers[broadcast_id]
                return say("failures_alike", reason=reason)
        elif outcome.status is MessageStatus.UNKNOWN:
            reason = (breaker or self._make(broadcast_id)).count_unknown(outcome.reason or "unknown")
            if reason is not None:
                del self._breakers[broadcast_id]
                return say("answers_lost", reason=reason)
        return None

    def count_sent(self, broadcast_id: int) -> None:
        """Count a message that was sent."""
        breaker = self._breakers.get(broadcast_id)
        if breaker is None:
            self._sent[broadcast_id] += 1
        else:
            breaker.count(OK)

    def _make(self, broadcast_id: int) -> CircuitBreaker:
        if len(self._breakers) > MOST_BREAKERS:
            self._breakers.clear()
        if len(self._sent) > MOST_BREAKERS:
            self._sent.clear()
        breaker = self._breakers[broadcast_id] = CircuitBreaker(finished=self._sent.pop(broadcast_id, 0))
        return breaker
