"""The probe of Redis: one script call that writes, as the limiter does; and the cause of a failure in words."""

from importlib.resources import files

import redis
import redis.asyncio as async_redis

from wabroadcast_core.keys import Keys
from wabroadcast_core.redis_access.clients import NotAnsweringError
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.sentences import Sentence

_SCRIPT = files(__package__).joinpath("probe.lua").read_text(encoding="utf-8")
_SILENT_ANNOUNCEMENT = '{"wake": 0}'  # no connection has this id

_CAUSES = {  # by the first word of an answer of Redis, or of the error that it caused inside a script
    "OOM": say("redis_oom"),
    "READONLY": say("redis_readonly"),
    "MISCONF": say("redis_misconf"),
    "LOADING": say("redis_loading"),
    "NOREPLICAS": say("redis_noreplicas"),
    "MASTERDOWN": say("redis_masterdown"),
    "CLUSTERDOWN": say("redis_clusterdown"),
    "MOVED": say("redis_cluster"),
    "CROSSSLOT": say("redis_cluster"),
    "BUSY": say("redis_busy"),
    "NOAUTH": say("redis_noauth"),
    "WRONGPASS": say("redis_wrongpass"),
    "NOPERM": say("redis_noperm"),
}
_PHRASES = {  # where Redis or redis-py leaves that word out
    "no permissions": "NOPERM",
    "already authenticated": "NOAUTH",
    "Authentication required": "NOAUTH",
    "invalid username-password": "WRONGPASS",
}
_KINDS = {  # errors that redis-py raises without their first word
    redis.exceptions.OutOfMemoryError: "OOM",
    redis.exceptions.ReadOnlyError: "READONLY",
    redis.exceptions.BusyLoadingError: "LOADING",
    redis.exceptions.MasterDownError: "MASTERDOWN",
    redis.exceptions.ClusterDownError: "CLUSTERDOWN",
    redis.exceptions.MovedError: "MOVED",
    redis.exceptions.NoPermissionError: "NOPERM",
}


class RedisProbe:
    """Calls Redis in the way the limiter does.

    :param keys: the names of the keys of this installation.
    """

    def __init__(self, keys: Keys) -> None:
        self._names = [keys.probe, keys.queue_probe]
        self._arguments = [keys.control, _SILENT_ANNOUNCEMENT]

    def call(self, client: redis.Redis) -> None:
        """Write to Redis.

        :raises redis.RedisError: Redis cannot be reached, or refuses the write.
        """
        client.register_script(_SCRIPT)(keys=self._names, args=self._arguments)

    async def call_async(self, client: async_redis.Redis) -> None:
        """Write to Redis, from an event loop.

        :raises redis.RedisError: Redis cannot be reached, or refuses the write.
        """
        await client.register_script(_SCRIPT)(keys=self._names, args=self._arguments)


def describe_failure(error: redis.RedisError) -> Sentence:
    """Return why Redis cannot be used and what to do, in words. No address and no secret is in them."""
    if isinstance(error, redis.TimeoutError | NotAnsweringError):
        return say("redis_silent")
    if (word := _word_of(error)) is not None:
        return _CAUSES[word]
    if isinstance(error, redis.ConnectionError):
        return say("redis_unreachable")
    return say("redis_refuses", word=str(error).partition(" ")[0] or type(error).__name__)


def _word_of(error: redis.RedisError) -> str | None:
    """Return the word of Redis for the cause, which is a key of the causes."""
    text = str(error)
    found = [word for kind, word in _KINDS.items() if isinstance(error, kind)]
    found += [word for phrase, word in _PHRASES.items() if phrase.lower() in text.lower()]
    found += [word for word in text.replace("-", " ").split() if word in _CAUSES]
    return found[0] if found else None
