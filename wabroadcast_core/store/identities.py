"""The ids by which WhatsApp knows people whose number is written otherwise: Brazil, Mexico, Argentina, hidden numbers.

Cache beside the numbers and never judged by the rules for numbers.
"""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, delete, select

from wabroadcast_core.store.sql import LITE_ROWS, POST_ROWS, as_json, dialects, json_columns
from wabroadcast_core.store.tables import identities

_COLUMNS = json_columns(wa_id="TEXT", number="TEXT")
_NOTE = dialects(
    """
    INSERT INTO identities (wa_id, number) SELECT {columns} FROM {rows} WHERE true
    ON CONFLICT (wa_id) DO UPDATE SET number = excluded.number
    """,
    sqlite={"columns": _COLUMNS[0], "rows": LITE_ROWS},
    postgresql={"columns": _COLUMNS[1], "rows": POST_ROWS},
)


def note_identities(conn: Connection, numbers: Mapping[str, str]) -> None:
    """Keep numbers (E.164) by the ids that WhatsApp returned for them; the latest answer counts."""
    if numbers:
        conn.execute(_NOTE.of(conn), {"rows": as_json(sorted(numbers.items()))})


def numbers_of(conn: Connection, wa_ids: Iterable[str]) -> dict[str, str]:
    """The numbers of those ids that are known, by id."""
    statement = select(identities.c.wa_id, identities.c.number).where(identities.c.wa_id.in_(list(wa_ids)))
    return dict(conn.execute(statement).all())


def ids_of(conn: Connection, number: str) -> Sequence[str]:
    """The ids that WhatsApp has for a number, where they differ from it."""
    return conn.execute(select(identities.c.wa_id).where(identities.c.number == number)).scalars().all()


def delete_identities(conn: Connection, number: str) -> None:
    conn.execute(delete(identities).where(identities.c.number == number))
