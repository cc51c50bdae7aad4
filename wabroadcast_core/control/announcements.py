"""Hears what control announces on Redis: pause, cancel, opt-out, new work."""

import asyncio
import logging
from collections.abc import Callable

import redis
import redis.asyncio

from wabroadcast_core.control.transitions import News
from wabroadcast_core.keys import Keys

log = logging.getLogger(__name__)

AGAIN_SECONDS = 0.5


async def listen(client: redis.asyncio.Redis, keys: Keys, *, heard: Callable[[News], None]) -> None:
    """Hand every announcement to ``heard``, until cancelled; while Redis is away nothing is sent anyway."""
    while True:
        try:
            async with client.pubsub(ignore_subscribe_messages=True) as channel:
                await channel.subscribe(keys.control)
                async for message in channel.listen():
                    _hand_over(message["data"], heard)
        except (redis.RedisError, OSError):
            await asyncio.sleep(AGAIN_SECONDS)


def _hand_over(data: bytes, heard: Callable[[News], None]) -> None:
    try:
        news = News.from_json(data)
    except (ValueError, TypeError):
        log.warning("an announcement was not understood and is left out")
        return
    heard(news)
