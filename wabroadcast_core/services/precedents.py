"""What was sent before: against it, a draft is reviewed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection

from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.draft import DraftFields
from wabroadcast_core.models.draft_preview import AlikeBroadcast, Precedents
from wabroadcast_core.store import precedents as precedent_store

DAY: Final = 86_400.0
MOST_COMPARED: Final = 100
MOST_MEASURED: Final = 1_000


def find_precedents(conn: Connection, fields: DraftFields, *, now: float) -> Precedents:
    """Return the largest of the last broadcasts, and the one of the last day that is the same as a draft."""
    largest = precedent_store.largest_total(conn, among=MOST_MEASURED)
    rows = precedent_store.recent_broadcasts(conn, since=now - DAY, limit=MOST_COMPARED)
    message = fields.model_dump(mode="json")["message"]
    for row in rows if message and fields.source else ():
        sent = BroadcastDraft.model_validate_json(row["draft"])
        if _plain(sent.message.model_dump(mode="json")) == _plain(message) and _is_same(
            conn, sent.source or {}, fields.source or {}
        ):
            created_at = datetime.fromtimestamp(row["created_at"], UTC)
            alike = AlikeBroadcast(job_id=row["job_id"], name=row["name"], created_at=created_at)
            return Precedents(largest=largest, alike=alike)
    return Precedents(largest=largest, alike=None)


def _plain(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message without what is not given, or is the default."""
    return {
        name: _plain(value) if isinstance(value, dict) else value
        for name, value in message.items()
        if value not in (None, False)
    }


def _is_same(conn: Connection, sent: Mapping[str, Any], planned: Mapping[str, Any]) -> bool:
    """Return whether two audiences are the same: files and lists by their size and their beginning."""
    if sent == planned:
        return True
    ids = [source.get("uploadId") for source in (sent, planned)]
    if sent.get("type") != planned.get("type") or not all(isinstance(key, str) for key in ids):
        return False
    first, second = map(precedent_store.starts_of_uploads(conn, list(map(str, ids))).get, map(str, ids))
    return first is not None and first == second
