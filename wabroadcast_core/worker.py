"""A worker process: Huey's threads take tasks, the event loop carries the turns that these start."""

import gc
import logging
import threading
import time

import redis
from huey.consumer import Consumer
from huey.consumer import Worker as HueyWorker

from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.engine.handlers import Handlers
from wabroadcast_core.errors import BroadcastError

log = logging.getLogger(__name__)

FULL_WAIT = 0.05  # seconds between looks for room while the process carries all the turns it can
IDLE_LOOKS = 3  # looks in a row that find nothing to do, before a burst ends
LOOK_SECONDS = 0.2


class Worker:
    """Works for a started :class:`Broadcaster`, until it is stopped."""

    def __init__(self, broadcaster: Broadcaster) -> None:
        self._broadcaster = broadcaster
        self._handlers: Handlers = broadcaster.handlers
        self._consumer: Consumer | None = None

    def start(self) -> None:
        """Begin to work, in threads; returns at once."""
        loop = self._handlers.loop  # the engine recovers what others left before the first task comes
        huey = self._broadcaster.tasks.huey
        huey.clock = self._broadcaster.context.clock
        self._consumer = _EngineConsumer(
            huey, workers=self._broadcaster.settings.threads, periodic=False, backoff=1.15, max_delay=2
        )
        for worker, _ in self._consumer.worker_threads:
            worker.has_capacity = lambda: loop.has_capacity
        self._consumer.start()

    def stop(self) -> None:
        """Claim nothing more, await what is under way, record it."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.stop_flag.set()
            self._handlers.stop()
            consumer.shutdown_timeout = self._broadcaster.settings.stop_seconds
            consumer.stop(graceful=True)
            self._handlers.stop()  # again: a task that was under way may have begun another engine

    def run(self, *, burst: bool = False, stop: threading.Event | None = None) -> None:
        """Work until ``stop`` is set; with ``burst`` until nothing is due any more, if that comes first.

        :raises BroadcastError: the engine could not begin.
        """
        stop = stop or threading.Event()
        _tune_collector()
        self.start()
        idle = 0
        try:
            while not stop.wait(LOOK_SECONDS if burst else 1):
                if self._handlers.loop.has_failed:
                    raise BroadcastError("the engine cannot begin; the log says why")
                idle = idle + 1 if burst and self._is_idle() else 0
                if idle >= IDLE_LOOKS:
                    break
        finally:
            self.stop()

    def _is_idle(self) -> bool:
        try:
            waiting = self._broadcaster.tasks.huey.pending_count()
        except redis.RedisError:
            return False
        busy = bool(self._broadcaster.tasks.huey._tasks_in_flight)  # noqa: SLF001 - huey has no other way to say so
        return not waiting and not busy and self._handlers.loop.is_idle and not self._broadcaster.has_due_work()


def _tune_collector() -> None:
    """Thousands of messages live for a moment: looking through them for cycles took a fifth of the time."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


class _CapacityWorker(HueyWorker):  # type: ignore[misc]  # huey has no types
    """Takes no task while this process carries all the turns it can: others take them."""

    @staticmethod
    def has_capacity() -> bool:
        return True

    def loop(self, now: object = None) -> None:
        if self.has_capacity():
            super().loop(now)
        else:
            time.sleep(FULL_WAIT)


class _EngineConsumer(Consumer):  # type: ignore[misc]  # huey has no types
    worker_class = _CapacityWorker

    def _set_signal_handlers(self) -> None:
        """Signals belong to the program around us."""
