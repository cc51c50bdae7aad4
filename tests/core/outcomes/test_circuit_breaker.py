"""The circuit breakers of all broadcasts of one worker. ``test_retry`` tests when a single one trips."""

import pytest

from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.outcomes.circuit_breaker import MOST_UNKNOWN, CircuitBreakers, LostAnswers
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


FAILED, SENT, UNKNOWN = MessageStatus.FAILED, MessageStatus.SENT, MessageStatus.UNKNOWN
TRIPPED = ["circuit breaker: too many messages fail alike (131026)"]


def test_a_breaker_that_trips_returns_the_reason() -> None:
    assert Counting().count(1, *[FAILED] * 5) == TRIPPED


def test_a_failure_without_a_reason_counts_as_failed() -> None:
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


def test_outcomes_that_are_not_final_do_not_count() -> None:
    others = [MessageStatus.RETRY, MessageStatus.SKIPPED, MessageStatus.QUEUED]

    assert Counting().count(1, *others, *[FAILED] * 5) == TRIPPED
    assert Counting().count(1, *others * 20) == []


def test_a_breaker_that_tripped_starts_again() -> None:
    counting = Counting()
    counting.count(1, *[FAILED] * 5)

    assert counting.count(1, *[FAILED] * 4) == []
    assert counting.count(1, FAILED) == TRIPPED


# --- answers that are lost ---------------------------------------------------------------------------------------


def _pauses(*statuses: MessageStatus, connection_id: int = 1, among: LostAnswers | None = None) -> list[str]:
    """Count outcomes of a connection. :returns: the reasons for pausing it."""
    lost = among or LostAnswers()
    found = [lost.count(connection_id, Outcome(1, status, reason="http_502")) for status in statuses]
    return [str(error) for error in found if error is not None]


def test_a_handful_of_unknown_outcomes_in_a_row_pauses_their_connection_with_the_reason() -> None:
    assert _pauses(*[UNKNOWN] * (MOST_UNKNOWN - 1)) == []

    [reason] = _pauses(*[SENT] * 40, *[UNKNOWN] * MOST_UNKNOWN)
    assert reason.startswith("no_certain_answer: 5 sends in a row ended without a certain answer (the last: http_502)")
    assert "resume the connection" in reason


@pytest.mark.parametrize("certain", [SENT, FAILED])
def test_one_lost_answer_among_certain_ones_stops_nothing(certain: MessageStatus) -> None:
    assert _pauses(*[*[UNKNOWN] * (MOST_UNKNOWN - 1), certain] * 20) == []


def test_retries_and_messages_that_were_not_tried_do_not_end_a_run() -> None:
    others = [MessageStatus.RETRY, MessageStatus.SKIPPED, MessageStatus.QUEUED]

    assert len(_pauses(*[UNKNOWN, *others] * MOST_UNKNOWN)) == 1


def test_each_connection_has_a_run_of_its_own() -> None:
    lost = LostAnswers()

    assert _pauses(*[UNKNOWN] * 4, connection_id=1, among=lost) == []
    assert _pauses(*[UNKNOWN] * 4, connection_id=2, among=lost) == []
    assert len(_pauses(UNKNOWN, connection_id=2, among=lost)) == 1
    assert (lost.is_down(1), lost.is_down(2)) == (False, True)


def test_unknown_outcomes_in_half_of_the_last_fifty_pause_the_broadcast() -> None:
    assert Counting().count(1, *[UNKNOWN, SENT] * 24, UNKNOWN, SENT, reason="no_answer") == []

    reason = "circuit breaker: too many messages end without a certain answer (no_answer)"
    assert reason in Counting().count(1, *[UNKNOWN, SENT] * 25, UNKNOWN, reason="no_answer")


def test_unknown_outcomes_at_the_start_do_not_pause_the_broadcast() -> None:
    assert Counting().count(1, *[UNKNOWN] * 5) == []
