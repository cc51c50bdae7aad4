"""Numbers, shares, times and lengths of time, as a language writes them. Times always have their day and zone."""

import math
import re
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.numbers import format_decimal

_MOMENTS: Final = {"id": "EEE, d MMM y HH.mm", "en": "EEE d MMM y, HH:mm"}
_CLOCKS: Final = {"id": "HH.mm", "en": "HH:mm"}
_SECONDS: Final = {"id": "HH.mm.ss", "en": "HH:mm:ss"}
_TIME: Final = re.compile(r"\d{1,2}:\d{2}")
_BETWEEN: Final = {"id": ".", "en": ":"}  # hours and minutes
_DAYS: Final = {"id": "EEE, d MMM y", "en": "EEE d MMM y"}
_PERCENT: Final = {"id": "{}\u00a0%", "en": "{}%"}
_UNITS: Final = {
    "id": (("hari", 86_400), ("jam", 3_600), ("menit", 60), ("detik", 1)),
    "en": (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)),
}
_SIZES: Final = ("B", "kB", "MB", "GB")
_STEP: Final = 1_000


class Formats:
    """Writes values in one language and time zone.

    :param language: ``id`` or ``en``.
    :param zone: the IANA name of the time zone.
    """

    def __init__(self, language: str, zone: str) -> None:
        self.language = language
        self.zone = ZoneInfo(zone)

    def number(self, value: float, *, digits: int = 0) -> str:
        """Return a number with the separators of the language, and at most ``digits`` decimal places."""
        rounded = round(value, digits) if digits else round(value)
        return str(format_decimal(rounded, locale=self.language))

    def percent(self, part: float, whole: float) -> str:
        """Return a share with one decimal place, rounded down: 100 only if the part is the whole."""
        share = 0.0 if whole <= 0 else min(1.0, part / whole)
        return _PERCENT[self.language].format(self.number(math.floor(share * 1_000) / 10, digits=1))

    def moment(self, at: datetime | float) -> str:
        """Return a time with its day and zone, as ``Thu 27 Nov 2026, 09:30 WIB``."""
        local = self.local(at)
        return f"{self._written(local, _MOMENTS)} {self.zone_name(local)}"

    def moment_seconds(self, at: datetime | float) -> str:
        """Return a time to the second, with its day and zone."""
        local = self.local(at)
        return f"{self._written(local, _DAYS)} {self._written(local, _SECONDS)} {self.zone_name(local)}"

    def clock(self, at: datetime | float) -> str:
        """Return the time of a day with its zone, for what is known to be today."""
        local = self.local(at)
        return f"{self._written(local, _CLOCKS)} {self.zone_name(local)}"

    def time(self, text: str) -> str:
        """Return a time of day, which is written as ``08:00`` in forms, as the language writes it.

        What is no such time is returned as it is.
        """
        return text.replace(":", _BETWEEN[self.language]) if _TIME.fullmatch(text) else text

    def day(self, at: datetime | float) -> str:
        """Return a day."""
        return self._written(self.local(at), _DAYS)

    def span(self, seconds: float) -> str:
        """Return a length of time in its two largest units, as ``2 h 5 min``."""
        left = round(max(0.0, seconds))
        parts: list[str] = []
        for unit, size in _UNITS[self.language]:
            if left >= size or (size == 1 and not parts):
                parts.append(f"{self.number(left // size)} {unit}")
                left %= size
            if len(parts) == 2 or (parts and not left):  # noqa: PLR2004 - two units are enough to plan with
                break
        return " ".join(parts)

    def size(self, count: float) -> str:
        """Return a number of bytes in the unit that suits it."""
        power = 0
        while count >= _STEP and power < len(_SIZES) - 1:
            count, power = count / _STEP, power + 1
        return f"{self.number(count, digits=1 if power else 0)} {_SIZES[power]}"

    def field(self, at: datetime | float) -> str:
        """Return a time as the value of a date-time field of a form."""
        return f"{self.local(at):%Y-%m-%dT%H:%M}"

    def local(self, at: datetime | float) -> datetime:
        """Return a time in the time zone; a number is a UNIX timestamp (seconds, UTC)."""
        moment = at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
        return moment.astimezone(self.zone)

    def zone_name(self, at: datetime) -> str:
        """Return the short name of the time zone at a time, as ``WIB`` or ``UTC+02``."""
        name = at.tzname() or "UTC"
        return f"UTC{name}" if name[:1] in "+-" else name

    def _written(self, local: datetime, patterns: dict[str, str]) -> str:
        return str(format_datetime(local, patterns[self.language], tzinfo=local.tzinfo, locale=self.language))
