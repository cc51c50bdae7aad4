"""What turns ask of the store and tell it: looking, claiming, pausing for cause, opting out."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

import redis.asyncio
from sqlalchemy import Connection

from wabroadcast_core.context import Context
from wabroadcast_core.delivery import control
from wabroadcast_core.delivery.briefs import BroadcastBrief, ConnectionBrief
from wabroadcast_core.delivery.claims import Claims, Outlook
from wabroadcast_core.delivery.committer import Committer, Unit
from wabroadcast_core.delivery.control import News
from wabroadcast_core.delivery.pace import Memory
from wabroadcast_core.delivery.receipts import apply_receipts
from wabroadcast_core.errors import ConflictError, ConnectionDown
from wabroadcast_core.models.receipt import Receipt
from wabroadcast_core.models.status import ConnectionState
from wabroadcast_core.store import acts as act_store
from wabroadcast_core.store import blacklist as blacklist_store
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import starts as start_store
from wabroadcast_core.store.messages import Claimed

log = logging.getLogger(__name__)

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
    ) -> tuple[list[Claimed], Mapping[str, str], Outlook]:
        """Claim messages. :returns: them, the reasons of those on the blacklist by number, and the outlook."""

        def work(unit: Unit) -> tuple[list[Claimed], Mapping[str, str], Outlook]:
            taken, outlook = self._claims.claim(unit, connection, worker_id=worker_id, amount=amount, caps=caps)
            numbers = [message.number for message in taken]
            listed = blacklist_store.listed_reasons(unit.connection, numbers, connection_id=connection.id)
            return taken, listed, outlook

        return await self._committer.run(work)

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
            await self._wake_partners(connection_id)

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
        await self._committer.run(
            lambda unit: blacklist_store.add_numbers(
                unit.connection, [number], reason=reason, source=source, now=unit.now
            )
        )
        await self._announce(News(numbers=[number]))

    async def take_receipts(self, connection_id: int, receipts: Sequence[Receipt]) -> None:
        await self._committer.run(lambda unit: apply_receipts(unit, connection_id, receipts))

    async def _wake_partners(self, connection_id: int) -> None:
        """The others of its pools take over what was meant for a connection that went down."""
        partners = await self._committer.run(lambda unit: broadcast_store.working_connections(unit.connection))
        for partner, rank in partners:
            if partner != connection_id:
                await asyncio.to_thread(self._context.wakes.turn, partner, rank=rank)

    async def _announce(self, news: News) -> None:
        await asyncio.to_thread(control.announce, self._context.redis, self._context.keys, news)
