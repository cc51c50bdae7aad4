"""Processes what providers report: receipts, messages of people, events of connections.

It comes by webhook, stored until then, or directly from a sender. The changes to the store are one transaction; what
follows from them for others comes after it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, TypeVar

from wabroadcast_core.background import RETRY_SECONDS, BackgroundTasks
from wabroadcast_core.clock import SteadyClock
from wabroadcast_core.delivery.ledger import Ledger
from wabroadcast_core.delivery.primed_pace import PrimedPace
from wabroadcast_core.errors import BadMessage, ConnectionDown, Throttled, UnavailableError, words_of
from wabroadcast_core.hookspecs import ParsesWebhooks
from wabroadcast_core.inbound.auto_replies import AutoReplies
from wabroadcast_core.inbound.hidden_numbers import fill_in_numbers
from wabroadcast_core.models.receipt import ConnectionEvent, Inbound, ProviderEvents, Receipt, WebhookRequest
from wabroadcast_core.outcomes.opt_outs import Consent, ConsentWords, forms_of, is_opt_out, opt_in, opt_out
from wabroadcast_core.outcomes.receipts import Failure, apply_receipts
from wabroadcast_core.plugin_faults import describe_fault
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import identities as identity_store
from wabroadcast_core.store import webhook_calls as call_store
from wabroadcast_core.store.group_commit import UnitOfWork
from wabroadcast_core.store.sql import clean_text
from wabroadcast_core.transport.live_senders import LiveSenders

log = logging.getLogger(__name__)

Result = TypeVar("Result")
AnyEvent = TypeVar("AnyEvent", bound=Receipt | Inbound | ConnectionEvent)

AT_ONCE = 500  # calls in one transaction
STOPPED_BY_REPLY = "wrote a stop word"
EARLIEST = 946_684_800.0  # UNIX seconds: the year 2000; no provider reports an earlier event
CLOCKS_APART = 86_400.0  # seconds by which a provider's clock may be ahead of ours
DISCONNECTED = "disconnected"  # the reason of a connection that its provider reports as down


class NotifiesInbound(Protocol):
    """Passes a person's message to the plugins."""

    def __call__(self, message: Inbound, *, connection: str) -> None: ...


@dataclass(slots=True)
class InboundBatch:
    """What one transaction processed, for the work that follows it."""

    has_more: bool = False  # whether other calls wait in the store behind those of this batch
    failures: list[Failure] = field(default_factory=list)
    inbound: list[Inbound] = field(default_factory=list)
    events: list[ConnectionEvent] = field(default_factory=list)
    replies: list[tuple[str, str]] = field(default_factory=list)  # number, text
    lost_opt_outs: int = 0  # of people whose number is not known


class InboundProcessor:
    """Processes provider events in one worker process.

    :param words: the words by which people opt out and in.
    :param reply_texts: the answer to each; without a text there is no answer.
    :param notify: passes a person's message to the plugins.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        live_senders: LiveSenders,
        pace: PrimedPace,
        clock: SteadyClock,
        auto_replies: AutoReplies,
        words: ConsentWords,
        reply_texts: Mapping[Consent, str | None],
        notify: NotifiesInbound,
    ) -> None:
        self._ledger = ledger
        self._live_senders = live_senders
        self._pace = pace
        self._clock = clock
        self._auto_replies = auto_replies
        self._words = words
        self._reply_texts = reply_texts
        self._notify = notify
        self._busy: dict[int, asyncio.Lock] = {}  # by connection id
        self._waiting: set[int] = set()  # connections for which a run waits until the present one has ended
        self._tasks = BackgroundTasks("processing what a provider reported")

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being processed."""
        return self._tasks.is_idle

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run :meth:`process_calls` or :meth:`process_events` in the background; a stop waits for it."""
        self._tasks.spawn(work)

    async def finish(self, *, within: float) -> None:
        """Wait at most so many seconds for what is being processed; calls that are left stay in the store."""
        await self._tasks.wait(within=within)

    async def process_calls(self, connection_id: int) -> None:
        """Process all webhook calls that wait for a connection, in their order, one run at a time in this process.

        Where its sender cannot be made they stay in the store, for three days. A call that cannot be stored must not
        block those behind it: then they are processed one by one, and that one's events too. An event that cannot be
        stored is dropped and logged.
        """
        if connection_id in self._waiting:
            return  # that run processes the calls that are stored by now, too
        self._waiting.add(connection_id)
        async with self._busy.setdefault(connection_id, asyncio.Lock()):
            self._waiting.discard(connection_id)
            connection = await self._ledger.connection(connection_id)
            sender = None if connection is None else self._live_senders.find_sender(connection)
            name, most = _name_of(connection), AT_ONCE
            while connection is None or sender is not None:
                take = partial(self._take_calls, connection_id=connection_id, name=name, sender=sender, most=most)
                try:
                    batch = await self._ledger.transact(take)
                except UnavailableError as error:
                    log.warning(
                        "connection %s: its webhook calls wait until recover queues them again: %s", name, error
                    )
                    return
                except Exception:  # noqa: BLE001 - logged with the event that it comes from
                    if most == 1:
                        log.warning("connection %s: a webhook call cannot be stored: now its events one by one", name)
                        await self._process_first(connection_id, connection, sender=sender)
                    else:
                        log.warning("connection %s: its webhook calls cannot be stored together: now one by one", name)
                    most = 1
                    continue
                if connection is not None:
                    await self._follow_up(connection, batch)
                if not batch.has_more:
                    return

    async def process_events(self, connection_id: int, events: ProviderEvents) -> None:
        """Process what a sender received by itself; it is kept in memory while the store is away.

        An event that cannot be stored is dropped and logged; the others are processed without it.
        """
        connection = await _retried(lambda: self._ledger.connection(connection_id))
        for batch in await self._store_events(connection_id, events, name=_name_of(connection)):
            if connection is not None:
                await self._follow_up(connection, batch)

    async def _process_first(
        self, connection_id: int, connection: ConnectionSnapshot | None, *, sender: object
    ) -> None:
        """Process the events of the first call that waits without those of them that cannot be stored.

        The call is deleted after them. If this process ends before that, its events are processed once more.
        """
        name = _name_of(connection)
        calls = await _retried(
            lambda: self._ledger.transact(lambda unit: call_store.take_calls(unit.conn, connection_id, amount=1))
        )
        events = _parse_calls(sender, [request for _, request in calls], name=name)
        batches = await self._store_events(connection_id, events, name=name)
        keys = [key for key, _ in calls]
        await _retried(lambda: self._ledger.transact(lambda unit: call_store.delete_calls(unit.conn, keys)))
        for batch in batches:
            if connection is not None:
                await self._follow_up(connection, batch)

    # --- in the store ------------------------------------------------------------------------------------------

    async def _store_events(self, connection_id: int, events: ProviderEvents, *, name: str) -> list[InboundBatch]:
        """Store events in one transaction; if one cannot be stored, store each half by itself until it is found.

        :param name: of the connection, for the log.
        :returns: what was stored, in the order of the events.
        """
        try:
            return [
                await _retried(lambda: self._ledger.transact(lambda unit: self._apply(unit, connection_id, events)))
            ]
        except Exception:
            if len(events) <= 1:
                log.exception("connection %s: an event of its sender cannot be stored and is dropped", name)
                return []
        middle = len(events) // 2
        first = await self._store_events(connection_id, events[:middle], name=name)
        return first + await self._store_events(connection_id, events[middle:], name=name)

    def _take_calls(
        self, unit: UnitOfWork, *, connection_id: int, name: str, sender: object, most: int
    ) -> InboundBatch:
        calls, has_more = call_store.lock_calls(unit.conn, connection_id, amount=most)
        events = _parse_calls(sender, [request for _, request in calls], name=name)
        batch = self._apply(unit, connection_id, events)
        call_store.delete_calls(unit.conn, [key for key, _ in calls])
        batch.has_more = has_more
        return batch

    def _apply(self, unit: UnitOfWork, connection_id: int, events: ProviderEvents) -> InboundBatch:
        batch = InboundBatch()
        events = [_clean_ids(_in_time(event, now=unit.now)) for event in events]
        receipts = [event for event in events if isinstance(event, Receipt)]
        if receipts:
            batch.failures = apply_receipts(unit, connection_id, receipts)
        batch.events = [event for event in events if isinstance(event, ConnectionEvent)]
        inbound = [event for event in events if isinstance(event, Inbound)]
        batch.inbound = fill_in_numbers(unit, connection_id, inbound) if inbound else []
        self._apply_consent(unit, batch)
        return batch

    def _apply_consent(self, unit: UnitOfWork, batch: InboundBatch) -> None:
        """Apply the stop and start words in their order, and opt out the people whom a failure excludes.

        A failure of a rehearsal is simulated: it excludes no person.
        """
        for failure in batch.failures:
            is_real = is_opt_out(failure.error) and not broadcast_store.is_rehearsal(unit.conn, failure.broadcast_id)
            if is_real and failure.number is not None:
                opt_out(unit, failure.number, reason=failure.error.reason)
        consents = [(message, self._words.read(message)) for message in batch.inbound]
        known = identity_store.numbers_of(unit.conn, {message.number[1:] for message, word in consents if word})
        for message, word in consents:
            number = known.get(message.number[1:], message.number)
            if word is None or not number:
                batch.lost_opt_outs += word == "stop"
                continue
            changed = _change_consent(unit, number, word, at=message.at)
            text = self._reply_texts[word]
            if changed and text and message.preference is None:
                batch.replies.append((message.number, text))

    # --- after it ----------------------------------------------------------------------------------------------

    async def _follow_up(self, connection: ConnectionSnapshot, batch: InboundBatch) -> None:
        for failure in batch.failures:
            await self._attempt(connection, self._follow_failure(connection, failure))
        for event in batch.events:
            await self._attempt(connection, self._follow_event(connection, event))
        if batch.lost_opt_outs:
            log.warning(
                "connection %s: %d opt-outs have no effect: the people hide their numbers, and no message that we sent "
                "shows who they are: look them up at the provider and put their numbers on the blacklist",
                connection.name,
                batch.lost_opt_outs,
            )
        if batch.inbound:
            await asyncio.to_thread(self._notify_plugins, batch.inbound, connection.name)
        for number, text in batch.replies:
            self._auto_replies.send(connection, number, text)

    def _notify_plugins(self, inbound: Sequence[Inbound], connection: str) -> None:
        for message in inbound:
            self._notify(message, connection=connection)

    @staticmethod
    async def _attempt(connection: ConnectionSnapshot, follow_up: Coroutine[Any, Any, None]) -> None:
        """Do what follows from one event: its failure must not prevent the others."""
        try:
            await follow_up
        except UnavailableError as error:
            log.warning("connection %s: the effect of a provider event is lost: %s", connection.name, error)

    async def _follow_failure(self, connection: ConnectionSnapshot, failure: Failure) -> None:
        """Apply to other messages what a late failure means for them, as an immediate one would."""
        match failure.error:
            case BadMessage() as error:
                await self._ledger.pause_broadcast(failure.broadcast_id, reason=words_of(error))
            case ConnectionDown() as error:
                await self._ledger.pause_connection(connection.id, error)
            case Throttled(scope="connection") as error:
                await self._pace.slow_down(connection.id, slot=self._clock.now(), wait=error.retry_after)

    async def _follow_event(self, connection: ConnectionSnapshot, event: ConnectionEvent) -> None:
        if event.state == "down":
            await self._ledger.pause_connection(connection.id, ConnectionDown(DISCONNECTED, event.reason))
        else:
            await self._ledger.resume_connection(connection.id)


async def _retried(call: Callable[[], Awaitable[Result]]) -> Result:
    """Return what a call to the store returns, repeated while the store is away."""
    while True:
        try:
            return await call()
        except UnavailableError:
            await asyncio.sleep(RETRY_SECONDS)


def _change_consent(unit: UnitOfWork, number: str, word: Consent, *, at: float) -> bool:
    """Opt a number out or in, in each form in which it may be stored. Return whether any changed."""
    changed = [
        opt_out(unit, form, reason=STOPPED_BY_REPLY, at=at) if word == "stop" else opt_in(unit, form, at=at)
        for form in forms_of(number)
    ]
    return any(changed)


def _in_time(event: AnyEvent, *, now: float) -> AnyEvent:
    """Return an event with the present time in place of one that cannot be right, such as milliseconds.

    :param now: UNIX seconds (UTC).
    """
    if isinstance(event, ConnectionEvent) or EARLIEST <= event.at <= now + CLOCKS_APART:
        return event
    return replace(event, at=now)


def _clean_ids(event: AnyEvent) -> AnyEvent:
    """Return an event with the ids that the store can hold: those of answers are stored with the same replacements."""
    if isinstance(event, Receipt):
        message_id, provider_id = _cleaned(event.message_id), _cleaned(event.provider_id)
        if (message_id, provider_id) != (event.message_id, event.provider_id):
            return replace(event, message_id=message_id, provider_id=provider_id)
    if isinstance(event, Inbound) and event.reply_to is not None:
        return replace(event, reply_to=clean_text(event.reply_to))
    return event


def _cleaned(text: str | None) -> str | None:
    return None if text is None else clean_text(text)


def _parse_calls(
    sender: object, requests: Sequence[WebhookRequest], *, name: str
) -> list[Receipt | Inbound | ConnectionEvent]:
    """Return the events of webhook calls: none of a call that cannot be parsed, or of a sender without webhooks.

    :param name: of the connection, for the log.
    """
    events: list[Receipt | Inbound | ConnectionEvent] = []
    if not isinstance(sender, ParsesWebhooks):
        return events
    for request in requests:
        try:
            events += sender.parse_webhook(request)
        except BaseException as error:  # noqa: BLE001 - a bug of the sender
            fault = describe_fault(error)
            log.error("connection %s: a webhook call cannot be parsed and is dropped: %s", name, fault)  # noqa: TRY400 - its text may hold anything
    return events


def _name_of(connection: ConnectionSnapshot | None) -> str:
    return "(deleted)" if connection is None else connection.name
