"""What turns ask of the store and tell it: looking, claiming, pausing for cause, opting out."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

import redis.asyncio
from sqlalchemy import Connection

from wabroadcast_core.context import Context
from wabroadcast_core.control import transitions as control
from wabroadcast_core.control.transitions import News
from wabroadcast_core.delivery.claims import Claims, Outlook, in_order_of_sending
from wabroadcast_core.errors import ConflictError, ConnectionDown
from wabroadcast_core.models.status import ConnectionState
from wabroadcast_core.outcomes.opt_outs import silence
from wabroadcast_core.pacing.pace import Memory
from wabroadcast_core.snapshots import BroadcastBrief, ConnectionBrief
from wabroadcast_core.store import acts as act_store
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import identities as identity_store
from wabroadcast_core.store import messages as message_store
from wabroadcast_core.store import starts as start_store
from wabroadcast_core.store.claims import Claimed
from wabroadcast_core.store.group_commit import Committer, Unit

log = logging.getLogger(__name__)

Result = TypeVar("Result")

ENGINE = "engine"  # the actor of what nobody asked for
MOST_BRIEFS = 512
LONGEST_QUOTA = 32 * 86_400


class Ledger:
    """The store as one engine sees it. Every method may raise UnavailableError: then nothing was stored."""

    def __init__(self, context: Context, committer: Committer, client: redis.asyncio.Redis) -> None:
        self._context = context
        self._committer = committer
        self._client = client
        self._briefs: dict[int, BroadcastBrief] = {}
        self._claims = Claims(brief_of=self.read_brief, default_zone=context.settings.timezone)

    async def look(self, connection_id: int) -> Outlook:
        return await self._committer.run(lambda unit: self._claims.look(unit, connection_id))

    async def claim(
        self, connection: ConnectionBrief, *, worker_id: int, amount: int, caps: Mapping[int, int] | None
    ) -> tuple[list[Claimed], Outlook]:
        """Claim messages. :returns: them in the order of sending, and the outlook."""
        taken, outlook = await self._committer.run(
            lambda unit: self._claims.claim(unit, connection, worker_id=worker_id, amount=amount, caps=caps)
        )
        return in_order_of_sending(outlook.rivals, taken), outlook

    def brief(self, broadcast_id: int) -> BroadcastBrief:
        """The brief of a broadcast that was claimed from."""
        return self._briefs[broadcast_id]

    def read_brief(self, connection: Connection, broadcast_id: int) -> BroadcastBrief | None:
        """The brief of a broadcast, from memory or through ``connection``."""
        brief = self._briefs.get(broadcast_id)
        if brief is None:
            row = broadcast_store.get_broadcast(connection, broadcast_id)
            if row is None:
                return None
            if len(self._briefs) >= MOST_BRIEFS:
                self._briefs = dict(list(self._briefs.items())[MOST_BRIEFS // 2 :])
            brief = self._briefs[broadcast_id] = BroadcastBrief.of(row)
        return brief

    async def recent_starts(self, connection: ConnectionBrief, *, now: float) -> Memory:
        """What the limiter must know when it knows nothing."""
        rate, quotas = connection.limits.rate, connection.limits.quotas
        spans = [quota.per_seconds for quota in quotas] + ([rate.per_seconds] if rate else [])
        since = now - min(max(spans, default=0) * 1.02 + start_store.START_SPAN, LONGEST_QUOTA)
        starts = await self._committer.run(
            lambda unit: start_store.recent_starts(unit.connection, connection.id, since=since, now=now)
        )
        return Memory(max(starts, default=None), starts)

    async def pause_connection(self, connection_id: int, error: ConnectionDown) -> None:
        """Stop a connection that a person must see to."""

        def work(unit: Unit) -> bool:
            changed = connection_store.set_state(
                unit.connection, connection_id, ConnectionState.PAUSED, reason=str(error), now=unit.now
            )
            if changed:
                act_store.note_act(
                    unit.connection,
                    act="pause",
                    actor=ENGINE,
                    now=unit.now,
                    connection_id=connection_id,
                    detail=str(error),
                )
            return changed

        if await self._committer.run(work):
            log.warning("connection %d is paused: %s", connection_id, error.reason)
            await self._announce(News(connection=connection_id))
            await self._wake_working(lambda key: key != connection_id)  # the others of its pools take over

    async def pause_broadcast(self, broadcast_id: int, *, reason: str) -> None:
        """Stop a broadcast that cannot go on like this."""

        def work(unit: Unit) -> bool:
            row = broadcast_store.get_broadcast(unit.connection, broadcast_id, lock=True)
            if row is None:
                return False
            try:
                control.pause_broadcast(unit.connection, row, now=unit.now, actor=ENGINE, reason=reason)
            except ConflictError:
                return False  # many of its messages fail at once: the first one paused it
            return True

        if await self._committer.run(work):
            log.warning("broadcast %d is paused: %s", broadcast_id, reason)
            await self._announce(News(broadcast=broadcast_id))
            await asyncio.to_thread(self._context.changed, [broadcast_id])

    async def opt_out(self, number: str, *, reason: str, source: str) -> None:
        """Let nobody message this number any more, on any connection."""
        await self._committer.run(lambda unit: silence(unit, number, reason=reason, source=source))

    async def resume_connection(self, connection_id: int) -> None:
        """Let a connection go on that the engine had stopped; what a person paused has no reason, and stays so."""

        def work(unit: Unit) -> bool:
            row = connection_store.get_connection(unit.connection, connection_id)
            if row is None or row["state_reason"] is None:
                return False
            changed = connection_store.set_state(
                unit.connection, connection_id, ConnectionState.ACTIVE, reason=None, now=unit.now
            )
            if changed:
                act_store.note_act(
                    unit.connection, act="resume", actor=ENGINE, now=unit.now, connection_id=connection_id
                )
            return changed

        if await self._committer.run(work):
            log.info("connection %d goes on", connection_id)
            await self._wake_working(lambda _: True)

    async def connection(self, connection_id: int) -> ConnectionBrief | None:
        """A connection as it is now."""

        def work(unit: Unit) -> ConnectionBrief | None:
            row = connection_store.get_connection(unit.connection, connection_id)
            return None if row is None else ConnectionBrief.of(row, now=unit.now)

        return await self._committer.run(work)

    async def reached(self, connection_id: int, numbers: Sequence[str]) -> Collection[str]:
        """Those of the numbers that were sent to through a connection before."""
        found = await self._committer.run(
            lambda unit: message_store.last_connections(unit.connection, numbers, among=[connection_id])
        )
        return found.keys()

    async def note_identity(self, wa_id: str, number: str) -> None:
        """Keep the id by which WhatsApp knows a number, where it is another one."""
        await self._committer.run(lambda unit: identity_store.note_identities(unit.connection, {wa_id: number}))

    async def run(self, work: Callable[[Unit], Result]) -> Result:
        """Do work of somebody else's in a transaction."""
        return await self._committer.run(work)

    async def _wake_working(self, chosen: Callable[[int], bool]) -> None:
        for key, rank in await self._committer.run(lambda unit: broadcast_store.working_connections(unit.connection)):
            if chosen(key):
                await asyncio.to_thread(self._context.wakes.turn, key, rank=rank)

    async def _announce(self, news: News) -> None:
        await asyncio.to_thread(control.announce, self._context.redis, self._context.keys, news)
