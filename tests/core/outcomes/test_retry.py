"""The delay before a message's next attempt, and the rule of a circuit breaker."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wabroadcast_core.models.pacing import Retry
from wabroadcast_core.outcomes.circuit_breaker import CircuitBreaker
from wabroadcast_core.outcomes.retry import LONGEST_INTERVAL, next_delay

MIDDLE = 0.5  # of [0, 1): no jitter


@pytest.mark.parametrize(
    ("backoff", "attempt", "delay"),
    [
        pytest.param("fixed", 1, 30.0, id="fixed-first"),
        pytest.param("fixed", 9, 30.0, id="fixed-ninth"),
        pytest.param("exponential", 1, 30.0, id="exponential-first"),
        pytest.param("exponential", 2, 60.0, id="exponential-second"),
        pytest.param("exponential", 5, 480.0, id="exponential-fifth"),
        pytest.param("exponential", 40, LONGEST_INTERVAL, id="exponential-ends-at-a-day"),
        pytest.param("exponential", 50, None, id="used-up"),
        pytest.param("fixed", 60, None, id="more-than-used-up"),
    ],
)
def test_the_delay_follows_the_backoff(backoff: str, attempt: int, delay: float | None) -> None:
    retry = Retry.model_validate({"maxAttempts": 50, "intervalSeconds": 30, "backoff": backoff})

    assert next_delay(retry, attempt=attempt, retry_after=None, random=MIDDLE) == delay


def test_the_only_attempt_is_not_repeated() -> None:
    assert next_delay(Retry(max_attempts=1), attempt=1, retry_after=5, random=MIDDLE) is None


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_retry_after_that_is_not_finite_is_ignored(wrong: float) -> None:
    assert next_delay(Retry(interval_seconds=10), attempt=1, retry_after=wrong, random=MIDDLE) == 10


RETRIES = st.builds(
    Retry,
    max_attempts=st.integers(1, 50),
    interval_seconds=st.floats(0, 86_400),
    backoff=st.sampled_from(["fixed", "exponential"]),
)
RANDOMS = st.floats(0, 1, exclude_max=True)


@settings(deadline=None)
@given(RETRIES, st.integers(1, 60), st.none() | st.floats(0, 10**6), RANDOMS)
def test_a_delay_is_within_its_jitter_and_never_undercuts_retry_after(
    retry: Retry, attempt: int, retry_after: float | None, random: float
) -> None:
    delay = next_delay(retry, attempt=attempt, retry_after=retry_after, random=random)

    assert (delay is None) is (attempt >= retry.max_attempts)
    if delay is not None:
        middle = retry.interval_seconds * (2 ** (attempt - 1) if retry.backoff == "exponential" else 1)
        middle = min(middle, LONGEST_INTERVAL)
        assert delay >= (retry_after or 0)
        assert delay >= 0.8 * middle - 1e-6
        assert delay <= max(1.2 * middle + 1e-6, retry_after or 0)


@settings(deadline=None)
@given(RETRIES, st.integers(1, 48))
def test_delays_never_get_shorter(retry: Retry, attempt: int) -> None:
    here = next_delay(retry, attempt=attempt, retry_after=None, random=MIDDLE)
    after = next_delay(retry, attempt=attempt + 1, retry_after=None, random=MIDDLE)

    assert after is None or (here is not None and here <= after)


# --- circuit breaker -------------------------------------------------------------------------------------------


def trips_of(outcomes: list[str], *, finished: int = 0) -> list[int]:
    """Return the places, counted from 1, at which a breaker that counts these outcomes trips."""
    breaker = CircuitBreaker(finished=finished)
    return [place for place, outcome in enumerate(outcomes, 1) if breaker.count(outcome)]


@pytest.mark.parametrize(
    ("outcomes", "trips"),
    [
        pytest.param(["expired"] * 5, [5], id="first-five-alike"),
        pytest.param(["expired"] * 4, [], id="only-four"),
        pytest.param(["expired"] * 4 + ["other"], [], id="first-five-not-alike"),
        pytest.param(["ok"] + ["expired"] * 5, [], id="five-alike-but-not-the-first"),
        pytest.param(["ok"] * 100, [], id="no-failure"),
        pytest.param(["ok"] * 30 + ["a"] * 24, [], id="less-than-half-of-fifty"),
        pytest.param(["ok"] * 30 + ["a"] * 25, [55], id="half-of-fifty"),
        pytest.param(["ok", "a"] * 24, [], id="half-of-fewer-than-fifty"),
        pytest.param(["ok", "a"] * 25, [50], id="half-and-fifty"),
        pytest.param(["ok", "a", "b"] * 40, [], id="thirds-of-different-reasons"),
    ],
)
def test_a_breaker_trips_on_failures_alike(outcomes: list[str], trips: list[int]) -> None:
    assert trips_of(outcomes) == trips


def test_a_breaker_names_the_reason() -> None:
    breaker = CircuitBreaker(first=2)

    assert breaker.count("template_paused") is None
    assert breaker.count("template_paused") == "template_paused"


def test_a_breaker_made_in_the_middle_of_a_broadcast_does_not_count_the_first_five() -> None:
    assert trips_of(["a"] * 5, finished=100) == []
    assert trips_of(["a"] * 50, finished=100) == [50]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["ok", "a", "b"]), max_size=200), st.integers(1, 8), st.integers(1, 60), st.floats(0.01, 1)
)
def test_a_breaker_trips_exactly_by_its_rule(outcomes: list[str], first: int, last: int, share: float) -> None:
    breaker = CircuitBreaker(first=first, last=last, share=share)

    for count, outcome in enumerate(outcomes, 1):
        counted = outcomes[:count]
        alike_from_the_start = count == first <= last and set(counted) == {outcome}
        enough = count >= last and Counter(counted[-last:])[outcome] >= share * last
        assert breaker.count(outcome) == (outcome if outcome != "ok" and (alike_from_the_start or enough) else None)
