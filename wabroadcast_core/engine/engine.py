"""The engine of one worker process: its life, from the first lease to the last record, and its background loops."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import redis

from wabroadcast_core.background import RETRY_SECONDS
from wabroadcast_core.callbacks.deliveries import LOOK_SECONDS
from wabroadcast_core.context import Context
from wabroadcast_core.control.announcements import listen
from wabroadcast_core.engine.parts import EngineParts
from wabroadcast_core.engine.turn_limit import TurnLimit
from wabroadcast_core.engine.work_sharing import WorkSharing, usable_processor
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.metrics.catalogue import LOOP_LAG
from wabroadcast_core.plugins.failure_reports import report_failures
from wabroadcast_core.recovery.intents import SealedError
from wabroadcast_core.redis_access.probe import describe_failure

log = logging.getLogger(__name__)

LONGEST_LAST_CALL = 5.0  # seconds that a worker which stops waits for the receivers of callbacks
AWAY = (UnavailableError, redis.RedisError)


class Engine:
    """Lives on one event loop; every method is called there."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings
        self._parts = EngineParts(context)
        self._turn_limit = TurnLimit(context.settings.turns, on_lag=partial(context.meters.observe, LOOP_LAG))
        self._sharing = WorkSharing(self._parts.turns, processor=usable_processor())
        self.clock = self._parts.clock

    @property
    def turns(self) -> int:
        """How many turns are under way."""
        return len(self._parts.turns)

    @property
    def most_turns(self) -> int:
        """How many turns can be under way at present without keeping each other from their slots."""
        return self._turn_limit.value

    @property
    def head_start(self) -> float:
        """Seconds by which this process looks at the queue later than others. Any thread may read this."""
        return self._sharing.head_start

    @property
    def is_redis_away(self) -> bool:
        """Whether Redis takes no calls at present."""
        return self._parts.redis_return.is_away

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way and all outcomes are stored."""
        parts = self._parts
        others = (parts.inbound, parts.callbacks)
        sends = parts.sends.is_idle and parts.recorder.is_empty
        return len(parts.turns) == 0 and sends and all(each.is_idle for each in others)

    async def begin(self) -> None:
        """Take a worker id and recover what dead workers left; waits until the store and Redis can be reached."""
        cause = ""
        while (found := await self._try_to_begin()) is not None:
            if found != cause:
                log.warning("this process takes no work yet: %s; it is tried again every %g s", found, RETRY_SECONDS)
            cause = found
            await asyncio.sleep(RETRY_SECONDS)
        if cause:
            log.warning("the store and Redis take calls: this process begins to work")
        self._start_loops()

    async def _try_to_begin(self) -> str | None:
        """Take a worker id. Return why that failed."""
        try:
            await asyncio.to_thread(self._context.pairing.confirm)
            await self._parts.lease.begin()
        except (*AWAY, SealedError) as error:
            return _cause(error)
        return None

    def _start_loops(self) -> None:
        """Start the background loops. Each must live as long as the engine."""
        parts, keep = self._parts, self._parts.background.keep
        keep(
            lambda: listen(parts.client, self._context.keys, on_announcement=parts.on_announcement),
            what="listening to announcements",
        )
        keep(parts.redis_return.watch, what="watching Redis")
        keep(lambda: self._turn_limit.follow(lambda: self.turns), what="limiting the turns")
        keep(self._sharing.follow, what="sharing the work")
        keep(self._keep_lease, what="keeping the lease")
        recover_seconds = self._settings.recover_seconds
        for work, what, seconds in (
            (self._recover, "recovery", recover_seconds),
            (parts.unknown_outcomes.settle_all, "settling unknown messages", recover_seconds),
            (parts.connection_checks.check_all, "checking disconnected connections", recover_seconds),
            (self._close_replaced_senders, "closing senders with old settings", recover_seconds),
            (self._delete_old, "deleting what is no longer needed", recover_seconds),
            (self._report_failures, "reporting the failures of plugins", recover_seconds),
            (parts.callbacks.queue_due, "queueing callbacks", LOOK_SECONDS),
        ):
            keep(partial(self._repeat, work, what=what, seconds=seconds), what=what)

    async def end(self) -> None:
        """Claim nothing more, wait for what is under way, record it, end the lease."""
        parts = self._parts
        parts.stopping.set()
        within = self._settings.stop_seconds
        await parts.turns.finish(within=within)
        await parts.sends.finish(within=within)
        await parts.inbound.finish(within=within)
        with contextlib.suppress(TimeoutError, *AWAY):  # otherwise recover settles what is left
            async with asyncio.timeout(within):
                await parts.recorder.flush()
                await parts.held_claims.give_back_orphaned(parts.lease.worker_id, at_once=True)
                await parts.lease.end()
        await parts.callbacks.finish(within=min(within, LONGEST_LAST_CALL))
        await parts.background.cancel()
        await parts.turns.cancel()
        await parts.live_senders.close()
        await asyncio.to_thread(parts.group_commit.close)
        await parts.notices.wait(within=within)
        await parts.client.aclose()

    def start_turn(self, connection_id: int) -> None:
        """Start a turn of a connection."""
        self._parts.turns.start(connection_id)

    def process_webhooks(self, connection_id: int) -> None:
        """Process the webhook calls that wait for a connection."""
        if not self._parts.stopping.is_set():
            self._parts.inbound.start(self._parts.inbound.process_calls(connection_id))

    def deliver_callbacks(self, broadcast_id: int) -> None:
        """Deliver the callbacks of a broadcast that are due."""
        if not self._parts.stopping.is_set():
            self._parts.callbacks.start(broadcast_id)

    # --- background loops --------------------------------------------------------------------------------------

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(self._settings.heartbeat_seconds)
            self._parts.sends.give_up_older_than(self._settings.send_seconds)
            if self._context.pairing.fault is not None:
                self._parts.stopping.set()  # the worker ends: it would keep the pace of another Redis
                return
            try:
                if await self._parts.lease.beat():
                    log.warning("Redis restarted or lost its keys, or its clock jumped: recovery queues the work again")
                    await self._parts.recovery.recover(worker_id=self._parts.lease.worker_id)
            except (*AWAY, SealedError) as error:
                seconds = self._settings.heartbeat_seconds
                log.warning("the lease was not renewed: %s; next attempt in %g s", _cause(error), seconds)

    async def _recover(self) -> None:
        await self._parts.recovery.recover(worker_id=self._parts.lease.worker_id)
        await self._parts.held_claims.give_back_orphaned(self._parts.lease.worker_id)

    async def _delete_old(self) -> None:
        """Delete old uploads, beside the recovery: that may take minutes, in which the lease must be kept."""
        await self._parts.retention.delete_old(now=self._context.clock.now())

    async def _close_replaced_senders(self) -> None:
        await self._parts.live_senders.close_replaced(after=self._settings.send_seconds)

    async def _report_failures(self) -> None:
        """Report what plugins failed at in this process, for ``wabroadcast plugins``."""
        await report_failures(
            self._parts.client,
            self._context.keys.plugin_failures,
            self._context.plugins.failures.list(),
            worker=self._parts.lease.worker_id,
            now=time.time(),
            interval=self._settings.recover_seconds,
        )

    async def _repeat(self, work: Callable[[], Coroutine[Any, Any, None]], *, what: str, seconds: float) -> None:
        """Do work again after each ``seconds``, whatever becomes of it."""
        while not self._parts.stopping.is_set():
            try:
                await work()
            except AWAY as error:
                log.warning("%s: %s is put off, and tried again in %g s", _cause(error), what, seconds)
            except Exception:
                log.exception("%s failed; next attempt in %g s", what, seconds)
            await asyncio.sleep(seconds)


def _cause(error: Exception) -> str:
    """Return what is missing, for a log line: the store, Redis, or this worker's claims."""
    if isinstance(error, redis.RedisError):
        return describe_failure(error)
    return str(error) or "another worker settled the claims of this one, which continues under a new id"
