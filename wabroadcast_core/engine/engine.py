"""The engine of one worker process: it builds the parts that carry the turns, and runs the background loops."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import redis

from wabroadcast_core.background import RETRY_SECONDS, BackgroundTasks
from wabroadcast_core.clock import RedisClock
from wabroadcast_core.context import Context
from wabroadcast_core.control.announcements import Announcement, announce, listen
from wabroadcast_core.delivery.claimer import Claimer
from wabroadcast_core.delivery.ledger import Ledger
from wabroadcast_core.delivery.new_contacts import NewContactGate
from wabroadcast_core.delivery.number_check import NumberCheck
from wabroadcast_core.delivery.preflight import Preflight
from wabroadcast_core.delivery.primed_pace import PrimedPace
from wabroadcast_core.delivery.resources import TurnResources
from wabroadcast_core.delivery.sends import SendTasks
from wabroadcast_core.delivery.turns import Turns
from wabroadcast_core.delivery.wakeups import Wakeups
from wabroadcast_core.engine.redis_return import RedisReturn
from wabroadcast_core.engine.unknown_outcomes import UnknownOutcomes
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.hookspecs import FinishedMessage
from wabroadcast_core.inbound.auto_replies import AutoReplies
from wabroadcast_core.inbound.processor import InboundProcessor
from wabroadcast_core.models.receipt import ProviderEvents
from wabroadcast_core.models.status import OPEN_MESSAGES, SENT
from wabroadcast_core.outcomes.opt_outs import ConsentWords
from wabroadcast_core.outcomes.recorder import Recorder, Result
from wabroadcast_core.pacing.lanes import Lanes
from wabroadcast_core.pacing.pace import Pace
from wabroadcast_core.pacing.per_recipient import RecipientGaps
from wabroadcast_core.recovery.held_claims import HeldClaims
from wabroadcast_core.recovery.intents import Intents, SealedError
from wabroadcast_core.recovery.lease import WorkerLease
from wabroadcast_core.recovery.recover import Recovery
from wabroadcast_core.redis_access.probe import RedisProbe
from wabroadcast_core.store.group_commit import GroupCommit
from wabroadcast_core.store.messages import position_of
from wabroadcast_core.transport.cache import RedisCache
from wabroadcast_core.transport.live_senders import LiveSenders, departure_recorder
from wabroadcast_core.transport.sender_contexts import SenderContexts

log = logging.getLogger(__name__)

STORE_THREADS = {"sqlite": 1, "postgresql": 2}  # SQLite has one writer; PostgreSQL commits while another claims
AWAY = (UnavailableError, redis.RedisError)


class Engine:
    """Lives on one event loop; every method is called there."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings
        self.clock = RedisClock()
        self._stopping = asyncio.Event()
        self._background = BackgroundTasks("background work")
        self._build_foundation(context)
        self._build_delivery(context)
        self._build_inbound(context)
        self._unknown_outcomes = UnknownOutcomes(ledger=self._ledger, live_senders=self._live_senders, clock=self.clock)
        self._redis_return = RedisReturn(
            self._client,
            context.redis_breaker,
            RedisProbe(context.keys),
            restore=self._restore_work,
            longest_wait=self._settings.recover_seconds,
            grace_seconds=self._settings.lease_seconds + 2 * self._settings.heartbeat_seconds,
        )
        self._recovery = Recovery(
            context,
            self._group_commit,
            self._intents,
            snapshot_of=lambda unit, key: self._ledger.read_snapshot(unit.conn, key),
            leases_count=self._redis_return.leases_count,
        )

    # --- construction ------------------------------------------------------------------------------------------

    def _build_foundation(self, context: Context) -> None:
        """Build what reads and writes the store and Redis."""
        self._client = context.async_redis()
        self._group_commit = GroupCommit(
            context.database,
            self.clock,
            threads=STORE_THREADS[context.database.db_engine.dialect.name],
            completed=context.changed,
            opted_out=self._announce_opt_outs,
        )
        self._intents = Intents(self._client, context.keys, self.clock)
        self._lease = WorkerLease(context, self._group_commit, self._intents, self.clock)
        self._held_claims = HeldClaims(self._group_commit, self._intents)
        self._ledger = Ledger(context, self._group_commit, self.clock)
        self._recorder = Recorder(
            self._group_commit,
            recorded=self._on_recorded,
            written_intents=lambda: self._intents.acknowledged,
            to_wall=self.clock.to_wall,
        )
        self._pace = PrimedPace(Pace(self._client, context.keys, self.clock), ledger=self._ledger, clock=self.clock)
        on_departure = departure_recorder(self.clock.steady.now)
        contexts = SenderContexts(context.database, self._client, context.keys, on_departure=on_departure)
        self._live_senders = LiveSenders(context.plugins, context.vault, contexts, receive=self._receive)

    def _build_delivery(self, context: Context) -> None:
        """Build what brings messages from the store to their senders."""
        clock, steady, put_aside = self.clock, self.clock.steady, self._recorder.put_aside
        new_contacts = NewContactGate(self._ledger, clock=clock, put_aside=put_aside)
        self._sends = SendTasks(
            clock=clock,
            ledger=self._ledger,
            recorder=self._recorder,
            number_check=NumberCheck(RedisCache(self._client, context.keys.number_check), now=steady.now),
            new_contacts=new_contacts,
            pace=self._pace,
            background=self._background,
            stopping=self._stopping,
            resend_seconds=self._settings.resend_seconds,
            before_send=context.plugins.before_send if context.plugins.has_before_send_hooks else None,
        )
        resources = TurnResources(
            settings=self._settings,
            clock=steady,
            stopping=self._stopping,
            ledger=self._ledger,
            claimer=Claimer(
                ledger=self._ledger,
                lease=self._lease,
                held_claims=self._held_claims,
                new_contacts=new_contacts,
                preflight=Preflight(context.plugins, clock=clock, put_aside=put_aside),
            ),
            pace=self._pace,
            recipient_gaps=RecipientGaps(self._client, context.keys, steady),
            lanes=Lanes(self._client, context.keys, steady),
            live_senders=self._live_senders,
            sends=self._sends,
            intents=self._intents,
            lease=self._lease,
            recorder=self._recorder,
            wakeups=Wakeups(context.work_queue, client=self._client, keys=context.keys, clock=clock),
        )
        self._turns = Turns(resources, self._background)

    def _build_inbound(self, context: Context) -> None:
        """Build what processes the calls of providers."""
        settings = self._settings
        self._inbound = InboundProcessor(
            ledger=self._ledger,
            live_senders=self._live_senders,
            pace=self._pace,
            clock=self.clock.steady,
            auto_replies=AutoReplies(
                pace=self._pace, live_senders=self._live_senders, background=self._background, clock=self.clock.steady
            ),
            words=ConsentWords.of(stop=settings.stop_words, start=settings.start_words),
            reply_texts={"stop": settings.stop_reply, "start": settings.start_reply},
            notify=context.plugins.inbound,
        )

    # --- life --------------------------------------------------------------------------------------------------

    @property
    def turns(self) -> int:
        """How many turns are under way."""
        return len(self._turns)

    @property
    def is_redis_away(self) -> bool:
        """Whether Redis takes no calls at present."""
        return self._redis_return.is_away

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way and all outcomes are stored."""
        return not self._turns and self._sends.is_idle and self._recorder.is_empty and self._inbound.is_idle

    async def begin(self) -> None:
        """Take a worker id and recover what dead workers left; waits until the store and Redis can be reached."""
        while True:
            try:
                await asyncio.to_thread(self._context.pairing.confirm)
                await self._lease.begin()
                break
            except AWAY as error:
                log.warning("this process takes no work yet: %s; next attempt in %g s", _cause(error), RETRY_SECONDS)
                await asyncio.sleep(RETRY_SECONDS)
        self._background.spawn(listen(self._client, self._context.keys, on_announcement=self._on_announcement))
        self._background.spawn(self._redis_return.watch())
        self._background.spawn(self._keep_lease())
        self._background.spawn(self._repeat(self._recover, what="recovery"))
        self._background.spawn(self._repeat(self._unknown_outcomes.settle_all, what="settling unknown messages"))

    async def end(self) -> None:
        """Claim nothing more, wait for what is under way, record it, end the lease."""
        self._stopping.set()
        within = self._settings.stop_seconds
        await self._turns.finish(within=within)
        await self._sends.finish(within=within)
        await self._inbound.finish(within=within)
        with contextlib.suppress(TimeoutError, *AWAY):  # otherwise recover settles what is left
            async with asyncio.timeout(within):
                await self._recorder.flush()
                await self._held_claims.give_back_orphaned(self._lease.worker_id, at_once=True)
                await self._lease.end()
        await self._background.cancel()
        await self._turns.cancel()
        await self._live_senders.close()
        await asyncio.to_thread(self._group_commit.close)
        await self._client.aclose()

    def start_turn(self, connection_id: int) -> None:
        """Start a turn of a connection."""
        self._turns.start(connection_id)

    def process_webhooks(self, connection_id: int) -> None:
        """Process the webhook calls that wait for a connection."""
        if not self._stopping.is_set():
            self._inbound.start(self._inbound.process_calls(connection_id))

    # --- background loops --------------------------------------------------------------------------------------

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(self._settings.heartbeat_seconds)
            self._sends.give_up_older_than(self._settings.send_seconds)
            if self._context.pairing.fault is not None:
                self._stopping.set()  # the worker ends: it would keep the pace of another Redis
                return
            try:
                if await self._lease.beat():
                    log.warning("Redis restarted or lost its keys, or its clock jumped: recovery queues the work again")
                    await self._recovery.recover(worker_id=self._lease.worker_id)
            except (*AWAY, SealedError) as error:
                seconds = self._settings.heartbeat_seconds
                log.warning("the lease was not renewed: %s; next attempt in %g s", _cause(error), seconds)

    async def _restore_work(self) -> None:
        """Renew the lease, release the lanes of turns that broke off, and queue the work again."""
        with contextlib.suppress(SealedError):  # then the worker has a new lease
            await self._lease.beat()
        for connection_id, _ in await self._recovery.working_connections():
            await self._release_lanes(connection_id)
        await self._recovery.queue_work()

    async def _release_lanes(self, connection_id: int) -> None:
        """Release the lanes of this worker's turns. One that still runs may lose its lane: lanes only save work."""
        key, mine = self._context.keys.lanes(connection_id), f"{self._lease.worker_id}.".encode()
        turns: list[bytes] = list(await self._client.zrange(key, 0, -1))  # type: ignore[arg-type]  # without scores
        for turn in turns:
            if turn.startswith(mine):
                await self._client.zrem(key, turn)

    async def _recover(self) -> None:
        await self._recovery.recover(worker_id=self._lease.worker_id)
        await self._held_claims.give_back_orphaned(self._lease.worker_id)

    async def _repeat(self, work: Callable[[], Coroutine[Any, Any, None]], *, what: str) -> None:
        """Do work every ``recover_seconds``, whatever becomes of it."""
        seconds = self._settings.recover_seconds
        while not self._stopping.is_set():
            try:
                await work()
            except AWAY as error:
                log.warning("%s waits: %s; next attempt in %g s", what, _cause(error), seconds)
            except Exception:
                log.exception("%s failed; next attempt in %g s", what, seconds)
            await asyncio.sleep(seconds)

    # --- what the parts report -------------------------------------------------------------------------------------

    def _on_recorded(self, results: Sequence[Result]) -> None:
        self._intents.forget(result.outcome.key for result in results)
        self._held_claims.release(result.outcome.key for result in results)
        unsent = [result for result in results if result.outcome.status is not SENT]
        self._turns.on_recorded(unsent)
        plugins = self._context.plugins
        if plugins.has_finished_hooks:
            finished = [self._finished(result) for result in results if result.outcome.status not in OPEN_MESSAGES]
            if finished:
                self._background.spawn(asyncio.to_thread(plugins.messages_finished, finished))

    def _finished(self, result: Result) -> FinishedMessage:
        job_id = self._ledger.snapshot(result.claimed.broadcast_id).job_id
        return FinishedMessage(
            message_id=f"{job_id}-{position_of(result.claimed.key)}",
            job_id=job_id,
            number=result.claimed.number,
            status=result.outcome.status,
            reason=result.outcome.reason,
            connection=self._live_senders.name_of(result.claimed.connection_id),
        )

    def _receive(self, connection_id: int, events: ProviderEvents) -> None:
        self._inbound.start(self._inbound.process_events(connection_id, events))

    def _announce_opt_outs(self, numbers: Sequence[str]) -> None:
        announce(self._context.redis, self._context.keys, Announcement(numbers=numbers))

    def _on_announcement(self, announcement: Announcement) -> None:
        self._sends.on_announcement(announcement)
        self._turns.on_announcement(announcement)


def _cause(error: Exception) -> str:
    """Return what is missing, for a log line: the store, Redis, or this worker's claims."""
    if isinstance(error, redis.RedisError):
        return f"Redis cannot be reached ({type(error).__name__})"
    return str(error) or "another worker settled the claims of this one, which continues under a new id"
