"""Why something waits, as one plain sentence: one for each code of ``WaitingFor``."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from wabroadcast_core.models.amounts import count_of

SENTENCES = {
    "scheduled": "it starts later",
    "hold": "its start is held back, and can be undone with `wabroadcast undo`",
    "preparing": "the audience is being read: {rows_read} so far",
    "broadcast_paused": "it is paused by {by}{why}: continue it with `wabroadcast resume`",
    "messages_paused": "all that is left, {messages_left}, is paused by {by}: resume the batch or each message",
    "batch_interval": "batch {batch} is not released yet",
    "broadcast_rate": "it is sent as fast as its own rate allows",
    "higher_priority": "connection {connection} sends broadcast {jobId} ({name}) first, whose priority is {priority}",
    "retry": "the next attempt is later{why}",
    "recipient_gap": "the last message to the same person is too recent",
    "new_contacts": "the connection may not message new contacts",
    "number_check": "a number was not found on WhatsApp and is checked again",
    "sending": "the provider of connection {connection} has not answered yet",
    "send_window": "the send window on connection {connection} is closed",
    "connection_paused": (
        "connection {connection} is paused by {by}{why}: continue it with `wabroadcast connections resume {connection}`"
    ),
    "quota": "the quota of connection {connection} is used up: {used} of {messages_allowed} in {window}",
    "warm_up": "connection {connection} is a new number (day {day}): {used} of {messages_allowed} a day used",
    "cool_down": "the provider of connection {connection} requires a pause",
    "rate": "connection {connection} sends as fast as its limits allow",
    "adaptive": "connection {connection} sends at {percent} % of its rate, because its provider throttled it",
    "no_worker": "no worker is alive{since_when}: start one with `wabroadcast worker` or `wabroadcast serve`",
    "redis": "{reason}",
    "store": "{reason}",
    "plugin": "{reason}",
    "starting": "a worker begins to send it next",
}
AT_WORK = frozenset({"rate", "broadcast_rate", "sending", "starting"})  # messages leave: there is no need to say why
_UNITS = (("h", 3_600), ("min", 60))


def describe_waiting(cause: Mapping[str, Any] | None) -> str | None:
    """Return why messages wait as one sentence; None if they leave at the rate that is set.

    :param cause: ``waitingFor`` as the API returns it.
    """
    return None if cause is None or cause["code"] in AT_WORK else describe_cause(cause)


def describe_cause(cause: Mapping[str, Any]) -> str:
    """Return a cause, and until when it holds, as one sentence."""
    text = SENTENCES[cause["code"]].format_map(_fields(cause))
    if cause["until"] is None or cause["code"] in AT_WORK or cause["code"] == "adaptive":
        return text
    return f"{text}, until {_describe_time(cause['until'])}"


def _fields(cause: Mapping[str, Any]) -> dict[str, object]:
    reason, since = cause.get("reason"), cause.get("since")
    if reason and cause.get("detail"):
        reason = f"{reason}: {cause['detail']}"
    return {
        **cause,
        "by": cause.get("by") or "an unknown person",
        "why": f" ({reason})" if reason else "",
        "since_when": f" since {_describe_time(since)}" if since else "",
        "window": _describe_window(cause.get("perSeconds") or 0.0),
        "rows_read": count_of(cause.get("rows") or 0, "row"),
        "messages_left": count_of(cause.get("messages") or 0, "message"),
        "messages_allowed": count_of(cause.get("limit") or 0, "message"),
        "percent": round(100 * (cause.get("factor") or 1.0)),
    }


def _describe_time(moment: str) -> str:
    """Return a time of the API with its zone, in the time zone of this machine."""
    return f"{datetime.fromisoformat(moment).astimezone():%a %d %b %Y, %H:%M %Z}"


def _describe_window(seconds: float) -> str:
    """Return the length of a quota's window, as ``24 h``."""
    unit, length = next(((unit, length) for unit, length in _UNITS if seconds % length == 0), ("s", 1))
    return f"{seconds / length:g} {unit}"
