"""Opens the store and Redis (or the embedded Valkey) for a broadcaster."""

from collections.abc import Callable, Mapping
from typing import Any

import redis
import redis.asyncio as async_redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Engine

from wabroadcast_core.errors import SetupError
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.settings import Settings
from wabroadcast_core.store.database import Database, open_database

TIMEOUT_SECONDS = 5


class RedisAccess:
    """One Redis client for all threads, and a function that makes a new client for an event loop.

    :param settings: the address of Redis; without one, an embedded Valkey is started.
    :param given: the host's own client, used instead of the address; the host closes it.
    :raises SetupError: the host's client decodes answers, or the embedded Valkey does not start.
    """

    def __init__(self, settings: Settings, given: redis.Redis | None) -> None:
        self._valkey: EmbeddedValkey | None = None
        self._given = given is not None
        most = 2 * settings.turns + 16  # Redis connections: a turn may have two calls at once; the default is 100
        self.new_async: Callable[[], async_redis.Redis]
        if given is not None:
            options = given.connection_pool.connection_kwargs
            if options.get("decode_responses"):
                raise SetupError("the given Redis client decodes answers: create it without decode_responses")
            self.client = given
            self.new_async = lambda: async_redis.Redis(**_shared_options(options), max_connections=most)
            return
        address = self._address(settings)
        self.client = redis.Redis.from_url(
            address,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 1),
        )
        self.new_async = lambda: async_redis.Redis.from_url(address, max_connections=most)

    def close(self) -> None:
        """Close the client and stop the Valkey, except for those that the host passed in."""
        if not self._given:
            self.client.close()
        if self._valkey is not None:
            self._valkey.stop()

    def _address(self, settings: Settings) -> str:
        if settings.redis_url is not None:
            return settings.redis_url.get_secret_value()
        self._valkey = EmbeddedValkey(settings.data_dir)
        self._valkey.start()
        return self._valkey.url


def open_store(settings: Settings, given: Engine | None) -> Database:
    """Open the store.

    :param settings: the URL of the database; without one, SQLite in the data directory is used.
    :param given: the host's own SQLAlchemy engine, used instead; the host disposes of it.
    :raises SetupError: the URL is not valid, its driver is missing, or the data directory cannot be written.
    """
    if given is not None:
        return Database(given, owned=False)
    url = settings.database_url
    return open_database(url.get_secret_value() if url else None, sqlite_path=settings.sqlite_path)


def _shared_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the host's client that the event loops' clients use too."""
    names = {"host", "port", "db", "username", "password", "path", "credential_provider"}
    shared = {name for name in options if name in names or name.startswith("ssl_")}
    found = {name: options[name] for name in shared if options[name] is not None}
    found |= {"ssl": True} if any(name.startswith("ssl_") for name in found) else {}
    if "path" in found:
        found["unix_socket_path"] = found.pop("path")
    return found
