from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from wabroadcast_core.models.pacing import SendWindow
from wabroadcast_core.pacing.send_windows import is_open, next_opening, next_opening_of_all

ZONES = [
    "Asia/Jakarta",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
]
DAY = 86_400


def window_of(hours: str, zone: str | None = None) -> SendWindow:
    start, _, end = hours.partition("-")
    return SendWindow(from_=start, to=end, timezone=zone)


def moment(local: str, zone: str, *, fold: int = 0) -> float:
    return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def local_time(at: float, zone: str) -> str:
    return datetime.fromtimestamp(at, ZoneInfo(zone)).isoformat(timespec="minutes")


@pytest.mark.parametrize(
    ("hours", "at", "opens"),
    [
        pytest.param("08:00-20:00", "2026-11-22T07:59:59", "2026-11-22T08:00", id="a-second-before"),
        pytest.param("08:00-20:00", "2026-11-22T08:00:00", None, id="first-moment"),
        pytest.param("08:00-20:00", "2026-11-22T19:59:59", None, id="last-second"),
        pytest.param("08:00-20:00", "2026-11-22T20:00:00", "2026-11-23T08:00", id="its-end-is-outside"),
        pytest.param("22:00-06:00", "2026-11-22T23:30:00", None, id="before-midnight"),
        pytest.param("22:00-06:00", "2026-11-22T00:00:00", None, id="midnight"),
        pytest.param("22:00-06:00", "2026-11-22T05:59:59", None, id="after-midnight"),
        pytest.param("22:00-06:00", "2026-11-22T06:00:00", "2026-11-22T22:00", id="morning-after"),
        pytest.param("00:00-23:59", "2026-12-31T23:59:30", "2027-01-01T00:00", id="over-new-year"),
    ],
)
def test_a_window_opens_at_its_hour(hours: str, at: str, opens: str | None) -> None:
    zone = "Asia/Jakarta"
    now = moment(at, zone)

    opening = next_opening(window_of(hours), now, default_zone=zone)

    assert is_open(window_of(hours), now, default_zone=zone) is (opens is None)
    assert opening == (now if opens is None else moment(opens, zone))


def test_the_zone_of_a_window_takes_precedence_over_the_default() -> None:
    noon_in_jakarta = moment("2026-11-22T12:00", "Asia/Jakarta")  # six in the morning in Berlin

    assert is_open(window_of("08:00-20:00"), noon_in_jakarta, default_zone="Asia/Jakarta")
    assert not is_open(window_of("08:00-20:00", "Europe/Berlin"), noon_in_jakarta, default_zone="Asia/Jakarta")


@pytest.mark.parametrize(
    ("zone", "hours", "at", "opens"),
    [
        # Berlin, 29 March 2026: 02:00 becomes 03:00
        pytest.param(
            "Europe/Berlin", "02:10-02:50", "2026-03-29T00:00", "2026-03-30T02:10+02:00", id="wholly-in-the-gap"
        ),
        pytest.param(
            "Europe/Berlin", "02:30-05:00", "2026-03-29T00:00", "2026-03-29T03:00+02:00", id="opens-in-the-gap"
        ),
        pytest.param(
            "Europe/Berlin", "01:00-02:30", "2026-03-29T03:00", "2026-03-30T01:00+02:00", id="closes-in-the-gap"
        ),
        pytest.param(
            "Europe/Berlin", "22:00-02:30", "2026-03-29T03:00", "2026-03-29T22:00+02:00", id="overnight-to-gap"
        ),
        # New York, 8 March 2026
        pytest.param(
            "America/New_York", "02:00-03:00", "2026-03-08T00:00", "2026-03-09T02:00-04:00", id="the-gap-itself"
        ),
        # Lord Howe, 4 October 2026: half an hour, 02:00 becomes 02:30
        pytest.param(
            "Australia/Lord_Howe", "02:10-03:00", "2026-10-04T01:00", "2026-10-04T02:30+11:00", id="half-hour-gap"
        ),
        # Berlin, 25 October 2026: 03:00 becomes 02:00
        pytest.param("Europe/Berlin", "02:30-05:00", "2026-10-25T00:00", "2026-10-25T02:30+02:00", id="first-of-two"),
        pytest.param(
            "Europe/Berlin", "01:00-02:30", "2026-10-25T02:30", "2026-10-25T02:00+01:00", id="opened-by-the-change"
        ),
        pytest.param("Europe/Berlin", "03:30-04:00", "2026-10-25T02:30", "2026-10-25T03:30+01:00", id="after-the-fold"),
        # Samoa, 2011: there was no 30 December
        pytest.param("Pacific/Apia", "08:00-09:00", "2011-12-29T10:00", "2011-12-31T08:00+14:00", id="a-skipped-day"),
    ],
)
def test_a_window_follows_the_local_time(zone: str, hours: str, at: str, opens: str) -> None:
    opening = next_opening(window_of(hours), moment(at, zone), default_zone=zone)

    assert local_time(opening, zone) == opens


def test_a_window_in_the_repeated_hour_opens_twice() -> None:
    zone, window = "Europe/Berlin", window_of("02:10-02:20")

    first = next_opening(window, moment("2026-10-25T00:00", zone), default_zone=zone)
    second = next_opening(window, moment("2026-10-25T02:20", zone), default_zone=zone)

    assert second - first == 3_600
    assert not is_open(window, second - 1, default_zone=zone)


# properties

CLOCKS = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
WINDOWS = (
    st.tuples(CLOCKS, CLOCKS, st.sampled_from([None, *ZONES]))
    .filter(lambda parts: parts[0] != parts[1])
    .map(lambda parts: SendWindow(from_=parts[0], to=parts[1], timezone=parts[2]))
)
CHANGES = [
    moment("2026-03-29T02:00", "Europe/Berlin"),
    moment("2026-10-25T02:00", "Europe/Berlin"),
    moment("2026-03-08T02:00", "America/New_York"),
    moment("2026-11-01T01:00", "America/New_York"),
    moment("2026-04-05T02:00", "Australia/Lord_Howe"),
    moment("2026-10-04T02:00", "Australia/Lord_Howe"),
]
MOMENTS = st.one_of(
    st.floats(0, datetime(2060, 1, 1, tzinfo=UTC).timestamp()),
    st.builds(lambda change, near: change + near, st.sampled_from(CHANGES), st.floats(-2 * DAY, DAY)),
)


@settings(deadline=None)
@given(WINDOWS, MOMENTS, st.sampled_from(ZONES))
def test_the_window_is_open_at_its_next_opening_and_closed_before(window: SendWindow, at: float, zone: str) -> None:
    opening = next_opening(window, at, default_zone=zone)

    assert opening >= at
    assert is_open(window, opening, default_zone=zone)
    assert (opening == at) is is_open(window, at, default_zone=zone)
    assert opening - at <= 2 * DAY + 3_600
    probes = [at + (opening - at) * share / 200 for share in range(200)] + [opening - 1e-3, opening - 60]
    assert not any(is_open(window, probe, default_zone=zone) for probe in probes if at <= probe < opening)


@settings(deadline=None)
@given(WINDOWS, MOMENTS, st.sampled_from(ZONES))
def test_the_next_opening_of_an_opening_is_itself(window: SendWindow, at: float, zone: str) -> None:
    opening = next_opening(window, at, default_zone=zone)

    assert next_opening(window, opening, default_zone=zone) == opening


@settings(deadline=None)
@given(st.lists(WINDOWS, max_size=4), MOMENTS, st.sampled_from(ZONES))
def test_the_opening_of_all_is_the_first_moment_all_are_open(windows: list[SendWindow], at: float, zone: str) -> None:
    opening = next_opening_of_all(windows, at, zone)

    end = at + 2 * DAY if opening is None else opening
    probes = [at + (end - at) * share / 200 for share in range(200)]
    assert not any(
        all(is_open(window, probe, default_zone=zone) for window in windows) for probe in probes if probe < end
    )
    assume(opening is not None)
    assert opening is not None
    assert all(is_open(window, opening, default_zone=zone) for window in windows)


@pytest.mark.parametrize(
    ("windows", "opens"),
    [
        pytest.param([], "2026-11-22T00:00+07:00", id="no-window"),
        pytest.param(["08:00-20:00", "10:00-22:00"], "2026-11-22T10:00+07:00", id="overlap"),
        pytest.param(["08:00-20:00", "18:00-02:00"], "2026-11-22T18:00+07:00", id="overlap-with-an-overnight-one"),
        pytest.param(["08:00-12:00", "11:00-15:00", "11:30-11:31"], "2026-11-22T11:30+07:00", id="a-minute-of-three"),
        pytest.param(["08:00-12:00", "12:00-15:00"], None, id="they-only-touch"),
    ],
)
def test_several_windows_are_open_where_they_overlap(windows: list[str], opens: str | None) -> None:
    zone = "Asia/Jakarta"

    opening = next_opening_of_all([window_of(hours) for hours in windows], moment("2026-11-22T00:00", zone), zone)

    assert (opening and local_time(opening, zone)) == opens


def test_windows_of_two_zones_are_open_where_they_overlap() -> None:
    windows = [window_of("08:00-17:00", "Asia/Jakarta"), window_of("08:00-17:00", "Europe/Berlin")]

    opening = next_opening_of_all(windows, moment("2026-11-22T00:00", "Asia/Jakarta"), "UTC")

    assert opening is not None
    assert local_time(opening, "Europe/Berlin") == "2026-11-22T08:00+01:00"


def test_windows_that_do_not_overlap_have_no_common_opening() -> None:
    windows = [window_of("08:00-09:00", "Asia/Jakarta"), window_of("08:00-09:00", "America/New_York")]

    assert next_opening_of_all(windows, moment("2026-11-22T00:00", "Asia/Jakarta"), "UTC") is None


def test_a_window_is_closed_until_its_very_moment() -> None:
    opening = moment("2026-11-22T08:00", "Asia/Jakarta")

    just_before = opening - 4e-7  # closer than a microsecond, to which datetime rounds

    assert just_before < opening
    assert not is_open(window_of("08:00-20:00"), just_before, default_zone="Asia/Jakarta")
    assert next_opening(window_of("08:00-20:00"), just_before, default_zone="Asia/Jakarta") == opening
