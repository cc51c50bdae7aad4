"""The messages of broadcasts: made in chunks, claimed and recorded in sets, never one statement a message.

Counters belong to the broadcast and change in the same transaction: every function here that moves messages
returns or applies the change.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection, Row, RowMapping, func, or_, select, text

from wabroadcast_core.models.status import SENT, MessageStatus
from wabroadcast_core.store.sql import LITE_ROWS, POST_ROWS, Dialects, as_json, dialects, json_columns
from wabroadcast_core.store.tables import attempts, messages

POSITION_BITS = 32
MOST_DIGITS = 10  # of a position
ANY_ROUTE = 0

Changes: TypeAlias = Counter[tuple[int, str]]
"""How much each counter (broadcast, column) grows."""


def message_key(broadcast_id: int, position: int) -> int:
    return broadcast_id << POSITION_BITS | position


def position_of(key: int) -> int:
    return key & ((1 << POSITION_BITS) - 1)


def broadcast_of(key: int) -> int:
    return key >> POSITION_BITS


def read_position(digits: str) -> int | None:
    """The position that a message's public id ends with; unset where that is none."""
    if not (digits.isascii() and digits.isdigit()) or len(digits) > MOST_DIGITS:
        return None
    position = int(digits)
    return position if position < 1 << POSITION_BITS else None


# --- making them -----------------------------------------------------------------------------------------------

_NEW_COLUMNS = json_columns(
    id="BIGINT",
    broadcast_id="BIGINT",
    batch="INTEGER",
    route="INTEGER",
    status="TEXT",
    number="TEXT",
    raw="TEXT",
    name="TEXT",
    variables="TEXT",
    reason="TEXT",
    detail="TEXT",
)


class NewMessage(NamedTuple):
    """A message on its way into the store, in the order of the columns above."""

    id: int
    broadcast_id: int
    batch: int
    route: int
    status: str
    number: str | None
    raw: str | None
    name: str | None
    variables: str | None  # JSON
    reason: str | None
    detail: str | None


_INSERT = dialects(
    """
    INSERT INTO messages (id, broadcast_id, batch, route, status, number, raw, name, variables, reason, detail)
    SELECT {columns} FROM {rows} WHERE true
    ON CONFLICT DO NOTHING RETURNING id
    """,
    sqlite={"columns": _NEW_COLUMNS[0], "rows": LITE_ROWS},
    postgresql={"columns": _NEW_COLUMNS[1], "rows": POST_ROWS},
)


def insert_messages(connection: Connection, rows: Sequence[NewMessage]) -> set[int]:
    """Store new messages.

    :returns: the keys stored; a number that its broadcast has already is left out.
    """
    return set(connection.execute(_INSERT.of(connection), {"rows": as_json(rows)}).scalars())


def last_connections(connection: Connection, numbers: Sequence[str], *, among: Sequence[int]) -> dict[str, int]:
    """The connection of this pool through which each number was reached last."""
    statement = (
        select(messages.c.number, messages.c.connection_id)
        .where(messages.c.number.in_(numbers), messages.c.status == MessageStatus.SENT)
        .where(messages.c.connection_id.in_(among))
        .order_by(messages.c.sent_at)
    )
    return {number: key for number, key in connection.execute(statement) if number is not None and key is not None}


# --- claiming them ---------------------------------------------------------------------------------------------


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
_TAKEN = "id, broadcast_id, number, name, variables, attempts, batch"
_TAKE = """
    UPDATE messages SET status = 'processing', worker_id = :worker_id, connection_id = :connection_id, due_at = NULL
    WHERE id {among}
    """


def _claim(pick: str) -> Dialects:
    """SQLite's rows come as one document, and are taken by a second statement: its driver lets go of the interpreter
    for each row it steps to, and a busy event loop is slow to give it back. Nobody else writes meanwhile.
    """
    picked = pick.format(columns="id")
    return Dialects(
        sqlite=text(
            f"SELECT json_group_array(json_array({_TAKEN}, :worker_id, :connection_id))"  # noqa: S608 - no user's text
            f" FROM ({pick.format(columns=_TAKEN)})"
        ),
        postgresql=text(  # an array is made once, a list may not be
            f"{_TAKE.format(among=f'= ANY (ARRAY({picked} FOR UPDATE SKIP LOCKED))')}"
            f" RETURNING {_TAKEN}, worker_id, connection_id"
        ),
    )


_CLAIM_QUEUED = _claim(_PICK_QUEUED)
_CLAIM_RETRY = _claim(_PICK_RETRY)
_TAKE_PICKED = text(_TAKE.format(among="IN (SELECT value FROM json_each(:keys))"))


def _take(connection: Connection, claim: Dialects, asked: dict[str, Any]) -> list[Claimed]:
    found = connection.execute(claim.of(connection), asked)
    if connection.dialect.name != "sqlite":
        return sorted(map(Claimed._make, found))
    taken = sorted(map(Claimed._make, json.loads(found.scalar_one())))
    if taken:
        connection.execute(_TAKE_PICKED, {**asked, "keys": as_json([message.key for message in taken])})
    return taken


def claim_messages(
    connection: Connection,
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
) -> list[Claimed]:
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
    taken: list[Claimed] = []
    for source, claim, route in [
        *(("retry", _CLAIM_RETRY, route) for route in (routes if retry_waits else ())),
        *(("queued", _CLAIM_QUEUED, route) for route in routes),
    ]:
        if len(taken) >= amount:
            break
        found = _take(connection, claim, {**asked, "route": route, "amount": amount - len(taken)})
        changes[broadcast_id, source] -= len(found)
        changes[broadcast_id, "processing"] += len(found)
        taken += found
    return taken


_HAS_QUEUED = text(
    """
    SELECT 1 FROM messages
    WHERE broadcast_id = :broadcast_id AND route = :route AND status = 'queued' AND batch <= :released_batch LIMIT 1
    """
)


def has_queued(connection: Connection, *, broadcast_id: int, routes: Sequence[int], released_batch: int) -> bool:
    """Whether a released message waits that may take one of these routes."""
    asked = {"broadcast_id": broadcast_id, "released_batch": released_batch}
    return any(connection.execute(_HAS_QUEUED, {**asked, "route": route}).first() for route in routes)


_NEXT_RETRY = text(
    "SELECT min(due_at) FROM messages WHERE broadcast_id = :broadcast_id AND status = 'retry' AND route = :route"
)


def next_retry_at(connection: Connection, broadcast_id: int, *, route: int) -> float | None:
    """When the next message in retry of a route is due."""
    return connection.execute(_NEXT_RETRY, {"broadcast_id": broadcast_id, "route": route}).scalar()


# --- recording them --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Outcome:
    """How a claimed message goes on. ``used``: whether an attempt was used up."""

    key: int
    status: MessageStatus
    used: bool = False
    reason: str | None = None
    detail: str | None = None
    connection_id: int | None = None
    provider_id: str | None = None
    sent_at: float | None = None
    due_at: float | None = None

    def as_row(self) -> tuple[Any, ...]:
        return (
            self.key,
            self.status,
            1 if self.used else 0,
            self.reason,
            self.detail,
            self.connection_id,
            self.provider_id,
            self.sent_at,
            self.due_at,
        )


_OUTCOME_COLUMNS = json_columns(
    id="BIGINT",
    status="TEXT",
    used="INTEGER",
    reason="TEXT",
    detail="TEXT",
    connection_id="INTEGER",
    provider_id="TEXT",
    sent_at="DOUBLE PRECISION",
    due_at="DOUBLE PRECISION",
)
_WAITS_AS = """
      CASE WHEN EXISTS (
        SELECT 1 FROM broadcasts AS ended
        WHERE ended.id = messages.broadcast_id AND ended.status IN ('cancelled', 'failed')
      ) THEN 'cancelled' ELSE coalesce(messages.wanted, {status}) END
"""
"""What a claimed message that comes back unsent becomes; a claim may have overtaken the sweep of its broadcast."""

# The + keeps SQLite on the primary key: its planner would rather walk the index of all claimed messages.
_RECORD = """
    UPDATE messages SET
      status = CASE WHEN outcome.status IN ('queued', 'retry') THEN {waits_as} ELSE outcome.status END,
      wanted = NULL, attempts = attempts + outcome.used, detail = outcome.detail,
      reason = CASE WHEN outcome.status IN ('queued', 'retry') AND {erased} THEN 'erased' ELSE outcome.reason END,
      connection_id = coalesce(outcome.connection_id, messages.connection_id),
      provider_id = coalesce(outcome.provider_id, messages.provider_id),
      sent_at = outcome.sent_at, due_at = outcome.due_at
    FROM (SELECT {columns} FROM {rows}) AS outcome
    WHERE messages.id = outcome.id AND {plus}messages.worker_id = :worker_id AND {plus}messages.status = :present
    RETURNING messages.id, messages.status
    """
_BACK = {"waits_as": _WAITS_AS.format(status="outcome.status"), "erased": "messages.number IS NULL"}
_RECORD_OUTCOMES = dialects(
    _RECORD,
    sqlite={"columns": _OUTCOME_COLUMNS[0], "rows": LITE_ROWS, "plus": "+", **_BACK},
    postgresql={"columns": _OUTCOME_COLUMNS[1], "rows": POST_ROWS, "plus": "", **_BACK},
)


_SENT_COLUMNS = json_columns(id="BIGINT", provider_id="TEXT", sent_at="DOUBLE PRECISION")
_RECORD_SENT = dialects(
    """
    UPDATE messages SET
      status = 'sent', attempts = attempts + 1, provider_id = outcome.provider_id, sent_at = outcome.sent_at,
      wanted = NULL, reason = NULL, detail = NULL
    FROM (SELECT {columns} FROM {rows}) AS outcome
    WHERE messages.id = outcome.id AND {plus}messages.worker_id = :worker_id AND {plus}messages.status = 'processing'
    """,
    sqlite={"columns": _SENT_COLUMNS[0], "rows": LITE_ROWS, "plus": "+"},
    postgresql={"columns": _SENT_COLUMNS[1], "rows": POST_ROWS, "plus": ""},
)


def record_outcomes(
    connection: Connection, outcomes: Sequence[Outcome], *, worker_id: int, changes: Changes
) -> set[int]:
    """Store how claimed messages went on.

    Only messages that this worker still holds are touched: what was settled meanwhile belongs to somebody else,
    except that a message left as unknown may still learn its outcome.

    :returns: the keys stored.
    """
    plain = [outcome for outcome in outcomes if outcome.status is SENT and outcome.detail is None]
    if _record_sent(connection, plain, worker_id=worker_id, changes=changes):
        recorded = {outcome.key for outcome in plain}
        rest = [outcome for outcome in outcomes if outcome.key not in recorded]
    else:
        recorded, rest = set(), list(outcomes)
    for present in ("processing", "unknown"):
        if not rest:
            break
        rows = connection.execute(
            _RECORD_OUTCOMES.of(connection),
            {"rows": as_json([outcome.as_row() for outcome in rest]), "worker_id": worker_id, "present": present},
        ).fetchall()
        count_moves(changes, rows, away_from=present)
        recorded.update(row[0] for row in rows)
        rest = [outcome for outcome in rest if outcome.key not in recorded and _settles(outcome)]
    return recorded


def _record_sent(connection: Connection, outcomes: Sequence[Outcome], *, worker_id: int, changes: Changes) -> bool:
    """Store many that were sent, the way of nearly all. :returns: whether that held for every one of them."""
    if not outcomes:
        return False
    rows = [(outcome.key, outcome.provider_id, outcome.sent_at) for outcome in outcomes]
    connection.exec_driver_sql("SAVEPOINT sent")  # plain: SQLAlchemy's costs as much as the statement in it
    done = connection.execute(_RECORD_SENT.of(connection), {"rows": as_json(rows), "worker_id": worker_id})
    if done.rowcount != len(rows):
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT sent")
        return False
    connection.exec_driver_sql("RELEASE SAVEPOINT sent")
    for broadcast_id, amount in Counter(outcome.key >> POSITION_BITS for outcome in outcomes).items():
        changes[broadcast_id, "processing"] -= amount
        changes[broadcast_id, "sent"] += amount
    return True


def _settles(outcome: Outcome) -> bool:
    return outcome.status in {MessageStatus.SENT, MessageStatus.FAILED}


def count_moves(changes: Changes, rows: Iterable[Sequence[Any]], *, away_from: str) -> None:
    """Note in ``changes`` that these messages (key, new status) left a status for another."""
    for (broadcast_id, status), amount in Counter((row[0] >> POSITION_BITS, row[1]) for row in rows).items():
        changes[broadcast_id, away_from] -= amount
        changes[broadcast_id, status] += amount


_ATTEMPT_COLUMNS = json_columns(
    message_id="BIGINT", attempt="INTEGER", at="DOUBLE PRECISION", connection_id="INTEGER", reason="TEXT", detail="TEXT"
)
_INSERT_ATTEMPTS = dialects(
    "INSERT INTO attempts (message_id, attempt, at, connection_id, reason, detail) SELECT {columns} FROM {rows}",
    sqlite={"columns": _ATTEMPT_COLUMNS[0], "rows": LITE_ROWS},
    postgresql={"columns": _ATTEMPT_COLUMNS[1], "rows": POST_ROWS},
)


def insert_attempts(
    connection: Connection, rows: Sequence[tuple[int, int, float, int | None, str, str | None]]
) -> None:
    """Keep what went wrong: message key, attempt, time, connection, reason, detail."""
    if rows:
        connection.execute(_INSERT_ATTEMPTS.of(connection), {"rows": as_json(rows)})


# --- moving them in sets ---------------------------------------------------------------------------------------


# The present status stands in the statement: a parameter would keep planners from the partial indexes. A broadcast's
# messages lie together by their ids, so statuses without an index are looked for among its own messages only.
_MOVE = """
    UPDATE messages SET status = :status, reason = :reason, due_at = NULL {also}
    WHERE id IN (
      SELECT id FROM messages
      WHERE broadcast_id = :broadcast_id AND id >= :low AND id < :high AND status = '{present}' {condition} {locking}
    )
    RETURNING id, status
    """


def move_messages(
    connection: Connection,
    *,
    broadcast_id: int,
    present: MessageStatus,
    status: MessageStatus,
    changes: Changes,
    batch: int | None = None,
    reason: str | None = None,
    with_reason: str | None = None,
    again: bool = False,
    limit: int | None = None,
) -> int:
    """Move a broadcast's messages from one status to another.

    :param with_reason: only those that have this reason.
    :param again: give them all their attempts back.
    :returns: how many were moved; with ``limit`` there may be more.
    """
    condition = "".join(
        [
            " AND batch = :batch" if batch is not None else "",
            " AND reason = :with_reason" if with_reason is not None else "",
            " AND number IS NOT NULL" if again else "",  # whoever was erased cannot be reached again
            " LIMIT :limit" if limit is not None else "",
        ]
    )
    statement = _MOVE.format(
        present=present.value,
        condition=condition,
        also=", attempts = 0" if again else "",
        locking="" if connection.dialect.name == "sqlite" else "FOR UPDATE",
    )
    low, high = message_key(broadcast_id, 0), message_key(broadcast_id + 1, 0)
    values = {"broadcast_id": broadcast_id, "low": low, "high": high, "status": status, "reason": reason}
    optional = {"batch": batch, "with_reason": with_reason, "limit": limit}
    rows = connection.execute(
        text(statement), {**values, **{name: value for name, value in optional.items() if value is not None}}
    ).fetchall()
    count_moves(changes, rows, away_from=present)
    return len(rows)


# --- a dead worker's claims ------------------------------------------------------------------------------------

_SETTLED_COLUMNS = json_columns(id="BIGINT", status="TEXT", reason="TEXT", due_at="DOUBLE PRECISION")
_SETTLED_AS = _WAITS_AS.format(status="claim.status")
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


def claims_of(connection: Connection, worker_id: int, *, limit: int) -> Sequence[Row[Any]]:
    """The messages that a worker holds: id, connection_id, attempts."""
    statement = text(
        """
        SELECT id, connection_id, attempts FROM messages
        WHERE worker_id = :worker_id AND status = 'processing' LIMIT :limit
        """
    )
    return connection.execute(statement, {"worker_id": worker_id, "limit": limit}).fetchall()


def settle_claims(
    connection: Connection,
    rows: Sequence[tuple[int, MessageStatus, str | None, float | None]],
    *,
    worker_id: int,
    changes: Changes,
) -> None:
    """Take messages from a worker that is gone: each gets the status, reason and due time given."""
    settled = connection.execute(_SETTLE.of(connection), {"rows": as_json(rows), "worker_id": worker_id}).fetchall()
    count_moves(changes, settled, away_from="processing")


# --- control ---------------------------------------------------------------------------------------------------


def want(connection: Connection, *, status: MessageStatus | None, broadcast_id: int, batch: int | None = None) -> int:
    """Say what becomes of a broadcast's claimed messages if they come back unsent. :returns: for how many it is new."""
    condition = (
        "broadcast_id = :broadcast_id AND status = 'processing' AND coalesce(wanted, '') != coalesce(:wanted, '')"
        + ("" if batch is None else " AND batch = :batch")
    )
    values = {"wanted": status, "broadcast_id": broadcast_id} | ({} if batch is None else {"batch": batch})
    return connection.execute(text(f"UPDATE messages SET wanted = :wanted WHERE {condition}"), values).rowcount  # noqa: S608 - fixed parts only


def want_one(connection: Connection, key: int, *, status: MessageStatus | None) -> bool:
    """Say what becomes of one claimed message if it comes back unsent. :returns: whether it is claimed."""
    statement = text("UPDATE messages SET wanted = :wanted WHERE id = :key AND status = 'processing'")
    return connection.execute(statement, {"wanted": status, "key": key}).rowcount == 1


def move_one(
    connection: Connection, key: int, *, among: Iterable[MessageStatus], status: MessageStatus, changes: Changes
) -> bool:
    """Move one message. :returns: whether its status was among these."""
    for present in among:
        statement = text(
            """
            UPDATE messages SET status = :status, due_at = NULL WHERE id = :key AND status = :present
            RETURNING id, status
            """
        )
        rows = connection.execute(statement, {"status": status, "key": key, "present": present}).fetchall()
        if rows:
            count_moves(changes, rows, away_from=present)
            return True
    return False


_RESUME = """
    UPDATE messages SET
      status = CASE WHEN attempts = 0 THEN 'queued' ELSE 'retry' END,
      due_at = CASE WHEN attempts = 0 THEN NULL ELSE CAST(:now AS DOUBLE PRECISION) END, wanted = NULL
    WHERE status = 'paused' AND {scope}
    RETURNING id, status
    """
_RESUME_BATCH = text(_RESUME.format(scope="broadcast_id = :broadcast_id AND batch = :batch"))
_RESUME_ONE = text(_RESUME.format(scope="id = :key"))


def resume_batch(connection: Connection, *, broadcast_id: int, batch: int, now: float, changes: Changes) -> int:
    """Let the paused messages of a batch wait again. :returns: how many."""
    values = {"broadcast_id": broadcast_id, "batch": batch, "now": now}
    rows = connection.execute(_RESUME_BATCH, values).fetchall()
    count_moves(changes, rows, away_from="paused")
    return len(rows)


def resume_one(connection: Connection, key: int, *, now: float, changes: Changes) -> bool:
    """Let a paused message wait again. :returns: whether it was paused."""
    rows = connection.execute(_RESUME_ONE, {"key": key, "now": now}).fetchall()
    count_moves(changes, rows, away_from="paused")
    return bool(rows)


def batch_exists(connection: Connection, *, broadcast_id: int, batch: int) -> bool:
    first = text("SELECT 1 FROM messages WHERE id >= :low AND id < :high AND batch = :batch LIMIT 1")
    low, high = message_key(broadcast_id, 0), message_key(broadcast_id + 1, 0)
    return connection.execute(first, {"low": low, "high": high, "batch": batch}).first() is not None


# --- reading them ----------------------------------------------------------------------------------------------


def find_message(connection: Connection, key: int) -> RowMapping | None:
    return connection.execute(select(messages).where(messages.c.id == key)).mappings().one_or_none()


def list_messages(
    connection: Connection,
    broadcast_id: int,
    *,
    status: MessageStatus | None = None,
    reason: str | None = None,
    query: str | None = None,
    after: int | None = None,
    limit: int = 100,
) -> Sequence[RowMapping]:
    """A broadcast's messages in the order of its audience, from after a key on."""
    low = message_key(broadcast_id, 0) - 1 if after is None else after
    chosen = select(messages).where(messages.c.id > low, messages.c.id < message_key(broadcast_id + 1, 0))
    if status is not None:
        chosen = chosen.where(messages.c.status == status)
    if reason is not None:
        chosen = chosen.where(messages.c.reason == reason)
    if query:
        chosen = chosen.where(
            or_(
                messages.c.number.contains(query, autoescape=True),
                func.lower(messages.c.name).contains(query.lower(), autoescape=True),
            )
        )
    return connection.execute(chosen.order_by(messages.c.id).limit(limit)).mappings().all()


def attempts_of(connection: Connection, key: int) -> Sequence[RowMapping]:
    statement = select(attempts).where(attempts.c.message_id == key).order_by(attempts.c.id)
    return connection.execute(statement).mappings().all()
