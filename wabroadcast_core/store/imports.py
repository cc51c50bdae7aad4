"""Imports of contact files: the progress of each, and its rejected rows."""

from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from wabroadcast_core.models.contact import OPEN_IMPORTS, ImportStatus
from wabroadcast_core.sentences import write_text
from wabroadcast_core.store.sql import LITE_ROWS, POST_ROWS, as_json, dialects, json_columns
from wabroadcast_core.store.tables import import_rejections, imports

COUNTED_AT_ONCE = 50_000  # rejected rows

Rejection: TypeAlias = tuple[int, str | None, str, str]
"""Row number, column, reason, cells (a JSON array)."""


def insert_import(
    conn: Connection, key: str, *, upload_id: str, filename: str | None, options: str, now: float
) -> None:
    """Store a new import.

    :param options: how to read the file, as JSON.
    """
    conn.execute(
        insert(imports).values(
            id=key,
            upload_id=upload_id,
            filename=filename,
            options=options,
            status=ImportStatus.QUEUED,
            created_at=now,
        )
    )


def find_import(conn: Connection, key: str) -> RowMapping | None:
    """Return the row of an import, or None."""
    return conn.execute(select(imports).where(imports.c.id == key)).mappings().one_or_none()


def begin_import(conn: Connection, key: str) -> RowMapping | None:
    """Set an import to running.

    :returns: its row, or None if it has ended.
    """
    statement = update(imports).where(imports.c.id == key, imports.c.status.in_(OPEN_IMPORTS))
    changed = statement.values(status=ImportStatus.RUNNING).returning(imports)
    return conn.execute(changed).mappings().one_or_none()


def keep_options(conn: Connection, key: str, options: str) -> None:
    """Store the options of an import, as JSON, so that a continued import reads the file in the same way."""
    conn.execute(update(imports).where(imports.c.id == key).values(options=options))


def move_mark(conn: Connection, key: str, *, present: int, rows: int) -> bool:
    """Record that the file is imported up to row ``rows``.

    :param present: the mark that the caller started from.
    :returns: whether the mark was at ``present`` and the import is running; else nothing is changed.
    """
    statement = (
        update(imports)
        .where(imports.c.id == key, imports.c.rows == present, imports.c.status == ImportStatus.RUNNING)
        .values(rows=rows)
    )
    return conn.execute(statement).rowcount == 1


def count_rows(conn: Connection, key: str, *, created: int, updated: int, rejected: int) -> None:
    """Add the rows of a transaction to the counts. :func:`move_mark` has locked the import in this transaction."""
    values = {
        "created": imports.c.created + created,
        "updated": imports.c.updated + updated,
        "rejected": imports.c.rejected + rejected,
    }
    conn.execute(update(imports).where(imports.c.id == key).values(values))


def end_import(
    conn: Connection, key: str, *, present: int, status: ImportStatus, reason: str | None, now: float
) -> bool:
    """End an import.

    :param present: the mark that the caller has reached.
    :returns: whether the mark was at ``present``; else another process works on the import.
    """
    statement = (
        update(imports)
        .where(imports.c.id == key, imports.c.rows == present, imports.c.status == ImportStatus.RUNNING)
        .values(status=status, reason=reason, finished_at=now)
    )
    return conn.execute(statement).rowcount == 1


def unfinished(conn: Connection) -> Sequence[str]:
    """Return the ids of imports that have not ended, oldest first."""
    statement = select(imports.c.id).where(imports.c.status.in_(OPEN_IMPORTS)).order_by(imports.c.created_at)
    return conn.execute(statement).scalars().all()


# --- rejected rows ---------------------------------------------------------------------------------------------

_COLUMNS = json_columns(place="BIGINT", heading="TEXT", reason="TEXT", cells="TEXT")
# Store rejected rows; a row that is stored already is left unchanged.
# Input: :import_id, :rows (JSON rows of Rejection).
_REJECT = dialects(
    """
    INSERT INTO import_rejections (import_id, row, "column", reason, cells)
    SELECT :import_id, rejected.* FROM (SELECT {columns} FROM {rows}) AS rejected WHERE true
    ON CONFLICT DO NOTHING
    """,
    sqlite={"columns": _COLUMNS[0], "rows": LITE_ROWS},
    postgresql={"columns": _COLUMNS[1], "rows": POST_ROWS},
)


def insert_rejections(conn: Connection, key: str, rows: Sequence[Rejection]) -> None:
    """Store rejected rows of an import."""
    if rows:
        packed = [(row, write_text(column), write_text(reason), cells) for row, column, reason, cells in rows]
        conn.execute(_REJECT.of(conn), {"import_id": key, "rows": as_json(packed)})


def rejections_of(conn: Connection, key: str, *, after: int = -1, limit: int) -> Sequence[RowMapping]:
    """Return rejected rows of an import after a row number, in the order of the file."""
    statement = (
        select(import_rejections)
        .where(import_rejections.c.import_id == key, import_rejections.c.row > after)
        .order_by(import_rejections.c.row)
        .limit(limit)
    )
    return conn.execute(statement).mappings().all()


def reasons_of(conn: Connection, key: str) -> dict[str, int]:
    """Return the number of rejected rows, by reason, the most frequent reason first.

    They are counted page by page: SQLite sorts what it groups, in memory.
    """
    amounts = Counter[str]()
    after, is_full = -1, True
    while is_full:
        page = select(import_rejections.c.row, import_rejections.c.reason)
        page = page.where(import_rejections.c.import_id == key, import_rejections.c.row > after)
        rows = page.order_by(import_rejections.c.row).limit(COUNTED_AT_ONCE).subquery()
        found = conn.execute(select(rows.c.reason, func.count(), func.max(rows.c.row)).group_by(rows.c.reason)).all()
        amounts.update({reason: amount for reason, amount, _ in found})
        after = max((last for _, _, last in found), default=after)
        is_full = sum(amount for _, amount, _ in found) == COUNTED_AT_ONCE
    return dict(sorted(amounts.items(), key=lambda item: (-item[1], item[0])))
