"""Notices that calls of Redis fail, probes it until it takes writes again, and then queues the work again at once.

What was lost meanwhile (wake-ups, tasks, lanes of turns that broke off) would otherwise be found by the next recovery
only, or when a lane's lease ends.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable

import redis
import redis.asyncio as async_redis

from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.redis_access.clients import Breaker
from wabroadcast_core.redis_access.probe import RedisProbe, describe_failure

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.2  # between two looks at whether a call has failed; no call of Redis
PROBE_SECONDS = 0.4  # between two probes while Redis takes no writes
CALM_SECONDS = 5.0  # a failure sooner than this after a return makes the next return wait longer


class RedisReturn:
    """The watch of one worker process.

    :param client: a Redis client of the calling event loop.
    :param breaker: records the failed calls of this process.
    :param restore: puts the work back into the queue; called each time that Redis takes writes again.
    :param longest_wait: seconds; the longest wait after a failure that a probe does not show.
    :param grace_seconds: time in which each living worker has renewed its lease after a return.
    """

    def __init__(
        self,
        client: async_redis.Redis,
        breaker: Breaker,
        probe: RedisProbe,
        *,
        restore: Callable[[], Awaitable[None]],
        longest_wait: float,
        grace_seconds: float,
    ) -> None:
        self._client = client
        self._breaker = breaker
        self._probe = probe
        self._restore = restore
        self._longest_wait = longest_wait
        self._grace_seconds = grace_seconds
        self._wait = 0.0
        self._leases_count_from = 0.0  # in seconds of the monotonic clock
        self.is_away = False  # calls fail, and the probe does so too

    def leases_count(self) -> bool:
        """Return whether each living worker has had the time to renew its lease since Redis took no writes."""
        return time.monotonic() >= self._leases_count_from

    async def watch(self) -> None:
        """Watch until this task is cancelled."""
        calm_since = asyncio.get_running_loop().time()
        while True:
            failures = self._breaker.failures
            await asyncio.sleep(LOOK_SECONDS)
            if self._breaker.failures == failures:
                continue
            self._adapt_wait(asyncio.get_running_loop().time() - calm_since)
            await asyncio.sleep(self._wait)
            await self._await_return()
            calm_since = asyncio.get_running_loop().time()

    def _adapt_wait(self, calm: float) -> None:
        """Wait longer each time where calls fail although the probe succeeds, so that recovery does not run at each."""
        self._wait = 0.0 if calm > CALM_SECONDS else min(max(2 * self._wait, PROBE_SECONDS), self._longest_wait)

    async def _await_return(self) -> None:
        cause = ""
        while (found := await self._try_to_restore()) is not None:
            if found != cause:
                log.warning("%s; nothing is sent until then", found)
            cause = found
            self._leases_count_from = math.inf
            self.is_away = True
            await asyncio.sleep(PROBE_SECONDS)
        if self.is_away:
            self.is_away = False
            self._leases_count_from = time.monotonic() + self._grace_seconds
            log.warning("Redis takes calls again: the work is back in the queue")

    async def _try_to_restore(self) -> str | None:
        """Probe Redis and restore the work.

        :returns: why that failed.
        """
        try:
            await self._probe.call_async(self._client)
            await self._restore()
        except redis.RedisError as error:
            return describe_failure(error)
        except UnavailableError as error:
            return str(error)
        return None
