"""WhatsApp's ids of people that are not their numbers: those of Brazil, Mexico and Argentina, and business-scoped ids.

They are stored beside the numbers, and the rules for numbers do not apply to them.
"""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, delete, select

from wabroadcast_core.store.sql import LITE_ROWS, POST_ROWS, as_json, clean_text, dialects, json_columns
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
    cleaned = {clean_text(wa_id): number for wa_id, number in numbers.items()}
    known = numbers_of(conn, cleaned)
    changed = sorted((wa_id, number) for wa_id, number in cleaned.items() if known.get(wa_id) != number)
    if changed:  # each receipt may repeat an id that is known
        conn.execute(_SAVE.of(conn), {"rows": as_json(changed)})


_ANSWERED_COLUMNS = json_columns(wa_id="TEXT", id="BIGINT")
# Store the ids that WhatsApp gave in answer to messages, in the order of note_identities: transactions that lock the
# same ids must not wait for each other. Input: :rows (JSON rows of _ANSWERED_COLUMNS).
_SAVE_ANSWERED = dialects(
    """
    INSERT INTO identities (wa_id, number)
    SELECT answered.wa_id, messages.number FROM (SELECT {columns} FROM {rows}) AS answered
    JOIN messages ON messages.id = answered.id
    WHERE messages.number IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM identities WHERE identities.wa_id = answered.wa_id AND identities.number = messages.number
    )
    ORDER BY {order}
    ON CONFLICT (wa_id) DO UPDATE SET number = excluded.number
    """,
    sqlite={"columns": _ANSWERED_COLUMNS[0], "rows": LITE_ROWS, "order": "answered.wa_id"},
    postgresql={"columns": _ANSWERED_COLUMNS[1], "rows": POST_ROWS, "order": 'answered.wa_id COLLATE "C"'},
)


def note_answered(conn: Connection, keys: Mapping[str, int]) -> None:
    """Store the numbers of messages by the ids that WhatsApp gave in answer to them, but for numbers that are erased.

    :param keys: the key of the message, by id.
    """
    rows = {clean_text(wa_id): key for wa_id, key in keys.items()}  # the statement may not meet an id twice
    conn.execute(_SAVE_ANSWERED.of(conn), {"rows": as_json(list(rows.items()))})


def numbers_of(conn: Connection, wa_ids: Iterable[str]) -> dict[str, str]:
    """Return the numbers of those ids that are known, by id."""
    if not (sought := {wa_id: clean_text(wa_id) for wa_id in wa_ids}):
        return {}
    statement = select(identities.c.wa_id, identities.c.number).where(identities.c.wa_id.in_(sought.values()))
    known = dict(conn.execute(statement).all())
    return {wa_id: known[stored] for wa_id, stored in sought.items() if stored in known}


def ids_of(conn: Connection, number: str) -> Sequence[str]:
    """Return WhatsApp's ids of a number that differ from it."""
    return conn.execute(select(identities.c.wa_id).where(identities.c.number == number)).scalars().all()


def delete_identities(conn: Connection, number: str) -> None:
    """Delete WhatsApp's ids of a number."""
    conn.execute(delete(identities).where(identities.c.number == number))
