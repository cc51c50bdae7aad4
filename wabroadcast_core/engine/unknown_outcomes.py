"""Settles messages whose outcome is unknown, with providers that take our ids and can look them up."""

import asyncio
import logging
from collections.abc import Sequence
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
from wabroadcast_core.store.group_commit import UnitOfWork
from wabroadcast_core.store.unknown import Unsettled
from wabroadcast_core.transport.live_senders import LiveSenders

log = logging.getLogger(__name__)

RIPE_SECONDS: Final = 60.0  # a request that was on its way must have arrived before the first lookup
AGAIN_SECONDS: Final = 600.0  # from a lookup without result to the next
LONGEST_LOOKUP: Final = 30.0  # seconds
MOST_LOOKUPS: Final = 200  # of a connection at a time

STAYS: Final = f"the message stays unknown, next lookup in {AGAIN_SECONDS:g} s"


class UnknownOutcomes:
    """Looks up unknown messages in one worker process. Several processes may do so at once."""

    def __init__(self, *, ledger: Ledger, live_senders: LiveSenders, clock: Clock) -> None:
        self._ledger = ledger
        self._live_senders = live_senders
        self._clock = clock
        self._ripe_at: dict[int, float] = {}  # when to look up, by message key

    async def settle_all(self) -> None:
        """Look up the messages that have been unknown for a while, and record what the providers know.

        :raises UnavailableError: the store cannot be reached.
        """
        seen: set[int] = set()
        find = unknown_store.unsettled_connections
        for connection_id in await self._ledger.transact(lambda unit: find(unit.conn)):
            seen |= await self._settle_connection(connection_id)
        self._ripe_at = {key: at for key, at in self._ripe_at.items() if key in seen}

    async def _settle_connection(self, connection_id: int) -> set[int]:
        """Settle the messages of one connection.

        :returns: the keys of its messages that are unknown and can be looked up.
        """
        connection = await self._ledger.connection(connection_id)
        if connection is None or not connection.active:
            return set()
        sender: object = self._live_senders.find_sender(connection)
        if not isinstance(sender, FindsMessages):
            return set()
        unsettled = await self._ledger.transact(
            lambda unit: unknown_store.unsettled_messages(unit.conn, connection_id, limit=MOST_LOOKUPS)
        )
        for message in unsettled:
            await self._settle(sender, connection, message)
        return {message.key for message in unsettled}

    async def _settle(self, sender: FindsMessages, connection: ConnectionSnapshot, message: Unsettled) -> None:
        now = self._clock.now()
        if self._ripe_at.setdefault(message.key, now + RIPE_SECONDS) > now:
            return
        self._ripe_at[message.key] = now + AGAIN_SECONDS
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
            await self._ledger.transact(lambda unit: _release(unit, [message.key]))
            log.info("message %s never reached the provider: it is queued again", message.message_id)
        elif isinstance(found, Accepted):
            receipt = _receipt_of(message, found, at=now)
            await self._ledger.transact(lambda unit: apply_receipts(unit, connection.id, [receipt]))
        else:
            kind = type(found).__name__
            log.error("connection %s: its sender answered a lookup with %s: %s", connection.name, kind, STAYS)


def _release(unit: UnitOfWork, keys: Sequence[int]) -> None:
    unknown_store.release_now(unit.conn, keys, now=unit.now)


def _receipt_of(message: Unsettled, found: Accepted, *, at: float) -> Receipt:
    return Receipt("sent", at=at, message_id=message.message_id, provider_id=found.provider_id)
