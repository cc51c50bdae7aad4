"""What a page says once about the act that led to it: kept in a cookie from the redirect to the next page."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import quote, unquote

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

COOKIE: Final = "wabroadcast_notice"
LIFE_SECONDS: Final = 60
LONGEST: Final = 1_500  # characters of the cookie

Tone = Literal["ok", "warn", "danger"]
_TONES: Final = frozenset({"ok", "warn", "danger"})


@dataclass(frozen=True, slots=True)
class Notice:
    """A text of the catalogue with its values, and how good the news is."""

    key: str
    values: Mapping[str, str | int] = field(default_factory=dict)
    tone: Tone = "ok"

    def cookie(self) -> Cookie:
        """Return the cookie that carries this to the next page. Long values are cut."""
        values = {name: value if isinstance(value, int) else value[:300] for name, value in self.values.items()}
        content = quote(json.dumps([self.key, values, self.tone]), safe="")
        return Cookie(COOKIE, value=content[:LONGEST], path="/", max_age=LIFE_SECONDS, samesite="lax", httponly=True)


def read_notice(request: ASGIConnection[Any, Any, Any, Any]) -> Notice | None:
    """Return what the last act left to say; None if there is nothing, or the cookie is not of ours."""
    content = request.cookies.get(COOKIE)
    if not content:
        return None
    try:
        key, values, tone = json.loads(unquote(content))
    except ValueError:
        return None
    if not (isinstance(key, str) and isinstance(values, dict) and tone in _TONES):
        return None
    return Notice(key, {str(name): value for name, value in values.items() if isinstance(value, str | int)}, tone)


FORGOTTEN: Final = Cookie(COOKIE, value="", path="/", max_age=0, samesite="lax", httponly=True)
"""Deletes the notice, once it is shown."""
