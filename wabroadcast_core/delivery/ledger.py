"""The reads and writes in the store that turns and inbound events need: look, claim, pause, resume, opt out."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from wabroadcast_core.clock import RedisClock
from wabroadcast_core.context import Context
from wabroadcast_core.control import transitions
from wabroadcast_core.control.announcements import Announcement, announce
from wabroadcast_core.delivery.claims import Claims, DueWork, in_order_of_sending
from wabroadcast_core.errors import ConflictError, ConnectionDown, words_of
from wabroadcast_core.metrics.catalogue import CLAIM_DURATION, CLAIMED
from wabroadcast_core.models.status import ConnectionState, Purpose
from wabroadcast_core.outcomes.opt_outs import opt_out
from wabroadcast_core.pacing.pace import RecentStarts
from wabroadcast_core.snapshots import BroadcastSnapshot, ConnectionSnapshot
from wabroadcast_core.store import audit_log
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import messages as message_store
from wabroadcast_core.store import starts as start_store
from wabroadcast_core.store.claims import Claimed
from wabroadcast_core.store.group_commit import GroupCommit, UnitOfWork

log = logging.getLogger(__name__)

Result = TypeVar("Result")

ENGINE = "engine"  # the actor of automatic actions in the audit log
MOST_SNAPSHOTS = 4_096  # of broadcasts in memory: more than one worker has messages of at once
LONGEST_QUOTA = 32 * 86_400  # seconds; starts are stored for this time


class Ledger:
    """Access to the store for one worker process. Its reads and writes share transactions by group commit.

    Each coroutine raises UnavailableError if the store cannot be reached; nothing was stored then. The snapshots of
    broadcasts are cached here.
    """

    def __init__(self, context: Context, group_commit: GroupCommit, clock: RedisClock) -> None:
        self._context = context
        self._clock = clock
        self._group_commit = group_commit
        self._snapshots: dict[int, BroadcastSnapshot] = {}
        self._tests: set[int] = set()
        self._claims = Claims(snapshot_of=self.read_snapshot, default_zone=context.settings.timezone)

    @property
    def commit_seconds(self) -> float:
        """How long a transaction takes, smoothed."""
        return self._group_commit.commit_seconds

    async def look(self, connection_id: int) -> DueWork:
        """Return the due work of a connection, and release the batches whose time has come."""
        return self._in_steady_time(await self._group_commit.run(lambda unit: self._claims.look(unit, connection_id)))

    async def claim(
        self, connection: ConnectionSnapshot, *, worker_id: int, amount: int, caps: Mapping[int, int] | None
    ) -> tuple[list[Claimed], DueWork]:
        """Claim due messages of a connection, at most ``amount``.

        :param caps: the most messages by broadcast id; see :meth:`Claims.claim`.
        :returns: the messages in the order of sending, and the due work.
        """
        began = time.monotonic()
        taken, due_work = await self._group_commit.run(
            lambda unit: self._claims.claim(unit, connection, worker_id=worker_id, amount=amount, caps=caps)
        )
        claimed = in_order_of_sending(due_work.candidates, taken)
        self._context.meters.observe(CLAIM_DURATION, time.monotonic() - began)
        self._context.meters.count(CLAIMED, connection.id, amount=len(claimed))
        return claimed, self._in_steady_time(due_work)

    def snapshot(self, broadcast_id: int) -> BroadcastSnapshot:
        """Return the snapshot of a broadcast from which messages were claimed."""
        return self._snapshots[broadcast_id]

    @property
    def tests(self) -> AbstractSet[int]:
        """The ids of the tests among the broadcasts from which messages were claimed."""
        return self._tests

    def read_snapshot(self, conn: Connection, broadcast_id: int) -> BroadcastSnapshot | None:
        """Return the snapshot of a broadcast, from memory or else from the store; None if it does not exist."""
        snapshot = self._snapshots.get(broadcast_id)
        if snapshot is None:
            row = broadcast_store.get_broadcast(conn, broadcast_id)
            if row is None:
                return None
            if len(self._snapshots) >= MOST_SNAPSHOTS:
                self._snapshots = dict(list(self._snapshots.items())[MOST_SNAPSHOTS // 2 :])
                self._tests = {key for key in self._tests if key in self._snapshots}
            snapshot = self._snapshots[broadcast_id] = BroadcastSnapshot.of(row)
            if snapshot.purpose is Purpose.TEST:
                self._tests.add(broadcast_id)
        return snapshot

    def _in_steady_time(self, due_work: DueWork) -> DueWork:
        """Return due work as turns use it: they measure in steady time, the store has wall time."""
        due_work.next_due = self._clock.to_steady(due_work.next_due)
        return due_work

    async def recent_starts(self, connection: ConnectionSnapshot, *, now: float) -> RecentStarts:
        """Return the recent starts of a connection, with which the limiter is primed after Redis lost its keys.

        :param now: the present time (UNIX seconds, UTC).
        """
        rate, quotas = connection.limits.rate, connection.limits.quotas
        spans = [quota.per_seconds for quota in quotas] + ([rate.per_seconds] if rate else [])
        since = now - min(max(spans, default=0) * 1.02 + start_store.START_SPAN, LONGEST_QUOTA)
        starts = await self._group_commit.run(
            lambda unit: start_store.recent_starts(unit.conn, connection.id, since=since, now=now)
        )
        return RecentStarts(max(starts, default=None), starts)

    async def pause_connection(self, connection_id: int, error: ConnectionDown) -> None:
        """Pause a connection that needs a person to act, and announce it.

        The other connections of its pools are woken, because they may take its messages now.
        """
        name = await self._group_commit.run(partial(_pause_connection, connection_id=connection_id, error=error))
        if name is not None:
            log.warning("connection %s is paused (%s): its messages wait until it is resumed", name, error.reason)
            await self._announce(Announcement(connection=connection_id))
            await self._wake_connections(lambda key: key != connection_id)

    async def pause_broadcast(self, broadcast_id: int, *, reason: str) -> None:
        """Pause a broadcast whose messages would all fail, announce it and notify the plugins.

        :param reason: why, shown to users.
        """
        job_id = await self._group_commit.run(partial(_pause_broadcast, broadcast_id=broadcast_id, reason=reason))
        if job_id is not None:
            log.warning("broadcast %s is paused until a person resumes or cancels it: %s", job_id, reason)
            await self._announce(Announcement(broadcast=broadcast_id))
            await asyncio.to_thread(self._context.changed, [broadcast_id])

    async def opt_out(self, number: str, *, reason: str, source: str) -> None:
        """Put a number on the blacklist, for all connections.

        :param reason: shown with the entry and with the messages that are skipped for it.
        :param source: where the opt-out comes from, shown with the entry.
        """
        await self._group_commit.run(lambda unit: opt_out(unit, number, reason=reason, source=source))

    async def resume_connection(self, connection_id: int, *, paused_for: str | None = None) -> None:
        """Resume a connection that was paused automatically, and wake the connections with work.

        A connection that a person paused stays paused: its pause has no reason.

        :param paused_for: resume it only if it is still paused for this reason.
        """
        resume = partial(_resume_connection, connection_id=connection_id, paused_for=paused_for)
        name = await self._group_commit.run(resume)
        if name is not None:
            log.info("connection %s is resumed: its provider reports that it is up", name)
            await self._wake_connections(lambda _: True)

    async def connection(self, connection_id: int) -> ConnectionSnapshot | None:
        """Return the present snapshot of a connection; None if it was deleted."""
        return await self._group_commit.run(partial(_connection, connection_id=connection_id))

    async def pool_of(self, broadcast_id: int) -> Collection[int]:
        """Return the ids of the connections that share a broadcast."""
        names = self.snapshot(broadcast_id).draft.pool
        keys = await self._group_commit.run(lambda unit: connection_store.connection_keys(unit.conn, names))
        return keys.values()

    async def reached(self, connection_id: int, numbers: Sequence[str]) -> Collection[str]:
        """Return those numbers to which this connection has sent a message before."""
        found = await self._group_commit.run(
            lambda unit: message_store.last_connections(unit.conn, numbers, among=[connection_id])
        )
        return found.keys()

    async def transact(self, work: Callable[[UnitOfWork], Result]) -> Result:
        """Run ``work`` in a transaction, for callers with statements of their own. It may be run again."""
        return await self._group_commit.run(work)

    async def _wake_connections(self, is_chosen: Callable[[int], bool]) -> None:
        """Queue turns of those connections with work that ``is_chosen`` accepts by their ids."""
        for key, rank in await self._group_commit.run(lambda unit: broadcast_store.working_connections(unit.conn)):
            if is_chosen(key):
                await asyncio.to_thread(self._context.work_queue.turn, key, rank=rank)

    async def _announce(self, announcement: Announcement) -> None:
        await asyncio.to_thread(announce, self._context.redis, self._context.keys, announcement)


# --- pieces of work in a transaction ---------------------------------------------------------------------------


def _pause_connection(unit: UnitOfWork, *, connection_id: int, error: ConnectionDown) -> str | None:
    """Pause a connection. Return its name, or None if it was paused already."""
    reason = words_of(error)
    if not connection_store.set_state(unit.conn, connection_id, ConnectionState.PAUSED, reason=reason, now=unit.now):
        return None
    audit_log.record_action(
        unit.conn, action="pause", actor=ENGINE, now=unit.now, connection_id=connection_id, detail=reason
    )
    return _name_of(unit, connection_id)


def _pause_broadcast(unit: UnitOfWork, *, broadcast_id: int, reason: str) -> str | None:
    """Pause a broadcast. Return its job id, or None if it is paused or has ended."""
    row = broadcast_store.get_broadcast(unit.conn, broadcast_id, lock=True)
    if row is None:
        return None
    try:
        transitions.pause_broadcast(unit.conn, row, now=unit.now, actor=ENGINE, reason=reason)
    except ConflictError:
        return None  # many of its messages fail at the same time: the first one paused it
    job_id: str = row["job_id"]
    return job_id


def _resume_connection(unit: UnitOfWork, *, connection_id: int, paused_for: str | None) -> str | None:
    """Resume a connection that was paused automatically. Return its name, or None if nothing changed."""
    row = connection_store.get_connection(unit.conn, connection_id)
    if row is None or row["state_reason"] is None or paused_for not in {None, row["state_reason"]}:
        return None
    if not connection_store.set_state(unit.conn, connection_id, ConnectionState.ACTIVE, reason=None, now=unit.now):
        return None
    audit_log.record_action(unit.conn, action="resume", actor=ENGINE, now=unit.now, connection_id=connection_id)
    name: str = row["name"]
    return name


def _connection(unit: UnitOfWork, *, connection_id: int) -> ConnectionSnapshot | None:
    row = connection_store.get_connection(unit.conn, connection_id)
    return None if row is None else ConnectionSnapshot.of(row, now=unit.now)


def _name_of(unit: UnitOfWork, connection_id: int) -> str | None:
    row = connection_store.get_connection(unit.conn, connection_id)
    return None if row is None else row["name"]
