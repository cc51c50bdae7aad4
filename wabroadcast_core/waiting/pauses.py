"""Causes that a person or the engine set: a paused broadcast, batch, message or connection."""

from collections.abc import Mapping
from typing import Any

from wabroadcast_core.models.base import as_utc
from wabroadcast_core.models.waiting import BroadcastPaused, ConnectionPaused, MessagesPaused
from wabroadcast_core.store import audit_log
from wabroadcast_core.store.messages import position_of

Row = Mapping[Any, Any]


def broadcast_pause(broadcast: Row, actor: str | None) -> BroadcastPaused:
    """Return the pause of a paused broadcast.

    :param actor: who paused it.
    """
    reason = broadcast["status_reason"]
    return BroadcastPaused(by=actor, reason=reason, since=as_utc(broadcast["paused_at"]))


def rest_pause(broadcast: Row, actors: Mapping[str, str]) -> MessagesPaused:
    """Return the pause of all messages that a broadcast has left.

    :param actors: who paused its batches and messages; the latest is the last one.
    """
    return MessagesPaused(messages=broadcast["paused"], by=_last_of(actors))


def message_pause(message: Row, actors: Mapping[str, str]) -> MessagesPaused:
    """Return the pause of one message: its own, or that of its batch.

    :param actors: who paused the batches and messages of its broadcast.
    """
    own, batch = audit_log.of_message(position_of(message["id"])), audit_log.of_batch(message["batch"])
    return MessagesPaused(messages=1, by=actors.get(own) or actors.get(batch))


def connection_pause(connection: Row, actor: str | None) -> ConnectionPaused:
    """Return the pause of a paused connection.

    :param actor: who paused it.
    """
    return ConnectionPaused(
        connection=connection["name"],
        by=actor,
        reason=connection["state_reason"],
        since=as_utc(connection["state_since"]),
    )


def _last_of(actors: Mapping[str, str]) -> str | None:
    return list(actors.values())[-1] if actors else None
