"""Use case of an undo: a broadcast of which nothing has left becomes a draft again; any other one is paused."""

import time
import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.context import Context
from wabroadcast_core.control.announcements import Announcement, announce
from wabroadcast_core.control.undo import Departures, record_late_undo, withdraw_broadcast
from wabroadcast_core.models.base import DEFAULT_ACTOR
from wabroadcast_core.models.draft import UndoResult
from wabroadcast_core.services.broadcast_work import sweep_messages
from wabroadcast_core.services.draft_fields import fields_of_broadcast
from wabroadcast_core.services.draft_rows import add_draft, reopen_draft
from wabroadcast_core.services.lookups import broadcast_row, broadcast_summary
from wabroadcast_core.store import broadcasts as broadcast_store

LONGEST_WAIT = 3.0  # seconds for claimed messages to come back unsent, or to end
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class _Step:
    """What one transaction of an undo has found and done."""

    key: int
    draft_id: str | None  # None: not undone
    departures: Departures
    is_changed: bool  # whether the broadcast has a new status


class UndoableBroadcasts(ABC):
    """The method of :class:`Broadcaster` for an undo. The broadcaster inherits it."""

    @property
    @abstractmethod
    def context(self) -> Context:
        """The parts that the services share."""

    def undo(self, job_id: str, *, actor: str = DEFAULT_ACTOR) -> UndoResult:
        """Turn a broadcast into a draft if none of its messages has left; else pause it and count those that have.

        The messages that a worker has claimed are awaited for some seconds. If it is not certain then that none has
        left, the broadcast stays paused; another undo may find that none has. A repeated undo has the same result.

        :raises NotFoundError: no broadcast has this id.
        :raises ConflictError: it was cancelled, or its audience could not be read.
        """
        step = self._withdraw(job_id, actor=actor)
        if step.draft_id is None:
            self._await_certainty(step.key)
            step = self._withdraw(job_id, actor=actor, is_last=True)
        left, claimed = step.departures.left, step.departures.claimed
        return UndoResult(
            undone=step.draft_id is not None,
            draft_id=step.draft_id,
            left=left + claimed,
            under_way=claimed,
            broadcast=broadcast_summary(self.context.database, step.key),
        )

    def _withdraw(self, job_id: str, *, actor: str, is_last: bool = False) -> _Step:
        """Withdraw a broadcast of which nothing has left, or pause it; then announce what was changed.

        :param is_last: whether an undo that is too late now stays so, and is recorded.
        """
        now = self.context.clock.now()

        def transaction(conn: Connection) -> _Step:
            row = broadcast_row(conn, job_id, lock=True)
            if row["undone"]:
                return _Step(row["id"], row["draft_id"], Departures(0, 0), is_changed=False)
            departures = withdraw_broadcast(conn, row, now=now, actor=actor)
            draft_id = _make_draft(conn, row, now=now, actor=actor) if departures.are_none else None
            if is_last and draft_id is None:
                record_late_undo(conn, broadcast_row(conn, job_id), now=now, actor=actor)
            is_changed = row["status"] != broadcast_row(conn, job_id)["status"]
            return _Step(row["id"], draft_id, departures, is_changed=is_changed)

        step = self.context.database.transact(transaction)
        if step.is_changed:
            self._publish(step)
        return step

    def _await_certainty(self, key: int) -> None:
        """Wait until claimed messages came back unsent or have left, for some seconds at most."""
        ends_at = time.monotonic() + LONGEST_WAIT
        while not self._departures(key).are_certain and time.monotonic() < ends_at:
            time.sleep(POLL_SECONDS)

    def _departures(self, key: int) -> Departures:
        with self.context.database.read() as conn:
            row = broadcast_store.get_broadcast(conn, key)
        return Departures(0, 0) if row is None else Departures.of(row)

    def _publish(self, step: _Step) -> None:
        """Announce that a broadcast was stopped, and close the messages of one that was withdrawn."""
        announce(self.context.redis, self.context.keys, Announcement(broadcast=step.key))
        if step.draft_id is not None:
            sweep_messages(self.context, step.key)
        self.context.changed([step.key])


def _make_draft(conn: Connection, row: RowMapping, *, now: float, actor: str) -> str:
    """Make a draft of a withdrawn broadcast: the one that it was submitted from, or a new one.

    :returns: the id of the draft.
    """
    fields = fields_of_broadcast(row, now=now)
    draft_id: str | None = row["draft_id"]
    if draft_id is not None and reopen_draft(conn, draft_id, fields, broadcast_id=row["id"], actor=actor, now=now):
        return draft_id
    draft_id = str(uuid.uuid4())
    add_draft(conn, draft_id, fields, actor=actor, now=now)
    broadcast_store.update_broadcast(conn, row["id"], draft_id=draft_id)
    return draft_id
