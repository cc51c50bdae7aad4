"""How fast a turn expects to send."""

import math

import pytest

from tests.core.rows import START
from wabroadcast_core.delivery.pace_forecast import LEAST_SHARE, PaceForecast
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import Jitter, Quota, Rate
from wabroadcast_core.pacing.pace import UNLIMITED, Slots, Spacing

FIFTY = Limits(rate=Rate(messages=50))
FULL = 1 / Spacing.of(FIFTY.rate).interval


def given_slots(count: int, *, factor: float = 1.0) -> Slots:
    return Slots([START] * count, [None] * count, START, factor)


@pytest.mark.parametrize(
    ("limits", "per_second", "is_paced", "may_be_far", "most"),
    [
        pytest.param(Limits(), math.inf, False, False, UNLIMITED, id="no-limits"),
        pytest.param(FIFTY, FULL, True, False, UNLIMITED, id="a-rate"),
        pytest.param(
            Limits(rate=Rate(messages=1, per_seconds=10)), 1 / 10.22, True, True, UNLIMITED, id="a-rate-of-long-gaps"
        ),
        pytest.param(Limits(jitter=Jitter(min_seconds=1, max_seconds=3)), 0.5, True, True, UNLIMITED, id="jitter"),
        pytest.param(
            Limits(quotas=[Quota(messages=9, per_seconds=60), Quota(messages=20, per_seconds=3_600)]),
            math.inf,
            True,
            True,
            9,
            id="quotas",
        ),
    ],
)
def test_limits_say_how_fast_and_how_far(
    limits: Limits, *, per_second: float, is_paced: bool, may_be_far: bool, most: int
) -> None:
    pace = PaceForecast(limits)

    assert pace.per_second == pytest.approx(per_second, rel=1e-3)
    assert (pace.is_paced, pace.may_be_far, pace.most_at_once) == (is_paced, may_be_far, most)


def test_a_throttled_connection_is_slower_by_its_factor() -> None:
    pace = PaceForecast(FIFTY)

    pace.learn(given_slots(10, factor=0.5), requested=10, now=START)

    assert pace.per_second == pytest.approx(FULL / 2)


def test_a_turn_beside_another_learns_its_share_and_has_it_all_again_later() -> None:
    pace = PaceForecast(FIFTY)
    for step in range(60):
        pace.learn(given_slots(5), requested=100, now=START + step / 5)  # 25 a second
    assert pace.per_second == pytest.approx(25, rel=0.05)

    for step in range(3):
        pace.learn(given_slots(5), requested=5, now=START + 12 + step / 5)
    assert pace.per_second == pytest.approx(FULL)


def test_a_turn_that_gets_no_slots_does_not_give_up_its_pace() -> None:
    pace = PaceForecast(FIFTY)

    for step in range(200):
        pace.learn(given_slots(0), requested=100, now=START + step / 5)

    assert pace.per_second == pytest.approx(LEAST_SHARE * FULL)


def test_a_pause_between_requests_is_no_slow_pace() -> None:
    pace = PaceForecast(FIFTY)

    pace.learn(given_slots(5), requested=100, now=START)
    pace.learn(given_slots(5), requested=5, now=START + 1)
    pace.learn(given_slots(5), requested=100, now=START + 60)

    assert pace.per_second == pytest.approx(FULL)


def test_changed_limits_are_followed() -> None:
    pace = PaceForecast(FIFTY)

    pace.follow(Limits(quotas=[Quota(messages=9, per_seconds=60)]))

    assert math.isinf(pace.per_second)
    assert (pace.may_be_far, pace.most_at_once) == (True, 9)
