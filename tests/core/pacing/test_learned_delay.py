"""A delay that is learned from what something took."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.fakes import live
from tests.core.rows import START
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import Rate
from wabroadcast_core.pacing.learned_delay import HALF_LIFE, LearnedDelay, TypicalDelay, with_spare
from wabroadcast_core.pacing.pace import LATEST, LEAD, LONGEST_LEAD, Lateness, longest_lead
from wabroadcast_core.transport.live_senders import LONGEST_REDIS

observations = st.lists(st.tuples(st.floats(0, 5), st.floats(0, 30)), min_size=1, max_size=20)  # seconds, then a pause


def test_nothing_learned_means_the_least() -> None:
    assert LearnedDelay(least=0.02, most=1.0).expect(START) == 0.02


def test_a_rise_is_followed_at_once_and_a_fall_slowly() -> None:
    delay = LearnedDelay(least=0.01, most=2.0)
    delay.learn(0.8, now=START)
    delay.learn(0.05, now=START)

    assert delay.expect(START) == pytest.approx(with_spare(0.8))
    assert delay.expect(START + HALF_LIFE) == pytest.approx(with_spare(0.8) / 2)
    assert delay.expect(START + 100 * HALF_LIFE) == 0.01


def test_observing_often_does_not_change_how_fast_it_is_forgotten() -> None:
    delay = LearnedDelay(least=0.0, most=2.0)
    delay.learn(0.8, now=START)

    for step in range(1, 101):
        delay.learn(0.001, now=START + step * HALF_LIFE / 100)

    assert delay.expect(START + HALF_LIFE) == pytest.approx(with_spare(0.8) / 2)


def test_a_clock_that_is_set_back_makes_nothing_grow() -> None:
    delay = LearnedDelay(least=0.01, most=2.0)
    delay.learn(0.4, now=START)

    assert delay.expect(START - 1_000) == pytest.approx(with_spare(0.4))


@given(observations)
def test_it_stays_within_its_bounds_and_covers_what_it_saw_last(seen: list[tuple[float, float]]) -> None:
    delay, now = LearnedDelay(least=0.05, most=1.5), START

    for seconds, pause in seen:
        now += pause
        delay.learn(seconds, now=now)

        assert 0.05 <= delay.expect(now) <= 1.5
        assert delay.expect(now) >= min(seconds, 1.5)
        assert delay.expect(now + 1) <= delay.expect(now)


# --- what is typical ---------------------------------------------------------------------------------------------


def test_nothing_seen_means_the_least_that_is_typical() -> None:
    assert TypicalDelay(least=0.02, most=1.0).expected == 0.02


def test_what_always_takes_the_same_is_expected_to() -> None:
    delay = TypicalDelay(least=0.0, most=1.0)

    for _ in range(200):
        delay.learn(0.1)

    assert delay.expected == pytest.approx(0.1, abs=1e-3)


def test_one_slow_answer_among_many_is_not_typical_for_long() -> None:
    delay = TypicalDelay(least=0.0, most=1.0)
    for _ in range(50):
        delay.learn(0.01)
    delay.learn(0.2)
    assert delay.expected < 0.15

    for _ in range(20):
        delay.learn(0.01)
    assert delay.expected < 0.02


@given(st.lists(st.floats(0.05, 0.15), min_size=60, max_size=60))
def test_what_varies_is_expected_within_what_was_seen_and_twice_its_spread(seen: list[float]) -> None:
    delay = TypicalDelay(least=0.0, most=1.0)

    for seconds in seen:
        delay.learn(seconds)

    assert 0.049 <= delay.expected <= 0.15 + 2 * 0.1


# --- the lead of a connection ------------------------------------------------------------------------------------


def test_slots_are_reserved_ahead_by_as_much_as_redis_takes() -> None:
    through = live()
    assert through.lead(START) == pytest.approx(LEAD + 2 * 0.002)

    through.reserving.learn(0.04, now=START)
    for _ in range(100):
        through.marking.learn(0.08)
    assert through.lead(START) == pytest.approx(LEAD + with_spare(0.04) + 0.08, abs=1e-3)

    for _ in range(100):
        through.marking.learn(60.0)
    assert through.lead(START) == pytest.approx(LEAD + with_spare(0.04) + LONGEST_REDIS)


@pytest.mark.parametrize(
    ("seconds", "lead"),
    [pytest.param(0.2, LEAD), pytest.param(1, 0.03), pytest.param(1.2, 0.23), pytest.param(60, LONGEST_LEAD)],
)
def test_a_lead_leaves_room_in_the_window_of_a_rate_for_late_starts(seconds: float, lead: float) -> None:
    assert longest_lead(Limits(rate=Rate(messages=20, per_seconds=seconds))) == pytest.approx(lead)


def test_where_slots_are_reserved_longer_ahead_messages_may_start_less_late() -> None:
    limits = Limits(rate=Rate(messages=20))

    most = [Lateness.of(limits, lead=lead).most for lead in (0.03, 0.13, 5.0)]

    assert most == pytest.approx([LATEST, LATEST - 0.1, Lateness.of(limits).free])
