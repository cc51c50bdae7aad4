"""The numbers of skipped and of failed messages of a broadcast, by reason."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, TextClause, literal, select, text

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
    return reasons_of_all(conn, [key])[0][key]


def failures_of(conn: Connection, key: int) -> dict[str, int]:
    """Return the number of failed messages of a broadcast, by reason, the most frequent first."""
    return reasons_of_all(conn, [key])[1][key]


def reasons_of_all(conn: Connection, keys: Collection[int]) -> tuple[dict[int, dict[str, int]], ...]:
    """Return the numbers of skipped and of failed messages of each broadcast, by reason; the failures in order.

    A sender may have any number of reasons: beyond the most frequent ones, the rest is one sum.
    """
    skips: dict[int, dict[str, int]] = {key: {} for key in keys}
    failures: dict[int, dict[str, int]] = {key: {} for key in keys}
    statement = _amounts(skip_counts, keys, literal(0)).union_all(_amounts(failure_counts, keys, literal(1)))
    for failed, key, reason, amount in conn.execute(statement):
        (failures if failed else skips)[key][reason] = amount
    return skips, {key: _most_frequent(amounts) for key, amounts in failures.items()}


def _most_frequent(amounts: Mapping[str, int]) -> dict[str, int]:
    ordered = sorted(amounts.items(), key=lambda item: (-item[1], item[0]))
    shown = dict(ordered[:MOST_REASONS])
    if rest := sum(amount for _, amount in ordered[MOST_REASONS:]):
        shown[OTHER_REASONS] = shown.get(OTHER_REASONS, 0) + rest
    return shown


def _amounts(table: Table, keys: Collection[int], failed: ColumnElement[int]) -> Select[Any]:
    return select(failed, table.c.broadcast_id, table.c.reason, table.c.messages).where(
        table.c.broadcast_id.in_(list(keys)), table.c.messages != 0
    )
