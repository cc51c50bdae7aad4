"""The clocks of a worker: what they make of the answers of Redis."""

import time

import pytest

from wabroadcast_core.clock import RedisClock, SteadyClock


def test_a_clock_without_an_answer_has_the_time_of_the_host_and_proves_nothing() -> None:
    clock = SteadyClock()

    assert clock.now() == pytest.approx(time.time(), abs=1)
    assert clock.least() == 0


@pytest.mark.timed
def test_the_host_s_wall_clock_has_no_effect_after_the_first_answer() -> None:
    clock = RedisClock()
    at = time.monotonic()

    clock.follow(5_000.0, 0.0, asked_at=at, answered_at=at)

    assert clock.now() == pytest.approx(5_000, abs=0.5)


@pytest.mark.timed
def test_a_jump_moves_wall_time_and_not_steady_time() -> None:
    clock = RedisClock()
    at = time.monotonic()

    clock.follow(5_000.0, 0.0, asked_at=at, answered_at=at)
    clock.follow(5_000.0, -3_600.0, asked_at=at, answered_at=at)

    assert clock.steady.now() == pytest.approx(5_000, abs=0.5)
    assert clock.now() == pytest.approx(1_400, abs=0.5)
    assert clock.to_steady(clock.to_wall(7.0)) == 7.0


@pytest.mark.timed
def test_the_uncertainty_of_a_slow_answer_is_smoothed_and_a_fast_one_is_believed() -> None:
    clock = SteadyClock()
    at = time.monotonic()
    clock.follow(5_000.0, asked_at=at, answered_at=at)

    clock.follow(5_000.0, asked_at=at - 0.2, answered_at=at)  # read somewhere in these 0.2 s
    assert clock.now() - time.monotonic() + at == pytest.approx(5_000 + 0.1 / 8, abs=0.001)

    clock.follow(5_000.5, asked_at=at, answered_at=at)
    assert clock.now() - time.monotonic() + at == pytest.approx(5_000.5, abs=0.001)


def test_the_least_time_is_that_of_the_answer_that_proves_most() -> None:
    clock = SteadyClock()
    at = time.monotonic()

    clock.follow(5_000.0, asked_at=at, answered_at=at)
    clock.follow(5_000.1, asked_at=at, answered_at=at + 0.4)  # its answer was slow

    before, least, after = time.monotonic(), clock.least(), time.monotonic()
    assert 5_000 + before - at - 0.001 <= least <= 5_000 + after - at + 0.001
