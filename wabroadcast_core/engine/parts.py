"""The parts of one worker's engine, built and connected with each other."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from functools import partial

from wabroadcast_core.background import BackgroundTasks
from wabroadcast_core.callbacks.deliveries import CallbackDeliveries
from wabroadcast_core.clock import RedisClock
from wabroadcast_core.context import Context
from wabroadcast_core.control.announcements import Announcement, announce
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
from wabroadcast_core.engine.connection_checks import ConnectionChecks
from wabroadcast_core.engine.plugin_notices import PluginNotices
from wabroadcast_core.engine.receipt_notices import describe_receipts
from wabroadcast_core.engine.redis_return import RedisReturn
from wabroadcast_core.engine.unknown_outcomes import UnknownOutcomes
from wabroadcast_core.inbound.auto_replies import AutoReplies
from wabroadcast_core.inbound.processor import InboundProcessor
from wabroadcast_core.metrics.catalogue import MESSAGES
from wabroadcast_core.models.notices import FinishedMessage
from wabroadcast_core.models.receipt import ProviderEvents
from wabroadcast_core.models.status import OPEN_MESSAGES, SENT, MessageStatus, Purpose
from wabroadcast_core.outcomes.opt_outs import ConsentWords
from wabroadcast_core.outcomes.recorder import Batch, Recorder
from wabroadcast_core.pacing.lanes import Lanes
from wabroadcast_core.pacing.pace import Pace
from wabroadcast_core.pacing.per_recipient import RecipientGaps
from wabroadcast_core.recovery.held_claims import HeldClaims
from wabroadcast_core.recovery.intents import Intents, SealedError
from wabroadcast_core.recovery.lease import WorkerLease
from wabroadcast_core.recovery.recover import Recovery
from wabroadcast_core.recovery.retention import Retention
from wabroadcast_core.redis_access.probe import RedisProbe
from wabroadcast_core.store.claims import Claimed
from wabroadcast_core.store.group_commit import GroupCommit
from wabroadcast_core.store.messages import position_of
from wabroadcast_core.store.receipts import AppliedReceipt
from wabroadcast_core.transport.cache import RedisCache
from wabroadcast_core.transport.live_senders import LiveSenders, departure_recorder
from wabroadcast_core.transport.sender_contexts import SenderContexts

STORE_THREADS = {"sqlite": 1, "postgresql": 2}  # SQLite has one writer; PostgreSQL commits while another claims


class EngineParts:
    """The parts of one engine. They are built on its event loop."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings
        self.clock = RedisClock()
        self.stopping = asyncio.Event()
        self.background = BackgroundTasks("background work")
        self.notices = PluginNotices()
        self._loop = asyncio.get_running_loop()
        self._build_foundation(context)
        self._build_delivery(context)
        self._build_inbound(context)
        self._build_recovery(context)
        self.callbacks = CallbackDeliveries(
            self._settings,
            context.database,
            self.group_commit,
            work_queue=context.work_queue,
            clock=self.clock,
            meters=context.meters,
        )

    # --- construction ------------------------------------------------------------------------------------------

    def _build_foundation(self, context: Context) -> None:
        """Build what reads and writes the store and Redis."""
        self.client = context.async_redis()
        self.group_commit = GroupCommit(
            context.database,
            self.clock,
            threads=STORE_THREADS[context.database.db_engine.dialect.name],
            completed=self._on_completed,
            opted_out=self._announce_opt_outs,
            applied=self._on_receipts,
            meters=context.meters,
        )
        self._intents = Intents(self.client, context.keys, self.clock)
        self.lease = WorkerLease(context, self.group_commit, self._intents, self.clock)
        self.held_claims = HeldClaims(self.group_commit, self._intents)
        self._ledger = Ledger(context, self.group_commit, self.clock)
        self.recorder = Recorder(
            self.group_commit,
            recorded=self._on_recorded,
            written_intents=lambda: self._intents.acknowledged,
            to_wall=self.clock.to_wall,
        )
        pace = Pace(self.client, context.keys, self.clock)
        self._pace = PrimedPace(pace, ledger=self._ledger, clock=self.clock, meters=context.meters)
        on_departure = departure_recorder(self.clock.steady.now)
        contexts = SenderContexts(
            context.database,
            self.client,
            context.keys,
            on_departure=on_departure,
            is_allowed=context.settings.provider_addresses.allow,
        )
        self.live_senders = LiveSenders(context.plugins, context.vault, contexts, receive=self._receive)

    def _build_delivery(self, context: Context) -> None:
        """Build what brings messages from the store to their senders."""
        clock, steady, put_aside = self.clock, self.clock.steady, self.recorder.put_aside
        new_contacts = self._new_contacts = NewContactGate(self._ledger, clock=clock, put_aside=put_aside)
        self.sends = SendTasks(
            clock=clock,
            ledger=self._ledger,
            recorder=self.recorder,
            number_check=NumberCheck(RedisCache(self.client, context.keys.number_check), now=steady.now),
            new_contacts=new_contacts,
            pace=self._pace,
            background=self.background,
            meters=context.meters,
            stopping=self.stopping,
            resend_seconds=self._settings.resend_seconds,
            before_send=context.plugins.before_send if context.plugins.has_before_send_hooks else None,
        )
        self._lanes = Lanes(self.client, context.keys, steady)
        resources = TurnResources(
            settings=self._settings,
            clock=steady,
            stopping=self.stopping,
            ledger=self._ledger,
            claimer=Claimer(
                ledger=self._ledger,
                lease=self.lease,
                held_claims=self.held_claims,
                new_contacts=new_contacts,
                preflight=Preflight(context.plugins, clock=clock, put_aside=put_aside),
            ),
            pace=self._pace,
            recipient_gaps=RecipientGaps(self.client, context.keys, steady),
            lanes=self._lanes,
            live_senders=self.live_senders,
            sends=self.sends,
            intents=self._intents,
            lease=self.lease,
            recorder=self.recorder,
            wakeups=Wakeups(context.work_queue, client=self.client, keys=context.keys, clock=clock),
        )
        self.turns = Turns(resources, self.background)

    def _build_inbound(self, context: Context) -> None:
        """Build what processes the calls of providers."""
        settings = self._settings
        self.inbound = InboundProcessor(
            ledger=self._ledger,
            live_senders=self.live_senders,
            pace=self._pace,
            clock=self.clock.steady,
            auto_replies=AutoReplies(
                pace=self._pace, live_senders=self.live_senders, background=self.background, clock=self.clock.steady
            ),
            words=ConsentWords.of(stop=settings.stop_words, start=settings.start_words),
            reply_texts={"stop": settings.stop_reply, "start": settings.start_reply},
            notify=context.plugins.inbound,
        )

    def _build_recovery(self, context: Context) -> None:
        """Build what restores work after crashes."""
        settings = self._settings
        self.unknown_outcomes = UnknownOutcomes(ledger=self._ledger, live_senders=self.live_senders, clock=self.clock)
        self.connection_checks = ConnectionChecks(
            ledger=self._ledger,
            live_senders=self.live_senders,
            client=self.client,
            keys=context.keys,
            first_wait=settings.recover_seconds,
        )
        self.redis_return = RedisReturn(
            self.client,
            context.redis_breaker,
            RedisProbe(context.keys),
            restore=self._restore_work,
            longest_wait=settings.recover_seconds,
            grace_seconds=settings.lease_seconds + 2 * settings.heartbeat_seconds,
        )
        self.recovery = Recovery(
            context,
            self.group_commit,
            self._intents,
            snapshot_of=lambda unit, key: self._ledger.read_snapshot(unit.conn, key),
            leases_count=self.redis_return.leases_count,
        )
        self.retention = Retention(
            self.group_commit, days=settings.keep_files_days, callback_days=settings.keep_callbacks_days
        )

    # --- connections between the parts -------------------------------------------------------------------------

    def on_announcement(self, announcement: Announcement) -> None:
        """Pass an announcement on to all that hold messages."""
        if announcement.resumed is not None:
            self.live_senders.end_wait(announcement.resumed)
            self._new_contacts.open(announcement.resumed)
            return
        self.sends.on_announcement(announcement)
        self.turns.on_announcement(announcement)

    def _on_completed(self, keys: Sequence[int]) -> None:
        """Notify the plugins of completed broadcasts. Called in a store thread, which no plugin may hold."""
        self._loop.call_soon_threadsafe(partial(self.notices.add, self._context.changed, keys, always=True))

    def _on_receipts(self, applied: Sequence[AppliedReceipt]) -> None:
        """Notify the plugins of applied receipts. Called in a store thread, which no plugin may hold."""
        if self._context.plugins.has_receipt_hooks:
            self._loop.call_soon_threadsafe(self.notices.add, self._notify_receipts, applied)

    def _notify_receipts(self, applied: Sequence[AppliedReceipt]) -> None:
        if receipts := describe_receipts(self._context.database, applied):
            self._context.plugins.receipts(receipts)

    def _on_recorded(self, batch: Batch) -> None:
        keys = batch.keys
        self._intents.forget(keys)
        self.held_claims.release(keys)
        self.turns.on_recorded(batch.others)
        if tests := self._ledger.tests:
            batch = batch.without(tests)
        self._count_recorded(batch)
        plugins = self._context.plugins
        if plugins.has_finished_hooks and (finished := self._finished_messages(batch)):
            self.notices.add(plugins.messages_finished, finished)

    def _count_recorded(self, batch: Batch) -> None:
        sent = Counter([claimed.connection_id for claimed, _, _ in batch.sent])
        others = Counter((result.claimed.connection_id, result.outcome.status) for result in batch.others)
        for connection_id, amount in sent.items():
            self._context.meters.count(MESSAGES, connection_id, SENT.value, amount=amount)
        for (connection_id, status), amount in others.items():
            self._context.meters.count(MESSAGES, connection_id, status.value, amount=amount)

    def _finished_messages(self, batch: Batch) -> list[FinishedMessage]:
        sent = [self._finished(claimed, SENT) for claimed, _, _ in batch.sent]
        ended = [result for result in batch.others if result.outcome.status not in OPEN_MESSAGES]
        return sent + [self._finished(each.claimed, each.outcome.status, each.outcome.reason) for each in ended]

    def _finished(self, claimed: Claimed, status: MessageStatus, reason: str | None = None) -> FinishedMessage:
        snapshot = self._ledger.snapshot(claimed.broadcast_id)
        return FinishedMessage(
            message_id=f"{snapshot.job_id}-{position_of(claimed.key)}",
            job_id=snapshot.job_id,
            number=claimed.number,
            status=status,
            reason=reason,
            connection=self.live_senders.name_of(claimed.connection_id),
            is_rehearsal=snapshot.purpose is Purpose.REHEARSAL,
        )

    def _receive(self, connection_id: int, events: ProviderEvents) -> None:
        self.inbound.start(self.inbound.process_events(connection_id, events))

    def _announce_opt_outs(self, numbers: Sequence[str]) -> None:
        announce(self._context.redis, self._context.keys, Announcement(numbers=numbers))

    async def _restore_work(self) -> None:
        """Renew the lease, release the lanes of turns that broke off, and queue the work again."""
        with contextlib.suppress(SealedError):  # then the worker has a new lease
            await self.lease.beat()
        for connection_id, _ in await self.recovery.working_connections():
            await self._lanes.release_all(connection_id, worker_id=self.lease.worker_id)
        await self.recovery.queue_work()
