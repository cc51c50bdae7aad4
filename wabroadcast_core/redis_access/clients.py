"""Redis clients whose callers never wait long: short time-outs, and a breaker while Redis does not answer.

A blocked or frozen Redis costs the first calls one time-out each. After that, all calls fail at once, until a thread
finds that Redis answers again.
"""

import logging
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import redis
import redis.asyncio as async_redis
from redis.client import Pipeline
from redis.exceptions import NoScriptError

from wabroadcast_core.forks import renew_after_fork

log = logging.getLogger(__name__)

SLOW_SECONDS = 0.9  # a call that fails after this time counts as a time-out: a look-up of a host's name, for example
PING_SECONDS = 0.25  # between two attempts to reach a Redis that does not answer


class NotAnsweringError(redis.ConnectionError):
    """Redis did not answer a moment ago, so the call was not made."""


class Breaker:
    """Refuses calls at once while Redis does not answer, and records that calls have failed.

    All clients of a process share one breaker. It may be used from any thread.

    :param ping: calls Redis, in a thread, until it answers.
    """

    def __init__(self, ping: Callable[[], object]) -> None:
        self._ping = ping
        self._lock = threading.Lock()
        self._is_open = False
        self._closing = threading.Event()
        renew_after_fork(self._after_fork)
        self.failures = 0  # how many calls have failed so far

    def check(self) -> None:
        """Check that calls may be made.

        :raises NotAnsweringError: Redis did not answer a moment ago.
        """
        if self._is_open:
            self.failures += 1
            raise NotAnsweringError("Redis does not answer")

    def on_error(self, error: Exception, *, began: float) -> None:
        """Record a call that failed; refuse the next ones if it waited for an answer in vain.

        :param began: when the call began, in seconds of the monotonic clock.
        """
        if isinstance(error, NoScriptError):  # a server that was started again: the client sends the script
            return
        self.failures += 1
        if isinstance(error, redis.TimeoutError) or time.monotonic() - began >= SLOW_SECONDS:
            self._open()

    def close(self) -> None:
        """End the thread that waits for Redis, if there is one."""
        self._closing.set()

    def _after_fork(self) -> None:
        """Let calls be made in the child of a fork: it has no thread that waits for Redis."""
        self._lock = threading.Lock()
        self._is_open = False

    def _open(self) -> None:
        with self._lock:
            if self._is_open or self._closing.is_set():
                return
            self._is_open = True
        log.warning("Redis does not answer: calls fail at once until it does")
        threading.Thread(target=self._await_answer, name="wabroadcast-redis", daemon=True).start()

    def _await_answer(self) -> None:
        while not self._closing.wait(PING_SECONDS):
            try:
                self._ping()
            except redis.ResponseError:
                break  # an answer: the cause of the refusal is for the callers
            except redis.RedisError:
                continue
            break
        self._is_open = False


class GuardedRedis(redis.Redis):
    """A Redis client with a breaker. A call whose Redis connection was cut is repeated once, at once.

    :param pool: its pool. The connections make no attempts of their own to repeat a call.
    """

    def __init__(self, pool: redis.ConnectionPool, breaker: Breaker) -> None:
        super().__init__(connection_pool=pool)
        self._breaker = breaker

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Call Redis.

        :raises NotAnsweringError: Redis did not answer a moment ago.
        """
        call: Callable[..., Any] = super().execute_command
        self._breaker.check()
        began = time.monotonic()
        try:
            try:
                return call(*args, **options)
            except redis.ConnectionError as error:
                self._breaker.on_error(error, began=began)
                self._breaker.check()
                return call(*args, **options)
        except redis.RedisError as error:
            self._breaker.on_error(error, began=began)
            raise

    def pipeline(self, transaction: bool = True, shard_hint: object = None) -> Pipeline:  # noqa: ARG002, FBT001, FBT002 - redis-py's own signature
        """Return a pipeline with the same breaker. It is not repeated."""
        return _GuardedPipeline(self, self._breaker, transaction=transaction)


class _GuardedPipeline(Pipeline):
    """Several commands that go to Redis together."""

    def __init__(self, client: redis.Redis, breaker: Breaker, *, transaction: bool) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, transaction, None)
        self._breaker = breaker

    def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - as above
        """Call Redis.

        :raises NotAnsweringError: Redis did not answer a moment ago.
        """
        self._breaker.check()
        began = time.monotonic()
        try:
            return super().execute(raise_on_error)
        except redis.RedisError as error:
            self._breaker.on_error(error, began=began)
            raise


class AsyncGuardedRedis(async_redis.Redis):
    """The same client for an event loop. It closes its pool."""

    def __init__(self, pool: async_redis.ConnectionPool, breaker: Breaker) -> None:
        super().__init__(connection_pool=pool)
        self.auto_close_connection_pool = True
        self._breaker = breaker

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Call Redis.

        :raises NotAnsweringError: Redis did not answer a moment ago.
        """
        call: Callable[..., Awaitable[Any]] = super().execute_command
        self._breaker.check()
        began = time.monotonic()
        try:
            try:
                return await call(*args, **options)
            except redis.ConnectionError as error:
                self._breaker.on_error(error, began=began)
                self._breaker.check()
                return await call(*args, **options)
        except redis.RedisError as error:
            self._breaker.on_error(error, began=began)
            raise
