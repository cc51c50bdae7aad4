"""Single messages that answer a person, outside of any broadcast: at the connection's pace, tried once."""

import asyncio
import logging
import uuid

import redis

from wabroadcast_core.background import BackgroundTasks
from wabroadcast_core.clock import SteadyClock
from wabroadcast_core.delivery.primed_pace import PrimedPace
from wabroadcast_core.errors import SendError, UnavailableError
from wabroadcast_core.models.message import OutgoingMessage
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.transport.live_senders import LiveSenders

log = logging.getLogger(__name__)

LONGEST_WAIT = 600.0  # seconds; a reply that would leave later is not sent
LEAST_WAIT = 0.05  # seconds between two requests for a slot


class AutoReplies:
    """Sends replies through a connection's sender."""

    def __init__(
        self, *, pace: PrimedPace, live_senders: LiveSenders, background: BackgroundTasks, clock: SteadyClock
    ) -> None:
        self._pace = pace
        self._live_senders = live_senders
        self._background = background
        self._clock = clock

    def send(self, connection: ConnectionSnapshot, number: str, text: str) -> None:
        """Send a reply in the background. A failure is logged; there is no second attempt."""
        if connection.active:
            self._background.spawn(self._send(connection, number, text))

    async def _send(self, connection: ConnectionSnapshot, number: str, text: str) -> None:
        message = OutgoingMessage(f"reply-{uuid.uuid4()}", number, "text", text, {"previewUrl": False})
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                await self._wait_for_slot(connection)
                await self._live_senders.of(connection).sender.send(message)
        except (SendError, UnavailableError, redis.RedisError, TimeoutError) as error:
            log.warning("connection %s: an automatic reply was not sent: %s", connection.name, type(error).__name__)
        except Exception as error:  # noqa: BLE001 - a bug of the sender, whose text may hold anything
            name = type(error).__name__
            log.error("connection %s: its sender has a bug, an automatic reply was not sent: %s", connection.name, name)  # noqa: TRY400 - as above

    async def _wait_for_slot(self, connection: ConnectionSnapshot) -> None:
        while True:
            slots = await self._pace.reserve(connection, count=1)
            if slots.times:
                await asyncio.sleep(max(0.0, slots.times[0] - self._clock.now()))
                return
            await asyncio.sleep(max(LEAST_WAIT, slots.next_at - self._clock.now()))
