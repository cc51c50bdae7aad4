"""Opens what a broadcaster stands on: the store, Redis or the embedded Valkey."""

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
    """A Redis for all threads, and new clients for the event loops that ask for one.

    :param given: the host's own client, which the host closes; without it the address in the settings counts, and
        without an address an embedded Valkey is started.
    :raises SetupError: the host's client decodes answers, or the embedded Valkey does not start.
    """

    def __init__(self, settings: Settings, given: redis.Redis | None) -> None:
        self._valkey: EmbeddedValkey | None = None
        self._given = given is not None
        room = 2 * settings.turns + 16  # connections: each turn may ask twice at once; 100 are the default
        self.new_async: Callable[[], async_redis.Redis]
        if given is not None:
            options = given.connection_pool.connection_kwargs
            if options.get("decode_responses"):
                raise SetupError("the Redis client handed in decodes answers: make it without decode_responses")
            self.client = given
            self.new_async = lambda: async_redis.Redis(**_shared_options(options), max_connections=room)
            return
        address = self._address(settings)
        self.client = redis.Redis.from_url(
            address,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 1),
        )
        self.new_async = lambda: async_redis.Redis.from_url(address, max_connections=room)

    def close(self) -> None:
        """Close the client and stop the Valkey, where they are ours."""
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
    """Open the store: the host's SQLAlchemy engine, the database in the settings, or SQLite in the data directory."""
    if given is not None:
        return Database(given, owned=False)
    url = settings.database_url
    return open_database(url.get_secret_value() if url else None, sqlite_path=settings.sqlite_path)


def _shared_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that an event loop's client takes over from a host's own client."""
    names = {"host", "port", "db", "username", "password", "path", "credential_provider"}
    shared = {name for name in options if name in names or name.startswith("ssl_")}
    found = {name: options[name] for name in shared if options[name] is not None}
    found |= {"ssl": True} if any(name.startswith("ssl_") for name in found) else {}
    if "path" in found:
        found["unix_socket_path"] = found.pop("path")
    return found
