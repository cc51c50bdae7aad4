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


@pytest.mark.parametrize(
    "text",
    [
        '{"broadcast": [1]}',
        '{"broadcast": "1"}',
        '{"broadcast": true}',
        '{"broadcast": 1.5}',
        '{"message": {}}',
        '{"numbers": 7}',
        '{"numbers": "+62812"}',
        '{"numbers": [[1]]}',
        '{"numbers": [null]}',
        '{"numbers": null}',
        '{"unknown": 1}',
        "[1]",
        "null",
        '"wake"',
        "1",
        "{",
        "",
        "\xff",
        "[" * 100_000,
        '{"broadcast":' * 100_000,
    ],
    ids=lambda text: text[:20],
)
def test_a_text_that_is_no_announcement_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - as its caller catches it
        Announcement.from_json(text.encode("latin-1"))
