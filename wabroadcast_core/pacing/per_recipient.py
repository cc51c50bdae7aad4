"""The least gap between two messages of a connection to one person, over all broadcasts and processes.

The script is ``per_recipient.lua``. Redis may forget its newest entries, so each process also remembers its own.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from importlib.resources import files

import redis.asyncio
from redis.commands.core import AsyncScript

from wabroadcast_core.clock import CLOCK_SCRIPT, SteadyClock
from wabroadcast_core.keys import Keys
from wabroadcast_core.models.pacing import Rate

_SCRIPT = CLOCK_SCRIPT + files(__package__).joinpath("per_recipient.lua").read_text(encoding="utf-8")


MARGIN = 0.25  # seconds; the provider measures the gap when messages arrive, and the network latency varies


class RecipientGaps:
    """Client of the script in Redis that keeps the gaps."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys, clock: SteadyClock) -> None:
        self._clock = clock
        # By connection: steady time by number, oldest first. A dict would search its deleted entries for the first one.
        self._admitted: defaultdict[int, OrderedDict[str, float]] = defaultdict(OrderedDict)
        self._keys = keys
        self._script: AsyncScript = client.register_script(_SCRIPT)

    async def admit(self, connection_id: int, rate: Rate, numbers: Sequence[str]) -> list[float]:
        """Admit messages to these people now, except those whose last message is too recent.

        :param rate: the limit per recipient.
        :returns: for each number the seconds that its message must wait; 0 for a message that may start now.
        :raises redis.RedisError: Redis cannot be reached; no message may start.
        """
        gap = rate.per_seconds / rate.messages + MARGIN
        asked_at = self._clock.now()
        names = [self._keys.per_recipient(connection_id), self._keys.clock]
        waits = await self._script(keys=names, args=[f"{gap:.6f}", f"{self._clock.least():.6f}", *numbers])
        return self._correct(connection_id, gap, zip(numbers, map(float, waits), strict=True), asked_at=asked_at)

    def _correct(
        self, connection_id: int, gap: float, waits: Iterable[tuple[str, float]], *, asked_at: float
    ) -> list[float]:
        """Return the waits, those corrected that Redis does not know of any more."""
        now, admitted = self._clock.now(), self._admitted[connection_id]
        while admitted and next(iter(admitted.values())) <= now - gap:
            admitted.popitem(last=False)
        corrected: list[float] = []
        for number, wait in waits:
            if wait <= 0 and number in admitted:
                corrected.append(max(0.0, admitted[number] + gap - now))
            else:
                corrected.append(wait)
            if corrected[-1] <= 0:
                admitted[number] = asked_at
                admitted.move_to_end(number)
        return corrected
