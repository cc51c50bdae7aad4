from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.connection import HUMAN_PACE, Limits
from wabroadcast_core.pacing.forecast import Capacity, forecast

MIDNIGHT = 1_800_000_000 - 1_800_000_000 % 86_400 - 7 * 3_600  # in Jakarta
HOUR, DAY = 3_600.0, 86_400.0


def _forecast(amount: int, *limits: dict[str, Any] | Limits, at: float = MIDNIGHT, **fields: Any) -> float | None:
    """Return the forecast as seconds from the start."""
    draft = BroadcastDraft.model_validate({"name": "x", "message": {"type": "text", "text": "x"}, **fields})
    parsed = [each if isinstance(each, Limits) else Limits.model_validate(each) for each in limits]
    pool = [Capacity(each) for each in parsed]
    ends_at = forecast(amount, pool, draft, start=at, default_zone="Asia/Jakarta").ends_at
    return None if ends_at is None else ends_at - at


TEN = {"rate": {"messages": 10, "perSeconds": 1}}


@pytest.mark.parametrize(
    ("amount", "limits", "fields", "seconds"),
    [
        pytest.param(36_000, [TEN], {}, HOUR, id="rate"),
        pytest.param(36_000, [TEN, TEN], {}, HOUR / 2, id="pool"),
        pytest.param(36_000, [TEN], {"rate": {"messages": 5, "perSeconds": 1}}, 2 * HOUR, id="own-rate"),
        pytest.param(2_500, [{**TEN, "quotas": [{"messages": 1_000, "perSeconds": DAY}]}], {}, 2 * DAY, id="quota"),
        pytest.param(900, [{"jitter": {"minSeconds": 5, "maxSeconds": 15}}], {}, 9_000, id="jitter"),
        pytest.param(
            3_000, [TEN], {"batching": {"size": 1_000, "intervalSeconds": HOUR}}, 2 * HOUR + 100, id="batches"
        ),
        pytest.param(
            36_000,
            [TEN],
            {"sendWindow": {"from": "08:00", "to": "08:30", "timezone": "Asia/Jakarta"}},
            DAY + 8.5 * HOUR,
            id="window",
        ),
        pytest.param(0, [TEN], {}, 0, id="no-message"),
        pytest.param(
            1_000_000,
            [TEN],
            {"batching": {"size": 1, "intervalSeconds": 1}},
            1_000_000,
            id="more-batches-than-are-counted",
        ),
        pytest.param(25, [{"quotas": [{"messages": 10, "perSeconds": HOUR}]}], {}, 2 * HOUR, id="quota-without-a-rate"),
        pytest.param(
            1_000_000, [{**TEN, "quotas": [{"messages": 60, "perSeconds": 60}]}], {}, 1_000_000, id="short-quota"
        ),
    ],
)
def test_the_forecast_follows_from_the_limits(
    amount: int, limits: list[dict[str, Any]], fields: dict[str, Any], seconds: float
) -> None:
    found = _forecast(amount, *limits, **fields)

    assert found == pytest.approx(seconds, rel=0.03, abs=310)


def test_there_is_no_forecast_without_a_limit() -> None:
    assert _forecast(10, {}) is None


def test_there_is_no_forecast_beyond_90_days() -> None:
    assert _forecast(1_000_000, HUMAN_PACE) is None


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 2_000), st.integers(1, 2_000), st.integers(1, 50))
def test_more_messages_never_end_earlier(some: int, more: int, rate: int) -> None:
    limits = {"rate": {"messages": rate, "perSeconds": 1}, "quotas": [{"messages": 500, "perSeconds": 3_600}]}

    few, many = _forecast(some, limits), _forecast(some + more, limits)

    assert few is not None
    assert many is not None
    assert many >= few * 0.97 - 1  # tolerance of one step
