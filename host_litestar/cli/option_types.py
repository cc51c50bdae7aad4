"""Types of options: rates, batches and hours of the day."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import rich_click as click

UNITS: Final[Mapping[str, float]] = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}
"""Seconds of each unit of time."""


class RateType(click.ParamType[dict[str, float]]):
    """A rate: ``20`` or ``20/s``, ``100/m``, ``1000/h``, ``5000/d``, or ``100/30`` for 100 in 30 seconds."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, float]:
        messages, _, unit = str(value).partition("/")
        try:
            seconds = UNITS[unit] if unit in UNITS else float(unit)
            return {"messages": int(messages), "perSeconds": seconds}
        except ValueError:
            self.fail(f"{value!r} is not a rate: write it as 20/s, 100/m or 1000/h", param, ctx)


class BatchType(click.ParamType[dict[str, float]]):
    """Batches: ``1000`` or ``1000/10m``: the messages of a batch, and the time from its start to the next."""

    name = "size/time"
    DEFAULT_SECONDS: ClassVar[float] = 600

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, float]:
        found = re.fullmatch(r"([1-9]\d*)(?:/(\d+(?:\.\d+)?)(s|m|min|h|d|))?", str(value).replace(" ", ""))
        if found is None:
            self.fail(f"{value!r} is not a batch: write its size and the time to the next, as 1000/10m", param, ctx)
        size, time, unit = found.groups()
        seconds = self.DEFAULT_SECONDS if time is None else float(time) * UNITS[unit]
        return {"size": int(size), "intervalSeconds": seconds}


class WindowType(click.ParamType[dict[str, str]]):
    """Hours of the day: ``08:00-20:00``, or ``08:00-20:00@Asia/Jakarta`` with a time zone."""

    name = "from-to"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        hours, _, zone = str(value).partition("@")
        found = re.fullmatch(r"\s*(\d{1,2})[:.](\d\d)\s*-\s*(\d{1,2})[:.](\d\d)\s*", hours)
        if found is None:
            self.fail(f"{value!r} is not a window: write it as 08:00-20:00 or 08:00-20:00@Asia/Jakarta", param, ctx)
        first, last = (f"{int(hour):02}:{minute}" for hour, minute in (found.groups()[:2], found.groups()[2:]))
        return {"from": first, "to": last} | ({"timezone": zone.strip()} if zone else {})
