"""WhatsApp's ids of people whose id differs from their number: Brazil, Mexico, Argentina, hidden numbers.

They are stored beside the numbers, and the rules for numbers do not apply to them.
"""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, delete, select

from wabroadcast_core.store.sql import LITE_ROWS, POST_ROWS, as_json, dialects, json_columns
from wabroadcast_core.store.tables import identities

_COLUMNS = json_columns(wa_id="TEXT", number="TEXT")
_SAVE = dialects(
    """
    INSERT INTO identities (wa_id, number) SELECT {columns} FROM {rows} WHERE true
    ON CONFLICT (wa_id) DO UPDATE SET number = excluded.number
    """,
    sqlite={"columns": _COLUMNS[0], "rows": LITE_ROWS},
    postgresql={"columns": _COLUMNS[1], "rows": POST_ROWS},
)


def note_identities(conn: Connection, numbers: Mapping[str, str]) -> None:
    """Store numbers (E.164) by the ids that WhatsApp returned for them. The latest answer replaces an earlier one."""
    known = numbers_of(conn, numbers)
    changed = sorted((wa_id, number) for wa_id, number in numbers.items() if known.get(wa_id) != number)
    if changed:  # each receipt may repeat an id that is known
        conn.execute(_SAVE.of(conn), {"rows": as_json(changed)})


def numbers_of(conn: Connection, wa_ids: Iterable[str]) -> dict[str, str]:
    """Return the numbers of those ids that are known, by id."""
    if not (sought := list(wa_ids)):
        return {}
    statement = select(identities.c.wa_id, identities.c.number).where(identities.c.wa_id.in_(sought))
    return dict(conn.execute(statement).all())


def ids_of(conn: Connection, number: str) -> Sequence[str]:
    """Return WhatsApp's ids of a number that differ from it."""
    return conn.execute(select(identities.c.wa_id).where(identities.c.number == number)).scalars().all()


def delete_identities(conn: Connection, number: str) -> None:
    """Delete WhatsApp's ids of a number."""
    conn.execute(delete(identities).where(identities.c.number == number))
