"""Numbers, shares and times as the pages write them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host_litestar.dashboard.formats import Formats

ID, EN = Formats("id", "Asia/Jakarta"), Formats("en", "Asia/Jakarta")
MOMENT = datetime(2026, 11, 27, 2, 30, tzinfo=UTC)


def test_numbers_have_the_separators_of_the_language() -> None:
    assert (ID.number(1204), EN.number(1204), ID.number(97.5, digits=1)) == ("1.204", "1,204", "97,5")


def test_times_have_their_day_and_zone() -> None:
    assert ID.moment(MOMENT) == "Jum, 27 Nov 2026 09.30 WIB"
    assert EN.moment(MOMENT) == "Fri 27 Nov 2026, 09:30 WIB"
    assert Formats("en", "Asia/Jayapura").moment(MOMENT) == "Fri 27 Nov 2026, 11:30 WIT"
    assert Formats("en", "America/Sao_Paulo").moment(MOMENT) == "Thu 26 Nov 2026, 23:30 UTC-03"


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        pytest.param(0, 0, "0%", id="of-nothing"),
        pytest.param(1, 3, "33.3%", id="a-third"),
        pytest.param(99_999, 100_000, "99.9%", id="nearly-all"),
        pytest.param(5, 5, "100%", id="all"),
        pytest.param(7, 5, "100%", id="never-above"),
    ],
)
def test_shares_are_rounded_down(part: int, whole: int, said: str) -> None:
    assert EN.percent(part, whole) == said


@given(st.integers(0, 10**7), st.integers(1, 10**7))
def test_a_share_is_whole_only_where_nothing_is_left(part: int, whole: int) -> None:
    assert (EN.percent(part, whole) == "100%") == (part >= whole)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        pytest.param(0, "0 s", id="none"),
        pytest.param(59.6, "1 min", id="rounded"),
        pytest.param(7_500, "2 h 5 min", id="two-units"),
        pytest.param(86_400, "1 d", id="a-day"),
    ],
)
def test_lengths_of_time_have_two_units_at_most(seconds: float, said: str) -> None:
    assert EN.span(seconds) == said


def test_a_field_has_the_time_of_the_zone() -> None:
    assert ID.field(MOMENT) == "2026-11-27T09:30"
