"""Stored webhook calls that are not processed yet. A call is stored before it is answered, so none is lost."""

import json
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from wabroadcast_core.models.receipt import WebhookRequest
from wabroadcast_core.store.tables import webhook_calls

_INSERT = insert(webhook_calls)


def insert_calls(conn: Connection, calls: Iterable[tuple[int, WebhookRequest]], *, now: float) -> None:
    """Store calls, each with the id of its connection."""
    rows = [
        {"connection_id": connection_id, "received_at": now, "facts": _facts_of(request), "body": request.body}
        for connection_id, request in calls
    ]
    if rows:
        conn.execute(_INSERT, rows)


MOST_BYTES = 8 * 1024 * 1024  # of calls taken at once; a single call may be larger
_FIRST = (
    select(webhook_calls.c.id, func.length(webhook_calls.c.body))
    .where(webhook_calls.c.connection_id == bindparam("key"))
    .order_by(webhook_calls.c.id)
    .limit(bindparam("amount"))
    .with_for_update(skip_locked=True)
)


_CALLS = webhook_calls.c.id.in_(bindparam("keys", expanding=True))
_READ = (
    select(webhook_calls.c.id, webhook_calls.c.facts, webhook_calls.c.body).where(_CALLS).order_by(webhook_calls.c.id)
)
_DELETE = delete(webhook_calls).where(_CALLS)


class LockedCalls(NamedTuple):
    """Stored calls that a transaction has locked.

    :param calls: the calls, each with its key.
    :param has_more: whether others may wait behind them.
    """

    calls: list[tuple[int, WebhookRequest]]
    has_more: bool


def lock_calls(conn: Connection, connection_id: int, *, amount: int) -> LockedCalls:
    """Return the oldest calls of a connection, and lock them in this transaction.

    :param amount: the most calls to return.
    """
    sizes = conn.execute(_FIRST, {"key": connection_id, "amount": amount}).all()
    totals = accumulate(size for _, size in sizes)
    fitting = max(1, sum(total <= MOST_BYTES for total in totals))
    keys = [key for key, _ in sizes[:fitting]]
    rows = conn.execute(_READ, {"keys": keys}).all() if keys else []
    calls = [(key, _request_of(facts, body)) for key, facts, body in rows]
    return LockedCalls(calls, has_more=len(sizes) == amount or len(sizes) > fitting)


def take_calls(conn: Connection, connection_id: int, *, amount: int) -> list[tuple[int, WebhookRequest]]:
    """Return the oldest calls of a connection, each with its key, and lock them in this transaction.

    :param amount: the most calls to return.
    """
    return lock_calls(conn, connection_id, amount=amount).calls


def delete_calls(conn: Connection, keys: Sequence[int]) -> None:
    """Delete calls by their keys."""
    if keys:
        conn.execute(_DELETE, {"keys": list(keys)})


def forget_calls(conn: Connection, *, before: float) -> None:
    """Delete calls that arrived before this time (UNIX seconds, UTC) and could not be processed since."""
    conn.execute(delete(webhook_calls).where(webhook_calls.c.received_at < before))


def waiting_connections(conn: Connection) -> Sequence[int]:
    """Return the ids of connections with stored calls."""
    return conn.execute(select(webhook_calls.c.connection_id).distinct()).scalars().all()


def _facts_of(request: WebhookRequest) -> str:
    facts = {
        "method": request.method,
        "query": dict(request.query),
        "headers": dict(request.headers),
        "form": dict(request.form),
    }
    return json.dumps(facts)


def _request_of(facts: str, body: bytes) -> WebhookRequest:
    return WebhookRequest(body=bytes(body), **json.loads(facts))
