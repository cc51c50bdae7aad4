"""The bodies of callbacks, read from the store when they are sent: an erasure reaches the events that wait too."""

import json
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Connection, RowMapping

from wabroadcast_core.models.base import as_utc
from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.callback import CallbackEvent, MessageResult
from wabroadcast_core.services.views import summary_of
from wabroadcast_core.settings import Settings
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import callbacks as callback_store
from wabroadcast_core.store.connections import connection_names
from wabroadcast_core.store.messages import message_key, position_of


def event_id(job_id: str, key: int) -> str:
    """Return the public id of an event.

    :param key: the store's id of the event.
    """
    return f"evt_{job_id}_{key}"


def event_key(public_id: str) -> int | None:
    """Return the store's id of an event by its public one; None if it is not valid."""
    digits = public_id.rpartition("_")[2]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None  # noqa: PLR2004 - of 64 bits


def address_of(broadcast: RowMapping, settings: Settings) -> str | None:
    """Return where the callbacks of a broadcast go: to its own address, or else to that of the settings."""
    own = BroadcastDraft.model_validate_json(broadcast["draft"]).callback_url
    url = settings.callback_url if own is None else own
    return None if url is None else str(url)


def type_of(event: RowMapping) -> CallbackEvent:
    """Return the type of an event."""
    return CallbackEvent.MESSAGE_RESULTS if event["status"] is None else CallbackEvent.BROADCAST_CHANGED


def build_body(conn: Connection, event: RowMapping, broadcast: RowMapping) -> bytes:
    """Return the body of an event as JSON.

    :param event: of the table ``callback_events``.
    :param broadcast: the row of its broadcast.
    """
    data = _change(conn, event, broadcast) if event["results"] is None else _results(conn, event, broadcast)
    return to_json({"type": type_of(event), "timestamp": as_utc(event["at"]), "data": data})


def _change(conn: Connection, event: RowMapping, broadcast: RowMapping) -> dict[str, Any]:
    """Return the broadcast with the status that the event reports; its counts are of the present."""
    pool = broadcast_store.pools_of(conn, [broadcast["id"]])[broadcast["id"]]
    shown = {**broadcast, "status": event["status"], "status_reason": event["reason"]}
    return summary_of(shown, pool).model_dump(mode="json")


def _results(conn: Connection, event: RowMapping, broadcast: RowMapping) -> dict[str, Any]:
    keys = [message_key(broadcast["id"], position) for position in json.loads(event["results"])]
    names = connection_names(conn)
    found = callback_store.messages_of(conn, keys)
    return {"jobId": broadcast["job_id"], "messages": [_result(row, broadcast["job_id"], names) for row in found]}


def _result(row: RowMapping, job_id: str, connections: dict[int, str]) -> dict[str, Any]:
    return MessageResult(
        message_id=f"{job_id}-{position_of(row['id'])}",
        number=row["number"] or row["raw"],
        status=row["status"],
        reason=row["reason"],
        connection=connections.get(row["connection_id"]),
        provider_id=row["provider_id"],
        attempts=row["attempts"],
        sent_at=as_utc(row["sent_at"]),
        delivered_at=as_utc(row["delivered_at"]),
        read_at=as_utc(row["read_at"]),
    ).model_dump(mode="json")
