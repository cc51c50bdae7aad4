"""The numbers of skipped and of failed messages of a broadcast, by reason."""

from collections.abc import Collection, Mapping
from typing import TypeAlias

from sqlalchemy import Connection, Table, TextClause, literal, select, text

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
    return skips_of_all(conn, [key])[key]


def skips_of_all(conn: Connection, keys: Collection[int]) -> dict[int, dict[str, int]]:
    """Return the number of skipped messages of each broadcast, by reason."""
    return _amounts(conn, skip_counts, keys)


def failures_of(conn: Connection, key: int) -> dict[str, int]:
    """Return the number of failed messages of a broadcast, by reason, the most frequent first."""
    return failures_of_all(conn, [key])[key]


def failures_of_all(conn: Connection, keys: Collection[int]) -> dict[int, dict[str, int]]:
    """Return the number of failed messages of each broadcast, by reason, the most frequent first.

    A sender may have any number of reasons: beyond the most frequent ones, the rest is one sum.
    """
    return {key: _most_frequent(amounts) for key, amounts in _amounts(conn, failure_counts, keys).items()}


Amounts: TypeAlias = dict[int, dict[str, int]]
"""Number of messages by broadcast id and reason."""


def reasons_of_all(conn: Connection, keys: Collection[int]) -> tuple[Amounts, Amounts]:
    """Return what :func:`skips_of_all` and :func:`failures_of_all` return, by one read."""
    skips, failures = (
        select(literal(table.name).label("kind"), table.c.broadcast_id, table.c.reason, table.c.messages).where(
            table.c.broadcast_id.in_(list(keys)), table.c.messages != 0
        )
        for table in (skip_counts, failure_counts)
    )
    amounts: dict[str, Amounts] = {table.name: {key: {} for key in keys} for table in (skip_counts, failure_counts)}
    for kind, key, reason, amount in conn.execute(skips.union_all(failures)):
        amounts[kind][key][reason] = amount
    failed = {key: _most_frequent(reasons) for key, reasons in amounts[failure_counts.name].items()}
    return amounts[skip_counts.name], failed


def _most_frequent(amounts: Mapping[str, int]) -> dict[str, int]:
    ordered = sorted(amounts.items(), key=lambda item: (-item[1], item[0]))
    shown = dict(ordered[:MOST_REASONS])
    if rest := sum(amount for _, amount in ordered[MOST_REASONS:]):
        shown[OTHER_REASONS] = shown.get(OTHER_REASONS, 0) + rest
    return shown


def _amounts(conn: Connection, table: Table, keys: Collection[int]) -> dict[int, dict[str, int]]:
    statement = select(table.c.broadcast_id, table.c.reason, table.c.messages).where(
        table.c.broadcast_id.in_(list(keys)), table.c.messages != 0
    )
    amounts: dict[int, dict[str, int]] = {key: {} for key in keys}
    for key, reason, amount in conn.execute(statement):
        amounts[key][reason] = amount
    return amounts
