"""JSON that may be anything: what a provider sends is read as far as it makes sense, and never raises."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from wabroadcast_core import WebhookRequest, read_json

EARLIEST, LATEST = 946_684_800, 4_102_444_800  # the years 2000 and 2100; Go writes the year 1 where it has no time
MILLISECONDS: Final = 1_000  # in a second


def document_in(request: WebhookRequest) -> Any:
    """The JSON of a call, else its form; None where there is neither."""
    document = read_json(request.body)
    return (dict(request.form) or None) if document is None else document


def fields_of(value: object) -> dict[str, Any]:
    """A JSON object's fields; none where it is no object."""
    return value if isinstance(value, dict) else {}


def objects_in(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list, or the one object that stands in its place."""
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, dict)]


def texts_in(value: object) -> list[str]:
    """The texts of a JSON list that hold something."""
    return [item for item in value if isinstance(item, str) and item] if isinstance(value, list) else []


def text_of(*values: object) -> str:
    """The first JSON text that holds something; empty where none does."""
    return next((value for value in values if isinstance(value, str) and value), "")


def as_text(value: object) -> str:
    """A text without the blanks around it, or a whole number as text; empty for anything else."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if type(value) is int else ""


def seconds_of(value: object) -> float | None:
    """The UNIX time of a number or text: seconds, milliseconds, or a date (RFC 3339); None where it makes no sense."""
    seconds = _read_seconds(value)
    if seconds > LATEST:
        seconds /= MILLISECONDS
    return seconds if EARLIEST <= seconds <= LATEST else None


def time_of(value: object) -> float:
    """The same, but now where it makes no sense."""
    seconds = seconds_of(value)
    return time.time() if seconds is None else seconds


def _read_seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0.0
    try:
        return float(value)
    except OverflowError:
        return 0.0
    except ValueError:
        return _read_date(str(value))


def _read_date(text: str) -> float:
    """A date that names no offset is in UTC."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return 0.0
