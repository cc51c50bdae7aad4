"""Announcements on Redis: a pause, a cancel, an opt-out or new work, published to the workers that run turns."""

import asyncio
import json
import logging
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from typing import Any, TypeGuard

import redis
import redis.asyncio

from wabroadcast_core.background import RETRY_SECONDS
from wabroadcast_core.keys import Keys
from wabroadcast_core.store.claims import Claimed

log = logging.getLogger(__name__)

SILENCE_SECONDS = 5.0  # without a message, before a ping shows whether Redis is still there


@dataclass(frozen=True, slots=True)
class Announcement:
    """Either the messages that running turns must drop, or a connection with news: ``wake`` or ``resumed``.

    A message must be dropped if it matches all of the other fields that are set.
    """

    broadcast: int | None = None  # the store's id of a broadcast
    batch: int | None = None  # the number of a batch
    message: int | None = None  # the key of a message
    connection: int | None = None  # the store's id of a connection
    numbers: Collection[str] = ()  # E.164 numbers of recipients
    wake: int | None = None  # the store's id of the connection that has new work
    resumed: int | None = None  # the store's id of a connection whose waits a person has ended

    def concerns(self, connection_id: int, claimed: Claimed) -> bool:
        """Return whether a message must be dropped. Not for news of a connection.

        :param connection_id: the connection that has claimed the message.
        """
        return (
            self.wake is None
            and self.resumed is None
            and self.connection in {None, connection_id}
            and self.broadcast in {None, claimed.broadcast_id}
            and self.batch in {None, claimed.batch}
            and self.message in {None, claimed.key}
            and (not self.numbers or claimed.number in self.numbers)
        )

    def as_json(self) -> str:
        """Return the text that is published."""
        return json.dumps({**asdict(self), "numbers": list(self.numbers)})

    @classmethod
    def from_json(cls, text: str | bytes) -> "Announcement":
        """Parse a published text.

        :raises ValueError: it is not the JSON of an announcement.
        """
        try:
            fields = json.loads(text)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        numbers = fields.pop("numbers", []) if isinstance(fields, dict) else None
        if not (_is_list_of_texts(numbers) and all(map(_is_id, fields.values()))):
            raise ValueError("a field is of a wrong type")
        try:
            return cls(**fields, numbers=frozenset(numbers))
        except TypeError as error:
            raise ValueError("a field has an unknown name") from error


def _is_id(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def _is_list_of_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def announce(client: "redis.Redis", keys: Keys, announcement: Announcement) -> None:
    """Publish an announcement to all workers.

    A failure is only logged: without Redis no message is sent, and later claims see the change in the store.
    """
    try:
        client.publish(keys.control, announcement.as_json())
    except redis.RedisError as error:
        name = type(error).__name__
        log.warning("a change was stored but not announced (%s): turns see it at their next claim", name)


async def listen(client: redis.asyncio.Redis, keys: Keys, *, on_announcement: Callable[[Announcement], None]) -> None:
    """Call ``on_announcement`` with each announcement, until this task is cancelled.

    Announcements that are missed while Redis cannot be reached do no harm, because no message is sent then.
    """
    while True:
        try:
            async with client.pubsub(ignore_subscribe_messages=True) as channel:
                await channel.subscribe(keys.control)
                while True:
                    message = await _next_message(channel)
                    if message["type"] == "message":
                        _pass_on(message["data"], on_announcement)
        except (redis.RedisError, OSError):
            await asyncio.sleep(RETRY_SECONDS)


async def _next_message(channel: redis.asyncio.client.PubSub) -> dict[str, Any]:
    """Return the next message of a channel, or the answer to a ping that is sent when none comes.

    :raises redis.TimeoutError: neither came, as happens when the network drops what is sent without a word.
    """
    message = await channel.get_message(timeout=SILENCE_SECONDS)
    if message is None:
        await channel.ping()
        message = await channel.get_message(timeout=SILENCE_SECONDS)
    if message is None:
        raise redis.TimeoutError("the channel of announcements does not answer")
    return dict(message)


def _pass_on(data: bytes, on_announcement: Callable[[Announcement], None]) -> None:
    try:
        announcement = Announcement.from_json(data)
    except ValueError:
        log.warning("an announcement has an unknown form and is ignored: turns see the change at their next claim")
        return
    on_announcement(announcement)
