"""Hears what control announces on Redis: pause, cancel, opt-out, new work."""

import asyncio
import json
import logging
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass

import redis
import redis.asyncio

from wabroadcast_core.background import RETRY_SECONDS
from wabroadcast_core.keys import Keys
from wabroadcast_core.store.claims import Claimed

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Announcement:
    """What running turns must drop, or that a connection has new work. Unset parts mean: any."""

    broadcast: int | None = None
    batch: int | None = None
    message: int | None = None
    connection: int | None = None
    numbers: Collection[str] = ()
    wake: int | None = None

    def concerns(self, connection_id: int, claimed: Claimed) -> bool:
        """Whether a message that a connection has claimed must not start."""
        return (
            self.connection in {None, connection_id}
            and self.broadcast in {None, claimed.broadcast_id}
            and self.batch in {None, claimed.batch}
            and self.message in {None, claimed.key}
            and (not self.numbers or claimed.number in self.numbers)
        )

    def as_json(self) -> str:
        return json.dumps({**asdict(self), "numbers": list(self.numbers)})

    @classmethod
    def from_json(cls, text: str | bytes) -> "Announcement":
        fields = json.loads(text)
        return cls(**{**fields, "numbers": frozenset(fields.get("numbers", ()))})


def announce(client: "redis.Redis", keys: Keys, news: Announcement) -> None:
    """Tell all turns. While Redis is away nobody sends, and the store tells whoever claims later."""
    try:
        client.publish(keys.control, news.as_json())
    except redis.RedisError as error:
        log.warning("control was not announced (%s): turns see it at their next claim", type(error).__name__)


async def listen(client: redis.asyncio.Redis, keys: Keys, *, heard: Callable[[Announcement], None]) -> None:
    """Hand every announcement to ``heard``, until cancelled; while Redis is away nothing is sent anyway."""
    while True:
        try:
            async with client.pubsub(ignore_subscribe_messages=True) as channel:
                await channel.subscribe(keys.control)
                async for message in channel.listen():
                    _hand_over(message["data"], heard)
        except (redis.RedisError, OSError):
            await asyncio.sleep(RETRY_SECONDS)


def _hand_over(data: bytes, heard: Callable[[Announcement], None]) -> None:
    try:
        news = Announcement.from_json(data)
    except (ValueError, TypeError):
        log.warning("an announcement was not understood and is left out")
        return
    heard(news)
