"""Single messages that answer a person, outside of any broadcast: at the connection's pace, tried once."""

import asyncio
import logging
import uuid
from typing import TYPE_CHECKING

import redis

from wabroadcast_core.errors import SendError, UnavailableError
from wabroadcast_core.models.message import OutgoingMessage
from wabroadcast_core.pacing.pace import ColdPaceError
from wabroadcast_core.snapshots import ConnectionSnapshot

if TYPE_CHECKING:
    from wabroadcast_core.engine.engine import Engine

log = logging.getLogger(__name__)

PATIENCE = 600.0  # seconds; an answer that would come later is left out


class AutoReplies:
    def __init__(self, engine: "Engine") -> None:
        self._engine = engine

    def send(self, snapshot: ConnectionSnapshot, number: str, text: str) -> None:
        """Answer a person; what goes wrong is logged, there is no second try."""
        if snapshot.active:
            self._engine.spawn(self._send(snapshot, number, text))

    async def _send(self, snapshot: ConnectionSnapshot, number: str, text: str) -> None:
        message = OutgoingMessage(f"reply-{uuid.uuid4()}", number, "text", text, {"previewUrl": False})
        try:
            async with asyncio.timeout(PATIENCE):
                await self._await_slot(snapshot)
                await self._engine.senders.of(snapshot).sender.send(message)
        except (SendError, UnavailableError, redis.RedisError, TimeoutError) as error:
            log.warning("connection %s: a person got no answer: %s", snapshot.name, type(error).__name__)

    async def _await_slot(self, snapshot: ConnectionSnapshot) -> None:
        pace, clock = self._engine.pace, self._engine.clock
        while True:
            try:
                slots = await pace.reserve(snapshot.id, snapshot.limits, count=1)
            except ColdPaceError:
                await self._engine.prime_pace(snapshot)
                continue
            if slots.times:
                await asyncio.sleep(max(0.0, slots.times[0] - clock.now()))
                return
            await asyncio.sleep(max(0.05, slots.next_at - clock.now()))
