"""The numbers of failed messages by reason, and the attempts of messages."""

from collections.abc import Iterable
from typing import Any

from tests.core.store.harness import StoreHarness
from wabroadcast_core.control import transitions
from wabroadcast_core.models.broadcast import MOST_REASONS, OTHER_REASONS
from wabroadcast_core.models.status import LONGEST_REASON, AttemptOutcome, MessageStatus
from wabroadcast_core.store import attempts as attempt_store
from wabroadcast_core.store import reason_counts
from wabroadcast_core.store.attempts import MOST_ATTEMPTS, NewAttempt
from wabroadcast_core.store.messages import message_key
from wabroadcast_core.store.outcomes import Outcome

KEY = message_key(1, 0)


def _failed(harness: StoreHarness, *reasons: str) -> int:
    """Store a broadcast whose messages failed for these reasons. Return its key."""
    key = harness.add_broadcast()
    harness.add_messages(key, range(len(reasons)))
    harness.end_preparing(key)
    claims = harness.claim(key, len(reasons))
    harness.record(
        *(
            Outcome(claim.key, MessageStatus.FAILED, used=True, reason=reason)
            for claim, reason in zip(claims, reasons, strict=True)
        )
    )
    return key


def _failures(harness: StoreHarness, key: int) -> dict[str, int]:
    with harness.database.read() as conn:
        return reason_counts.failures_of(conn, key)


def _retry(harness: StoreHarness, key: int, *, code: str | None) -> None:
    with harness.unit() as unit:
        transitions.retry_broadcast(
            unit.conn,
            harness.broadcast(key),
            status=MessageStatus.FAILED,
            code=code,
            now=harness.now,
            actor="budi",
            changes=unit.changes,
        )


def test_failures_are_counted_by_reason_the_most_frequent_first(harness: StoreHarness) -> None:
    key = _failed(harness, "131026", "131049", "131049")

    assert list(_failures(harness, key).items()) == [("131049", 2), ("131026", 1)]


def test_a_retry_of_one_reason_leaves_the_count_of_the_others(harness: StoreHarness) -> None:
    key = _failed(harness, "131026", "131049", "131049")

    _retry(harness, key, code="131049")

    assert _failures(harness, key) == {"131026": 1}


def test_a_retry_of_all_leaves_no_failure(harness: StoreHarness) -> None:
    key = _failed(harness, "131026", "131049")

    _retry(harness, key, code=None)

    assert _failures(harness, key) == {}


def test_reasons_beyond_the_most_frequent_are_one_sum(harness: StoreHarness) -> None:
    key = _failed(harness, *(f"r{number}" for number in range(MOST_REASONS + 5)), "r0")

    failures = _failures(harness, key)

    assert failures["r0"] == 2
    assert failures[OTHER_REASONS] == 5
    assert len(failures) == MOST_REASONS + 1


def test_a_reason_without_end_is_counted_by_its_beginning(harness: StoreHarness) -> None:
    key = _failed(harness, "x" * 5_000)

    assert _failures(harness, key) == {"x" * LONGEST_REASON: 1}


# --- attempts --------------------------------------------------------------------------------------------------


def _attempt(at: float, **fields: Any) -> NewAttempt:
    plain = NewAttempt(KEY, 1, at, 1, AttemptOutcome.RETRY, "130429", f"at {at:g}")
    return plain._replace(**fields)


def _add(harness: StoreHarness, attempts: Iterable[NewAttempt]) -> list[tuple[str, int, float, float | None]]:
    for attempt in attempts:
        with harness.unit() as unit:
            attempt_store.add_attempts(unit.conn, [attempt])
    with harness.database.read() as conn:
        return [
            (row["reason"], row["times"], row["at"], row["last_at"]) for row in attempt_store.attempts_of(conn, KEY)
        ]


def test_equal_attempts_in_a_row_are_one_row(harness: StoreHarness) -> None:
    rows = _add(harness, [_attempt(1), _attempt(2), _attempt(3), _attempt(4, reason="131016"), _attempt(5)])

    assert rows == [("130429", 3, 1.0, 3.0), ("131016", 1, 4.0, None), ("130429", 1, 5.0, None)]


def test_attempts_of_other_messages_are_not_mixed(harness: StoreHarness) -> None:
    rows = _add(harness, [_attempt(1), _attempt(2, message_id=KEY + 1), _attempt(3)])

    assert rows == [("130429", 2, 1.0, 3.0)]


def test_the_rows_of_a_message_are_bounded_and_the_newest_is_kept(harness: StoreHarness) -> None:
    rows = _add(harness, (_attempt(at, attempt=at, reason=f"r{at}") for at in range(1, MOST_ATTEMPTS + 4)))

    assert len(rows) == MOST_ATTEMPTS
    assert rows[-1] == (f"r{MOST_ATTEMPTS + 3}", 4, float(MOST_ATTEMPTS), float(MOST_ATTEMPTS + 3))
