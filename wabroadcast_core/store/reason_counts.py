"""The numbers of skipped and of failed messages of a broadcast, by reason."""

from collections.abc import Mapping

from sqlalchemy import Connection, Table, TextClause, select, text

from wabroadcast_core.models.broadcast import MOST_REASONS, OTHER_REASONS
from wabroadcast_core.store.tables import failure_counts, skip_counts

# Add to the number of messages with a reason. Input: :broadcast_id, :reason, :amount.
_ADD = """
    INSERT INTO {table} (broadcast_id, reason, messages) VALUES (:broadcast_id, :reason, :amount)
    ON CONFLICT (broadcast_id, reason) DO UPDATE SET messages = {table}.messages + :amount
    """
_ADD_SKIPS = text(_ADD.format(table=skip_counts.name))
_ADD_FAILURES = text(_ADD.format(table=failure_counts.name))


def count_skips(conn: Connection, key: int, reasons: Mapping[str, int]) -> None:
    """Add numbers of skipped messages, by reason, to those of a broadcast."""
    _add(conn, _ADD_SKIPS, {(key, reason): amount for reason, amount in reasons.items()})


def count_failures(conn: Connection, amounts: Mapping[tuple[int, str], int]) -> None:
    """Add numbers of failed messages.

    :param amounts: by broadcast id and reason; negative for messages that have not failed any more.
    """
    _add(conn, _ADD_FAILURES, amounts)


def _add(conn: Connection, statement: TextClause, amounts: Mapping[tuple[int, str], int]) -> None:
    rows = [
        {"broadcast_id": key, "reason": reason, "amount": amount}
        for (key, reason), amount in sorted(amounts.items())
        if amount
    ]
    if rows:
        conn.execute(statement, rows)


def skips_of(conn: Connection, key: int) -> dict[str, int]:
    """Return the number of skipped messages of a broadcast, by reason."""
    return _amounts(conn, skip_counts, key)


def failures_of(conn: Connection, key: int) -> dict[str, int]:
    """Return the number of failed messages of a broadcast, by reason, the most frequent first.

    A sender may have any number of reasons: beyond the most frequent ones, the rest is one sum.
    """
    amounts = _amounts(conn, failure_counts, key)
    ordered = sorted(amounts.items(), key=lambda item: (-item[1], item[0]))
    shown = dict(ordered[:MOST_REASONS])
    if rest := sum(amount for _, amount in ordered[MOST_REASONS:]):
        shown[OTHER_REASONS] = shown.get(OTHER_REASONS, 0) + rest
    return shown


def _amounts(conn: Connection, table: Table, key: int) -> dict[str, int]:
    statement = select(table.c.reason, table.c.messages).where(table.c.broadcast_id == key)
    return {reason: amount for reason, amount in conn.execute(statement) if amount}
