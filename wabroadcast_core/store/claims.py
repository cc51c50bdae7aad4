"""Claims: messages that a worker took for sending. ClaimedRows in sets, and settled for a worker that is gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic_core import from_json
from sqlalchemy import Connection, Row, text

from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.store.messages import WAITS_AS, Changes, count_moves
from wabroadcast_core.store.sql import LITE_ROWS, POST_ROWS, Dialects, as_json, dialects, json_columns

ANY_ROUTE = 0


class Claimed(NamedTuple):
    """A message taken for sending."""

    key: int
    broadcast_id: int
    number: str
    name: str | None
    variables: str | None  # JSON
    attempts: int  # already made
    batch: int
    worker_id: int
    connection_id: int
    blocked: str | None = None  # why the blacklist has its number


@dataclass(frozen=True, slots=True)
class ClaimedRows:
    """Messages that one statement claimed, as the driver gave them: whoever works with them unpacks them.

    A thread that talks to the database shares the interpreter with an event loop, so it does nothing for each message.
    """

    amount: int
    rows: Sequence[Row[Any]] | str

    def unpack(self) -> list[Claimed]:
        """The messages, in the order of their keys."""
        rows = from_json(self.rows) if isinstance(self.rows, str) else self.rows
        return sorted(map(Claimed._make, rows))


# --- taking them -----------------------------------------------------------------------------------------------

_PICK_QUEUED = """
        SELECT {columns} FROM messages
        WHERE broadcast_id = :broadcast_id AND route = :route AND status = 'queued' AND batch <= :released_batch
        ORDER BY batch, id LIMIT :amount
        """
_PICK_RETRY = """
        SELECT {columns} FROM messages
        WHERE broadcast_id = :broadcast_id AND status = 'retry' AND due_at <= :now AND route = :route
        ORDER BY due_at LIMIT :amount
        """
_TAKEN = """
    {table}.id, {table}.broadcast_id, {table}.number, {table}.name, {table}.variables, {table}.attempts, {table}.batch,
    CAST(:worker_id AS BIGINT), CAST(:connection_id AS INTEGER),
    (SELECT blacklist.reason FROM blacklist
      WHERE blacklist.number = {table}.number AND blacklist.connection_id IN (0, :connection_id)
      ORDER BY blacklist.connection_id LIMIT 1)
    """
_TAKE = """
    UPDATE messages SET status = 'processing', worker_id = :worker_id, connection_id = :connection_id, due_at = NULL
    WHERE id {among}
    """


def _claim(pick: str) -> Dialects:
    """SQLite's rows come as one document, and are taken by a second statement: its driver lets go of the interpreter
    for each row it steps to, and a busy event loop is slow to give it back. Nobody else writes meanwhile.
    """
    picked = pick.format(columns="*")
    keys = pick.format(columns="id")
    return Dialects(
        sqlite=text(
            f"SELECT json_group_array(json_array({_TAKEN.format(table='picked')})), json_group_array(picked.id)"  # noqa: S608 - no user's text
            f" FROM ({picked}) AS picked"
        ),
        postgresql=text(  # an array is made once, a list may not be
            f"{_TAKE.format(among=f'= ANY (ARRAY({keys} FOR UPDATE SKIP LOCKED))')}"
            f" RETURNING {_TAKEN.format(table='messages')}"
        ),
    )


_CLAIM_QUEUED = _claim(_PICK_QUEUED)
_CLAIM_RETRY = _claim(_PICK_RETRY)
_TAKE_PICKED = text(_TAKE.format(among="IN (SELECT value FROM json_each(:keys))"))


def _take(conn: Connection, claim: Dialects, asked: dict[str, Any]) -> ClaimedRows:
    found = conn.execute(claim.of(conn), asked)
    if conn.dialect.name != "sqlite":
        rows = found.fetchall()
        return ClaimedRows(len(rows), rows)
    document, keys = found.one()
    if keys == "[]":
        return ClaimedRows(0, document)
    return ClaimedRows(conn.execute(_TAKE_PICKED, {**asked, "keys": keys}).rowcount, document)


def claim_messages(
    conn: Connection,
    *,
    broadcast_id: int,
    routes: Sequence[int],
    released_batch: int,
    amount: int,
    now: float,
    worker_id: int,
    connection_id: int,
    retry_waits: bool,
    changes: Changes,
) -> list[ClaimedRows]:
    """Take up to ``amount`` due messages of one broadcast: retries that are due first, then released batches in order.

    :param routes: which connections' messages may be taken, the own one first.
    :param retry_waits: whether the broadcast has messages in retry at all.
    """
    asked = {
        "broadcast_id": broadcast_id,
        "worker_id": worker_id,
        "connection_id": connection_id,
        "now": now,
        "released_batch": released_batch,
    }
    taken: list[ClaimedRows] = []
    for source, claim, route in [
        *(("retry", _CLAIM_RETRY, route) for route in (routes if retry_waits else ())),
        *(("queued", _CLAIM_QUEUED, route) for route in routes),
    ]:
        found = _take(conn, claim, {**asked, "route": route, "amount": amount})
        changes[broadcast_id, source] -= found.amount
        changes[broadcast_id, "processing"] += found.amount
        taken.append(found)
        amount -= found.amount
        if amount <= 0:
            break
    return taken


_HAS_QUEUED = text(
    """
    SELECT 1 FROM messages
    WHERE broadcast_id = :broadcast_id AND route = :route AND status = 'queued' AND batch <= :released_batch LIMIT 1
    """
)


def has_queued(conn: Connection, *, broadcast_id: int, routes: Sequence[int], released_batch: int) -> bool:
    """Whether a released message waits that may take one of these routes."""
    asked = {"broadcast_id": broadcast_id, "released_batch": released_batch}
    return any(conn.execute(_HAS_QUEUED, {**asked, "route": route}).first() for route in routes)


_NEXT_RETRY = text(
    "SELECT min(due_at) FROM messages WHERE broadcast_id = :broadcast_id AND status = 'retry' AND route = :route"
)


def next_retry_at(conn: Connection, broadcast_id: int, *, route: int) -> float | None:
    """When the next message in retry of a route is due."""
    return conn.execute(_NEXT_RETRY, {"broadcast_id": broadcast_id, "route": route}).scalar()


# --- settling them, for a worker that is gone ------------------------------------------------------------------

_SETTLED_COLUMNS = json_columns(id="BIGINT", status="TEXT", reason="TEXT", due_at="DOUBLE PRECISION")
_SETTLED_AS = WAITS_AS.format(status="claim.status")
_SETTLE = dialects(
    """
    UPDATE messages SET
      status = CASE WHEN claim.status = 'unknown' THEN claim.status ELSE {waits_as} END,
      wanted = NULL, reason = claim.reason, due_at = claim.due_at
    FROM (SELECT {columns} FROM {rows}) AS claim
    WHERE messages.id = claim.id AND {plus}messages.worker_id = :worker_id AND {plus}messages.status = 'processing'
    RETURNING messages.id, messages.status
    """,
    sqlite={"columns": _SETTLED_COLUMNS[0], "rows": LITE_ROWS, "plus": "+", "waits_as": _SETTLED_AS},
    postgresql={"columns": _SETTLED_COLUMNS[1], "rows": POST_ROWS, "plus": "", "waits_as": _SETTLED_AS},
)


def claims_of(conn: Connection, worker_id: int, *, limit: int) -> Sequence[Row[Any]]:
    """The messages that a worker holds: id, connection_id, attempts."""
    statement = text(
        """
        SELECT id, connection_id, attempts FROM messages
        WHERE worker_id = :worker_id AND status = 'processing' LIMIT :limit
        """
    )
    return conn.execute(statement, {"worker_id": worker_id, "limit": limit}).fetchall()


def settle_claims(
    conn: Connection,
    rows: Sequence[tuple[int, MessageStatus, str | None, float | None]],
    *,
    worker_id: int,
    changes: Changes,
) -> None:
    """Take messages from a worker that is gone: each gets the status, reason and due time given."""
    settled = conn.execute(_SETTLE.of(conn), {"rows": as_json(rows), "worker_id": worker_id}).fetchall()
    count_moves(changes, settled, away_from="processing")
