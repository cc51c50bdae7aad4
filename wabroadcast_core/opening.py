"""Opens the store and Redis (or the embedded Valkey) for a broadcaster."""

import functools
import socket
from collections.abc import Callable, Mapping
from typing import Any

import redis
import redis.asyncio as async_redis
from huey import Huey
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.retry import Retry
from redis.sentinel import SentinelConnectionPool
from sqlalchemy import URL, Engine

from wabroadcast_core.errors import SetupError
from wabroadcast_core.models.plain_values import a_type
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.redis_access.clients import AsyncGuardedRedis, Breaker, GuardedRedis
from wabroadcast_core.settings import Settings
from wabroadcast_core.store.database import Database, open_database

CALL_SECONDS = 1.0  # a call of a thread takes at most this long: a caller of the API waits for it
LOOP_CALL_SECONDS = 2.0  # the same for a call of an event loop, where only a coroutine waits


def check_given_parts(*, huey: object, db_engine: object, redis_client: object) -> None:
    """Check the types of what a host passes.

    :raises SetupError: one is of another type; the text says what to pass.
    """
    for name, given, kind, way_out in (
        ("huey", huey, Huey, "pass a Huey object, such as RedisHuey(name, url=…)"),
        ("db_engine", db_engine, Engine, "pass an Engine, as create_engine(url) of SQLAlchemy returns it"),
        ("redis_client", redis_client, redis.Redis, "pass a redis.Redis"),
    ):
        if given is not None and not isinstance(given, kind):
            raise SetupError(f"{name} is {a_type(given)}: {way_out}{_note_on(given)}")


def _note_on(given: object) -> str:
    """Return what else helps with a part of another type."""
    if isinstance(given, str | URL):
        return ", or set the address in the settings"
    is_async = "async" in f"{type(given).__module__} {type(given).__name__}".lower()
    return "; an asynchronous program passes a synchronous one too" if is_async else ""


class RedisAccess:
    """One Redis client for all threads, and a function that makes a new client for an event loop.

    :param settings: the address of Redis; without one, an embedded Valkey is started.
    :param given: the host's own client. Its address and credentials are used instead, with the time limits of this
        package; the client itself is neither used nor closed.
    :raises SetupError: the host's client cannot be used, or the embedded Valkey does not start.
    """

    def __init__(self, settings: Settings, given: redis.Redis | None) -> None:
        self._valkey: EmbeddedValkey | None = None
        if given is not None:
            _check_given(given)
        address = None if given is not None else self._address(settings)
        most = 2 * settings.turns + 16  # Redis connections: a turn may have two calls at once; the default is 100
        self._pool = _pool_like(given.connection_pool) if given is not None else _pool_for(str(address))
        self.breaker = Breaker(redis.Redis(connection_pool=self._pool).ping)
        self.client = GuardedRedis(self._pool, self.breaker)

        def new_async() -> async_redis.Redis:
            options: dict[str, Any] = {"max_connections": most, **_limits(LOOP_CALL_SECONDS, AsyncRetry)}
            if given is not None:
                own = async_redis.Redis(**_shared_options(given.connection_pool.connection_kwargs), **options)
                return AsyncGuardedRedis(own.connection_pool, self.breaker)
            return AsyncGuardedRedis(async_redis.ConnectionPool.from_url(str(address), **options), self.breaker)

        self.new_async: Callable[[], async_redis.Redis] = new_async

    def close(self) -> None:
        """Close the Redis connections and stop the Valkey, if one was started."""
        self.breaker.close()
        self._pool.disconnect()
        if self._valkey is not None:
            self._valkey.stop()

    def _address(self, settings: Settings) -> str:
        if settings.redis_url is not None:
            return settings.redis_url.get_secret_value()
        self._valkey = EmbeddedValkey(settings.data_dir)
        self._valkey.start()
        return self._valkey.url


def _check_given(given: redis.Redis) -> None:
    """Check that the host's client has the address of a server.

    :raises SetupError: it has none, or decodes answers.
    """
    pool = given.connection_pool
    if isinstance(pool, SentinelConnectionPool):
        raise SetupError(
            "the given Redis client finds its server by Sentinel: give one that has the address of a server"
        )
    if pool.connection_kwargs.get("decode_responses"):
        raise SetupError("the given Redis client decodes answers: create it without decode_responses")


def _limits(seconds: float, retry: type[Retry] | type[AsyncRetry]) -> dict[str, Any]:
    """Return the options of Redis connections: their time limits, and that the client repeats calls, not they."""
    limits = {"socket_timeout": seconds, "socket_connect_timeout": seconds, "retry": retry(NoBackoff(), 0)}
    return {**limits, "driver_info": _driver_info()}


@functools.cache
def _driver_info() -> DriverInfo:
    """Return the name and version of the driver, which connections otherwise read from the disk, each anew."""
    return DriverInfo()


def _pool_for(address: str) -> redis.ConnectionPool:
    return redis.ConnectionPool.from_url(address, **_limits(CALL_SECONDS, Retry))


def _pool_like(given: redis.ConnectionPool) -> redis.ConnectionPool:
    """Return a pool of connections to the Redis of the host's pool, with our time limits."""
    options = {**_shared_options(given.connection_kwargs), **_limits(CALL_SECONDS, Retry)}
    return redis.Redis(**options).connection_pool


def open_store(settings: Settings, given: Engine | None) -> Database:
    """Open the store.

    :param settings: the URL of the database; without one, SQLite in the data directory is used.
    :param given: the host's own SQLAlchemy engine, used instead; the host disposes of it.
    :raises SetupError: the URL is not valid, its driver is missing, or the data directory cannot be written.
    """
    if given is not None:
        return Database(given, owned=False, schema=settings.database_schema)
    url = settings.database_url.get_secret_value() if settings.database_url else None
    return open_database(url, sqlite_path=settings.sqlite_path, schema=settings.database_schema)


def name_redis(client: redis.Redis, namespace: str) -> str:
    """Return the name of a Redis and a namespace in it, for people: without secrets."""
    options = client.connection_pool.connection_kwargs
    place = options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
    return f"{place}, database {options.get('db') or 0}, namespace {namespace}"


def name_store(database: Database) -> str:
    """Return the name of a store, for people: without secrets."""
    if database.sqlite_path is not None:
        return f"{database.sqlite_path.resolve()} on {socket.gethostname()}"
    url = database.db_engine.url
    place = url.host or url.query.get("host") or socket.gethostname()
    return f"{url.get_backend_name()} {url.database} on {place}" + (f":{url.port}" if url.port else "")


def _shared_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the host's client that our clients use too."""
    names = {"host", "port", "db", "username", "password", "path", "credential_provider"}
    shared = {name for name in options if name in names or name.startswith("ssl_")}
    found = {name: options[name] for name in shared if options[name] is not None}
    found |= {"ssl": True} if any(name.startswith("ssl_") for name in found) else {}
    if "path" in found:
        found["unix_socket_path"] = found.pop("path")
    return found
