"""Messages whose outcome is unknown, settled by asking: for providers that take our ids and can be asked for them."""

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from wabroadcast_core.errors import ConnectionDown, SendError
from wabroadcast_core.hookspecs import FindsMessages
from wabroadcast_core.models.message import Accepted
from wabroadcast_core.models.receipt import Receipt
from wabroadcast_core.outcomes.receipts import apply_receipts
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.store import unknown as unknown_store
from wabroadcast_core.store.group_commit import UnitOfWork
from wabroadcast_core.store.unknown import Unsettled

if TYPE_CHECKING:
    from wabroadcast_core.engine.engine import Engine

log = logging.getLogger(__name__)

RIPE_SECONDS: Final = 60.0  # a request that is still on its way must have arrived when we ask
AGAIN_SECONDS: Final = 600.0  # from a question without answer to the next
LONGEST_QUESTION: Final = 30.0
MOST_ASKED: Final = 200  # of a connection at a time


class UnknownOutcomes:
    """For one engine; what others ask meanwhile does no harm."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._ripe_at: dict[int, float] = {}  # when to ask, by message key

    async def run(self) -> None:
        """Ask for what has been unknown for a while.

        :raises UnavailableError: the store cannot be reached.
        """
        seen: set[int] = set()
        for connection_id in await self._engine.ledger.transact(
            lambda unit: unknown_store.unsettled_connections(unit.conn)
        ):
            seen |= await self._settle_connection(connection_id)
        self._ripe_at = {key: at for key, at in self._ripe_at.items() if key in seen}

    async def _settle_connection(self, connection_id: int) -> set[int]:
        """:returns: the keys of what is unknown there and can be asked for."""
        snapshot = await self._engine.ledger.connection(connection_id)
        sender = None if snapshot is None or not snapshot.active else self._sender_of(snapshot)
        if not isinstance(sender, FindsMessages):
            return set()
        unsettled = await self._engine.ledger.transact(
            lambda unit: unknown_store.unsettled_messages(unit.conn, connection_id, limit=MOST_ASKED)
        )
        for message in unsettled:
            await self._settle(sender, connection_id, message)
        return {message.key for message in unsettled}

    def _sender_of(self, snapshot: ConnectionSnapshot) -> object:
        try:
            return self._engine.senders.of(snapshot).sender
        except ConnectionDown:
            return None

    async def _settle(self, sender: FindsMessages, connection_id: int, message: Unsettled) -> None:
        now = self._engine.clock.now()
        if self._ripe_at.setdefault(message.key, now + RIPE_SECONDS) > now:
            return
        self._ripe_at[message.key] = now + AGAIN_SECONDS
        try:
            async with asyncio.timeout(LONGEST_QUESTION):
                found = await sender.find_message(message.message_id, message.number)
        except (SendError, TimeoutError):
            return
        except Exception as error:  # noqa: BLE001 - a bug of a plugin leaves the message unknown
            log.error("a sender failed to find a message: %s", type(error).__name__)  # noqa: TRY400 - its text may hold anything
            return
        if found is None:
            await self._engine.ledger.transact(lambda unit: _release(unit, [message.key]))
            log.info("a message of unknown outcome never arrived and waits again")
        else:
            receipt = _receipt_of(message, found, at=now)
            await self._engine.ledger.transact(lambda unit: apply_receipts(unit, connection_id, [receipt]))


def _release(unit: UnitOfWork, keys: Sequence[int]) -> None:
    unknown_store.release_now(unit.conn, keys, now=unit.now)


def _receipt_of(message: Unsettled, found: Accepted, *, at: float) -> Receipt:
    return Receipt("sent", at=at, message_id=message.message_id, provider_id=found.provider_id)
