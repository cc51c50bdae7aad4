"""Reading of JSON with any content: values of the expected type are returned, others count as absent. Never raises."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from wabroadcast_core import WebhookRequest, read_json

EARLIEST, LATEST = 946_684_800, 4_102_444_800  # the years 2000 and 2100; Go writes the year 1 for a missing time
MILLISECONDS: Final = 1_000  # in a second


def document_in(request: WebhookRequest) -> Any:
    """Return the JSON of a webhook call, else its form fields; None if it has neither."""
    document = read_json(request.body)
    return (dict(request.form) or None) if document is None else document


def without_fields(body: bytes, names: frozenset[str]) -> bytes:
    """Return a JSON object without these fields; other bodies as they are."""
    document = read_json(body)
    if not isinstance(document, dict) or not names & document.keys():
        return body
    return json.dumps({name: value for name, value in document.items() if name not in names}).encode()


def fields_of(value: object) -> dict[str, Any]:
    """Return the fields of a JSON object; an empty dict for other values."""
    return value if isinstance(value, dict) else {}


def objects_in(value: object) -> list[Mapping[str, Any]]:
    """Return the objects of a JSON list; an object that is not in a list counts as a list of one."""
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, dict)]


def texts_in(value: object) -> list[str]:
    """Return the non-empty texts of a JSON list; an empty list for other values."""
    return [item for item in value if isinstance(item, str) and item] if isinstance(value, list) else []


def text_of(*values: object) -> str:
    """Return the first value that is a non-empty text; an empty text if there is none."""
    return next((value for value in values if isinstance(value, str) and value), "")


def as_text(value: object) -> str:
    """Return a text without surrounding blanks, or an integer as text; an empty text for other values."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if type(value) is int else ""


def seconds_of(value: object) -> float | None:
    """Return a UNIX timestamp (seconds, UTC) from seconds, milliseconds or an RFC 3339 date, as a number or text.

    :returns: None if the value is none of these, or not between the years 2000 and 2100.
    """
    seconds = _read_seconds(value)
    if seconds > LATEST:
        seconds /= MILLISECONDS
    return seconds if EARLIEST <= seconds <= LATEST else None


def time_of(value: object) -> float:
    """Return the UNIX timestamp (seconds, UTC) of a value; the current time where :func:`seconds_of` returns None."""
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
    """Return the timestamp of a date, in UTC if it has no offset; 0 for other texts."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return 0.0
