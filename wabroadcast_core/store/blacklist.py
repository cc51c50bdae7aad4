"""Who must not be messaged, on every connection or on one."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, RowMapping, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from wabroadcast_core.store.tables import blacklist

EVERY_CONNECTION = 0


def add_numbers(
    connection: Connection,
    numbers: Iterable[str],
    *,
    reason: str,
    source: str,
    now: float,
    connection_id: int = EVERY_CONNECTION,
) -> int:
    """:returns: how many were not listed before."""
    rows = [
        {"number": number, "connection_id": connection_id, "reason": reason, "source": source, "created_at": now}
        for number in sorted(set(numbers))
    ]
    if not rows:
        return 0
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    return sum(connection.execute(make(blacklist).values(row).on_conflict_do_nothing()).rowcount for row in rows)


def remove_number(connection: Connection, number: str, *, connection_id: int | None = None) -> bool:
    """:returns: whether it was listed."""
    statement = delete(blacklist).where(blacklist.c.number == number)
    if connection_id is not None:
        statement = statement.where(blacklist.c.connection_id == connection_id)
    return connection.execute(statement).rowcount > 0


def listed_reasons(
    connection: Connection, numbers: Sequence[str], *, connection_id: int = EVERY_CONNECTION
) -> dict[str, str]:
    """Reason by number, for those among ``numbers`` that are listed everywhere or for this connection."""
    statement = select(blacklist.c.number, blacklist.c.reason).where(
        blacklist.c.number.in_(numbers), blacklist.c.connection_id.in_([EVERY_CONNECTION, connection_id])
    )
    return {number: reason for number, reason in connection.execute(statement)}


def list_numbers(
    connection: Connection, *, query: str | None = None, offset: int = 0, limit: int = 50
) -> tuple[Sequence[RowMapping], int]:
    """Newest first. :returns: the rows of the page, and how many there are in all."""
    chosen = select(blacklist)
    if query:
        chosen = chosen.where(blacklist.c.number.contains(query, autoescape=True))
    total = connection.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    page = chosen.order_by(blacklist.c.created_at.desc(), blacklist.c.number).offset(offset).limit(limit)
    return connection.execute(page).mappings().all(), total
