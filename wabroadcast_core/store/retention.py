"""What was handed in and is no longer needed: uploads, and the rejected rows of imports."""

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import chain

from sqlalchemy import Connection, delete, func, or_, select, update

from wabroadcast_core.models.contact import OPEN_IMPORTS
from wabroadcast_core.models.status import ENDED_BROADCASTS
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.search import ascii_digits
from wabroadcast_core.store.tables import broadcasts, drafts, import_rejections, imports, upload_chunks, uploads
from wabroadcast_core.store.uploads import COPY_PREFIX, audience_copy

ROWS_AT_ONCE = 500
CHUNKS_AT_ONCE = 16  # of 1 MiB, deleted in one transaction
_UNREAD = broadcasts.c.status.not_in(ENDED_BROADCASTS), broadcasts.c.prepared.is_(False)
_UPLOAD_ID = re.compile(r'"uploadId"\s*:\s*"([^"]+)"')


def uploads_in_use(conn: Connection, *, ended_after: float) -> set[str]:
    """Return the ids of uploads that are needed: by a draft, or by a broadcast or an import that is open or has ended
    since then.
    """
    submitted = conn.execute(
        select(broadcasts.c.draft).where(
            or_(
                broadcasts.c.status.not_in(ENDED_BROADCASTS),
                func.coalesce(broadcasts.c.finished_at, broadcasts.c.created_at) > ended_after,
            )
        ),
        execution_options={"yield_per": ROWS_AT_ONCE},
    ).scalars()
    written = conn.execute(select(drafts.c.fields).where(drafts.c.broadcast_id.is_(None))).scalars()
    named = {key for draft in chain(submitted, written) for key in uploads_named(draft)}
    imported = conn.execute(
        select(imports.c.upload_id).where(or_(imports.c.status.in_(OPEN_IMPORTS), imports.c.finished_at > ended_after))
    ).scalars()
    unread = conn.execute(select(broadcasts.c.job_id).where(*_UNREAD)).scalars()
    return named.union(imported, map(audience_copy, unread))


def uploads_named(draft: str) -> set[str]:
    """Return the ids of the uploads that a draft, as JSON, names in its source, its media or its components."""
    return set(_UPLOAD_ID.findall(draft))


def is_open(conn: Connection, key: str) -> bool:
    """Return whether a draft, or a broadcast or an import that has not ended, needs an upload."""
    by_draft = select(drafts.c.id).where(
        drafts.c.broadcast_id.is_(None), drafts.c.fields.contains(key, autoescape=True)
    )
    by_broadcast = select(broadcasts.c.id).where(
        broadcasts.c.status.not_in(ENDED_BROADCASTS), broadcasts.c.draft.contains(key, autoescape=True)
    )
    by_copy = select(broadcasts.c.id).where(broadcasts.c.job_id == key.removeprefix(COPY_PREFIX), *_UNREAD)
    by_import = select(imports.c.id).where(imports.c.upload_id == key, imports.c.status.in_(OPEN_IMPORTS))
    needs = by_draft, by_broadcast, by_copy, by_import
    return any(conn.execute(statement.limit(1)).first() is not None for statement in needs)


def old_uploads(conn: Connection, *, created_before: float, after: str, limit: int) -> Sequence[str]:
    """Return the ids of the next uploads that were created before a time, in the order of their ids."""
    statement = select(uploads.c.id).where(uploads.c.created_at < created_before, uploads.c.id > after)
    return conn.execute(statement.order_by(uploads.c.id).limit(limit)).scalars().all()


def hide_upload(conn: Connection, key: str) -> bool:
    """Make an upload invisible, so that its chunks can be deleted bit by bit.

    :returns: False if something that has not ended needs it; then nothing is changed.
    """
    conn.execute(select(uploads.c.id).where(uploads.c.id == key).with_for_update())  # waits for a submit that names it
    if is_open(conn, key):
        return False
    conn.execute(update(uploads).where(uploads.c.id == key).values(complete=False))
    return True


def delete_in_steps(database: Database, key: str) -> None:
    """Delete an upload with its chunks, in transactions of some chunks each."""
    while database.transact(lambda conn: delete_chunks(conn, key)):
        pass


def delete_chunks(conn: Connection, key: str) -> bool:
    """Delete some chunks of an upload, and the upload itself with the last ones.

    :returns: whether more are left.
    """
    positions = conn.execute(
        select(upload_chunks.c.position).where(upload_chunks.c.upload_id == key).limit(CHUNKS_AT_ONCE)
    ).scalars()
    found = list(positions)
    conn.execute(delete(upload_chunks).where(upload_chunks.c.upload_id == key, upload_chunks.c.position.in_(found)))
    if len(found) == CHUNKS_AT_ONCE:
        return True
    conn.execute(delete(uploads).where(uploads.c.id == key))
    return False


def forget_rejections(conn: Connection, *, ended_before: float, limit: int) -> int:
    """Blank the cells of rejected rows of imports that ended before a time.

    :returns: the number of rows that were blanked, at most about ``limit``.
    """
    key = conn.execute(
        select(import_rejections.c.import_id)
        .join(imports, imports.c.id == import_rejections.c.import_id)
        .where(imports.c.finished_at < ended_before, import_rejections.c.cells.is_not(None))
        .limit(1)
    ).scalar()
    if key is None:
        return 0
    of_import = (import_rejections.c.import_id == key, import_rejections.c.cells.is_not(None))
    rows = conn.execute(select(import_rejections.c.row).where(*of_import).order_by("row").limit(limit)).scalars().all()
    blank_rejections(conn, key, rows)
    return len(rows)


def rejections_with(conn: Connection, digits: str) -> Iterator[tuple[str, int]]:
    """Yield import and row of each rejected row whose cells have these digits, whatever is between them."""
    statement = select(import_rejections.c.import_id, import_rejections.c.row, import_rejections.c.cells)
    found = conn.execute(
        statement.where(import_rejections.c.cells.is_not(None)), execution_options={"yield_per": ROWS_AT_ONCE}
    )
    for import_id, row, cells in found:
        if digits in ascii_digits(cells):
            yield import_id, row


def blank_rejections(conn: Connection, import_id: str, rows: Collection[int]) -> None:
    """Delete the cells of rejected rows; that they were rejected, and why, stays."""
    conn.execute(
        update(import_rejections)
        .where(import_rejections.c.import_id == import_id, import_rejections.c.row.in_(list(rows)))
        .values(cells=None)
    )


def summary(conn: Connection) -> dict[str, tuple[int, int, float | None]]:
    """Return number, bytes and the oldest time of the uploads, and of the imports whose rejected rows are kept."""
    files = conn.execute(
        select(func.count(), func.coalesce(func.sum(uploads.c.size), 0), func.min(uploads.c.created_at))
    ).one()
    rows = conn.execute(
        select(
            func.count(),
            func.coalesce(func.sum(func.length(import_rejections.c.cells)), 0),
            func.min(imports.c.created_at),
        )
        .join(imports, imports.c.id == import_rejections.c.import_id)
        .where(import_rejections.c.cells.is_not(None))
    ).one()
    return {"uploads": (files[0], int(files[1]), files[2]), "rejected rows": (rows[0], int(rows[1]), rows[2])}
