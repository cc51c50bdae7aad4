"""Rehearsals: a broadcast with its whole audience, through a connection whose sender simulates a provider."""

from collections.abc import Mapping
from typing import Any, Final

from wabroadcast_core.context import Context
from wabroadcast_core.errors import Fault, InvalidInputError
from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.sentences import Sentence
from wabroadcast_core.store import connections as connection_store

_LEFT_OUT: Final[Mapping[str, Any]] = {
    "scheduled_at": None,
    "hold_seconds": 0,
    "send_window": None,
    "callback_url": None,
    "callback_events": None,
}


def rehearsal_of(context: Context, draft: BroadcastDraft) -> BroadcastDraft:
    """Return the rehearsal of a draft: it starts now, has no callback, and goes through a simulated connection.

    That is the first simulated connection that the draft names, or else the oldest one.

    :raises InvalidInputError: no connection is simulated.
    """
    found = simulated_connections(context)
    if not found:
        text = "no connection is simulated: create one with `wabroadcast connections set sandbox sandbox`"
        raise InvalidInputError([Fault("connection", Sentence("no_simulated_connection", text))])
    name = next((name for name in draft.pool if name in found), next(iter(found)))
    return draft.model_copy(update={**_LEFT_OUT, "connection": name})


def simulated_connections(context: Context) -> Mapping[str, Mapping[str, str]]:
    """Return the connections that reach no real phone, the oldest first, each with its test numbers."""
    with context.database.read() as conn:
        rows = connection_store.list_connections(conn)
    senders = context.plugins.senders
    return {
        row["name"]: senders[row["sender"]].capabilities.test_numbers
        for row in sorted(rows, key=lambda row: int(row["id"]))
        if row["sender"] in senders and senders[row["sender"]].capabilities.simulated
    }
