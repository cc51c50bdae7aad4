"""Contact files on their way into the contact book: how far each is, what was rejected."""

from collections.abc import Sequence
from typing import TypeAlias

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from wabroadcast_core.models.contact import OPEN_IMPORTS, ImportStatus
from wabroadcast_core.store.sql import LITE_ROWS, POST_ROWS, as_json, dialects, json_columns
from wabroadcast_core.store.tables import import_rejections, imports

Rejection: TypeAlias = tuple[int, str | None, str, str]
"""row, column, reason, cells (a JSON array)"""


def insert_import(
    conn: Connection, key: str, *, upload_id: str, filename: str | None, options: str, now: float
) -> None:
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
    return conn.execute(select(imports).where(imports.c.id == key)).mappings().one_or_none()


def begin_import(conn: Connection, key: str) -> RowMapping | None:
    """:returns: the import, now running, unless it has ended."""
    statement = update(imports).where(imports.c.id == key, imports.c.status.in_(OPEN_IMPORTS))
    changed = statement.values(status=ImportStatus.RUNNING).returning(imports)
    return conn.execute(changed).mappings().one_or_none()


def keep_options(conn: Connection, key: str, options: str) -> None:
    conn.execute(update(imports).where(imports.c.id == key).values(options=options))


def move_mark(conn: Connection, key: str, *, present: int, rows: int) -> bool:
    """Note that the file was taken over up to ``rows``.

    :returns: whether the mark stood at ``present`` and the import is still running.
    """
    statement = (
        update(imports)
        .where(imports.c.id == key, imports.c.rows == present, imports.c.status == ImportStatus.RUNNING)
        .values(rows=rows)
    )
    return conn.execute(statement).rowcount == 1


def count_rows(conn: Connection, key: str, *, created: int, updated: int, rejected: int) -> None:
    """Add what a transaction did to the counts, under the lock that :func:`move_mark` took."""
    values = {
        "created": imports.c.created + created,
        "updated": imports.c.updated + updated,
        "rejected": imports.c.rejected + rejected,
    }
    conn.execute(update(imports).where(imports.c.id == key).values(values))


def end_import(
    conn: Connection, key: str, *, present: int, status: ImportStatus, reason: str | None, now: float
) -> bool:
    """:returns: whether the mark stood at ``present``: otherwise somebody else works on it."""
    statement = (
        update(imports)
        .where(imports.c.id == key, imports.c.rows == present, imports.c.status == ImportStatus.RUNNING)
        .values(status=status, reason=reason, finished_at=now)
    )
    return conn.execute(statement).rowcount == 1


def unfinished(conn: Connection) -> Sequence[str]:
    """The imports that are waiting or on their way, the oldest first."""
    statement = select(imports.c.id).where(imports.c.status.in_(OPEN_IMPORTS)).order_by(imports.c.created_at)
    return conn.execute(statement).scalars().all()


# --- what was rejected -----------------------------------------------------------------------------------------

_COLUMNS = json_columns(place="BIGINT", heading="TEXT", reason="TEXT", cells="TEXT")
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
    if rows:
        conn.execute(_REJECT.of(conn), {"import_id": key, "rows": as_json(rows)})


def rejections_of(conn: Connection, key: str, *, after: int = -1, limit: int) -> Sequence[RowMapping]:
    """In the order of the file."""
    statement = (
        select(import_rejections)
        .where(import_rejections.c.import_id == key, import_rejections.c.row > after)
        .order_by(import_rejections.c.row)
        .limit(limit)
    )
    return conn.execute(statement).mappings().all()


def reasons_of(conn: Connection, key: str) -> dict[str, int]:
    """How many rows were rejected, by reason."""
    column = import_rejections.c.reason
    statement = select(column, func.count()).where(import_rejections.c.import_id == key).group_by(column)
    return dict(conn.execute(statement.order_by(func.count().desc(), column)).all())
