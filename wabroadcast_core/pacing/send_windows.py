"""Send windows: the hours of the local day in which messages may start.

A window is open whenever the local time of its zone is inside it. So a window within the hour that is skipped in spring
does not open on that day, and a window within the hour that is repeated in autumn opens twice.
Times are UNIX timestamps (seconds, UTC).
"""

import math
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import SendWindow

FARTHEST: Final = 8 * 86_400.0  # seconds ahead in which a common opening of several windows is searched
_DAYS_AHEAD: Final = 4  # a window may not open on the day of a clock change, and Samoa once skipped a whole day
_STEP: Final = 6 * 3_600  # seconds; no zone changes its clock twice within this time


def windows_of(draft: BroadcastDraft, limits: Limits) -> list[SendWindow]:
    """Return the windows in which a message may start: that of its broadcast and that of its connection."""
    return [window for window in (draft.send_window, limits.send_window) if window is not None]


def is_open(window: SendWindow, at: float, *, default_zone: str) -> bool:
    """Return whether messages may start at a moment.

    :param at: the moment (UNIX seconds).
    :param default_zone: the time zone of a window without one.
    """
    return _is_open_in(window, at, _zone_of(window, default_zone))


def next_opening(window: SendWindow, at: float, *, default_zone: str) -> float:
    """Return the first moment from ``at`` on at which the window is open: ``at`` itself, or when it opens.

    :param at: UNIX seconds.
    :param default_zone: the time zone of a window without one.
    """
    zone = _zone_of(window, default_zone)
    if _is_open_in(window, at, zone):
        return at
    return min(
        moment for moment in _opening_candidates(window, at, zone) if moment > at and _is_open_in(window, moment, zone)
    )


def next_opening_of_all(windows: Sequence[SendWindow], at: float, default_zone: str) -> float | None:
    """Return the first moment from ``at`` on at which all windows are open.

    :param at: UNIX seconds.
    :param default_zone: the time zone of a window without one.
    :returns: None if there is no such moment within 8 days.
    """
    moment = at
    while moment <= at + FARTHEST:
        later = max((next_opening(window, moment, default_zone=default_zone) for window in windows), default=moment)
        if later == moment:
            return moment
        moment = later
    return None


def _zone_of(window: SendWindow, default_zone: str) -> ZoneInfo:
    return ZoneInfo(window.timezone or default_zone)


def _is_open_in(window: SendWindow, at: float, zone: ZoneInfo) -> bool:
    second = math.floor(at)  # fromtimestamp rounds: just before a full hour it may return that hour
    clock = datetime.fromtimestamp(second, zone).strftime("%H:%M")  # of fixed width, so texts compare like times
    if window.from_ < window.to:
        return window.from_ <= clock < window.to
    return clock >= window.from_ or clock < window.to


def _opening_candidates(window: SendWindow, at: float, zone: ZoneInfo) -> Iterator[float]:
    """Yield each moment at which the window can open: its opening time on each day, and each clock change."""
    opening = time.fromisoformat(window.from_)
    today = datetime.fromtimestamp(at, zone).date()
    for ahead in range(_DAYS_AHEAD):
        yield from _instants(today + timedelta(days=ahead), opening, zone)
    yield from _clock_changes(zone, int(at), int(at) + _DAYS_AHEAD * 86_400)


def _instants(day: date, clock: time, zone: ZoneInfo) -> tuple[float, float]:
    """Return when the clock shows a time on a day: the first moment and, if the hour is repeated, the second one."""
    local = datetime.combine(day, clock, zone)
    return local.timestamp(), local.replace(fold=1).timestamp()


def _clock_changes(zone: ZoneInfo, start: int, end: int) -> Iterator[int]:
    for earlier in range(start, end, _STEP):
        if _offset(zone, earlier) != _offset(zone, earlier + _STEP):
            yield _find_change(zone, earlier, earlier + _STEP)


def _find_change(zone: ZoneInfo, earlier: int, later: int) -> int:
    """Return the first second with the new offset."""
    old = _offset(zone, earlier)
    while later - earlier > 1:
        middle = (earlier + later) // 2
        earlier, later = (middle, later) if _offset(zone, middle) == old else (earlier, middle)
    return later


def _offset(zone: ZoneInfo, at: int) -> timedelta | None:
    return datetime.fromtimestamp(at, zone).utcoffset()
