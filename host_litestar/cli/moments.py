"""Times that a person types and reads: without an offset, they are in the time zone of the installation."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import rich_click as click

from host_litestar.cli.server import read_settings


class MomentType(click.ParamType[datetime]):
    """A time, as ``2026-12-01T08:00+07:00``; without an offset it is in WABROADCAST_TIMEZONE."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        zone = ZoneInfo(read_settings().timezone)
        try:
            moment = datetime.fromisoformat(str(value))
            return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(zone)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a time: write it as 2026-12-01T08:00 or 2026-12-01T08:00+07:00", param, ctx)


def describe_moment(moment: datetime) -> str:
    """Return a time with the name of its zone and its offset: ``2026-12-01 08:00 Asia/Jakarta (+07:00)``."""
    offset = moment.isoformat()[-6:]
    return f"{moment:%Y-%m-%d %H:%M} {moment.tzinfo} ({offset})"
