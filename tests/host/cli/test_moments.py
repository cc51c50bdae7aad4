"""Times that a person types."""

from typing import Any

import pytest
import rich_click as click

from host_litestar.cli.moments import MomentType, describe_moment


@pytest.fixture(autouse=True)
def _another_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WABROADCAST_TIMEZONE", "Asia/Jayapura")
    monkeypatch.setenv("TZ", "America/New_York")


@pytest.mark.parametrize(
    ("text", "described"),
    [
        ("2026-12-30T08:00", "2026-12-30 08:00 Asia/Jayapura (+09:00)"),
        ("2026-12-30 08:00", "2026-12-30 08:00 Asia/Jayapura (+09:00)"),
        ("2026-12-30T08:00+07:00", "2026-12-30 10:00 Asia/Jayapura (+09:00)"),
        ("2026-12-30T08:00Z", "2026-12-30 17:00 Asia/Jayapura (+09:00)"),
    ],
)
def test_a_time_without_an_offset_is_in_the_zone_of_the_installation(text: str, described: str) -> None:
    assert describe_moment(MomentType().convert(text, None, None)) == described


@pytest.mark.parametrize("text", ["soon", "08.00", "2026-13-01T08:00", "9999-12-31T23:59-12:00", ""])
def test_a_text_that_is_no_time_is_refused_with_the_form_to_write(text: Any) -> None:
    with pytest.raises(click.BadParameter, match="2026-12-01T08:00"):
        MomentType().convert(text, None, None)
