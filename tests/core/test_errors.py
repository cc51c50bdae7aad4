"""The errors of senders: the waits that they carry."""

from typing import Any

import pytest

from wabroadcast_core.errors import Temporary, Throttled

NONE: list[Any] = [None, -1, float("nan"), float("inf"), 1e300, 10**400, 1_764_288_000, "5"]


@pytest.mark.parametrize("kind", [Temporary, Throttled])
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param(0, 0, id="zero"),
        pytest.param(7.5, 7.5, id="seconds"),
        pytest.param(86_400, 86_400, id="day"),
        pytest.param(8 * 86_400, 86_400, id="week-is-a-day"),
        *(pytest.param(value, None, id=f"{value!s:.12}") for value in NONE),
    ],
)
def test_a_wait_is_at_most_a_day_and_an_absurd_one_is_none(
    kind: type[Temporary | Throttled], given: Any, kept: float | None
) -> None:
    created, changed = kind("busy", retry_after=given), kind("busy")
    changed.retry_after = given

    assert created.retry_after == changed.retry_after == kept
