"""The limits of a connection: in words, as the values of a form, and read from a form.

Each limit has a choice: that of the sender, an own one, or none. The fields have the paths of their faults.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from host_litestar.dashboard.setting_values import Values
from host_litestar.dashboard.view import View
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import Jitter, Quota, Rate, SendWindow, WarmUp

SENDER, OWN, NONE = "sender", "own", "none"
UNITS: Final = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
CHOSEN: Final = {
    "rate": "rate",
    "quotas": "quotas",
    "jitter": "jitter",
    "perRecipient": "per_recipient",
    "warmUp": "warm_up",
    "sendWindow": "send_window",
}
"""The limits that have a choice: the name in the form and that of the field."""
YES, NO = "yes", "no"

Written = Iterator[tuple[str, str]]


# --- in words --------------------------------------------------------------------------------------------------


def say_limits(view: View, limits: Limits) -> dict[str, str]:
    """Return each limit in words, by its name in the form."""
    t, fmt = view.t, view.fmt
    said = {
        "rate": say_rate(view, limits.rate),
        "quotas": ", ".join(say_rate(view, quota) for quota in limits.quotas) or t("limits.none"),
        "jitter": t("limits.none"),
        "perRecipient": say_rate(view, limits.per_recipient),
        "warmUp": t("limits.none"),
        "sendWindow": t("limits.any_hour"),
        "lanes": t("limits.lanes_of", n=limits.lanes),
        "checkNumbers": t("limits.checked" if limits.check_numbers else "limits.unchecked"),
    }
    if (jitter := limits.jitter) is not None:
        least, most = (fmt.number(value, digits=1) for value in (jitter.min_seconds, jitter.max_seconds))
        said["jitter"] = t("rate.jitter", least=least, most=most)
    if (warm_up := limits.warm_up) is not None:
        said["warmUp"] = ", ".join(t("limits.step", day=one.from_day, n=one.messages) for one in warm_up.steps)
    if (window := limits.send_window) is not None:
        zone = window.timezone or view.broadcaster.settings.timezone
        said["sendWindow"] = t("limits.window", begin=window.from_, end=window.to, zone=zone)
    return said


def say_rate(view: View, rate: Rate | Quota | None) -> str:
    """Return a rate or a quota in words, as in "at most 80 per second"."""
    if rate is None:
        return view.t("limits.none")
    return view.t("limits.at_most", n=rate.messages, per=say_period(view, rate.per_seconds))


def say_period(view: View, seconds: float) -> str:
    """Return the length of a window: one unit without its number, as in "per second"."""
    for unit, length in UNITS.items():
        if seconds == length:
            return view.t(f"limits.{unit}")
    if seconds < UNITS["minute"]:
        return view.t("limits.seconds", n=seconds)
    return view.fmt.span(seconds)


# --- written ---------------------------------------------------------------------------------------------------


def write_limits(limits: Limits, defaults: Limits) -> dict[str, str]:
    """Return the values of the form.

    :param defaults: the limits of the sender.
    """
    written: dict[str, str] = {}
    for name, field in CHOSEN.items():
        value = getattr(limits, field)
        written[f"{name}.mode"] = SENDER if value == getattr(defaults, field) else OWN if value else NONE
        written.update(_write(name, value))
    written["lanes"] = "" if limits.lanes == defaults.lanes else str(limits.lanes)
    if limits.check_numbers != defaults.check_numbers:
        written["checkNumbers"] = YES if limits.check_numbers else NO
    return written


def _write(name: str, value: Any) -> Written:
    match value:
        case Rate() | Quota():
            yield from _write_rate(name, value)
        case list():
            for at, quota in enumerate(value):
                yield from _write_rate(f"{name}.{at}", quota)
        case Jitter():
            yield f"{name}.minSeconds", f"{value.min_seconds:g}"
            yield f"{name}.maxSeconds", f"{value.max_seconds:g}"
        case WarmUp():
            yield f"{name}.since", "" if value.since is None else value.since.isoformat()
            for at, step in enumerate(value.steps):
                yield f"{name}.steps.{at}.fromDay", str(step.from_day)
                yield f"{name}.steps.{at}.messages", str(step.messages)
        case SendWindow():
            yield from ((f"{name}.from", value.from_), (f"{name}.to", value.to))
            yield f"{name}.timezone", value.timezone or ""


def _write_rate(name: str, rate: Rate | Quota) -> Written:
    units = (unit for unit in reversed(UNITS) if rate.per_seconds % UNITS[unit] == 0)
    unit = next(units, "second")
    yield f"{name}.messages", str(rate.messages)
    yield f"{name}.perSeconds", f"{rate.per_seconds / UNITS[unit]:g}"
    yield f"{name}.unit", unit


# --- read ------------------------------------------------------------------------------------------------------


def read_limits(values: Values) -> dict[str, Any]:
    """Return the limits that a form has, as a connection is saved with them; those of the sender are left out."""
    found: dict[str, Any] = {}
    for name in CHOSEN:
        mode = values.get(f"{name}.mode", SENDER)
        if mode == OWN:
            found[name] = _READERS[name](name, values)
        elif mode == NONE:
            found[name] = [] if name == "quotas" else None
    if lanes := values.get("lanes", ""):
        found["lanes"] = lanes
    if (check := values.get("checkNumbers", "")) in {YES, NO}:
        found["checkNumbers"] = check == YES
    return found


def _read_rate(name: str, values: Values) -> dict[str, Any]:
    given = _given(name, values, "messages")
    length = values.get(f"{name}.perSeconds", "") or "1"
    unit = UNITS.get(values.get(f"{name}.unit", ""), 1)
    try:
        return {**given, "perSeconds": float(length.replace(",", ".")) * unit}
    except ValueError:
        return {**given, "perSeconds": length}


def _read_quotas(name: str, values: Values) -> list[dict[str, Any]]:
    return [_read_rate(row, values) for row in _rows(name, values, "messages")]


def _read_jitter(name: str, values: Values) -> dict[str, Any]:
    return _given(name, values, "minSeconds", "maxSeconds")


def _read_warm_up(name: str, values: Values) -> dict[str, Any]:
    steps = f"{name}.steps"
    rows = [_given(row, values, "fromDay", "messages") for row in _rows(steps, values, "fromDay", "messages")]
    return {**_given(name, values, "since"), "steps": rows}


def _read_window(name: str, values: Values) -> dict[str, Any]:
    return _given(name, values, "from", "to", "timezone")


_READERS: Final[Mapping[str, Callable[[str, Values], Any]]] = {
    "rate": _read_rate,
    "quotas": _read_quotas,
    "jitter": _read_jitter,
    "perRecipient": _read_rate,
    "warmUp": _read_warm_up,
    "sendWindow": _read_window,
}


def _given(name: str, values: Values, *fields: str) -> dict[str, Any]:
    """Return the fields that were filled in."""
    return {field: value for field in fields if (value := values.get(f"{name}.{field}", ""))}


def _rows(name: str, values: Values, *fields: str) -> list[str]:
    """Return the names of the rows of a list in which something was filled in."""
    return [row for at in range(count_rows(name, values)) if _given(row := f"{name}.{at}", values, *fields)]


def count_rows(name: str, values: Values) -> int:
    """Return how many rows of a list a form has, empty ones too."""
    start = f"{name}."
    places = {key.removeprefix(start).partition(".")[0] for key in values if key.startswith(start)}
    return max((int(place) + 1 for place in places if place.isdecimal() and len(place) < 3), default=0)  # noqa: PLR2004 - at most 32 rows are valid
