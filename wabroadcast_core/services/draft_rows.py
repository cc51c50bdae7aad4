"""The rows of drafts, in transactions of the caller, and the uploads that belong to them."""

from typing import Any

from sqlalchemy import Connection

from wabroadcast_core.models.draft import DraftFields
from wabroadcast_core.services.draft_fields import stored_form
from wabroadcast_core.store import drafts as draft_store
from wabroadcast_core.store import retention as retention_store
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.retention import uploads_named


def add_draft(conn: Connection, draft_id: str, fields: DraftFields, *, actor: str, now: float) -> None:
    """Store a new draft; ``actor`` becomes its owner. The uploads that it names live as long as it."""
    values = _values_of(conn, draft_id, fields)
    draft_store.insert_draft(conn, draft_id, **values, actor=actor, now=now)


def write_draft(conn: Connection, draft_id: str, fields: DraftFields, *, actor: str, now: float) -> None:
    """Replace the fields of a draft, which has a new version then."""
    draft_store.change_draft(conn, draft_id, **_values_of(conn, draft_id, fields), actor=actor, now=now)


def reopen_draft(
    conn: Connection, draft_id: str, fields: DraftFields, *, broadcast_id: int, actor: str, now: float
) -> bool:
    """Make a draft changeable again whose broadcast was withdrawn.

    :param fields: those of the broadcast, whose name and start may have changed since the submit.
    :returns: False if the draft was deleted.
    """
    row = draft_store.find_draft(conn, draft_id, lock=True)
    if row is None or row["broadcast_id"] != broadcast_id:
        return False
    values = _values_of(conn, draft_id, fields)
    draft_store.change_draft(conn, draft_id, **values, broadcast_id=None, submitted_version=None, actor=actor, now=now)
    return True


def delete_unneeded(database: Database, upload_id: str) -> None:
    """Delete an upload, unless a draft, a broadcast or an import needs it."""

    def hide(conn: Connection) -> bool:
        return not draft_store.is_in_broadcast(conn, upload_id) and retention_store.hide_upload(conn, upload_id)

    if database.transact(hide):
        retention_store.delete_in_steps(database, upload_id)


def _values_of(conn: Connection, draft_id: str, fields: DraftFields) -> dict[str, Any]:
    """Return the columns of fields, and take the uploads that they name for the draft."""
    document = stored_form(fields)
    draft_store.own_uploads(conn, draft_id, uploads_named(document))
    return {"name": fields.name or "", "fields": document}
