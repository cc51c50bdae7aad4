"""Send windows: the hours of the local day in which messages may start.

A window is open whenever the clock on the wall in its zone shows a time inside it. So a window that falls
into the hour that spring leaves out does not open that day, and one that autumn repeats opens twice.
Times are UNIX timestamps (seconds, UTC).
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from wabroadcast_core.models.pacing import SendWindow

FARTHEST: Final = 8 * 86_400.0  # seconds that an opening common to several windows is looked for
_DAYS_AHEAD: Final = 4  # a window may miss the day of a clock change, and Samoa once left out a whole day
_STEP: Final = 6 * 3_600  # seconds; no zone changes its clock twice in so short a time


def is_open(window: SendWindow, at: float, *, default_zone: str) -> bool:
    """Whether messages may start at that moment. ``default_zone`` is for a window that names none."""
    return _shows_open(window, at, _zone_of(window, default_zone))


def next_opening(window: SendWindow, at: float, *, default_zone: str) -> float:
    """The first moment from ``at`` on at which the window is open: ``at`` itself, or when it opens."""
    zone = _zone_of(window, default_zone)
    if _shows_open(window, at, zone):
        return at
    return min(
        moment for moment in _turning_points(window, at, zone) if moment > at and _shows_open(window, moment, zone)
    )


def next_opening_of_all(windows: Sequence[SendWindow], at: float, default_zone: str) -> float | None:
    """The first moment from ``at`` on at which all the windows are open; None if there is none within 8 days."""
    moment = at
    while moment <= at + FARTHEST:
        later = max((next_opening(window, moment, default_zone=default_zone) for window in windows), default=moment)
        if later == moment:
            return moment
        moment = later
    return None


def _zone_of(window: SendWindow, default_zone: str) -> ZoneInfo:
    return ZoneInfo(window.timezone or default_zone)


def _shows_open(window: SendWindow, at: float, zone: ZoneInfo) -> bool:
    clock = datetime.fromtimestamp(at, zone).strftime("%H:%M")  # of one width, so it compares like the time it shows
    if window.from_ < window.to:
        return window.from_ <= clock < window.to
    return clock >= window.from_ or clock < window.to


def _turning_points(window: SendWindow, at: float, zone: ZoneInfo) -> Iterator[float]:
    """Every moment at which the window can open: its hour strikes, or the clock is changed."""
    opening = time.fromisoformat(window.from_)
    today = datetime.fromtimestamp(at, zone).date()
    for ahead in range(_DAYS_AHEAD):
        yield from _instants(today + timedelta(days=ahead), opening, zone)
    yield from _clock_changes(zone, int(at), int(at) + _DAYS_AHEAD * 86_400)


def _instants(day: date, clock: time, zone: ZoneInfo) -> tuple[float, float]:
    """When the clock shows that time that day: the first time and, if the hour is repeated, the second."""
    local = datetime.combine(day, clock, zone)
    return local.timestamp(), local.replace(fold=1).timestamp()


def _clock_changes(zone: ZoneInfo, start: int, end: int) -> Iterator[int]:
    for earlier in range(start, end, _STEP):
        if _offset(zone, earlier) != _offset(zone, earlier + _STEP):
            yield _find_change(zone, earlier, earlier + _STEP)


def _find_change(zone: ZoneInfo, earlier: int, later: int) -> int:
    """The first second of the new offset."""
    old = _offset(zone, earlier)
    while later - earlier > 1:
        middle = (earlier + later) // 2
        earlier, later = (middle, later) if _offset(zone, middle) == old else (earlier, middle)
    return later


def _offset(zone: ZoneInfo, at: int) -> timedelta | None:
    return datetime.fromtimestamp(at, zone).utcoffset()
