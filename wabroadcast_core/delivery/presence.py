"""Who is on WhatsApp: asked of the provider right before a send, and remembered for a time.

Providers err: some take a network fault for an absent person. So one "no" only makes a message wait for a second
question; two of them end this message, and nothing is ever concluded about the contact.
"""

from collections.abc import Callable
from typing import Final

import redis.asyncio

from wabroadcast_core.errors import ConnectionDown, SendError, Throttled
from wabroadcast_core.hookspecs import ChecksNumbers, Sender
from wabroadcast_core.keys import Keys

KNOWN_SECONDS: Final = 7 * 86_400  # that a "yes" is believed
ABSENT_SECONDS: Final = 86_400  # that two "no" are
DOUBT_SECONDS: Final = 3_600  # that one "no" is remembered
AGAIN_SECONDS: Final = 60.0  # from the first "no" to the second question

_PRESENT: Final = b"yes"
_ABSENT: Final = b"no"


class Absent(Exception):  # noqa: N818 - an outcome of one recipient
    """The provider said twice that nobody uses WhatsApp at this number."""


class Doubtful(Exception):  # noqa: N818 - an outcome of one recipient
    """The provider said so once. ``wait``: seconds until it is worth asking again."""

    def __init__(self, wait: float) -> None:
        super().__init__("not found on WhatsApp, asked again later")
        self.wait = wait


class Presence:
    def __init__(self, client: redis.asyncio.Redis, keys: Keys, *, now: Callable[[], float]) -> None:
        self._client = client
        self._keys = keys
        self._now = now

    async def expect(self, sender: Sender, number: str) -> None:
        """Return if a message to this number makes sense as far as is known.

        :raises Absent: :raises Doubtful: it does not (yet).
        :raises ConnectionDown: :raises Throttled: what the provider said instead; nothing was sent.
        """
        if not isinstance(sender, ChecksNumbers):
            return
        known = await self._recall(number)
        if known == _PRESENT:
            return
        if known == _ABSENT:
            raise Absent
        since = 0.0 if known is None else float(known)
        if since and (wait := since + AGAIN_SECONDS - self._now()) > 0:
            raise Doubtful(wait)
        found = await _ask(sender, number)
        if found is None:
            return
        await self._conclude(number, present=found, doubted=bool(since))

    async def _conclude(self, number: str, *, present: bool, doubted: bool) -> None:
        if present:
            await self._remember(number, _PRESENT, KNOWN_SECONDS)
        elif doubted:
            await self._remember(number, _ABSENT, ABSENT_SECONDS)
            raise Absent
        else:
            await self._remember(number, f"{self._now():.3f}".encode(), DOUBT_SECONDS)
            raise Doubtful(AGAIN_SECONDS)

    async def _recall(self, number: str) -> bytes | None:
        try:
            value = await self._client.get(self._keys.presence(number))
        except redis.RedisError:
            return None
        return value.encode() if isinstance(value, str) else value

    async def _remember(self, number: str, value: bytes, seconds: float) -> None:
        try:
            await self._client.set(self._keys.presence(number), value, ex=int(seconds))
        except redis.RedisError:
            return


async def _ask(sender: ChecksNumbers, number: str) -> bool | None:
    """What the provider says; None: it did not, and nothing is concluded from that."""
    try:
        return (await sender.check_numbers([number])).get(number)
    except (ConnectionDown, Throttled):
        raise
    except SendError:
        return None
