"""How often one person may be messaged by a connection, whatever broadcasts and processes want it: ``pairs.lua``."""

from collections.abc import Sequence
from importlib.resources import files

import redis.asyncio
from redis.commands.core import AsyncScript

from wabroadcast_core.keys import Keys
from wabroadcast_core.models.pacing import Rate

_SCRIPT = files(__package__).joinpath("per_recipient.lua").read_text(encoding="utf-8")


MARGIN = 0.25  # seconds; the gap is kept at the provider's door, and the way there takes now longer, now shorter


class RecipientGaps:
    def __init__(self, client: redis.asyncio.Redis, keys: Keys) -> None:
        self._keys = keys
        self._script: AsyncScript = client.register_script(_SCRIPT)

    async def admit(self, connection_id: int, rate: Rate, numbers: Sequence[str]) -> list[float]:
        """Let messages to these people start now, but for those whose last one is too near.

        :returns: for each the seconds that it has to wait; 0 for those that start.
        :raises redis.RedisError: Redis cannot be asked: start nothing.
        """
        gap = rate.per_seconds / rate.messages + MARGIN
        answer = await self._script(keys=[self._keys.per_recipient(connection_id)], args=[f"{gap:.6f}", *numbers])
        return [float(wait) for wait in answer]
