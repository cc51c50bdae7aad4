"""The engine of one worker process: an event loop that carries all its turns, and what these share."""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

import redis

from wabroadcast_core.background import cancel_all
from wabroadcast_core.clock import RedisClock
from wabroadcast_core.context import Context
from wabroadcast_core.control.announcements import Announcement, announce, listen
from wabroadcast_core.delivery.claims import NEVER, DueWork
from wabroadcast_core.delivery.ledger import Ledger
from wabroadcast_core.delivery.new_contacts import NewContactGate
from wabroadcast_core.delivery.number_check import NumberCheck
from wabroadcast_core.delivery.preflight import Preflight, Prepared
from wabroadcast_core.delivery.sends import SendTasks
from wabroadcast_core.delivery.slot_queue import PendingSend
from wabroadcast_core.delivery.turn import Turn
from wabroadcast_core.engine.unknown_outcomes import UnknownOutcomes
from wabroadcast_core.errors import ConnectionDown, UnavailableError
from wabroadcast_core.hookspecs import FinishedMessage
from wabroadcast_core.inbound.processor import InboundProcessor
from wabroadcast_core.models.receipt import ProviderEvents
from wabroadcast_core.models.status import OPEN_MESSAGES, SENT, MessageStatus
from wabroadcast_core.outcomes import classify
from wabroadcast_core.outcomes.recorder import Recorder, Result
from wabroadcast_core.pacing.lanes import Lanes
from wabroadcast_core.pacing.pace import Pace
from wabroadcast_core.pacing.per_recipient import RecipientGaps
from wabroadcast_core.recovery.held_claims import HeldClaims
from wabroadcast_core.recovery.intents import Intents, LostError, SealedError
from wabroadcast_core.recovery.lease import WorkerLease
from wabroadcast_core.recovery.recover import Recovery
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.store.claims import Claimed
from wabroadcast_core.store.group_commit import GroupCommit
from wabroadcast_core.store.messages import position_of
from wabroadcast_core.store.outcomes import Outcome
from wabroadcast_core.transport.cache import RedisCache
from wabroadcast_core.transport.live_senders import LiveSenders, note_departure
from wabroadcast_core.transport.sender_contexts import SenderContexts

log = logging.getLogger(__name__)

STORE_THREADS = {"sqlite": 1, "postgresql": 2}  # SQLite has one writer; PostgreSQL commits while another claims
STORE_RETRY_SECONDS = 0.5
WAKE_EARLY = 1.5  # seconds: Huey looks at its schedule once a second
WAITING = frozenset({MessageStatus.QUEUED, MessageStatus.RETRY})


class Engine:
    """Lives on one event loop; :meth:`start_turn` and the rest are called there."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.settings = context.settings
        self.clock = RedisClock()
        self.stopping = False
        self._client = context.async_redis()
        self._group_commit = GroupCommit(
            context.database,
            self.clock,
            threads=STORE_THREADS[context.database.db_engine.dialect.name],
            completed=context.changed,
            silenced=self._announce_silence,
        )
        self.intents = Intents(self._client, context.keys)
        self.pace = Pace(self._client, context.keys)
        self.pairs = RecipientGaps(self._client, context.keys)
        self.lanes = Lanes(self._client, context.keys)
        self.ledger = Ledger(context, self._group_commit, self._client)
        self.held_claims = HeldClaims(self._group_commit, self.intents)
        self.recorder = Recorder(self._group_commit, recorded=self._recorded)
        lending = SenderContexts(context.database, self._client, context.keys, departed=note_departure(self.clock.now))
        self.senders = LiveSenders(context.plugins, context.vault, lending, receive=self._receive)
        self.presence = NumberCheck(RedisCache(self._client, context.keys.presence), now=self.clock.now)
        self.inbox = InboundProcessor(self)
        self._settling = UnknownOutcomes(self)
        self.sending = SendTasks(self, ended=self._send_ended)
        self._readying = Preflight(context.plugins, now=self.clock.now, put_aside=self.put_aside)
        self.strangers = NewContactGate(self.ledger, now=self.clock.now, put_aside=self.put_aside)
        self._identity = WorkerLease(context, self._group_commit, self.intents, self.clock)
        self._recovery = Recovery(
            context,
            self._group_commit,
            self.intents,
            self._client,
            snapshot_of=lambda unit, key: self.ledger.read_snapshot(unit.conn, key),
        )
        self._turns: dict[int, set[Turn]] = {}
        self._turn_tasks: set[asyncio.Task[None]] = set()
        self._background: set[asyncio.Task[Any]] = set()
        self._ended: dict[int, asyncio.Event] = {}
        self._numbers = itertools.count(1)

    @property
    def worker_id(self) -> int:
        return self._identity.worker_id

    @property
    def turns(self) -> int:
        """How many turns are under way, the tails of ended ones included."""
        return len(self._turn_tasks)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way and all outcomes are stored."""
        return not self._turn_tasks and self.sending.is_idle and self.recorder.is_empty and self.inbox.is_idle

    # --- life --------------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Take a number, then recover what others left; waits for the store and Redis to be there."""
        while True:
            try:
                await self._identity.begin()
                break
            except (UnavailableError, redis.RedisError) as error:
                log.warning("not ready yet: %s", type(error).__name__)
                await asyncio.sleep(STORE_RETRY_SECONDS)
        self.spawn(listen(self._client, self.context.keys, heard=self._hear))
        self.spawn(self._beat_on())
        self.spawn(self._recover_on())
        self.spawn(self._settle_on())

    async def end(self) -> None:
        """Claim nothing more, await what is under way, record it, leave."""
        self.stopping = True
        for turns in self._turns.values():
            for turn in turns:
                turn.wake()
        if self._turn_tasks:
            await asyncio.wait(self._turn_tasks, timeout=self.settings.stop_seconds)
        await self.sending.finish(within=self.settings.stop_seconds)
        await self.inbox.finish(within=self.settings.stop_seconds)
        with contextlib.suppress(TimeoutError, UnavailableError, redis.RedisError):  # else recover settles what is left
            async with asyncio.timeout(self.settings.stop_seconds):
                await self.recorder.flush()
                await self.held_claims.give_back_strays(self.worker_id, at_once=True)
                await self._identity.end()
        await cancel_all([*self._background, *self._turn_tasks])
        await self.senders.close()
        await asyncio.to_thread(self._group_commit.close)
        await self._client.aclose()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Let something run beside the turns; a failure of it is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background_ended)

    def _background_ended(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background work failed", exc_info=error)

    async def _beat_on(self) -> None:
        while True:
            await asyncio.sleep(self.settings.heartbeat_seconds)
            self.sending.give_up_older_than(self.settings.send_seconds)
            try:
                if await self._identity.beat():
                    log.warning("Redis lost its keys: work is put back into the queue")
                    await self._recovery.run(worker_id=self.worker_id)
            except (UnavailableError, redis.RedisError, SealedError) as error:
                log.warning("no heartbeat: %s", type(error).__name__)

    async def _recover_on(self) -> None:
        while not self.stopping:
            try:
                await self._recovery.run(worker_id=self.worker_id)
                await self.held_claims.give_back_strays(self.worker_id)
            except (UnavailableError, redis.RedisError) as error:
                log.warning("recover must wait: %s", type(error).__name__)
            except Exception:  # it must go on whatever happens
                log.exception("recover failed")
            await asyncio.sleep(self.settings.recover_seconds)

    async def _settle_on(self) -> None:
        while not self.stopping:
            try:
                await self._settling.run()
            except UnavailableError as error:
                log.warning("unknown messages must wait: %s", type(error).__name__)
            except Exception:
                log.exception("unknown messages could not be asked for")
            await asyncio.sleep(self.settings.recover_seconds)

    # --- turns -------------------------------------------------------------------------------------------------

    def start_turn(self, connection_id: int) -> None:
        """Let a connection take a turn here."""
        if self.stopping:
            return
        turn = Turn(self, connection_id, next(self._numbers))
        self._turns.setdefault(connection_id, set()).add(turn)
        task = asyncio.get_running_loop().create_task(self._run_turn(turn))
        self._turn_tasks.add(task)
        task.add_done_callback(self._turn_tasks.discard)

    async def _run_turn(self, turn: Turn) -> None:
        try:
            await turn.run()
        except (UnavailableError, redis.RedisError) as error:
            log.warning("a turn of connection %d broke off: %s", turn.connection_id, type(error).__name__)
        except Exception:
            log.exception("a turn of connection %d failed", turn.connection_id)
        finally:
            turns = self._turns[turn.connection_id]
            turns.discard(turn)
            if not turns:
                del self._turns[turn.connection_id]

    async def requeue(self, connection_id: int, due_work: DueWork, *, slot: float = 0) -> None:
        """Put the connection's next turn into the queue: at once, or when its next work is due.

        :param slot: its next slot, where that is far away: the turn begins a little before.
        """
        if due_work.connection is None or not due_work.connection.active or self.stopping:
            return
        due = max(0.0 if due_work.candidates else due_work.next_due, slot - WAKE_EARLY)
        if due != NEVER:
            await self._wake(connection_id, rank=due_work.top_rank, due=due)

    async def _wake(self, connection_id: int, *, rank: int, due: float) -> None:
        at = None if due <= self.clock.now() + 1 else due
        await asyncio.to_thread(self.context.work_queue.turn, connection_id, rank=rank, at=at)

    async def wake(self, connection_id: int) -> None:
        """All lanes are taken: whoever has one shall look again."""
        await self._client.publish(self.context.keys.control, Announcement(wake=connection_id).as_json())

    # --- what turns ask for ------------------------------------------------------------------------------------

    async def look(self, connection_id: int) -> DueWork:
        return await self.ledger.look(connection_id)

    async def claim(
        self, connection: ConnectionSnapshot, amount: int, caps: Mapping[int, int] | None
    ) -> tuple[list[Prepared], int, DueWork]:
        """Claim messages and make them ready. :returns: them, how many were claimed, and the due_work."""
        taken, due_work = await self.ledger.claim(connection, worker_id=self.worker_id, amount=amount, caps=caps)
        self.held_claims.take(message.key for message in taken)
        allowed = await self.strangers.hold_back(connection.id, taken)
        claimed = [(message, self.ledger.snapshot(message.broadcast_id)) for message in allowed]
        return await self._readying.check_and_render(claimed), len(taken), due_work

    async def prime_pace(self, connection: ConnectionSnapshot) -> None:
        now = self.clock.now()
        memory = await self.ledger.recent_starts(connection, now=now)
        await self.pace.prime(connection.id, connection.limits, memory, now=now)

    async def mark_intents(self, keys: Sequence[int]) -> None:
        """Note that these messages start now. :raises SealedError: :raises redis.RedisError: they may not."""
        try:
            await self.intents.mark(self.worker_id, keys)
        except LostError:
            await self._identity.reopen()

    async def finished_some(self, connection_id: int) -> None:
        """Wait until a send of the connection has ended."""
        event = self._ended.setdefault(connection_id, asyncio.Event())
        event.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await event.wait()

    def _send_ended(self, connection_id: int) -> None:
        event = self._ended.get(connection_id)
        if event is not None:
            event.set()

    # --- outcomes ----------------------------------------------------------------------------------------------

    def put_aside(self, claimed: Claimed, outcome: Outcome) -> None:
        self.recorder.add(Result(claimed, outcome))

    def give_back(self, ready: PendingSend, *, wait: float = 0, reason: str | None = None) -> None:
        """Return a claimed message that was not started. ``wait``: seconds before it may be claimed again."""
        now = self.clock.now()
        self.put_aside(ready.claimed, classify.given_back(ready.claimed, now=now, wait=wait, reason=reason))

    def _recorded(self, results: Sequence[Result]) -> None:
        self.intents.forget(result.outcome.key for result in results)
        self.held_claims.let_go(result.outcome.key for result in results)
        unsent = [result for result in results if result.outcome.status is not SENT]
        self._see_to_returned([result for result in unsent if result.outcome.status in WAITING])
        if self.context.plugins.hears_finished:
            finished = [self._finished(result) for result in results if result.outcome.status not in OPEN_MESSAGES]
            if finished:
                self.spawn(asyncio.to_thread(self.context.plugins.messages_finished, finished))

    def _see_to_returned(self, results: Sequence[Result]) -> None:
        """Messages that wait again need a turn; the one that claimed them may have had its last look already."""
        dues: dict[int, float] = {}
        for result in results:
            key = result.claimed.connection_id
            dues[key] = min(dues.get(key, NEVER), result.outcome.due_at or 0.0)
        for connection_id, due in dues.items():
            looking = [turn for turn in self._turns.get(connection_id, ()) if turn.looks_on]
            for turn in looking:
                turn.wake()
            if not looking:
                self.spawn(self._wake(connection_id, rank=0, due=due))

    def _finished(self, result: Result) -> FinishedMessage:
        job_id = self.ledger.snapshot(result.claimed.broadcast_id).job_id
        return FinishedMessage(
            message_id=f"{job_id}-{position_of(result.claimed.key)}",
            job_id=job_id,
            number=result.claimed.number,
            status=result.outcome.status,
            reason=result.outcome.reason,
            connection=None,
        )

    async def slow_down(self, connection_id: int, *, slot: float, wait: float | None) -> None:
        with contextlib.suppress(redis.RedisError):  # while Redis is away nothing is sent at all
            await self.pace.slow_down(connection_id, slot=slot, wait=wait)

    async def pause_connection(self, connection_id: int, error: ConnectionDown) -> None:
        await self.ledger.pause_connection(connection_id, error)

    # --- news --------------------------------------------------------------------------------------------------

    def take_webhooks(self, connection_id: int) -> None:
        """Have the calls that wait for a connection worked through."""
        if not self.stopping:
            self.inbox.start(self.inbox.work_through(connection_id))

    def _receive(self, connection_id: int, news: ProviderEvents) -> None:
        self.inbox.start(self.inbox.hear(connection_id, news))

    def _announce_silence(self, numbers: Sequence[str]) -> None:
        announce(self.context.redis, self.context.keys, Announcement(numbers=numbers))

    def _hear(self, news: Announcement) -> None:
        if news.wake is not None:
            for turn in self._turns.get(news.wake, ()):
                turn.wake()
            return
        self.sending.hear(news)
        for turns in self._turns.values():
            for turn in turns:
                turn.hear(news)
