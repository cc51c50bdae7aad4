"""The circuit breakers of all broadcasts of one worker; what makes a single one trip is in test_retry."""

from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.outcomes.circuit_breaker import CircuitBreakers
from wabroadcast_core.store.outcomes import Outcome


class Counting:
    def __init__(self) -> None:
        self._breakers = CircuitBreakers()

    def count(self, broadcast_id: int, *statuses: MessageStatus, reason: str | None = "131026") -> list[str]:
        """Count outcomes of a broadcast. :returns: the reasons for pausing it."""
        found = [
            self._breakers.count(broadcast_id, Outcome(key, status, reason=reason))
            for key, status in enumerate(statuses)
        ]
        return [text for text in found if text is not None]


FAILED, SENT = MessageStatus.FAILED, MessageStatus.SENT
TRIPPED = ["circuit breaker: too many messages fail alike (131026)"]


def test_a_breaker_that_trips_says_why() -> None:
    assert Counting().count(1, *[FAILED] * 5) == TRIPPED


def test_a_failure_without_a_reason_has_one_all_the_same() -> None:
    assert Counting().count(1, *[FAILED] * 5, reason=None) == ["circuit breaker: too many messages fail alike (failed)"]


def test_each_broadcast_has_a_breaker_of_its_own() -> None:
    counting = Counting()

    assert counting.count(1, *[FAILED] * 4) == []
    assert counting.count(2, *[FAILED] * 4) == []
    assert counting.count(2, FAILED) == TRIPPED


def test_messages_that_were_sent_before_the_first_failure_count() -> None:
    assert Counting().count(1, SENT, *[FAILED] * 5) == []


def test_messages_that_were_sent_between_failures_count() -> None:
    assert Counting().count(1, *[FAILED] * 4, SENT, FAILED) == []


def test_only_final_outcomes_of_a_send_count() -> None:
    others = [MessageStatus.RETRY, MessageStatus.UNKNOWN, MessageStatus.SKIPPED, MessageStatus.QUEUED]

    assert Counting().count(1, *others, *[FAILED] * 5) == TRIPPED
    assert Counting().count(1, *others * 20) == []


def test_a_breaker_that_tripped_begins_anew() -> None:
    counting = Counting()
    counting.count(1, *[FAILED] * 5)

    assert counting.count(1, *[FAILED] * 4) == []
    assert counting.count(1, FAILED) == TRIPPED
