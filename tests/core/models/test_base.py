"""The base of models: times as answers show them."""

from datetime import UTC, datetime

import pytest

from wabroadcast_core.models.base import as_utc

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timestamp", "shown"),
    [
        pytest.param(None, None, id="none"),
        pytest.param(1_764_288_000.0, datetime(2025, 11, 28, tzinfo=UTC), id="usual"),
        pytest.param(1e300, LAST, id="beyond-all-calendars"),
        pytest.param(1_764_288_000_000.0, LAST, id="milliseconds"),
        pytest.param(float("inf"), LAST, id="endless"),
        pytest.param(-1e300, FIRST, id="before-all-calendars"),
        pytest.param(float("nan"), FIRST, id="no-number"),
    ],
)
def test_a_time_that_no_calendar_has_is_shown_as_the_nearest_one(
    timestamp: float | None, shown: datetime | None
) -> None:
    assert as_utc(timestamp) == shown
