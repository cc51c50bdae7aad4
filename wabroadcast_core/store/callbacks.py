"""The events of callbacks: stored in the transaction of the change that they report, delivered later.

Events of one broadcast are stored while its row is locked, so the order of their ids is the order of the changes. An
event has no data of people: message results are positions, and what is sent is read from the messages at each try.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, func, insert, or_, select, text, update

from wabroadcast_core.models.callback import CallbackState
from wabroadcast_core.store.messages import broadcast_of, position_of
from wabroadcast_core.store.tables import broadcasts, callback_events, messages

LONGEST_SECONDS = 86_400.0  # for which an event is tried
MOST_RESULTS = 500  # in one event: a body of about 200 KB
GATHER_SECONDS = 2.0  # that results wait for others, so that a busy broadcast makes few calls
MERGED_AT_ONCE = 200  # events: the transaction must stay short, because sending shares it
MANY_UNMERGED = 100  # events of a broadcast; they are merged before the next try is due
MOST_QUEUED = 500  # broadcasts in one look
LOST_SECONDS = 30.0  # after which a task that was queued for a delivery counts as lost

_event = callback_events.c
_PENDING = text("callback_events.state = 'pending'")  # as the partial index has it
_is_unmerged = _event.results.is_not(None) & (_event.tries == 0) & (_event.amount < MOST_RESULTS)


# --- store events ----------------------------------------------------------------------------------------------

# Store that a broadcast has a new status, if its callbacks report it. Input: :id, :now, :ends_at.
_ADD_CHANGE = text(
    """
    INSERT INTO callback_events (broadcast_id, at, status, reason, due_at, ends_at)
    SELECT id, CAST(:now AS DOUBLE PRECISION), status, status_reason, CAST(:now AS DOUBLE PRECISION),
      CAST(:ends_at AS DOUBLE PRECISION)
    FROM broadcasts WHERE id = :id AND reports_changes
    """
)


def add_change(conn: Connection, broadcast_id: int, *, now: float) -> None:
    """Store that a broadcast has a new status, if its callbacks report it. Its row must be locked."""
    conn.execute(_ADD_CHANGE, {"id": broadcast_id, "now": now, "ends_at": now + LONGEST_SECONDS})


def add_results(conn: Connection, keys: Iterable[int], *, among: Iterable[int], now: float) -> None:
    """Store that messages have a new result.

    :param keys: of the messages; a message may be named twice.
    :param among: the broadcasts whose callbacks report results; their rows must be locked.
    """
    positions: dict[int, dict[int, None]] = {broadcast_id: {} for broadcast_id in among}
    for key in keys:
        found = positions.get(broadcast_of(key))
        if found is not None:
            found[position_of(key)] = None
    rows = [
        _results_row(broadcast_id, part, now=now)
        for broadcast_id, found in sorted(positions.items())
        for part in _parts(list(found))
    ]
    if rows:
        conn.execute(insert(callback_events), rows)


def _parts(positions: Sequence[int]) -> list[Sequence[int]]:
    return [positions[start : start + MOST_RESULTS] for start in range(0, len(positions), MOST_RESULTS)]


def _results_row(broadcast_id: int, positions: Sequence[int], *, now: float) -> dict[str, Any]:
    return {
        "broadcast_id": broadcast_id,
        "at": now,
        "results": json.dumps(positions),
        "amount": len(positions),
        "due_at": now + GATHER_SECONDS,
        "ends_at": now + LONGEST_SECONDS,
    }


# --- deliver them ----------------------------------------------------------------------------------------------

# Find the broadcasts whose first pending event is due and not queued, or that have many events to be merged.
# Input: :now, :lost_at, :full (results of a full event), :many, :limit. Output: broadcast_id.
_DUE = text(
    """
    SELECT head.broadcast_id FROM (
      SELECT broadcast_id, min(id) AS id,
        sum(CASE WHEN results IS NOT NULL AND tries = 0 AND amount < :full THEN 1 ELSE 0 END) AS unmerged
      FROM callback_events WHERE state = 'pending' GROUP BY broadcast_id
    ) AS stream JOIN callback_events AS head ON head.id = stream.id
    WHERE (head.due_at <= :now OR stream.unmerged >= :many) AND coalesce(head.queued_at, 0) <= :lost_at
    ORDER BY head.due_at LIMIT :limit
    """
)


def due_broadcasts(conn: Connection, *, now: float) -> Sequence[int]:
    """Return the ids of broadcasts with an event that is due, and for which no task was queued lately."""
    values = {"now": now, "lost_at": now - LOST_SECONDS}
    values |= {"full": MOST_RESULTS, "many": MANY_UNMERGED, "limit": MOST_QUEUED}
    return conn.execute(_DUE, values).scalars().all()


def has_due(conn: Connection, *, now: float) -> bool:
    """Return whether any event is due or waits for others, queued or not."""
    first = select(func.min(_event.id)).where(_PENDING).group_by(_event.broadcast_id)
    found = select(_event.id).where(_event.id.in_(first), _event.due_at <= now + GATHER_SECONDS)
    return conn.execute(found.limit(1)).first() is not None


def mark_queued(conn: Connection, broadcast_ids: Sequence[int], *, now: float) -> None:
    """Record that a task was queued for the first pending event of each broadcast."""
    first = select(func.min(_event.id)).where(_PENDING, _event.broadcast_id.in_(broadcast_ids))
    heads = first.group_by(_event.broadcast_id).scalar_subquery()
    conn.execute(update(callback_events).where(_event.id.in_(heads)).values(queued_at=now))


def merge_results(conn: Connection, broadcast_id: int) -> None:
    """Merge the events of message results that were not tried yet, so that their number stays small.

    Only into earlier ones: an event shows its messages as they are when it is sent.
    """
    mine = _PENDING & (_event.broadcast_id == broadcast_id) & _is_unmerged
    statement = select(_event.id, _event.results, _event.ends_at).where(mine).order_by(_event.id)
    rows = conn.execute(statement.limit(MERGED_AT_ONCE).with_for_update()).all()
    if len(rows) < 2:  # noqa: PLR2004 - one alone cannot be merged
        return
    found = dict.fromkeys(position for row in rows for position in json.loads(row.results))
    parts, ends_at = _parts(list(found)), max(row.ends_at for row in rows)
    for row, positions in zip(rows, parts, strict=False):
        values = {"results": json.dumps(positions), "amount": len(positions), "ends_at": ends_at}
        conn.execute(update(callback_events).where(_event.id == row.id).values(values))
    emptied = [row.id for row in rows[len(parts) :]]
    conn.execute(delete(callback_events).where(_event.id.in_(emptied)))


def take_first(conn: Connection, broadcast_id: int, *, now: float, until: float) -> RowMapping | None:
    """Take the first pending event of a broadcast for a try.

    :param until: when the try has ended at the latest; then the event may be taken again.
    :returns: None if there is none, or it is being tried, or its next try is not due.
    """
    pending = select(callback_events).where(_PENDING, _event.broadcast_id == broadcast_id)
    first = conn.execute(pending.order_by(_event.id).limit(1).with_for_update()).mappings().one_or_none()
    if first is None:
        return None
    statement = update(callback_events).where(_event.id == first["id"])
    if first["due_at"] > now:  # the task was only to merge events; another one is queued when it is due
        conn.execute(statement.values(queued_at=None))
        return None
    values = {"tries": _event.tries + 1, "due_at": until, "queued_at": None, "problem": None}
    return conn.execute(statement.values(values).returning(callback_events)).mappings().one()


def messages_of(conn: Connection, keys: Sequence[int]) -> Sequence[RowMapping]:
    """Return the rows of messages, in the order of the audience."""
    return conn.execute(select(messages).where(messages.c.id.in_(keys)).order_by(messages.c.id)).mappings().all()


def end_event(conn: Connection, key: int, *, now: float) -> None:
    """Record that an event was delivered."""
    values = {"state": CallbackState.DELIVERED, "ended_at": now, "problem": None}
    conn.execute(update(callback_events).where(_event.id == key, _PENDING).values(values))


def put_off(conn: Connection, key: int, *, tries: int, due_at: float, problem: str) -> None:
    """Record that a try failed, and when the next one is due.

    :param tries: the number of the try: another one may have begun since.
    """
    statement = update(callback_events).where(_event.id == key, _event.tries == tries, _PENDING)
    conn.execute(statement.values(due_at=due_at, queued_at=None, problem=problem))


def put_off_first(conn: Connection, broadcast_id: int, *, due_at: float) -> None:
    """Put off the first event of a broadcast: its receiver has not worked for a day."""
    first = select(func.min(_event.id)).where(_PENDING, _event.broadcast_id == broadcast_id)
    conn.execute(update(callback_events).where(_event.id == first.scalar_subquery()).values(due_at=due_at))


def give_up(conn: Connection, broadcast_id: int, *, now: float, problem: str) -> int:
    """Give up the events of a broadcast that were to be delivered by now. Those behind the first were not tried.

    :returns: how many there were.
    """
    statement = update(callback_events).where(_PENDING, _event.broadcast_id == broadcast_id, _event.ends_at <= now)
    values = {"state": CallbackState.FAILED, "ended_at": now, "problem": problem}
    return conn.execute(statement.values(values)).rowcount


def stop_callbacks(conn: Connection, broadcast_id: int, *, now: float, problem: str) -> None:
    """Give up all events of a broadcast and store no more: its receiver is gone."""
    unset = update(broadcasts).where(broadcasts.c.id == broadcast_id)
    conn.execute(unset.values(reports_changes=False, reports_results=False))
    values = {"state": CallbackState.FAILED, "ended_at": now, "problem": problem}
    conn.execute(update(callback_events).where(_PENDING, _event.broadcast_id == broadcast_id).values(values))


def forget_events(conn: Connection, *, before: float, limit: int) -> int:
    """Delete events that ended before this time (UNIX seconds, UTC).

    :returns: how many were deleted, at most ``limit``.
    """
    old = select(_event.id).where(_event.ended_at < before).order_by(_event.ended_at).limit(limit)
    return conn.execute(delete(callback_events).where(_event.id.in_(old.scalar_subquery()))).rowcount


# --- show them, and send them again ----------------------------------------------------------------------------

_LISTED = select(callback_events, broadcasts.c.job_id, broadcasts.c.draft).join(
    broadcasts, broadcasts.c.id == _event.broadcast_id
)


def find_event(conn: Connection, key: int) -> RowMapping | None:
    """Return an event with ``job_id`` and ``draft`` of its broadcast, or None."""
    return conn.execute(_LISTED.where(_event.id == key)).mappings().one_or_none()


def list_events(
    conn: Connection, *, state: CallbackState | None, broadcast_id: int | None, offset: int, limit: int
) -> tuple[Sequence[RowMapping], int]:
    """Return a page of events, newest first, with ``job_id`` and ``draft`` of their broadcasts; and their number."""
    chosen: Select[Any] = _LISTED
    if state is not None:
        chosen = chosen.where(_event.state == state)
    if broadcast_id is not None:
        chosen = chosen.where(_event.broadcast_id == broadcast_id)
    total = conn.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    return conn.execute(chosen.order_by(_event.id.desc()).offset(offset).limit(limit)).mappings().all(), total


def send_again(conn: Connection, event: RowMapping, *, now: float) -> None:
    """Make an event pending again, with all of its time. What must be sent before it is due at once too."""
    values: dict[str, Any] = {"ends_at": now + LONGEST_SECONDS}
    if event["state"] != CallbackState.PENDING:
        values |= {"state": CallbackState.PENDING, "ended_at": None, "due_at": now, "queued_at": None}
    conn.execute(update(callback_events).where(_event.id == event["id"]).values(values))
    earlier = (_PENDING, _event.broadcast_id == event["broadcast_id"], _event.id <= event["id"])
    waits = or_(_event.tries == 0, _event.problem.is_not(None))  # the others are being tried
    conn.execute(update(callback_events).where(*earlier, waits).values(due_at=now, queued_at=None))


def backlog(conn: Connection) -> tuple[int, float | None]:
    """Return the number of pending events and the time of the oldest one."""
    amount, oldest_at = conn.execute(select(func.count(), func.min(_event.at)).where(_PENDING)).one()
    return amount, oldest_at
