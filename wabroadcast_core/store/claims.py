"""Claims: messages that a worker has taken for sending. They are claimed in sets, and settled for dead workers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic_core import from_json
from sqlalchemy import Connection, Row, TextClause, text

from wabroadcast_core.models.status import BroadcastStatus, MessageStatus
from wabroadcast_core.store.changes import Changes
from wabroadcast_core.store.claimed_blocks import ADD_BLOCKS, OF_WORKER, claimed_among, forget_blocks
from wabroadcast_core.store.held import PROCESSING, lite_held, post_held
from wabroadcast_core.store.message_indexes import LITE_STATUS, POST_STATUS
from wabroadcast_core.store.message_queue import LITE_QUEUE, POST_QUEUE
from wabroadcast_core.store.messages import RETURNED_STATUS, count_moves
from wabroadcast_core.store.sql import LITE_ROWS, POST_ROWS, Dialects, as_json, dialects, json_columns

ANY_ROUTE = 0


class Claimed(NamedTuple):
    """A claimed message."""

    key: int
    broadcast_id: int
    number: str
    name: str | None
    variables: str | None  # JSON
    attempts: int  # made so far
    batch: int
    worker_id: int
    connection_id: int
    blocked: str | None = None  # the reason, if its number is on the blacklist


@dataclass(frozen=True, slots=True)
class ClaimedRows:
    """The messages that one statement claimed, as the driver returned them; the event loop unpacks them.

    The database thread shares the interpreter with the event loop, so it must do no work for each message.
    """

    amount: int
    rows: Sequence[Row[Any]] | str  # those of Claimed; or as JSON those of _PICKED, without what all have in common
    broadcast_id: int
    worker_id: int
    connection_id: int

    def unpack(self) -> list[Claimed]:
        """Return the messages in the order of their keys."""
        if not isinstance(self.rows, str):
            return sorted(map(Claimed._make, self.rows))
        broadcast_id, worker_id, connection_id = self.broadcast_id, self.worker_id, self.connection_id
        return sorted(
            [
                Claimed(key, broadcast_id, number, name, variables, attempts, batch, worker_id, connection_id, blocked)
                for key, number, name, variables, attempts, batch, blocked in from_json(self.rows)
            ]
        )


# --- claim -----------------------------------------------------------------------------------------------------

# Claim messages of one broadcast: pick due ones (queued, or in retry) and set them to processing.
# Input: :broadcast_id, :route, :amount, :worker_id, :connection_id; :released_batch for queued ones, :now for retries.
# Output: the columns of Claimed.
_LITE_PICK_QUEUED = """
        SELECT {columns} FROM messages
        WHERE broadcast_id = :broadcast_id AND route = :route AND status = 'queued' AND batch <= :released_batch
        ORDER BY batch, id LIMIT :amount
        """
# PostgreSQL locks each message that this reads. So the candidates are sorted before: with old statistics it may sort,
# and would lock, the whole queue. There are more candidates than needed, because other claims may have locked the first
# ones; no more of them are read than it takes to find enough.
_POST_PICK_QUEUED = """
        SELECT {{columns}} FROM (
          SELECT ctid AS place, id FROM queued_messages
          WHERE broadcast_id = :broadcast_id AND route = :route AND batch <= :released_batch {condition}
          ORDER BY batch, id LIMIT CAST(:amount AS BIGINT) * 8 + 5000
        ) AS candidate
        CROSS JOIN LATERAL (SELECT status FROM messages WHERE id = candidate.id OFFSET 0) AS messages
        WHERE status = 'queued' LIMIT :amount
        """
# A condition of the candidates, with which each message is read twice.
_IS_QUEUED = "AND (SELECT status FROM messages WHERE id = queued_messages.id) = 'queued'"
_PICK_RETRY = """
        SELECT {columns} FROM messages
        WHERE broadcast_id = :broadcast_id AND {retry} AND due_at <= :now AND route = :route
        ORDER BY due_at LIMIT :amount
        """
_BLOCKED = """
    (SELECT blacklist.reason FROM blacklist
      WHERE blacklist.number = {table}.number AND blacklist.connection_id IN (0, :connection_id)
      ORDER BY blacklist.connection_id LIMIT 1)
    """
_CLAIMED = f"""
    messages.id, messages.broadcast_id, messages.number, messages.name, messages.variables, messages.attempts,
    messages.batch, CAST(:worker_id AS BIGINT), CAST(:connection_id AS INTEGER), {_BLOCKED.format(table="messages")}
    """
_PICKED = "id, number, name, variables, attempts, batch"
_TAKE = """
    UPDATE messages SET status = 'processing', worker_id = :worker_id, connection_id = :connection_id, due_at = NULL
    WHERE id {among}
    """


# Take the picked messages out of the queue. In PostgreSQL.
_UNQUEUE = "DELETE FROM queued_messages WHERE ctid = ANY (ARRAY(SELECT place FROM picked))"


def _lite_claim(pick: str) -> TextClause:
    """Build SQLite's statement that returns the picked messages.

    They are returned as one JSON document, and a second statement updates them (no other process writes in between):
    the driver releases the interpreter lock for each row that it fetches, and a busy event loop is slow to give it
    back.
    """
    picked = pick.format(columns=_PICKED, **LITE_STATUS)
    return text(
        f"SELECT json_group_array(json_array({_PICKED}, {_BLOCKED.format(table='picked')})), json_group_array(id)"  # noqa: S608 - no user's text
        f" FROM ({picked}) AS picked"
    )


def _post_claim(pick: str, *, place: str = "NULL", also: str = "") -> TextClause:
    """Build PostgreSQL's statement that claims the picked messages.

    :param place: where in the queue each is.
    :param also: another part of the statement.
    """
    picked = pick.format(columns=f"{place} AS place, id", **POST_STATUS)
    taken = _TAKE.format(among="= ANY (ARRAY(SELECT id FROM picked))")  # evaluated once; an IN list may be again
    return text(
        f"WITH picked AS MATERIALIZED ({picked} FOR UPDATE OF messages SKIP LOCKED), blocks AS ({ADD_BLOCKS}) {also}"
        f" {taken} RETURNING {_CLAIMED}"
    )


def _post_claim_queued(condition: str) -> TextClause:
    pick = _POST_PICK_QUEUED.format(condition=condition)
    return _post_claim(pick, place="place", also=f", unqueued AS ({_UNQUEUE})")


_CLAIM_QUEUED = Dialects(sqlite=_lite_claim(_LITE_PICK_QUEUED), postgresql=_post_claim_queued(""))
# The same in PostgreSQL where the messages of the first candidates are not queued any more: a process of an earlier
# version, which deletes nothing from the queue, claimed them.
_CLAIM_PAST_STALE = _post_claim_queued(_IS_QUEUED)
_CLAIM_RETRY = Dialects(sqlite=_lite_claim(_PICK_RETRY), postgresql=_post_claim(_PICK_RETRY))
_TAKE_PICKED = text(_TAKE.format(among="IN (SELECT value FROM json_each(:keys))"))


def _take(conn: Connection, claim: TextClause, parameters: dict[str, Any]) -> ClaimedRows:
    found = conn.execute(claim, parameters)
    common = {name: parameters[name] for name in ("broadcast_id", "worker_id", "connection_id")}
    if conn.dialect.name != "sqlite":
        rows = found.fetchall()
        return ClaimedRows(len(rows), rows, **common)
    document, keys = found.one()
    if keys == "[]":
        return ClaimedRows(0, document, **common)
    return ClaimedRows(conn.execute(_TAKE_PICKED, {**parameters, "keys": keys}).rowcount, document, **common)


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
    """Claim due messages of one broadcast: first retries, then queued ones of released batches, in order.

    :param routes: the connections whose messages may be claimed, the own one first; :data:`ANY_ROUTE` for messages
        that any connection of the pool may send.
    :param released_batch: the last released batch.
    :param amount: the most messages to claim.
    :param retry_waits: whether the broadcast has any message in retry.
    """
    common = {
        "broadcast_id": broadcast_id,
        "worker_id": worker_id,
        "connection_id": connection_id,
        "now": now,
        "released_batch": released_batch,
    }
    taken: list[ClaimedRows] = []

    def take(source: str, claim: TextClause) -> None:
        for route in routes:
            if missing := amount - sum(found.amount for found in taken):
                found = _take(conn, claim, {**common, "route": route, "amount": missing})
                changes[broadcast_id, source] -= found.amount
                changes[broadcast_id, "processing"] += found.amount
                taken.append(found)

    if retry_waits:
        take("retry", _CLAIM_RETRY.of(conn))
    take("queued", _CLAIM_QUEUED.of(conn))
    if conn.dialect.name != "sqlite" and not any(found.amount for found in taken):
        take("queued", _CLAIM_PAST_STALE)
    return taken


_HAS_QUEUED = dialects(
    """
    SELECT 1 FROM {queue}
    WHERE broadcast_id = :broadcast_id AND route = :route AND status = 'queued' AND batch <= :released_batch LIMIT 1
    """,
    sqlite=LITE_QUEUE,
    postgresql=POST_QUEUE,
)


def has_queued(conn: Connection, *, broadcast_id: int, routes: Sequence[int], released_batch: int) -> bool:
    """Return whether a queued message of a released batch may take one of these routes."""
    common = {"broadcast_id": broadcast_id, "released_batch": released_batch}
    return any(conn.execute(_HAS_QUEUED.of(conn), {**common, "route": route}).first() for route in routes)


_NEXT_RETRY = dialects(
    "SELECT min(due_at) FROM messages WHERE broadcast_id = :broadcast_id AND {retry} AND route = :route",
    sqlite=LITE_STATUS,
    postgresql=POST_STATUS,
)


def next_retry_at(conn: Connection, broadcast_id: int, *, route: int) -> float | None:
    """Return when the next message in retry of a route is due (UNIX seconds, UTC); None if there is none."""
    return conn.execute(_NEXT_RETRY.of(conn), {"broadcast_id": broadcast_id, "route": route}).scalar()


_FIRST_RETRY = dialects(
    """
    SELECT due_at, reason FROM messages WHERE broadcast_id = :broadcast_id AND {retry} AND route = :route
    ORDER BY due_at LIMIT 1
    """,
    sqlite=LITE_STATUS,
    postgresql=POST_STATUS,
)


def first_retry(conn: Connection, broadcast_id: int, *, routes: Sequence[int]) -> tuple[float, str | None] | None:
    """Return when the next message in retry of these routes is due, and the reason for which it waits."""
    first = _FIRST_RETRY.of(conn)
    found = [conn.execute(first, {"broadcast_id": broadcast_id, "route": route}).first() for route in routes]
    return min(((row.due_at, row.reason) for row in found if row is not None), key=lambda one: one[0], default=None)


# Lock broadcasts until the end of the transaction, in PostgreSQL. Input: :keys (an array). Output: their statuses.
_LOCK_STATUSES = text("SELECT status FROM broadcasts WHERE id = ANY (:keys) ORDER BY id FOR UPDATE")


class StaleClaimError(Exception):
    """Messages were claimed of a broadcast that another transaction has stopped: the claim must be rolled back."""


def check_claimed(conn: Connection, keys: Collection[int]) -> None:
    """Check at the end of a claiming transaction that the broadcasts are still sent, and keep them so until its commit.

    The claim read their status without a lock. So once a broadcast is stopped, every claim of its messages is either in
    its counters or rolled back. In SQLite nothing else writes meanwhile.

    :raises StaleClaimError: one was stopped since the claim read its status.
    """
    if not keys or conn.dialect.name == "sqlite":
        return
    statuses = conn.execute(_LOCK_STATUSES, {"keys": list(keys)}).scalars()
    if any(status != BroadcastStatus.PROCESSING for status in statuses):
        raise StaleClaimError


# --- settle the claims of a dead worker ------------------------------------------------------------------------

_SETTLED_COLUMNS = json_columns(id="BIGINT", status="TEXT", reason="TEXT", due_at="DOUBLE PRECISION")
_SETTLED_AS = RETURNED_STATUS.format(status="claim.status")
# Settle claims: give claimed messages of a worker a new status.
# Input: :rows, JSON rows of _SETTLED_COLUMNS; :worker_id.
# Output: id and new status of each message that this worker still held.
_SETTLE = dialects(
    """
    UPDATE messages SET
      status = CASE WHEN claim.status = 'unknown' THEN claim.status ELSE {returned} END,
      wanted = CASE WHEN claim.status = 'unknown' THEN wanted END, reason = claim.reason,
      due_at = CASE WHEN claim.status = 'unknown' AND wanted = 'cancelled' THEN NULL ELSE claim.due_at END
    FROM (SELECT {columns} FROM {rows}) AS claim
    WHERE messages.id = claim.id AND {held}
    RETURNING messages.id, messages.status
    """,
    sqlite={"columns": _SETTLED_COLUMNS[0], "rows": LITE_ROWS, "held": lite_held(PROCESSING), "returned": _SETTLED_AS},
    postgresql={
        "columns": _SETTLED_COLUMNS[1],
        "rows": POST_ROWS,
        "held": post_held(PROCESSING),
        "returned": _SETTLED_AS,
    },
)


_CLAIMS_OF = dialects(
    """
    SELECT id, connection_id, attempts FROM {claimed}
    WHERE worker_id = :worker_id AND status = 'processing' LIMIT :limit
    """,
    **claimed_among(OF_WORKER),
)


def claims_of(conn: Connection, worker_id: int, *, limit: int) -> Sequence[Row[Any]]:
    """Return id, connection_id and attempts of messages that a worker has claimed."""
    forget_blocks(conn, OF_WORKER, worker_id=worker_id)
    return conn.execute(_CLAIMS_OF.of(conn), {"worker_id": worker_id, "limit": limit}).fetchall()


def settle_claims(
    conn: Connection,
    rows: Sequence[tuple[int, MessageStatus, str | None, float | None]],
    *,
    worker_id: int,
    changes: Changes,
) -> None:
    """Settle claims of a dead worker.

    :param rows: key, new status, reason and due time (UNIX seconds, UTC) of each message.
    """
    settled = conn.execute(_SETTLE.of(conn), {"rows": as_json(rows), "worker_id": worker_id}).fetchall()
    count_moves(conn, changes, settled, away_from="processing")
