"""Recovery after crashes: runs every half minute, at the start of a worker, and when Redis lost its keys.

Each step may run twice, in several processes, at any moment.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial

from sqlalchemy import Row

from wabroadcast_core.context import Context
from wabroadcast_core.models.status import MessageStatus, Rank
from wabroadcast_core.outcomes.receipts import PARKED_SECONDS, apply_overtaken, apply_parked
from wabroadcast_core.recovery.intents import Intents, SealedIntents
from wabroadcast_core.snapshots import BroadcastSnapshot
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import claimed_blocks as block_store
from wabroadcast_core.store import claims as claim_store
from wabroadcast_core.store import due_work
from wabroadcast_core.store import imports as import_store
from wabroadcast_core.store import message_queue as queue_store
from wabroadcast_core.store import messages as message_store
from wabroadcast_core.store import receipts as receipt_store
from wabroadcast_core.store import starts as start_store
from wabroadcast_core.store import unknown as unknown_store
from wabroadcast_core.store import webhook_calls as call_store
from wabroadcast_core.store import workers as worker_store
from wabroadcast_core.store.group_commit import GroupCommit, UnitOfWork

log = logging.getLogger(__name__)

CHUNK = 2_000  # messages settled in one transaction
KEEP_STARTS_SECONDS = 32 * 86_400  # longer than the longest quota, which is 31 days

SettledRow = tuple[int, MessageStatus, str | None, float | None]  # message key, status, reason, due time


class Recovery:
    """Settles the claims of dead workers and queues lost work again.

    :param snapshot_of: returns the snapshot of a broadcast by its id, read in the given transaction.
    :param leases_count: returns whether a worker without a lease is dead. It is not while Redis takes no calls.
    """

    def __init__(
        self,
        context: Context,
        group_commit: GroupCommit,
        intents: Intents,
        *,
        snapshot_of: Callable[[UnitOfWork, int], BroadcastSnapshot | None],
        leases_count: Callable[[], bool],
    ) -> None:
        self._context = context
        self._group_commit = group_commit
        self._intents = intents
        self._snapshot_of = snapshot_of
        self._leases_count = leases_count

    async def recover(self, *, worker_id: int) -> None:
        """Settle the claims of dead workers, then queue lost work again.

        :param worker_id: the id of this worker, which is never settled.
        """
        for dead in await self._dead_workers(worker_id):
            await self.settle_worker(dead)
        await self.queue_work()

    async def settle_worker(self, worker_id: int) -> None:
        """Settle the claims of a dead worker: messages that may have left become unknown, the others wait again.

        The worker is ended in the store and sealed first. If it is still alive, it can start no more messages, even if
        Redis loses the seal.
        """
        await self._group_commit.run(lambda unit: worker_store.end_worker(unit.conn, worker_id, now=unit.now))
        sealed = await self._intents.seal(worker_id)
        settled, intents = 0, sealed.message_keys
        complete = await self._are_complete(worker_id, sealed)
        settle = partial(self._settle_chunk, worker_id=worker_id, complete=complete, intents=intents)
        while rows := await self._group_commit.run(settle):
            settled += rows
        await self._intents.drop(worker_id)
        log.log(
            logging.WARNING if settled or intents else logging.INFO,
            "worker %d is dead: its %d claims were settled; %d sends had begun",
            worker_id,
            settled,
            len(intents),
        )

    async def _are_complete(self, worker_id: int, sealed: SealedIntents) -> bool:
        """Return whether Redis certainly has all intents of a dead worker.

        Redis may have restarted or been replaced since the worker wrote them. Then it must keep what it acknowledges,
        and have every intent that the worker had written when it last recorded outcomes: a snapshot has not.
        """
        if not sealed.exist or sealed.is_same_run:
            return sealed.exist
        recorded = await self._group_commit.run(lambda unit: worker_store.recorded_intents(unit.conn, worker_id))
        return sealed.latest >= recorded and await self._intents.survive_restarts()

    async def _dead_workers(self, mine: int) -> list[int]:
        """Return the workers without a lease.

        After Redis lost its keys, restarted or did not take calls, the list is empty, until every living worker has
        had the time to renew its lease. A worker that starts is in the store before it has a lease; so it has the same
        time to take its first one.
        """
        keys_age = await self._intents.keys_age()
        grace = self._context.settings.lease_seconds + 2 * self._context.settings.heartbeat_seconds
        if keys_age is None or keys_age < grace or not self._leases_count():
            return []
        workers = await self._group_commit.run(lambda unit: worker_store.claiming_workers(unit.conn))
        new_since = self._context.clock.now() - grace
        dead = []
        for worker in workers:
            key, is_new = worker["id"], worker["ended_at"] is None and worker["started_at"] > new_since
            if key != mine and not await self._intents.is_alive(key, is_new=is_new):
                dead.append(key)
        return dead

    def _settle_chunk(self, unit: UnitOfWork, *, worker_id: int, complete: bool, intents: AbstractSet[int]) -> int:
        claims = claim_store.claims_of(unit.conn, worker_id, limit=CHUNK)
        rows = [self._settled_row(unit, claim, may_have_left=not complete or claim.id in intents) for claim in claims]
        claim_store.settle_claims(unit.conn, rows, worker_id=worker_id, changes=unit.changes)
        by_connection: dict[int, dict[int, str | None]] = {}
        for claim in claims:
            by_connection.setdefault(claim.connection_id, {})[claim.id] = None
        for connection_id, keys in by_connection.items():  # a parked receipt may settle the outcome
            apply_parked(unit, keys, connection_id=connection_id)
        return len(rows)

    def _settled_row(self, unit: UnitOfWork, claim: Row[tuple[int, int, int]], *, may_have_left: bool) -> SettledRow:
        if not may_have_left:
            status = MessageStatus.RETRY if claim.attempts else MessageStatus.QUEUED
            return (claim.id, status, None, unit.now if claim.attempts else None)
        snapshot = self._snapshot_of(unit, message_store.broadcast_of(claim.id))
        resend = snapshot is not None and snapshot.draft.on_unknown == "resend"
        return (
            claim.id,
            MessageStatus.UNKNOWN,
            "crash",
            unit.now + self._context.settings.resend_seconds if resend else None,
        )

    async def working_connections(self) -> list[tuple[int, int]]:
        """Return the connections with broadcasts that are under way, each with the rank of its most urgent one."""
        return await self._group_commit.run(lambda unit: broadcast_store.working_connections(unit.conn))

    async def queue_work(self) -> None:
        """Queue all work that is due; what is in the queue already does no harm there twice."""
        await self._group_commit.run(self._tidy_up)  # committed first: the work that it releases is found below
        unprepared, turns, unswept = await self._group_commit.run(self._find_work)
        imports = await self._group_commit.run(lambda unit: import_store.unfinished(unit.conn))
        with_calls = await self._group_commit.run(lambda unit: call_store.waiting_connections(unit.conn))
        work_queue = self._context.work_queue
        for row in unprepared:
            await _in_thread(work_queue.prepare, row.id, rank=row.rank)
        for connection_id, rank in turns:
            await _in_thread(work_queue.turn, connection_id, rank=rank)
        for broadcast_id in unswept:
            await _in_thread(work_queue.sweep, broadcast_id)
        for connection_id in with_calls:
            await _in_thread(work_queue.webhooks, connection_id, rank=Rank.HIGH)
        for import_id in imports:
            await _in_thread(work_queue.import_contacts, import_id)

    def _tidy_up(self, unit: UnitOfWork) -> None:
        """Mend lookup tables, release unknown messages to be resent, apply missed receipts, and delete old rows."""
        queue_store.mend_queue(unit.conn)
        block_store.mend_blocks(unit.conn)
        unknown_store.release_unknown(unit.conn, now=unit.now, limit=CHUNK, changes=unit.changes)
        apply_overtaken(unit)
        receipt_store.forget_parked(unit.conn, before=unit.now - PARKED_SECONDS)
        call_store.forget_calls(unit.conn, before=unit.now - PARKED_SECONDS)
        start_store.forget_starts(unit.conn, before=unit.now - KEEP_STARTS_SECONDS)
        broadcast_store.complete_stranded(unit.conn, now=unit.now)

    def _find_work(
        self, unit: UnitOfWork
    ) -> tuple[Sequence[Row[tuple[int, int]]], list[tuple[int, int]], Sequence[int]]:
        return (
            due_work.unprepared(unit.conn, now=unit.now),
            broadcast_store.working_connections(unit.conn),
            due_work.unswept(unit.conn),
        )


async def _in_thread(call: Callable[..., bool], *arguments: int | str, **options: int) -> None:
    await asyncio.to_thread(call, *arguments, **options)
