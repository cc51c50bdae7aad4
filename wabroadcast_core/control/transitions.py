"""Pause, resume, cancel, retry and reschedule, as changes in the store.

The store is written first; the caller then announces the change to running turns. A turn that misses the announcement
sees the change at its next claim.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.errors import ConflictError, InvalidInputError, NotFoundError
from wabroadcast_core.models.broadcast import find_past_start
from wabroadcast_core.models.status import BroadcastStatus, MessageStatus
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.store import attempts as attempt_store
from wabroadcast_core.store import audit_log, wanted_statuses
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import messages as message_store
from wabroadcast_core.store.changes import Changes
from wabroadcast_core.store.database import Database

SWEEP_SIZE = 20_000  # messages closed in one transaction

_ACTIVE = (BroadcastStatus.SCHEDULED, BroadcastStatus.QUEUED, BroadcastStatus.PROCESSING)
_ABORTED = (BroadcastStatus.CANCELLED, BroadcastStatus.FAILED)  # their open messages are closed by a sweep

_PAUSE_FROM = _ACTIVE
_RESUME_FROM = (BroadcastStatus.PAUSED,)
_CANCEL_FROM = (*_ACTIVE, BroadcastStatus.PAUSED)
_RETRY_FROM = (*_ACTIVE, BroadcastStatus.PAUSED, BroadcastStatus.COMPLETED)
_RESCHEDULE_FROM = (BroadcastStatus.SCHEDULED, BroadcastStatus.QUEUED, BroadcastStatus.PAUSED)
_BATCH_FROM = (BroadcastStatus.PROCESSING, BroadcastStatus.PAUSED)

_MESSAGE_STATUS = {"pause": MessageStatus.PAUSED, "cancel": MessageStatus.CANCELLED}
_MESSAGE_FROM = {
    "pause": (MessageStatus.QUEUED, MessageStatus.RETRY),
    "cancel": (MessageStatus.QUEUED, MessageStatus.RETRY, MessageStatus.PAUSED),
}

_PARTICIPLE = {"pause": "paused", "resume": "resumed", "cancel": "cancelled"}
_MESSAGE_RULE = {
    "pause": "only a message that waits to be sent can be paused",
    "resume": "only a paused message can be resumed",
    "cancel": "only a message that has not left can be cancelled",
}


# --- a broadcast -----------------------------------------------------------------------------------------------


def pause_broadcast(conn: Connection, row: RowMapping, *, now: float, actor: str, reason: str | None = None) -> None:
    """Pause a broadcast: no more of its messages are claimed.

    :param row: the broadcast, from the table ``broadcasts``.
    :param now: the present time (UNIX seconds, UTC).
    :param actor: who did it, for the audit log.
    :param reason: why, shown to users.
    :raises ConflictError: it is paused already, or has ended.
    """
    changed = broadcast_store.set_status(
        conn,
        row["id"],
        BroadcastStatus.PAUSED,
        now=now,
        where_status=_PAUSE_FROM,
        status_reason=reason,
        paused_at=now,
    )
    if not changed:
        raise _refused("paused", row, allowed=_PAUSE_FROM)
    audit_log.record_action(conn, action="pause", actor=actor, now=now, broadcast_id=row["id"], detail=reason)


def resume_broadcast(conn: Connection, row: RowMapping, *, now: float, actor: str) -> BroadcastStatus:
    """Continue a paused broadcast. Batches that are not released yet are delayed by the length of the pause.

    :param row: the broadcast, from the table ``broadcasts``.
    :param now: the present time (UNIX seconds, UTC).
    :param actor: who did it, for the audit log.
    :returns: its new status.
    :raises ConflictError: it is not paused.
    """
    if row["status"] not in _RESUME_FROM:
        raise _refused("resumed", row, allowed=_RESUME_FROM)
    release = row["next_release_at"]
    status = _status_to_resume(row, now)
    broadcast_store.set_status(
        conn,
        row["id"],
        status,
        now=now,
        status_reason=None,
        paused_at=None,
        next_release_at=None if release is None else release + (now - row["paused_at"]),
    )
    audit_log.record_action(conn, action="resume", actor=actor, now=now, broadcast_id=row["id"])
    if broadcast_store.complete_broadcast(conn, row["id"], now=now):
        return BroadcastStatus.COMPLETED
    return status


def cancel_broadcast(conn: Connection, row: RowMapping, *, now: float, actor: str) -> None:
    """Cancel a broadcast: no more of its messages are claimed. Its open messages are closed by a later sweep.

    :param row: the broadcast, from the table ``broadcasts``.
    :param now: the present time (UNIX seconds, UTC).
    :param actor: who did it, for the audit log.
    :raises ConflictError: it has ended.
    """
    changed = broadcast_store.set_status(
        conn,
        row["id"],
        BroadcastStatus.CANCELLED,
        now=now,
        where_status=_CANCEL_FROM,
        status_reason=None,
        finished_at=now,
    )
    if not changed:
        raise _refused("cancelled", row, allowed=_CANCEL_FROM)
    audit_log.record_action(conn, action="cancel", actor=actor, now=now, broadcast_id=row["id"])


def sweep_broadcast(conn: Connection, broadcast_id: int, *, changes: Changes) -> bool:
    """Cancel open messages of an ended broadcast, at most :data:`SWEEP_SIZE`.

    :returns: whether more may be left.
    """
    more = wanted_statuses.mark_cancelled(conn, broadcast_id)
    left = SWEEP_SIZE
    for present in _MESSAGE_FROM["cancel"]:
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
    return more


def sweep_some(database: Database, broadcast_id: int, *, now: float) -> bool:
    """Cancel open messages of a broadcast in one transaction, if it was cancelled or has failed.

    :param now: the present time (UNIX seconds, UTC).
    :returns: whether more may be left.
    """

    def transaction(conn: Connection) -> bool:
        changes = Changes()
        row = broadcast_store.get_broadcast(conn, broadcast_id)
        if row is None or row["status"] not in _ABORTED:
            return False
        more = sweep_broadcast(conn, broadcast_id, changes=changes)
        broadcast_store.apply_changes(conn, changes, now=now)
        return more

    return database.transact(transaction)


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
    """Queue failed or unknown messages again, with all of their attempts.

    :param row: the broadcast, from the table ``broadcasts``.
    :param status: the status of the messages: failed or unknown.
    :param code: only messages that ended with this reason; None means all.
    :param now: the present time (UNIX seconds, UTC).
    :param actor: who did it, for the audit log.
    :param changes: receives the changes of the broadcast's counters.
    :returns: how many messages were queued.
    :raises ConflictError: the broadcast was cancelled, its audience could not be read, its connections are deleted, or
        messages of this status cannot be retried.
    """
    _check_retry(conn, row, status)
    if status == MessageStatus.FAILED:
        low, high = message_store.message_key(row["id"], 0), message_store.message_key(row["id"] + 1, 0)
        attempt_store.keep_accepted(conn, low=low, high=high, code=code)
    moved = message_store.move_messages(
        conn,
        broadcast_id=row["id"],
        present=status,
        status=MessageStatus.QUEUED,
        changes=changes,
        with_reason=code,
        again=True,
    )
    with_code = {"reason": code} if code else {}
    detail = say("retried_with" if code else "retried", n=moved, status=status.value, **with_code)
    audit_log.record_action(conn, action="retry", actor=actor, now=now, broadcast_id=row["id"], detail=detail)
    return moved


def _check_retry(conn: Connection, row: RowMapping, status: MessageStatus) -> None:
    """Check that the messages of a status can be queued again.

    :raises ConflictError: they cannot.
    """
    if status not in {MessageStatus.FAILED, MessageStatus.UNKNOWN}:
        raise ConflictError(f"{status} messages cannot be retried: choose failed or unknown ones", status=row["status"])
    if row["status"] not in _RETRY_FROM:
        raise ConflictError(
            f"the broadcast is {row['status']}: its messages cannot be retried; submit a new broadcast instead",
            status=row["status"],
        )
    if not broadcast_store.has_connection(conn, row["id"]):
        raise ConflictError(
            "the connection of the broadcast was deleted: submit a new broadcast instead of a retry",
            status=row["status"],
        )


def reschedule_broadcast(
    conn: Connection,
    row: RowMapping,
    *,
    name: str | None,
    scheduled_at: float | None,
    now: float,
    actor: str,
) -> None:
    """Change the name or the time of a broadcast whose audience has not been read yet.

    :param row: the broadcast, from the table ``broadcasts``.
    :param name: its new name; None leaves it.
    :param scheduled_at: its new time (UNIX seconds, UTC); None leaves it.
    :param now: the present time (UNIX seconds, UTC).
    :param actor: who did it, for the audit log.
    :raises ConflictError: it has started or ended.
    :raises InvalidInputError: the time is over.
    """
    if row["status"] not in _RESCHEDULE_FROM or row["started_at"] is not None:
        raise ConflictError(
            f"the broadcast is {row['status']}: its name and its time can be changed only before it starts",
            status=row["status"],
        )
    if fault := find_past_start(scheduled_at, now=now):
        raise InvalidInputError([fault])
    values: dict[str, Any] = {} if name is None else {"name": name}
    if scheduled_at is not None:
        values |= {"scheduled_at": scheduled_at, "held_until": None}
        if row["status"] != BroadcastStatus.PAUSED:
            values["status"] = BroadcastStatus.SCHEDULED if scheduled_at > now else BroadcastStatus.QUEUED
    if "status" in values:
        broadcast_store.set_status(conn, row["id"], now=now, **values)
    else:
        broadcast_store.update_broadcast(conn, row["id"], **values)
    audit_log.record_action(
        conn, action="change", actor=actor, now=now, broadcast_id=row["id"], detail=say("changed", fields=list(values))
    )


def _status_to_resume(row: RowMapping, now: float) -> BroadcastStatus:
    if row["started_at"] is not None:
        return BroadcastStatus.PROCESSING
    if row["scheduled_at"] is not None and row["scheduled_at"] > now:
        return BroadcastStatus.SCHEDULED
    return BroadcastStatus.QUEUED


def _refused(participle: str, row: RowMapping, *, allowed: Collection[BroadcastStatus]) -> ConflictError:
    """Return the error for an action that the status of a broadcast does not allow.

    :param participle: the action, such as ``paused``.
    :param allowed: the statuses that allow it.
    """
    *others, last = allowed
    statuses = f"{', '.join(others)} or {last}" if others else str(last)
    return ConflictError(
        f"the broadcast is {row['status']} and cannot be {participle}: only a {statuses} broadcast can",
        status=row["status"],
    )


# --- one batch -------------------------------------------------------------------------------------------------


def control_batch(
    conn: Connection, row: RowMapping, action: str, *, batch: int, now: float, actor: str, changes: Changes
) -> None:
    """Pause, resume or cancel one batch.

    :param row: the broadcast, from the table ``broadcasts``.
    :param action: ``pause``, ``resume`` or ``cancel``.
    :param batch: the number of the batch; the first one is 0.
    :param now: the present time (UNIX seconds, UTC).
    :param actor: who did it, for the audit log.
    :param changes: receives the changes of the broadcast's counters.
    :raises NotFoundError: the broadcast has no such batch.
    :raises ConflictError: the broadcast has not started or has ended, its audience is still being read, or no message
        of the batch allows the action.
    """
    status = row["status"]
    if status not in _BATCH_FROM:
        raise ConflictError(
            f"the broadcast is {status}: a batch can be {_PARTICIPLE[action]} only while its broadcast is processing "
            "or paused",
            status=status,
        )
    if not row["prepared"]:
        raise ConflictError(
            f"the audience is still being read, so batch {batch} may be incomplete: try again when it is read, or "
            f"{action} the whole broadcast",
            status=status,
        )
    if not message_store.batch_exists(conn, broadcast_id=row["id"], batch=batch):
        raise NotFoundError("batch", str(batch))
    if action == "resume":
        count = message_store.resume_batch(conn, broadcast_id=row["id"], batch=batch, now=now, changes=changes)
        count += wanted_statuses.set_wanted_status(conn, status=None, broadcast_id=row["id"], batch=batch)
    else:
        # Twice: a message may move from one status to another between the statements of the first pass.
        count = sum(_stop_batch(conn, row["id"], action, batch=batch, changes=changes) for _ in range(2))
    if not count:
        raise ConflictError(f"batch {batch} has no message that can be {_PARTICIPLE[action]}", status=status)
    audit_log.record_action(
        conn, action=action, actor=actor, now=now, broadcast_id=row["id"], detail=audit_log.of_batch(batch)
    )


def _stop_batch(conn: Connection, broadcast_id: int, action: str, *, batch: int, changes: Changes) -> int:
    """Pause or cancel the waiting messages of a batch; the claimed ones follow if they come back unsent.

    :returns: how many messages this changes.
    """
    status = _MESSAGE_STATUS[action]
    moved = sum(
        message_store.move_messages(
            conn, broadcast_id=broadcast_id, present=present, status=status, changes=changes, batch=batch
        )
        for present in _MESSAGE_FROM[action]
    )
    return moved + wanted_statuses.set_wanted_status(conn, status=status, broadcast_id=broadcast_id, batch=batch)


# --- one message -----------------------------------------------------------------------------------------------


def control_message(
    conn: Connection, row: RowMapping, action: str, *, message: RowMapping, now: float, actor: str, changes: Changes
) -> None:
    """Pause, resume or cancel one message.

    A claimed message gets its new status if it comes back unsent, and an unknown one is not sent again.

    :param row: the message's broadcast, from the table ``broadcasts``.
    :param action: ``pause``, ``resume`` or ``cancel``.
    :param message: the message, from the table ``messages``.
    :param now: the present time (UNIX seconds, UTC).
    :param actor: who did it, for the audit log.
    :param changes: receives the changes of the broadcast's counters.
    :raises ConflictError: the status of the message, or of its broadcast, does not allow the action.
    """
    key = message["id"]
    if action == "resume" and row["status"] in _ABORTED:  # the message would only be cancelled like the others
        raise ConflictError(f"the broadcast is {row['status']}: its messages cannot be resumed", status=row["status"])
    if action == "resume":
        changed = message_store.resume_one(conn, key, now=now, changes=changes) or (
            message["wanted"] is not None and wanted_statuses.set_wanted_status_of(conn, key, status=None)
        )
    else:
        status = _MESSAGE_STATUS[action]
        changed = message_store.move_one(
            conn, key, among=_MESSAGE_FROM[action], status=status, changes=changes
        ) or wanted_statuses.set_wanted_status_of(conn, key, status=status)
    if not changed:
        present = message["status"]
        raise ConflictError(
            f"the message is {present} and cannot be {_PARTICIPLE[action]}: {_MESSAGE_RULE[action]}", status=present
        )
    position = message_store.position_of(key)
    audit_log.record_action(
        conn, action=action, actor=actor, now=now, broadcast_id=row["id"], detail=audit_log.of_message(position)
    )
