"""What webhook calls of gateways have in common: a token in the address, what is in the body, numbers, times.

Not a plugin: senders whose provider proves nothing by itself build on it.
"""

import json
import math
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import SecretStr

from wabroadcast_core import WebhookRefusedError, WebhookRequest

FIRST_SECOND, LAST_SECOND = 946_684_800, 4_102_444_800  # the years 2000 and 2100
MILLISECONDS: Final = 1_000  # in a second

_NUMBER: Final = re.compile(r"\+?([1-9]\d{6,14})", re.ASCII)
_PERSONS: Final = frozenset({"", "s.whatsapp.net", "c.us"})


def require_token(request: WebhookRequest, token: SecretStr | None) -> None:
    """:raises WebhookRefusedError: the address called does not end in ``?token=…`` with this token."""
    if token is None or not token.get_secret_value():
        raise WebhookRefusedError(
            "this provider proves nothing by itself: set webhookToken, and end the address it calls in ?token=…"
        )
    if not same_text(request.query.get("token", ""), token.get_secret_value()):
        raise WebhookRefusedError("the address called has not the token of this connection")


def same_text(given: str, expected: str) -> bool:
    """Whether two texts are equal, in a time that does not tell how much of them is."""
    return secrets.compare_digest(given.encode(errors="replace"), expected.encode())


def read_entries(request: WebhookRequest) -> Iterator[Mapping[str, Any]]:
    """The objects that a call carries: its JSON, each one of a list, or its form."""
    document = read_document(request)
    entries = document if isinstance(document, list) else [document]
    return (entry for entry in entries if isinstance(entry, dict))


def read_document(request: WebhookRequest) -> Any:
    """The JSON of a call, else its form; None where there is neither."""
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        return dict(request.form) or None


def read_text(value: Any) -> str:
    """A text or a whole number as text; empty for anything else."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if type(value) is int else ""


def read_number(value: Any) -> str | None:
    """A person's number in E.164, of digits or a WhatsApp id; None for groups, hidden ids, channels and the like."""
    local, _, domain = read_text(value).partition("@")
    match = _NUMBER.fullmatch(local.partition(":")[0].replace(" ", "").replace("-", ""))
    return f"+{match[1]}" if match and domain in _PERSONS else None


def read_time(value: Any) -> float:
    """A UNIX timestamp of seconds, milliseconds or a date; now where it makes no sense."""
    seconds = _read_seconds(value)
    if seconds > LAST_SECOND:
        seconds /= MILLISECONDS
    return seconds if FIRST_SECOND <= seconds <= LAST_SECOND else time.time()


def _read_seconds(value: Any) -> float:
    if isinstance(value, bool):
        return 0.0
    try:
        seconds = float(value)
    except (TypeError, OverflowError):
        return 0.0
    except ValueError:
        return _read_date(str(value))
    return seconds if math.isfinite(seconds) else 0.0


def _read_date(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return 0.0
