"""The fields of drafts: as they are stored, from a broadcast, and what a submit would refuse."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, RowMapping

from wabroadcast_core.audience.capabilities import deleted_upload
from wabroadcast_core.audience.inline_recipients import INLINE_TYPE
from wabroadcast_core.audience.submission import NO_AUDIENCE
from wabroadcast_core.errors import Fault
from wabroadcast_core.models.base import as_utc, faults_of
from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.draft import DraftBody, DraftFault, DraftFields, DraftView, ListedDraft
from wabroadcast_core.models.recipient import Recipient
from wabroadcast_core.store import drafts as draft_store
from wabroadcast_core.store import uploads as upload_store
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.retention import uploads_named
from wabroadcast_core.store.sql import as_json

MOST_RECIPIENTS = 1_000  # of a list that a draft shows
LARGEST_LIST = 256 * 1024  # bytes of such a list
Row = Mapping[Any, Any]


def stored_form(fields: DraftFields) -> str:
    """Return fields as the store has them."""
    return as_json(fields.model_dump(mode="json", exclude_none=True, exclude={"recipients"}))


def read_fields(row: Row) -> DraftFields:
    """Return the fields of a draft.

    :param row: of the table ``drafts``.
    """
    return DraftFields.model_validate_json(row["fields"])


def fields_of_broadcast(row: RowMapping, *, now: float) -> DraftFields:
    """Return the fields of a broadcast: with its audience, without a start that is over or that was only held.

    :param row: of the table ``broadcasts``.
    """
    submitted = BroadcastDraft.model_validate_json(row["draft"])
    values = submitted.model_dump(mode="json", exclude_none=True, exclude={"scheduled_at"})
    fields = DraftFields.model_validate({**values, "name": row["name"]})
    start = as_utc(row["scheduled_at"])
    if start is not None and row["held_until"] is None and start.timestamp() > now:
        fields.scheduled_at = start.isoformat()
    return fields


def listed_draft(row: Row) -> ListedDraft:
    """Return a draft as a list shows it.

    :param row: of the table ``drafts``, with the job id of its broadcast.
    """
    return ListedDraft(**_listed_fields(row))


def view_of(database: Database, row: Row) -> DraftView:
    """Return a draft with its fields, its recipients if they are few, and what a submit would refuse.

    :param row: of the table ``drafts``, with the job id of its broadcast.
    """
    fields = read_fields(row)
    with database.read() as conn:
        faults = find_faults(conn, fields)
    recipients = short_list_of(database, fields)
    body = DraftBody(**{name: getattr(fields, name) for name in DraftFields.model_fields}, recipients=recipients)
    if recipients is not None:
        body.source = None
    return DraftView(**_listed_fields(row), broadcast=body, faults=faults)


def short_list_of(database: Database, fields: DraftFields) -> Sequence[Recipient] | None:
    """Return the inline recipients of a draft; None if it has none, or too many to be shown."""
    source = fields.source or {}
    upload_id = source.get("uploadId")
    if source.get("type") != "inline" or not isinstance(upload_id, str):
        return None
    with database.read() as conn:
        document = upload_store.read_small(conn, upload_id, content_type=INLINE_TYPE, most_bytes=LARGEST_LIST)
    return None if document is None else _read_list(document)


def find_faults(conn: Connection, fields: DraftFields) -> list[DraftFault]:
    """Return what a submit of these fields would refuse, by the fields and the uploads that they name."""
    values = fields.model_dump(mode="json", exclude_none=True)
    faults: list[DraftFault] = []
    try:
        BroadcastDraft.model_validate(values)
    except ValidationError as error:
        faults += map(DraftFault.of, faults_of(error))
    if fields.source is None:
        faults.append(DraftFault.of(Fault("recipients", NO_AUDIENCE)))
    for upload_id in draft_store.missing_uploads(conn, uploads_named(as_json(values))):
        path = "source.uploadId" if upload_id == (fields.source or {}).get("uploadId") else "message"
        faults.append(DraftFault.of(Fault(path, deleted_upload(upload_id))))
    return faults


def _listed_fields(row: Row) -> dict[str, Any]:
    texts = {name: row[name] for name in ("version", "owner", "changed_by", "job_id")}
    times = {name: as_utc(row[name]) for name in ("created_at", "changed_at")}
    return {"draft_id": row["id"], "name": row["name"] or None, **texts, **times}


def _read_list(document: bytes) -> Sequence[Recipient] | None:
    """Return the recipients of a list; None if they are too many to be shown, or rows of a file with faults."""
    lines = document.splitlines()
    if len(lines) > MOST_RECIPIENTS:
        return None
    try:
        return [Recipient.model_validate(json.loads(line)) for line in lines]
    except ValidationError:
        return None
