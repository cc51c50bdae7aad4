"""The pairing as Redis has it: the token of the store, its name, and whether a process of that store is running."""

from dataclasses import dataclass
from importlib.resources import files

import redis

from wabroadcast_core.keys import Keys

_SCRIPT = files(__package__).joinpath("pairing.lua").read_text(encoding="utf-8")
CHUNK = 1_000  # keys deleted in one call


@dataclass(frozen=True, slots=True)
class RedisPair:
    """The store that a namespace of Redis belongs to."""

    token: str  # empty: no store, as after Redis lost its keys
    store: str  # its name for people
    life: int  # milliseconds until its processes count as stopped; negative if they do


class RedisSide:
    """Reads and writes the pairing in Redis. Each method raises ``redis.RedisError`` if Redis cannot be used."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._script = client.register_script(_SCRIPT)

    def look(self) -> RedisPair:
        """Return which store the namespace belongs to."""
        return self._call("look")

    def hold(self, *, token: str, store: str, seconds: float) -> RedisPair:
        """Pair the namespace with a store, unless it belongs to another one.

        :param seconds: how long the processes of the store count as running.
        :returns: the store that the namespace belongs to now.
        """
        return self._call("hold", token, store, int(seconds * 1_000))

    def clear(self) -> None:
        """Delete all keys of the namespace and its tasks: they are about the rows of another store."""
        names = [*self._client.scan_iter(match=f"{self._keys.namespace}:*", count=CHUNK), *self._keys.queue]
        for first in range(0, len(names), CHUNK):
            self._client.unlink(*names[first : first + CHUNK])

    def _call(self, op: str, *arguments: str | int) -> RedisPair:
        token, store, life = self._script(keys=[self._keys.pair, self._keys.pair_life], args=[op, *arguments])
        return RedisPair(token.decode(), store.decode(), int(life))
