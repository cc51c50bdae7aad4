"""What a person chooses for all pages: language, time zone, theme, keys. It lives in a cookie of the browser."""

from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from host_litestar.dashboard.texts import LANGUAGES
from host_litestar.languages import choose_language

COOKIE: Final = "wabroadcast_choices"
YEAR_SECONDS: Final = 365 * 86_400
ZONE_NAMES: Final = {"Asia/Jakarta": "WIB", "Asia/Makassar": "WITA", "Asia/Jayapura": "WIT"}  # as people call them
FIRST_ZONES: Final = tuple(ZONE_NAMES)
_CONTINENTS: Final = frozenset(
    {"Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"}
)
THEMES: Final = ("auto", "light", "dark")

AnyConnection = ASGIConnection[Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices of a person; of a browser without the cookie, those that it asks for and those of the settings."""

    language: str
    zone: str
    theme: Literal["auto", "light", "dark"] = "auto"
    keys: Literal["on", "off"] = "on"

    def changed(self, given: dict[str, str]) -> "Choices":
        """Return these choices with the valid ones among those that are given."""
        valid = {name: value for name, value in given.items() if _is_valid(name, value)}
        return replace(self, **valid)  # type: ignore[arg-type]  # each value was checked

    def cookie(self) -> Cookie:
        """Return the cookie that keeps these choices for a year."""
        return Cookie(
            COOKIE, value=urlencode(asdict(self)), path="/", max_age=YEAR_SECONDS, samesite="lax", httponly=True
        )


def read_choices(request: AnyConnection, *, zone: str) -> Choices:
    """Return the choices of a request.

    :param zone: the time zone of the installation.
    """
    language = choose_language(None, request.headers.get("accept-language"), available=LANGUAGES)
    kept = dict(parse_qsl(request.cookies.get(COOKIE, "")[:500]))
    return Choices(language=language, zone=zone).changed(kept)


@cache
def zones() -> list[str]:
    """Return the names of all time zones, those of Indonesia first, without old names of the same zones.

    They are read from many files, once a process.
    """
    places = (name for name in available_timezones() if name.partition("/")[0] in _CONTINENTS)
    return [*FIRST_ZONES, *sorted(name for name in places if name not in FIRST_ZONES), "UTC"]


def _is_valid(name: str, value: str) -> bool:
    match name:
        case "language":
            return value in LANGUAGES
        case "theme":
            return value in THEMES
        case "keys":
            return value in {"on", "off"}
        case "zone":
            return _is_zone(value)
        case _:
            return False


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
