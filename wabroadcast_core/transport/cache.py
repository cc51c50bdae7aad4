"""Short texts that all processes share for a time: a cache in Redis."""

from collections.abc import Callable

import redis.asyncio


class RedisCache:
    """Without Redis nothing is remembered, and nothing fails for that."""

    def __init__(self, client: redis.asyncio.Redis, key_of: Callable[[str], str]) -> None:
        self._client = client
        self._key_of = key_of

    async def get(self, key: str) -> str | None:
        try:
            value = await self._client.get(self._key_of(key))
        except redis.RedisError:
            return None
        return value.decode() if isinstance(value, bytes) else value

    async def put(self, key: str, value: str, *, seconds: float) -> None:
        try:
            await self._client.set(self._key_of(key), value, px=max(1, int(seconds * 1_000)))
        except redis.RedisError:
            return
