"""Causes that a person or the engine set: a paused broadcast, batch, message or connection."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.models.base import as_utc
from wabroadcast_core.models.waiting import BroadcastPaused, ConnectionPaused, MessagesPaused
from wabroadcast_core.store import audit_log
from wabroadcast_core.store.messages import position_of

Row = Mapping[Any, Any]


def broadcast_pause(conn: Connection, broadcast: Row) -> BroadcastPaused:
    """Return the pause of a paused broadcast."""
    reason = broadcast["status_reason"]
    act = audit_log.last_pause_of_broadcast(conn, broadcast["id"], reason=reason)
    return BroadcastPaused(by=_actor(act), reason=reason, since=as_utc(broadcast["paused_at"]))


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


def connection_pause(conn: Connection, connection: Row) -> ConnectionPaused:
    """Return the pause of a paused connection."""
    act = audit_log.last_pause_of_connection(conn, connection["id"])
    return ConnectionPaused(
        connection=connection["name"],
        by=_actor(act),
        reason=connection["state_reason"],
        since=as_utc(connection["state_since"]),
    )


def _actor(act: RowMapping | None) -> str | None:
    return None if act is None else act["actor"]


def _last_of(actors: Mapping[str, str]) -> str | None:
    return list(actors.values())[-1] if actors else None
