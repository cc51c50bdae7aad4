"""A cache in Redis: short texts that all processes share for a limited time."""

from collections.abc import Callable

import redis.asyncio


class RedisCache:
    """The :class:`~wabroadcast_core.hookspecs.Cache` of a sender, in Redis.

    While Redis cannot be reached it acts as an empty cache: no error is raised.

    :param client: a Redis client of the calling event loop.
    :param key_of: returns the Redis key of an entry's name.
    """

    def __init__(self, client: redis.asyncio.Redis, key_of: Callable[[str], str]) -> None:
        self._client = client
        self._key_of = key_of

    async def get(self, key: str) -> str | None:
        """Return the value of ``key``; None if there is none, or if Redis cannot be reached."""
        try:
            value = await self._client.get(self._key_of(key))
        except redis.RedisError:
            return None
        return value.decode() if isinstance(value, bytes) else value

    async def put(self, key: str, value: str, *, seconds: float) -> None:
        """Store a value for ``seconds``; do nothing while Redis cannot be reached."""
        try:
            await self._client.set(self._key_of(key), value, px=max(1, int(seconds * 1_000)))
        except redis.RedisError:
            return
