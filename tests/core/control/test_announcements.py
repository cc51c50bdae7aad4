"""Which claimed messages an announcement concerns."""

import pytest

from wabroadcast_core.control.announcements import Announcement
from wabroadcast_core.store.claims import Claimed

MESSAGE = Claimed(7, 1, "+6281200000007", None, None, 0, 3, 1, 1)  # of broadcast 1, batch 3


@pytest.mark.parametrize(
    ("announcement", "concerned"),
    [
        pytest.param(Announcement(broadcast=1), True, id="its-broadcast"),
        pytest.param(Announcement(broadcast=2), False, id="another-broadcast"),
        pytest.param(Announcement(message=7), True, id="the-message"),
        pytest.param(Announcement(message=8), False, id="another-message"),
        pytest.param(Announcement(connection=5), True, id="its-connection"),
        pytest.param(Announcement(connection=6), False, id="another-connection"),
        pytest.param(Announcement(numbers=["+6281200000007"]), True, id="its-number"),
        pytest.param(Announcement(numbers=["+6281200000008"]), False, id="another-number"),
        pytest.param(Announcement(wake=5), False, id="new-work-for-its-connection"),
    ],
)
def test_an_announcement_concerns_what_it_names(announcement: Announcement, concerned: bool) -> None:  # noqa: FBT001 - a case
    assert announcement.concerns(5, MESSAGE) is concerned


def test_an_announcement_survives_its_way_through_redis() -> None:
    announcement = Announcement(broadcast=1, batch=2, message=3, connection=4, numbers=frozenset({"+62812"}))

    assert Announcement.from_json(announcement.as_json()) == announcement
