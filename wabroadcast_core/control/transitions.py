"""Pause, resume, cancel and retry: what they do in the store, and how running turns hear of it.

The store is written first, then the news is published. Whoever misses the news sees the store at the next claim.
"""

import logging
from typing import Any

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.errors import ConflictError, NotFoundError
from wabroadcast_core.models.status import BroadcastStatus, MessageStatus
from wabroadcast_core.store import audit_log
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import messages as message_store
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.messages import Changes

log = logging.getLogger(__name__)

LIVE = (BroadcastStatus.SCHEDULED, BroadcastStatus.QUEUED, BroadcastStatus.PROCESSING)
WAITING = (MessageStatus.QUEUED, MessageStatus.RETRY)
_BROKEN_OFF = frozenset({BroadcastStatus.CANCELLED, BroadcastStatus.FAILED})
_PAST = {"pause": "paused", "resume": "resumed", "cancel": "cancelled"}
SWEEP_SIZE = 20_000  # messages closed in one transaction


# --- a broadcast -----------------------------------------------------------------------------------------------


def pause_broadcast(conn: Connection, row: RowMapping, *, now: float, actor: str, reason: str | None = None) -> None:
    """:raises ConflictError: it is paused or ended."""
    changed = broadcast_store.update_broadcast(
        conn,
        row["id"],
        where_status=LIVE,
        status=BroadcastStatus.PAUSED,
        status_reason=reason,
        paused_at=now,
    )
    if not changed:
        raise _refused("paused", row)
    audit_log.record_act(conn, act="pause", actor=actor, now=now, broadcast_id=row["id"], detail=reason)


def resume_broadcast(conn: Connection, row: RowMapping, *, now: float, actor: str) -> BroadcastStatus:
    """Go on where it stood; batches not released yet are shifted by the length of the pause.

    :raises ConflictError: it is not paused.
    :returns: its status now.
    """
    if row["status"] != BroadcastStatus.PAUSED:
        raise _refused("resumed", row)
    release = row["next_release_at"]
    status = _status_to_resume(row, now)
    broadcast_store.update_broadcast(
        conn,
        row["id"],
        status=status,
        status_reason=None,
        paused_at=None,
        next_release_at=None if release is None else release + (now - row["paused_at"]),
    )
    audit_log.record_act(conn, act="resume", actor=actor, now=now, broadcast_id=row["id"])
    if broadcast_store.complete_broadcast(conn, row["id"], now=now):
        return BroadcastStatus.COMPLETED
    return status


def cancel_broadcast(conn: Connection, row: RowMapping, *, now: float, actor: str) -> None:
    """End a broadcast: nothing of it is claimed any more. What did not leave yet is swept in later transactions.

    :raises ConflictError: it has ended.
    """
    changed = broadcast_store.update_broadcast(
        conn,
        row["id"],
        where_status=(*LIVE, BroadcastStatus.PAUSED),
        status=BroadcastStatus.CANCELLED,
        status_reason=None,
        finished_at=now,
    )
    if not changed:
        raise _refused("cancelled", row)
    audit_log.record_act(conn, act="cancel", actor=actor, now=now, broadcast_id=row["id"])


def sweep_broadcast(conn: Connection, broadcast_id: int, *, changes: Changes) -> bool:
    """Close open messages of an ended broadcast, as many as one transaction takes. :returns: whether to go on."""
    message_store.set_wanted_status(conn, status=MessageStatus.CANCELLED, broadcast_id=broadcast_id)
    left = SWEEP_SIZE
    for present in (MessageStatus.QUEUED, MessageStatus.RETRY, MessageStatus.PAUSED):
        left -= message_store.move_messages(
            conn,
            broadcast_id=broadcast_id,
            present=present,
            status=MessageStatus.CANCELLED,
            changes=changes,
            limit=left,
        )
        if left <= 0:
            return True
    return False


def sweep_some(database: Database, broadcast_id: int, *, now: float) -> bool:
    """Close open messages of a broadcast, if it has ended, in a transaction. :returns: whether more may be left."""

    def some(conn: Connection) -> bool:
        changes: Changes = Changes()
        row = broadcast_store.get_broadcast(conn, broadcast_id)
        if row is None or row["status"] not in _BROKEN_OFF:
            return False
        more = sweep_broadcast(conn, broadcast_id, changes=changes)
        broadcast_store.apply_changes(conn, changes, now=now)
        return more

    return database.transact(some)


def retry_broadcast(
    conn: Connection,
    row: RowMapping,
    *,
    status: MessageStatus,
    code: str | None,
    now: float,
    actor: str,
    changes: Changes,
) -> int:
    """Try failed (or unknown) messages again, from their first attempt on.

    :raises ConflictError: it was cancelled, or its audience could not be read.
    :returns: how many.
    """
    if status not in {MessageStatus.FAILED, MessageStatus.UNKNOWN}:
        raise ConflictError("only failed and unknown messages can be tried again", status=row["status"])
    if row["status"] in _BROKEN_OFF:
        raise _refused("tried again", row)
    moved = message_store.move_messages(
        conn,
        broadcast_id=row["id"],
        present=status,
        status=MessageStatus.QUEUED,
        changes=changes,
        with_reason=code,
        again=True,
    )
    detail = f"{moved} {status}" + (f" with {code}" if code else "")
    audit_log.record_act(conn, act="retry", actor=actor, now=now, broadcast_id=row["id"], detail=detail)
    return moved


def reschedule_broadcast(
    conn: Connection,
    row: RowMapping,
    *,
    name: str | None,
    scheduled_at: float | None,
    now: float,
    actor: str,
) -> None:
    """Change the name or the time of a broadcast whose audience is not read yet.

    :raises ConflictError: it has started.
    """
    waiting = row["status"] in {BroadcastStatus.SCHEDULED, BroadcastStatus.QUEUED, BroadcastStatus.PAUSED}
    if not waiting or row["started_at"] is not None:
        raise _refused("changed", row)
    values: dict[str, Any] = {} if name is None else {"name": name}
    if scheduled_at is not None:
        values["scheduled_at"] = scheduled_at
        if row["status"] != BroadcastStatus.PAUSED:
            values["status"] = BroadcastStatus.SCHEDULED if scheduled_at > now else BroadcastStatus.QUEUED
    broadcast_store.update_broadcast(conn, row["id"], **values)
    audit_log.record_act(conn, act="change", actor=actor, now=now, broadcast_id=row["id"], detail=", ".join(values))


def _status_to_resume(row: RowMapping, now: float) -> BroadcastStatus:
    if row["started_at"] is not None:
        return BroadcastStatus.PROCESSING
    if row["scheduled_at"] is not None and row["scheduled_at"] > now:
        return BroadcastStatus.SCHEDULED
    return BroadcastStatus.QUEUED


def _refused(what: str, row: RowMapping) -> ConflictError:
    return ConflictError(f"a broadcast that is {row['status']} cannot be {what}", status=row["status"])


# --- one batch -------------------------------------------------------------------------------------------------


def control_batch(
    conn: Connection, row: RowMapping, act: str, *, batch: int, now: float, actor: str, changes: Changes
) -> None:
    """Pause, resume or cancel one batch.

    :raises NotFoundError: there is no such batch.
    :raises ConflictError: the broadcast has ended, its audience is still being read, or nothing of the batch allows it.
    """
    if row["status"] not in {BroadcastStatus.PROCESSING, BroadcastStatus.PAUSED}:
        raise _refused(f"{_PAST[act]} in part", row)
    if not row["prepared"]:
        raise ConflictError("the audience is still being read: its batches are not complete", status=row["status"])
    if not message_store.batch_exists(conn, broadcast_id=row["id"], batch=batch):
        raise NotFoundError("batch", str(batch))
    if act == "resume":
        done = message_store.resume_batch(conn, broadcast_id=row["id"], batch=batch, now=now, changes=changes)
        done += message_store.set_wanted_status(conn, status=None, broadcast_id=row["id"], batch=batch)
    else:
        done = sum(_stop_batch(conn, row["id"], act, batch=batch, changes=changes) for _ in range(2))
    if not done:
        raise ConflictError(f"batch {batch} has no message that can be {_PAST[act]}", status=row["status"])
    audit_log.record_act(conn, act=act, actor=actor, now=now, broadcast_id=row["id"], detail=f"batch {batch}")


def _stop_batch(conn: Connection, broadcast_id: int, act: str, *, batch: int, changes: Changes) -> int:
    """Pause or cancel what waits of a batch, and what is claimed once it is back; done twice: some may just be moving.

    :returns: how many messages it concerns.
    """
    status = MessageStatus.PAUSED if act == "pause" else MessageStatus.CANCELLED
    among = (*WAITING, MessageStatus.PAUSED) if act == "cancel" else WAITING
    moved = sum(
        message_store.move_messages(
            conn, broadcast_id=broadcast_id, present=present, status=status, changes=changes, batch=batch
        )
        for present in among
    )
    return moved + message_store.set_wanted_status(conn, status=status, broadcast_id=broadcast_id, batch=batch)


# --- one message -----------------------------------------------------------------------------------------------


def control_message(
    conn: Connection, row: RowMapping, act: str, *, message: RowMapping, now: float, actor: str, changes: Changes
) -> None:
    """Pause, resume or cancel one message. One that is claimed changes once it comes back unsent.

    :raises ConflictError: its status, or its broadcast's, does not allow that.
    """
    key = message["id"]
    if act == "resume" and row["status"] in _BROKEN_OFF:  # it would only end as the others do
        raise _refused(_PAST[act], row)
    if act == "resume":
        done = message_store.resume_one(conn, key, now=now, changes=changes) or (
            message["wanted"] is not None and message_store.set_wanted_status_of(conn, key, status=None)
        )
    else:
        status = MessageStatus.PAUSED if act == "pause" else MessageStatus.CANCELLED
        among = (*WAITING, MessageStatus.PAUSED) if act == "cancel" else WAITING
        done = message_store.move_one(
            conn, key, among=among, status=status, changes=changes
        ) or message_store.set_wanted_status_of(conn, key, status=status)
    if not done:
        raise ConflictError(f"a message that is {message['status']} cannot be {_PAST[act]}", status=message["status"])
    position = message_store.position_of(key)
    audit_log.record_act(conn, act=act, actor=actor, now=now, broadcast_id=row["id"], detail=f"message {position}")
