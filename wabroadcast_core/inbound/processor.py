"""What providers told us, worked through: receipts, people's messages, news of connections.

It comes by webhook, kept in the store, or straight from a sender. What changes the store is one transaction; what
follows from it for others comes after.
"""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from wabroadcast_core.errors import BadMessage, ConnectionDown, Throttled, UnavailableError
from wabroadcast_core.hookspecs import ParsesWebhooks
from wabroadcast_core.inbound.auto_replies import AutoReplies
from wabroadcast_core.models.receipt import ConnectionEvent, Inbound, ProviderEvents, Receipt
from wabroadcast_core.outcomes.opt_outs import ConsentWords, is_opt_out, opt_in, opt_out
from wabroadcast_core.outcomes.receipts import Failure, apply_receipts
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.store import identities as identity_store
from wabroadcast_core.store import webhook_calls as call_store
from wabroadcast_core.store.group_commit import UnitOfWork

if TYPE_CHECKING:
    from wabroadcast_core.engine.engine import Engine

log = logging.getLogger(__name__)

AT_ONCE = 500  # calls in one transaction
STORE_RETRY_SECONDS = 0.5
STOPPED_BY_REPLY = "wrote a stop word"
DISCONNECTED = "disconnected"  # the reason of a connection that its provider says is down


@dataclass(slots=True)
class InboundBatch:
    """What a transaction took in, for what follows after it."""

    calls: int = 0
    failures: list[Failure] = field(default_factory=list)
    inbound: list[Inbound] = field(default_factory=list)
    events: list[ConnectionEvent] = field(default_factory=list)
    replies: list[tuple[str, str]] = field(default_factory=list)  # number, text


class InboundProcessor:
    def __init__(self, engine: "Engine") -> None:
        settings = engine.settings
        self._engine = engine
        self._words = ConsentWords.of(stop=settings.stop_words, start=settings.start_words)
        self._texts = {"stop": settings.stop_reply, "start": settings.start_reply}
        self._replies = AutoReplies(engine)
        self._busy: dict[int, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_idle(self) -> bool:
        return not self._tasks

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Let :meth:`work_through` or :meth:`hear` run; a stop waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def finish(self, *, within: float) -> None:
        """Wait for what is being taken in; calls that are left stay in the store."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("what a provider told could not be taken in", exc_info=error)

    async def work_through(self, connection_id: int) -> None:
        """Take in all calls that wait for a connection; one at a time in this process, in their order.

        Where its sender cannot be made they stay where they are, for three days. One that cannot be stored must not
        hold up those behind it: then they are taken one by one, and that one is dropped.
        """
        async with self._busy.setdefault(connection_id, asyncio.Lock()):
            snapshot = await self._engine.ledger.connection(connection_id)
            sender = None if snapshot is None else self._sender_of(snapshot)
            most = AT_ONCE
            while snapshot is None or sender is not None:
                take = partial(self._take_calls, connection_id=connection_id, sender=sender, most=most)
                try:
                    heard = await self._engine.ledger.transact(take)
                except UnavailableError as error:
                    log.warning("webhook calls of connection %d must wait: %s", connection_id, error)
                    return
                except Exception:
                    log.exception("webhook calls of connection %d cannot be stored", connection_id)
                    if most == 1:
                        await self._engine.ledger.transact(partial(_drop_first, connection_id=connection_id))
                    most = 1
                    continue
                if not heard.calls:
                    return
                if snapshot is not None:
                    await self._follow(snapshot, heard)

    async def hear(self, connection_id: int, news: ProviderEvents) -> None:
        """Take in what a sender heard by itself; it is kept here while the store is away."""
        while True:
            try:
                heard = await self._engine.ledger.transact(lambda unit: self._take_in(unit, connection_id, news))
                snapshot = await self._engine.ledger.connection(connection_id)
                break
            except UnavailableError:
                await asyncio.sleep(STORE_RETRY_SECONDS)
        if snapshot is not None:
            await self._follow(snapshot, heard)

    def _sender_of(self, snapshot: ConnectionSnapshot) -> object:
        try:
            return self._engine.senders.of(snapshot).sender
        except ConnectionDown as error:
            log.warning("connection %s: its webhook calls cannot be read: %s", snapshot.name, error)
            return None

    # --- in the store ------------------------------------------------------------------------------------------

    def _take_calls(self, unit: UnitOfWork, *, connection_id: int, sender: object, most: int) -> InboundBatch:
        calls = call_store.take_calls(unit.conn, connection_id, amount=most)
        news: list[Receipt | Inbound | ConnectionEvent] = []
        if isinstance(sender, ParsesWebhooks):
            for _, request in calls:
                try:
                    news += sender.parse_webhook(request)
                except Exception:
                    log.exception("a webhook call of connection %d cannot be read and is dropped", connection_id)
        heard = self._take_in(unit, connection_id, news)
        call_store.delete_calls(unit.conn, [key for key, _ in calls])
        heard.calls = len(calls)
        return heard

    def _take_in(self, unit: UnitOfWork, connection_id: int, news: ProviderEvents) -> InboundBatch:
        heard = InboundBatch()
        receipts = [item for item in news if isinstance(item, Receipt)]
        if receipts:
            heard.failures = apply_receipts(unit, connection_id, receipts)
        heard.events = [item for item in news if isinstance(item, ConnectionEvent)]
        heard.inbound = [item for item in news if isinstance(item, Inbound)]
        self._note_consent(unit, heard)
        return heard

    def _note_consent(self, unit: UnitOfWork, heard: InboundBatch) -> None:
        """Opt out and in who asked for it, in the order of asking, and whom a failure says to leave alone."""
        for failure in heard.failures:
            if is_opt_out(failure.error) and failure.number is not None:
                opt_out(unit, failure.number, reason=failure.error.reason)
        said = [(message, self._words.read(message)) for message in heard.inbound]
        known = identity_store.numbers_of(unit.conn, {message.number[1:] for message, word in said if word})
        for message, word in said:
            number = known.get(message.number[1:], message.number)
            if word == "stop":
                changed = opt_out(unit, number, reason=STOPPED_BY_REPLY, at=message.at)
            elif word == "start":
                changed = opt_in(unit, number, at=message.at)
            else:
                continue
            text = self._texts[word]
            if changed and text and message.preference is None:
                heard.replies.append((message.number, text))

    # --- after it ----------------------------------------------------------------------------------------------

    async def _follow(self, snapshot: ConnectionSnapshot, heard: InboundBatch) -> None:
        for failure in heard.failures:
            await self._see_to(self._follow_failure(snapshot, failure))
        for event in heard.events:
            await self._see_to(self._follow_event(snapshot, event))
        if heard.inbound:
            await asyncio.to_thread(self._tell_plugins, heard.inbound, snapshot.name)
        for number, text in heard.replies:
            self._replies.send(snapshot, number, text)

    def _tell_plugins(self, inbound: Sequence[Inbound], connection: str) -> None:
        for message in inbound:
            self._engine.context.plugins.inbound(message, connection=connection)

    @staticmethod
    async def _see_to(follow: Coroutine[Any, Any, None]) -> None:
        """One consequence that fails must not keep the others from happening."""
        try:
            await follow
        except UnavailableError as error:
            log.warning("what a provider told has no effect on others: %s", error)

    async def _follow_failure(self, snapshot: ConnectionSnapshot, failure: Failure) -> None:
        """A failure that comes late means for others what it would have meant at once."""
        ledger = self._engine.ledger
        match failure.error:
            case BadMessage() as error:
                await ledger.pause_broadcast(failure.broadcast_id, reason=str(error))
            case ConnectionDown() as error:
                await ledger.pause_connection(snapshot.id, error)
            case Throttled(scope="connection") as error:
                await self._engine.slow_down(snapshot.id, slot=self._engine.clock.now(), wait=error.retry_after)

    async def _follow_event(self, snapshot: ConnectionSnapshot, event: ConnectionEvent) -> None:
        if event.state == "down":
            await self._engine.ledger.pause_connection(snapshot.id, ConnectionDown(DISCONNECTED, event.reason))
        else:
            await self._engine.ledger.resume_connection(snapshot.id)


def _drop_first(unit: UnitOfWork, *, connection_id: int) -> None:
    calls = call_store.take_calls(unit.conn, connection_id, amount=1)
    call_store.delete_calls(unit.conn, [key for key, _ in calls])
