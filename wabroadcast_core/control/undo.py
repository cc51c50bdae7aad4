"""Undo of a broadcast, as changes in the store: it is withdrawn if no message has left, else it is paused.

The locked row of the broadcast is the proof. Its counters change in the transactions of claims and outcomes, and a
claim that began before the row was locked is rolled back (``store.claims.check_claimed``). So if no message is
claimed and none has ever ended, none has left; and once the broadcast is withdrawn in the same transaction, none can be
claimed any more. While messages are claimed, the broadcast is only paused: the claims come back unsent, or they end.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.control import transitions
from wabroadcast_core.errors import ConflictError
from wabroadcast_core.models.status import BroadcastStatus
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.store import audit_log
from wabroadcast_core.store import broadcasts as broadcast_store

UNDONE_REASON = say("undone")
_FINAL = (BroadcastStatus.CANCELLED, BroadcastStatus.FAILED)
_RUNNING = (BroadcastStatus.SCHEDULED, BroadcastStatus.QUEUED, BroadcastStatus.PROCESSING)


@dataclass(frozen=True, slots=True)
class Departures:
    """How many messages of a broadcast have left, and how many are claimed, so that they may still leave."""

    left: int
    claimed: int

    @classmethod
    def of(cls, row: RowMapping) -> "Departures":
        """Return the departures by the row of a broadcast.

        A failed message may have left, and so may one that waits again after it had failed or was unknown.
        """
        ended: int = row["sent"] + row["failed"] + row["unknown"]
        return cls(left=max(ended, int(row["departed"])), claimed=row["processing"])

    @property
    def are_none(self) -> bool:
        """Whether no message has left and none can be about to."""
        return not self.left and not self.claimed

    @property
    def are_certain(self) -> bool:
        """Whether it is certain that messages have left, or that none has."""
        return bool(self.left) or not self.claimed


def withdraw_broadcast(conn: Connection, row: RowMapping, *, now: float, actor: str) -> Departures:
    """Withdraw a broadcast of which no message has left; pause any other one that runs.

    :param row: the broadcast, from the table ``broadcasts``, locked in this transaction.
    :param now: the present time (UNIX seconds, UTC).
    :param actor: who undoes it, for the audit log.
    :returns: what has left; none, if it was withdrawn.
    :raises ConflictError: it was cancelled, or its audience could not be read.
    """
    if row["status"] in _FINAL:
        raise ConflictError(
            f"the broadcast is {row['status']} and cannot be undone: copy it into a draft instead", status=row["status"]
        )
    departures = Departures.of(row)
    if departures.are_none:
        broadcast_store.set_status(
            conn,
            row["id"],
            BroadcastStatus.CANCELLED,
            now=now,
            status_reason=UNDONE_REASON,
            finished_at=now,
            undone=True,
        )
        audit_log.record_action(conn, action="undo", actor=actor, now=now, broadcast_id=row["id"])
    elif row["status"] in _RUNNING:
        transitions.pause_broadcast(conn, row, now=now, actor=actor)
    return departures


def record_late_undo(conn: Connection, row: RowMapping, *, now: float, actor: str) -> None:
    """Record an undo that came too late. If the pause has left nothing to be sent, the broadcast is completed.

    :param row: the broadcast after it was paused, from the table ``broadcasts``, locked in this transaction.
    :param now: the present time (UNIX seconds, UTC).
    :param actor: who wanted to undo it, for the audit log.
    """
    departures = Departures.of(row)
    detail = say("undo_late", n=departures.left, claimed=departures.claimed)
    audit_log.record_action(conn, action="undo", actor=actor, now=now, broadcast_id=row["id"], detail=detail)
    is_open = row["queued"] + row["processing"] + row["retry"] + row["paused"] > 0
    if row["status"] == BroadcastStatus.PAUSED and row["prepared"] and not is_open:
        transitions.resume_broadcast(conn, row, now=now, actor=actor)
