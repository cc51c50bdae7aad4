"""The blacklist: numbers that must not be messaged, on all connections or on one.

Each opt-out and opt-in is also a row of ``acts``. Its ``detail`` is the number, followed by :data:`REMARK` and the
reason; an opt-in may have none.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, func, select, text, update

from wabroadcast_core.models.status import Purpose
from wabroadcast_core.store.search import Folded, matches
from wabroadcast_core.store.sql import Dialects, as_json, dialects
from wabroadcast_core.store.tables import acts, blacklist, broadcasts, messages

EVERY_CONNECTION = 0
OPT_OUT = "opt_out"
OPT_IN = "opt_in"
LISTING = (OPT_OUT, OPT_IN)  # the acts of this module
REMARK = ": "  # separates a number from its reason

# Add numbers to the blacklist; numbers that are listed already are left unchanged.
# Input: :numbers (JSON array), :connection_id (0: all), :reason, :source, :now.
# Output: the added numbers.
_ADD = dialects(
    """
    INSERT INTO blacklist (number, connection_id, reason, source, created_at)
    SELECT each.value, :connection_id, :reason, :source, :now FROM {rows} WHERE true
    ON CONFLICT DO NOTHING RETURNING number
    """,
    sqlite={"rows": "json_each(:numbers) AS each"},
    postgresql={"rows": "json_array_elements_text(CAST(:numbers AS json)) AS each(value)"},
)
# Record an opt-out or opt-in of each number.
# Input: :numbers (JSON array), :connection_id (0: all, stored as NULL), :act, :source, :now, and :remark, which is
# appended to each number.
_RECORD = dialects(
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
    """Add numbers to the blacklist. Numbers that are listed already keep their first reason.

    :param numbers: in E.164.
    :param source: the user, file or component that adds them.
    :returns: how many were not listed before.
    """
    listed = as_json(sorted(set(numbers)))
    parameters = {"numbers": listed, "connection_id": connection_id, "reason": reason, "source": source, "now": now}
    new = conn.execute(_ADD.of(conn), parameters).scalars().all()
    if new:
        _record(conn, new, act=OPT_OUT, remark=REMARK + reason, source=source, now=now, connection_id=connection_id)
    return len(new)


def renew_number(conn: Connection, number: str, *, now: float, connection_id: int = EVERY_CONNECTION) -> None:
    """Move the time of a listed number to ``now``, if that is later: the person opted out again."""
    listed = (blacklist.c.number == number) & (blacklist.c.connection_id == connection_id)
    conn.execute(update(blacklist).where(listed, blacklist.c.created_at < now).values(created_at=now))


def remove_number(
    conn: Connection,
    number: str,
    *,
    source: str,
    now: float,
    reason: str | None = None,
    connection_id: int | None = None,
    listed_until: float | None = None,
) -> bool:
    """Remove a number from the blacklist of one connection, or of all.

    :param reason: kept in the history.
    :param connection_id: the connection; None: all entries of the number are removed.
    :param listed_until: keep entries that were added after this time (UNIX seconds, UTC).
    :returns: whether an entry was removed.
    """
    statement = delete(blacklist).where(blacklist.c.number == number).returning(blacklist.c.connection_id)
    if connection_id is not None:
        statement = statement.where(blacklist.c.connection_id == connection_id)
    if listed_until is not None:
        statement = statement.where(blacklist.c.created_at <= listed_until)
    removed = conn.execute(statement).scalars().all()
    remark = REMARK + reason if reason else ""
    for key in removed:
        _record(conn, [number], act=OPT_IN, remark=remark, source=source, now=now, connection_id=key)
    return bool(removed)


def was_opted_in(conn: Connection, number: str, *, after: float) -> bool:
    """Return whether a number was removed from the list for all connections after a time."""
    later = select(acts.c.id).where(acts.c.act == OPT_IN, names_number(number), acts.c.at > after)
    return conn.execute(later.where(acts.c.connection_id.is_(None)).limit(1)).first() is not None


def _record(
    conn: Connection,
    numbers: Sequence[str],
    *,
    act: str,
    remark: str,
    source: str,
    now: float,
    connection_id: int,
) -> None:
    parameters = {"numbers": as_json(numbers), "connection_id": connection_id, "act": act, "remark": remark}
    conn.execute(_RECORD.of(conn), {**parameters, "source": source, "now": now})


_HAS_ENTRIES = text("SELECT 1 FROM blacklist LIMIT 1")
_LISTED = "SELECT number, reason FROM blacklist WHERE number {among} AND connection_id IN (0, :connection_id)"
_LISTED_REASONS = Dialects(
    sqlite=text(_LISTED.format(among="IN (SELECT value FROM json_each(:numbers))")),
    postgresql=text(_LISTED.format(among="= ANY (:numbers)")),
)


def listed_reasons(
    conn: Connection, numbers: Sequence[str], *, connection_id: int = EVERY_CONNECTION
) -> dict[str, str]:
    """Return those of ``numbers`` that are listed for all connections or for this one, each with its reason."""
    if not numbers or conn.execute(_HAS_ENTRIES).first() is None:
        return {}
    parameter = as_json(numbers) if conn.dialect.name == "sqlite" else list(numbers)
    rows = conn.execute(_LISTED_REASONS.of(conn), {"numbers": parameter, "connection_id": connection_id})
    return dict(rows.all())


def listed_on(conn: Connection, numbers: Sequence[str], *, connection_id: int) -> set[str]:
    """Return those of some numbers that have an entry for exactly this connection id."""
    among = blacklist.c.number.in_(numbers)
    return set(
        conn.execute(select(blacklist.c.number).where(blacklist.c.connection_id == connection_id, among)).scalars()
    )


def find_number(conn: Connection, number: str, *, connection_id: int) -> RowMapping | None:
    """Return the entry of a number for this connection id, or None."""
    statement = select(blacklist).where(blacklist.c.number == number, blacklist.c.connection_id == connection_id)
    return conn.execute(statement).mappings().one_or_none()


def entries_of(conn: Connection, number: str) -> Sequence[RowMapping]:
    """Return the entries of a number: for all connections first, then for single ones."""
    statement = select(blacklist).where(blacklist.c.number == number).order_by(blacklist.c.connection_id)
    return conn.execute(statement).mappings().all()


def list_numbers(
    conn: Connection, *, query: str | None = None, offset: int = 0, limit: int = 50
) -> tuple[Sequence[RowMapping], int]:
    """Return a page of entries, newest first.

    :param query: part of a number, in any spelling, or of a reason.
    :returns: the rows of the page, and the total number of rows.
    """
    chosen = select(blacklist)
    if query:
        chosen = chosen.where(matches(query, name=Folded(blacklist.c.reason), number=blacklist.c.number))
    total = conn.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    page = chosen.order_by(blacklist.c.created_at.desc(), blacklist.c.number).offset(offset).limit(limit)
    return conn.execute(page).mappings().all(), total


def last_messages(conn: Connection, numbers: Sequence[str]) -> Sequence[RowMapping]:
    """Return the last message of a broadcast that left to each of some listed numbers before it was listed.

    The index of numbers finds them: it costs as much as these people have messages.

    :returns: for each: number, id of the message, job_id and name of its broadcast.
    """
    earlier = (messages.c.sent_at <= blacklist.c.created_at) & (messages.c.number == blacklist.c.number)
    last = (
        select(func.max(messages.c.id))
        .join_from(blacklist, messages, earlier)
        .join(broadcasts, (broadcasts.c.id == messages.c.broadcast_id) & (broadcasts.c.purpose == Purpose.BROADCAST))
        .where(blacklist.c.number.in_(numbers))
        .group_by(blacklist.c.number)
    )
    shown = select(messages.c.number, messages.c.id, broadcasts.c.job_id, broadcasts.c.name)
    found = shown.join(broadcasts, broadcasts.c.id == messages.c.broadcast_id).where(messages.c.id.in_(last))
    return conn.execute(found).mappings().all()


def history_of(conn: Connection, number: str) -> Sequence[RowMapping]:
    """Return the opt-outs and opt-ins of a number, oldest first. In ``detail``, a reason follows the number."""
    return conn.execute(select(acts).where(names_number(number)).order_by(acts.c.id)).mappings().all()


def names_number(number: str) -> ColumnElement[bool]:
    """Return the condition for the opt-outs and opt-ins of a number."""
    of_number = (acts.c.detail == number) | acts.c.detail.startswith(number + REMARK, autoescape=True)
    return acts.c.act.in_(LISTING) & of_number
