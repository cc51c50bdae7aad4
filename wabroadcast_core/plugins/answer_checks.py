"""Checks of what the methods of senders return."""

from wabroadcast_core.models.receipt import ConnectionEvent


def fault_of_event(answer: object) -> str | None:
    """Return what is wrong with an answer of ``check_connection``, and what is right; None if nothing is wrong."""
    if not isinstance(answer, ConnectionEvent):
        return f"check_connection returned {type(answer).__name__}: return a ConnectionEvent, 'up' or 'down'"
    state: object = answer.state
    if not (isinstance(state, str) and state in {"up", "down"}):
        return "check_connection returned a ConnectionEvent of another state: give it 'up' or 'down'"
    reason: object = answer.reason
    if not isinstance(reason, str | None):
        return f"check_connection returned a ConnectionEvent whose reason is {type(reason).__name__}: give it a text"
    return None
