"""Settles messages whose outcome is unknown, with providers that take our ids and can look them up."""

import asyncio
import heapq
import logging
from dataclasses import dataclass, field
from typing import Final

from wabroadcast_core.clock import Clock
from wabroadcast_core.delivery.ledger import Ledger
from wabroadcast_core.errors import SendError
from wabroadcast_core.hookspecs import FindsMessages
from wabroadcast_core.models.message import Accepted
from wabroadcast_core.models.receipt import Receipt
from wabroadcast_core.outcomes.receipts import apply_receipts
from wabroadcast_core.plugin_faults import LOOP_ENDS, describe_fault
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.store import unknown as unknown_store
from wabroadcast_core.store.sql import clean_text
from wabroadcast_core.store.unknown import Attempt, Unsettled
from wabroadcast_core.transport.live_senders import LiveSenders

log = logging.getLogger(__name__)

RIPE_SECONDS: Final = 60.0  # a request that was on its way must have arrived before the first lookup
AGAIN_SECONDS: Final = 600.0  # from a lookup without result to the next
LONGEST_LOOKUP: Final = 30.0  # seconds
MOST_LOOKUPS: Final = 200  # of a connection at a time
MOST_READ: Final = 10_000  # unknown messages of a connection at a time; beyond that the next pass reads on
PAGE: Final = 1_000  # of them in one transaction

STAYS: Final = f"the message stays unknown, next lookup in {AGAIN_SECONDS:g} s"


@dataclass(slots=True)
class _Wait:
    """Until when an unknown message is not looked up, as long as it has had no further attempt."""

    attempt: Attempt
    until: float


@dataclass(slots=True)
class _Schedule:
    """The lookups of one connection's unknown messages."""

    waits: dict[int, _Wait] = field(default_factory=dict)  # by message key
    last_read: int = 0  # the message key behind which the next pass reads on


class UnknownOutcomes:
    """Looks up unknown messages in one worker process. Several processes may do so at once."""

    def __init__(self, *, ledger: Ledger, live_senders: LiveSenders, clock: Clock) -> None:
        self._ledger = ledger
        self._live_senders = live_senders
        self._clock = clock
        self._schedules: dict[int, _Schedule] = {}  # by connection id

    async def settle_all(self) -> None:
        """Look up the messages that have been unknown for a while, and record what the providers know.

        :raises UnavailableError: the store cannot be reached.
        """
        find = unknown_store.unsettled_connections
        connection_ids = await self._ledger.transact(lambda unit: find(unit.conn))
        for connection_id in self._schedules.keys() - set(connection_ids):
            del self._schedules[connection_id]
        for connection_id in connection_ids:
            await self._settle_connection(connection_id)

    async def _settle_connection(self, connection_id: int) -> None:
        connection = await self._ledger.connection(connection_id)
        sender: object = None
        if connection is not None and connection.active:
            sender = self._live_senders.find_sender(connection)
        if connection is None or not isinstance(sender, FindsMessages):
            self._schedules.pop(connection_id, None)
            return
        schedule = self._schedules.setdefault(connection_id, _Schedule())
        for message in await self._ripe_messages(connection_id, schedule):
            schedule.waits[message.key].until = self._clock.now() + AGAIN_SECONDS
            await self._settle(sender, connection, message)

    async def _ripe_messages(self, connection_id: int, schedule: _Schedule) -> list[Unsettled]:
        """Read the unknown messages of a connection.

        :returns: those that are to be looked up now, the longest due first, at most :data:`MOST_LOOKUPS`.
        """
        first = last = schedule.last_read
        waits: dict[int, _Wait] = {}
        ripe: list[tuple[float, int, Unsettled]] = []
        for _ in range(0, MOST_READ, PAGE):
            page = await self._read_page(connection_id, after=last)
            now = self._clock.now()
            for message in page:
                wait = waits[message.key] = _wait_of(message, schedule.waits.get(message.key), now=now)
                if wait.until <= now:
                    ripe.append((wait.until, message.key, message))
            ripe = heapq.nsmallest(MOST_LOOKUPS, ripe)
            if len(page) < PAGE:
                last = 0
                break
            last = page[-1].key
        elsewhere = {key: wait for key, wait in schedule.waits.items() if key <= first or key > last > 0}
        schedule.waits, schedule.last_read = elsewhere | waits, last
        return [message for _, _, message in ripe]

    async def _read_page(self, connection_id: int, *, after: int) -> list[Unsettled]:
        read = unknown_store.unsettled_messages
        return await self._ledger.transact(lambda unit: read(unit.conn, connection_id, after=after, limit=PAGE))

    async def _settle(self, sender: FindsMessages, connection: ConnectionSnapshot, message: Unsettled) -> None:
        now = self._clock.now()
        try:
            async with asyncio.timeout(LONGEST_LOOKUP):
                found: object = await sender.find_message(message.message_id, message.number)
        except (SendError, TimeoutError):
            return
        except LOOP_ENDS:
            raise
        except BaseException as error:  # noqa: BLE001 - a bug of a plugin leaves the message unknown
            fault = describe_fault(error)
            log.error("connection %s: its sender failed to look up a message (%s): %s", connection.name, fault, STAYS)  # noqa: TRY400 - its text may hold anything
            return
        if found is None:
            await self._release(message)
        elif isinstance(found, Accepted):
            receipt = _receipt_of(message, found, at=now)
            await self._ledger.transact(lambda unit: apply_receipts(unit, connection.id, [receipt]))
        else:
            kind = type(found).__name__
            log.error("connection %s: its sender answered a lookup with %s: %s", connection.name, kind, STAYS)

    async def _release(self, message: Unsettled) -> None:
        release = unknown_store.release_now
        if await self._ledger.transact(lambda unit: release(unit.conn, message, now=unit.now)):
            log.info("message %s never reached the provider: it is queued again", message.message_id)


def _wait_of(message: Unsettled, known: _Wait | None, *, now: float) -> _Wait:
    """Return how long a message waits for its next lookup: after each further attempt as long as after the first."""
    if known is not None and known.attempt == message.attempt:
        return known
    return _Wait(message.attempt, now + RIPE_SECONDS)


def _receipt_of(message: Unsettled, found: Accepted, *, at: float) -> Receipt:
    provider_id = None if found.provider_id is None else clean_text(found.provider_id)
    return Receipt("sent", at=at, message_id=message.message_id, provider_id=provider_id)
