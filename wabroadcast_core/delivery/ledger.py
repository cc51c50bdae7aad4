"""What turns ask of the store and tell it: looking, claiming, pausing for cause, opting out."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from wabroadcast_core.context import Context
from wabroadcast_core.control import transitions
from wabroadcast_core.control.announcements import Announcement, announce
from wabroadcast_core.delivery.claims import Claims, DueWork, in_order_of_sending
from wabroadcast_core.errors import ConflictError, ConnectionDown
from wabroadcast_core.models.status import ConnectionState
from wabroadcast_core.outcomes.opt_outs import opt_out
from wabroadcast_core.pacing.pace import RecentStarts
from wabroadcast_core.snapshots import BroadcastSnapshot, ConnectionSnapshot
from wabroadcast_core.store import audit_log
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import identities as identity_store
from wabroadcast_core.store import messages as message_store
from wabroadcast_core.store import starts as start_store
from wabroadcast_core.store.claims import Claimed
from wabroadcast_core.store.group_commit import GroupCommit, UnitOfWork

log = logging.getLogger(__name__)

Result = TypeVar("Result")

ENGINE = "engine"  # the actor of what nobody asked for
MOST_SNAPSHOTS = 512
LONGEST_QUOTA = 32 * 86_400


class Ledger:
    """The store as one engine sees it. Every method may raise UnavailableError: then nothing was stored."""

    def __init__(self, context: Context, group_commit: GroupCommit) -> None:
        self._context = context
        self._group_commit = group_commit
        self._snapshots: dict[int, BroadcastSnapshot] = {}
        self._claims = Claims(snapshot_of=self.read_snapshot, default_zone=context.settings.timezone)

    async def look(self, connection_id: int) -> DueWork:
        return await self._group_commit.run(lambda unit: self._claims.look(unit, connection_id))

    async def claim(
        self, connection: ConnectionSnapshot, *, worker_id: int, amount: int, caps: Mapping[int, int] | None
    ) -> tuple[list[Claimed], DueWork]:
        """Claim messages. :returns: them in the order of sending, and the due_work."""
        taken, due_work = await self._group_commit.run(
            lambda unit: self._claims.claim(unit, connection, worker_id=worker_id, amount=amount, caps=caps)
        )
        return in_order_of_sending(due_work.candidates, taken), due_work

    def snapshot(self, broadcast_id: int) -> BroadcastSnapshot:
        """The snapshot of a broadcast that was claimed from."""
        return self._snapshots[broadcast_id]

    def read_snapshot(self, conn: Connection, broadcast_id: int) -> BroadcastSnapshot | None:
        """The snapshot of a broadcast, from memory or through ``connection``."""
        snapshot = self._snapshots.get(broadcast_id)
        if snapshot is None:
            row = broadcast_store.get_broadcast(conn, broadcast_id)
            if row is None:
                return None
            if len(self._snapshots) >= MOST_SNAPSHOTS:
                self._snapshots = dict(list(self._snapshots.items())[MOST_SNAPSHOTS // 2 :])
            snapshot = self._snapshots[broadcast_id] = BroadcastSnapshot.of(row)
        return snapshot

    async def recent_starts(self, connection: ConnectionSnapshot, *, now: float) -> RecentStarts:
        """What the limiter must know when it knows nothing."""
        rate, quotas = connection.limits.rate, connection.limits.quotas
        spans = [quota.per_seconds for quota in quotas] + ([rate.per_seconds] if rate else [])
        since = now - min(max(spans, default=0) * 1.02 + start_store.START_SPAN, LONGEST_QUOTA)
        starts = await self._group_commit.run(
            lambda unit: start_store.recent_starts(unit.conn, connection.id, since=since, now=now)
        )
        return RecentStarts(max(starts, default=None), starts)

    async def pause_connection(self, connection_id: int, error: ConnectionDown) -> None:
        """Stop a connection that a person must see to."""

        def work(unit: UnitOfWork) -> bool:
            changed = connection_store.set_state(
                unit.conn, connection_id, ConnectionState.PAUSED, reason=str(error), now=unit.now
            )
            if changed:
                audit_log.record_act(
                    unit.conn,
                    act="pause",
                    actor=ENGINE,
                    now=unit.now,
                    connection_id=connection_id,
                    detail=str(error),
                )
            return changed

        if await self._group_commit.run(work):
            log.warning("connection %d is paused: %s", connection_id, error.reason)
            await self._announce(Announcement(connection=connection_id))
            await self._wake_working(lambda key: key != connection_id)  # the others of its pools take over

    async def pause_broadcast(self, broadcast_id: int, *, reason: str) -> None:
        """Stop a broadcast that cannot go on like this."""

        def work(unit: UnitOfWork) -> bool:
            row = broadcast_store.get_broadcast(unit.conn, broadcast_id, lock=True)
            if row is None:
                return False
            try:
                transitions.pause_broadcast(unit.conn, row, now=unit.now, actor=ENGINE, reason=reason)
            except ConflictError:
                return False  # many of its messages fail at once: the first one paused it
            return True

        if await self._group_commit.run(work):
            log.warning("broadcast %d is paused: %s", broadcast_id, reason)
            await self._announce(Announcement(broadcast=broadcast_id))
            await asyncio.to_thread(self._context.changed, [broadcast_id])

    async def opt_out(self, number: str, *, reason: str, source: str) -> None:
        """Let nobody message this number any more, on any connection."""
        await self._group_commit.run(lambda unit: opt_out(unit, number, reason=reason, source=source))

    async def resume_connection(self, connection_id: int) -> None:
        """Let a connection go on that the engine had stopped; what a person paused has no reason, and stays so."""

        def work(unit: UnitOfWork) -> bool:
            row = connection_store.get_connection(unit.conn, connection_id)
            if row is None or row["state_reason"] is None:
                return False
            changed = connection_store.set_state(
                unit.conn, connection_id, ConnectionState.ACTIVE, reason=None, now=unit.now
            )
            if changed:
                audit_log.record_act(unit.conn, act="resume", actor=ENGINE, now=unit.now, connection_id=connection_id)
            return changed

        if await self._group_commit.run(work):
            log.info("connection %d goes on", connection_id)
            await self._wake_working(lambda _: True)

    async def connection(self, connection_id: int) -> ConnectionSnapshot | None:
        """A connection as it is now."""

        def work(unit: UnitOfWork) -> ConnectionSnapshot | None:
            row = connection_store.get_connection(unit.conn, connection_id)
            return None if row is None else ConnectionSnapshot.of(row, now=unit.now)

        return await self._group_commit.run(work)

    async def reached(self, connection_id: int, numbers: Sequence[str]) -> Collection[str]:
        """Those of the numbers that were sent to through a connection before."""
        found = await self._group_commit.run(
            lambda unit: message_store.last_connections(unit.conn, numbers, among=[connection_id])
        )
        return found.keys()

    async def note_identity(self, wa_id: str, number: str) -> None:
        """Keep the id by which WhatsApp knows a number, where it is another one."""
        await self._group_commit.run(lambda unit: identity_store.note_identities(unit.conn, {wa_id: number}))

    async def transact(self, work: Callable[[UnitOfWork], Result]) -> Result:
        """Do work of somebody else's in a transaction."""
        return await self._group_commit.run(work)

    async def _wake_working(self, chosen: Callable[[int], bool]) -> None:
        for key, rank in await self._group_commit.run(lambda unit: broadcast_store.working_connections(unit.conn)):
            if chosen(key):
                await asyncio.to_thread(self._context.work_queue.turn, key, rank=rank)

    async def _announce(self, news: Announcement) -> None:
        await asyncio.to_thread(announce, self._context.redis, self._context.keys, news)
