"""Who must not be messaged, on every connection or on one. Opting out and in again are kept as acts, number first."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, RowMapping, delete, func, select, text, update

from wabroadcast_core.store.sql import Dialects, as_json, dialects
from wabroadcast_core.store.tables import acts, blacklist

EVERY_CONNECTION = 0
OPT_OUT = "opt_out"
OPT_IN = "opt_in"
REMARK = ": "  # between a number and its reason

_ADD = dialects(
    """
    INSERT INTO blacklist (number, connection_id, reason, source, created_at)
    SELECT each.value, :connection_id, :reason, :source, :now FROM {rows} WHERE true
    ON CONFLICT DO NOTHING RETURNING number
    """,
    sqlite={"rows": "json_each(:numbers) AS each"},
    postgresql={"rows": "json_array_elements_text(CAST(:numbers AS json)) AS each(value)"},
)
_NOTE = dialects(
    """
    INSERT INTO acts (connection_id, at, actor, act, detail)
    SELECT nullif(CAST(:connection_id AS INTEGER), 0), :now, :source, :act, each.value || :remark FROM {rows}
    """,
    sqlite={"rows": "json_each(:numbers) AS each"},
    postgresql={"rows": "json_array_elements_text(CAST(:numbers AS json)) AS each(value)"},
)


def add_numbers(
    conn: Connection,
    numbers: Iterable[str],
    *,
    reason: str,
    source: str,
    now: float,
    connection_id: int = EVERY_CONNECTION,
) -> int:
    """List numbers; those that are listed keep their first reason. :returns: how many were not listed before."""
    listed = as_json(sorted(set(numbers)))
    asked = {"numbers": listed, "connection_id": connection_id, "reason": reason, "source": source, "now": now}
    new = conn.execute(_ADD.of(conn), asked).scalars().all()
    if new:
        _note(conn, new, act=OPT_OUT, remark=REMARK + reason, source=source, now=now, connection_id=connection_id)
    return len(new)


def renew_number(conn: Connection, number: str, *, now: float, connection_id: int = EVERY_CONNECTION) -> None:
    """Let a number that is listed count as listed then, if that is later than it was."""
    listed = (blacklist.c.number == number) & (blacklist.c.connection_id == connection_id)
    conn.execute(update(blacklist).where(listed, blacklist.c.created_at < now).values(created_at=now))


def remove_number(
    conn: Connection,
    number: str,
    *,
    source: str,
    now: float,
    connection_id: int | None = None,
    listed_until: float | None = None,
) -> bool:
    """Take a number off one connection's list, or off all.

    :param listed_until: leave what was listed later.
    :returns: whether it was listed.
    """
    statement = delete(blacklist).where(blacklist.c.number == number).returning(blacklist.c.connection_id)
    if connection_id is not None:
        statement = statement.where(blacklist.c.connection_id == connection_id)
    if listed_until is not None:
        statement = statement.where(blacklist.c.created_at <= listed_until)
    removed = conn.execute(statement).scalars().all()
    for key in removed:
        _note(conn, [number], act=OPT_IN, remark="", source=source, now=now, connection_id=key)
    return bool(removed)


def _note(
    conn: Connection,
    numbers: Sequence[str],
    *,
    act: str,
    remark: str,
    source: str,
    now: float,
    connection_id: int,
) -> None:
    asked = {"numbers": as_json(numbers), "connection_id": connection_id, "act": act, "remark": remark}
    conn.execute(_NOTE.of(conn), {**asked, "source": source, "now": now})


_ANYBODY = text("SELECT 1 FROM blacklist LIMIT 1")
_LISTED = "SELECT number, reason FROM blacklist WHERE number {among} AND connection_id IN (0, :connection_id)"
_LISTED_REASONS = Dialects(
    sqlite=text(_LISTED.format(among="IN (SELECT value FROM json_each(:numbers))")),
    postgresql=text(_LISTED.format(among="= ANY (:numbers)")),
)


def listed_reasons(
    conn: Connection, numbers: Sequence[str], *, connection_id: int = EVERY_CONNECTION
) -> dict[str, str]:
    """Reason by number, for those among ``numbers`` that are listed everywhere or for this connection."""
    if not numbers or conn.execute(_ANYBODY).first() is None:
        return {}
    asked = as_json(numbers) if conn.dialect.name == "sqlite" else list(numbers)
    rows = conn.execute(_LISTED_REASONS.of(conn), {"numbers": asked, "connection_id": connection_id})
    return dict(rows.all())


def find_number(conn: Connection, number: str, *, connection_id: int) -> RowMapping | None:
    statement = select(blacklist).where(blacklist.c.number == number, blacklist.c.connection_id == connection_id)
    return conn.execute(statement).mappings().one_or_none()


def list_numbers(
    conn: Connection, *, query: str | None = None, offset: int = 0, limit: int = 50
) -> tuple[Sequence[RowMapping], int]:
    """Newest first. :returns: the rows of the page, and how many there are in all."""
    chosen = select(blacklist)
    if query:
        chosen = chosen.where(blacklist.c.number.contains(query, autoescape=True))
    total = conn.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    page = chosen.order_by(blacklist.c.created_at.desc(), blacklist.c.number).offset(offset).limit(limit)
    return conn.execute(page).mappings().all(), total


def history_of(conn: Connection, number: str) -> Sequence[RowMapping]:
    """How a number was listed and taken off, the oldest first; a reason follows the number in ``detail``."""
    told = (acts.c.detail == number) | acts.c.detail.startswith(number + REMARK, autoescape=True)
    statement = select(acts).where(acts.c.act.in_([OPT_OUT, OPT_IN]), told).order_by(acts.c.id)
    return conn.execute(statement).mappings().all()
