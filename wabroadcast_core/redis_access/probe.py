"""The probe of Redis: one script call that writes, as the limiter does; and the cause of a failure in words."""

from importlib.resources import files

import redis
import redis.asyncio as async_redis

from wabroadcast_core.keys import Keys
from wabroadcast_core.redis_access.clients import NotAnsweringError

_SCRIPT = files(__package__).joinpath("probe.lua").read_text(encoding="utf-8")
_SILENT_ANNOUNCEMENT = '{"wake": 0}'  # no connection has this id

_CAUSES = {  # by the first word of an answer of Redis, or of the error that it caused inside a script
    "OOM": "Redis refuses writes, because its memory limit is reached: raise its maxmemory, or free memory in it",
    "READONLY": "Redis is a read-only replica: set WABROADCAST_REDIS_URL to the primary, or make this one the primary",
    "MISCONF": "Redis refuses writes, because it cannot save its data: free space on its disk, and see its log",
    "LOADING": "Redis is loading its data: it answers when that is done",
    "NOREPLICAS": "Redis refuses writes, because it has too few replicas: start them, or lower min-replicas-to-write",
    "MASTERDOWN": "Redis is a replica without its primary: set WABROADCAST_REDIS_URL to the primary",
    "CLUSTERDOWN": "the Redis cluster is down: see its log",
    "MOVED": "Redis is part of a cluster: set WABROADCAST_REDIS_URL to a Redis without cluster mode",
    "CROSSSLOT": "Redis is part of a cluster: set WABROADCAST_REDIS_URL to a Redis without cluster mode",
    "BUSY": "Redis is busy with a script: wait for its end, or end it with SCRIPT KILL",
    "NOAUTH": "Redis requires a password: add it to WABROADCAST_REDIS_URL, as in redis://:password@host",
    "WRONGPASS": "Redis refuses the user or the password: correct them in WABROADCAST_REDIS_URL",
    "NOPERM": (
        "the user of Redis lacks a permission: grant it all commands, and the keys and channels that begin with the "
        "namespace or with huey"
    ),
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


def describe_failure(error: redis.RedisError) -> str:
    """Return why Redis cannot be used and what to do, in words. No address and no secret is in them."""
    if isinstance(error, redis.TimeoutError | NotAnsweringError):
        return "Redis does not answer in time: check that it runs and that the network reaches it"
    if (word := _word_of(error)) is not None:
        return _CAUSES[word]
    if isinstance(error, redis.ConnectionError):
        return "Redis cannot be reached: start it, or correct WABROADCAST_REDIS_URL"
    return f"Redis refuses a call ({str(error).partition(' ')[0] or type(error).__name__}): see its log"


def _word_of(error: redis.RedisError) -> str | None:
    """Return the word of Redis for the cause, which is a key of the causes."""
    text = str(error)
    found = [word for kind, word in _KINDS.items() if isinstance(error, kind)]
    found += [word for phrase, word in _PHRASES.items() if phrase.lower() in text.lower()]
    found += [word for word in text.replace("-", " ").split() if word in _CAUSES]
    return found[0] if found else None
