"""Drafts: their rows, and the uploads that belong to them."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, insert, select, update
from sqlalchemy import delete as delete_from

from wabroadcast_core.store.search import Folded, fold
from wabroadcast_core.store.tables import broadcasts, drafts, uploads

_DRAFTS = select(drafts, broadcasts.c.job_id).outerjoin_from(
    drafts, broadcasts, broadcasts.c.id == drafts.c.broadcast_id
)


def insert_draft(conn: Connection, key: str, *, name: str, fields: str, actor: str, now: float) -> None:
    """Store a new draft, in its first version. ``actor`` becomes its owner."""
    values = {"id": key, "name": name, "fields": fields, "version": 1, "owner": actor}
    conn.execute(insert(drafts).values(values | {"created_at": now, "changed_at": now, "changed_by": actor}))


def find_draft(conn: Connection, key: str, *, lock: bool = False) -> RowMapping | None:
    """Return the row of a draft with the job id of its broadcast, or None.

    :param lock: whether to lock the row until the end of the transaction.
    """
    statement = _DRAFTS.where(drafts.c.id == key)
    return conn.execute(statement.with_for_update(of=drafts) if lock else statement).mappings().one_or_none()


def list_drafts(
    conn: Connection, *, owner: str | None, query: str | None, submitted: bool, offset: int, limit: int
) -> tuple[Sequence[RowMapping], int]:
    """Return a page of drafts, the one that was changed last first, and the number of all.

    :param query: part of a name.
    :param submitted: those that were submitted too.
    """
    chosen = _chosen(owner=owner, query=query, submitted=submitted)
    total = conn.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    page = chosen.order_by(drafts.c.changed_at.desc(), drafts.c.id.desc()).offset(offset).limit(limit)
    return conn.execute(page).mappings().all(), total


def count_drafts(conn: Connection, *, query: str | None) -> int:
    """Return how many drafts there are that were not submitted.

    :param query: part of a name.
    """
    chosen = _chosen(owner=None, query=query, submitted=False)
    return int(conn.execute(select(func.count()).select_from(chosen.subquery())).scalar_one())


def _chosen(*, owner: str | None, query: str | None, submitted: bool) -> Select[Any]:
    chosen: Select[Any] = _DRAFTS
    if not submitted:
        chosen = chosen.where(drafts.c.broadcast_id.is_(None))
    if owner is not None:
        chosen = chosen.where(drafts.c.owner == owner)
    if query:
        chosen = chosen.where(Folded(drafts.c.name).contains(fold(query), autoescape=True))
    return chosen


def change_draft(conn: Connection, key: str, *, actor: str, now: float, **values: Any) -> None:
    """Set columns of a draft, which has a new version then."""
    changed = {"version": drafts.c.version + 1, "changed_at": now, "changed_by": actor}
    conn.execute(update(drafts).where(drafts.c.id == key).values(values | changed))


def mark_submitted(conn: Connection, key: str, *, version: int, broadcast_id: int) -> bool:
    """Record the broadcast that a draft was submitted as.

    :param version: the version that was submitted.
    :returns: False if it has another version now, or was submitted meanwhile; then nothing is changed.
    """
    present = drafts.c.id == key, drafts.c.version == version, drafts.c.broadcast_id.is_(None)
    values = {"broadcast_id": broadcast_id, "submitted_version": version, "version": version + 1}
    return conn.execute(update(drafts).where(*present).values(values)).rowcount == 1


def delete_draft(conn: Connection, key: str) -> None:
    """Delete a draft. Its uploads stay."""
    conn.execute(delete_from(drafts).where(drafts.c.id == key))


def drafts_with_sources(conn: Connection) -> Sequence[RowMapping]:
    """Return id, version and fields of the drafts that were not submitted and whose audience is an upload."""
    statement = select(drafts.c.id, drafts.c.version, drafts.c.fields).where(drafts.c.broadcast_id.is_(None))
    return conn.execute(statement.where(drafts.c.fields.contains('"uploadId"')).order_by(drafts.c.id)).mappings().all()


# --- uploads -----------------------------------------------------------------------------------------------------


def own_uploads(conn: Connection, key: str, upload_ids: Collection[str]) -> None:
    """Lock these uploads, so that they are not deleted meanwhile; those without a draft belong to this one."""
    chosen = select(uploads.c.id).where(uploads.c.id.in_(upload_ids)).order_by(uploads.c.id)
    conn.execute(chosen.with_for_update())
    conn.execute(update(uploads).where(uploads.c.id.in_(upload_ids), uploads.c.draft_id.is_(None)).values(draft_id=key))


def uploads_of(conn: Connection, key: str, *, content_type: str | None = None) -> list[str]:
    """Return the ids of the uploads that belong to a draft.

    :param content_type: only those of this type.
    """
    statement = select(uploads.c.id).where(uploads.c.draft_id == key)
    if content_type is not None:
        statement = statement.where(uploads.c.content_type == content_type)
    return list(conn.execute(statement.order_by(uploads.c.id)).scalars())


def is_in_broadcast(conn: Connection, upload_id: str) -> bool:
    """Return whether any broadcast names an upload, even one that has ended: a retry may need its media."""
    statement = select(broadcasts.c.id).where(
        broadcasts.c.undone.is_(False), broadcasts.c.draft.contains(upload_id, autoescape=True)
    )
    return conn.execute(statement.limit(1)).first() is not None


def missing_uploads(conn: Connection, upload_ids: Iterable[str]) -> list[str]:
    """Return those ids that no complete upload has."""
    wanted = set(upload_ids)
    found = select(uploads.c.id).where(uploads.c.id.in_(wanted), uploads.c.complete)
    return sorted(wanted.difference(conn.execute(found).scalars()))
