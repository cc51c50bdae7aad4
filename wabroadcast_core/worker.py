"""A worker process: Huey's threads take tasks, and the turns that these start run on one event loop."""

import gc
import logging
import threading
import time
from typing import Any

import redis
from huey.consumer import Consumer
from huey.consumer import Worker as HueyWorker

from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.engine.handlers import Handlers
from wabroadcast_core.errors import WorkerFault
from wabroadcast_core.queue.tasks import ClientStorage

log = logging.getLogger(__name__)

READ_AGAIN = 0.4  # seconds; the longest wait before the queue is read again after a failure
FULL_WAIT = 0.05  # seconds between two checks for capacity while the process runs all the turns it can
IDLE_CHECKS = 3  # checks in a row without work after which a burst ends
CHECK_SECONDS = 0.2  # between two checks for work in a burst


class Worker:
    """Does the work of a started :class:`Broadcaster` in this process, until it is stopped."""

    def __init__(self, broadcaster: Broadcaster) -> None:
        self._broadcaster = broadcaster
        self._handlers: Handlers = broadcaster.handlers
        self._consumer: Consumer | None = None

    def start(self) -> None:
        """Start to work, in threads; return at once."""
        loop = self._handlers.start()  # it recovers the work of dead workers before the first task
        huey = self._broadcaster.tasks.huey
        huey.clock = self._broadcaster.context.clock
        self._consumer = _EngineConsumer(
            huey, workers=self._broadcaster.settings.threads, periodic=False, backoff=1.15, max_delay=READ_AGAIN
        )
        for worker, _ in self._consumer.worker_threads:
            worker.has_capacity = lambda: loop.has_capacity
            worker.head_start = lambda: loop.head_start
            worker.is_stopping = self._consumer.stop_flag.is_set
        _silence_huey()
        self._consumer.start()

    def stop(self) -> None:
        """Stop claiming messages, wait for the sends in progress and record their outcomes."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.stop_flag.set()
            self._handlers.stop()
            consumer.shutdown_timeout = self._broadcaster.settings.stop_seconds
            consumer.stop(graceful=True)
            self._handlers.stop()  # again: a thread that was starting may have started another engine

    def run(self, *, burst: bool = False, stop: threading.Event | None = None) -> None:
        """Work until ``stop`` is set.

        :param burst: whether to end also when no more work is due.
        :param stop: the event that ends the work; None: only ``burst`` or an exception ends it.
        :raises WorkerFault: the engine could not start, or its event loop has ended or is held for too long: start
            another process, since a thread of this one may never end.
        :raises SetupError: the store and Redis turned out not to belong together.
        """
        stop = stop or threading.Event()
        _tune_garbage_collector()
        self.start()
        idle = 0
        try:
            while not stop.wait(CHECK_SECONDS if burst else 1):
                loop = self._handlers.loop
                if loop is not None and (reason := loop.fault) is not None:
                    raise WorkerFault(reason)
                if (fault := self._broadcaster.context.pairing.fault) is not None:
                    raise fault
                idle = idle + 1 if burst and self._is_idle() else 0
                if idle >= IDLE_CHECKS:
                    break
        finally:
            self.stop()

    def _is_idle(self) -> bool:
        try:
            waiting = self._broadcaster.tasks.huey.pending_count()
        except redis.RedisError:
            return False
        busy = bool(self._broadcaster.tasks.huey._tasks_in_flight)  # noqa: SLF001 - huey has no public attribute for this
        loop = self._handlers.loop
        return not waiting and not busy and (loop is None or loop.is_idle) and not self._broadcaster.has_due_work()


def _tune_garbage_collector() -> None:
    """Collect garbage less often: checking thousands of short-lived messages for cycles took a fifth of the time."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


class _RedisAwayFilter(logging.Filter):
    """Drops Huey's log lines about a Redis that takes no calls: its threads fail twice a second.

    The engine logs the cause once, in words, and the return of Redis.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, redis.RedisError)


_REDIS_AWAY_FILTER = _RedisAwayFilter()
_CONSUMER_LOG = logging.getLogger(f"{__name__}.huey")


def _silence_huey() -> None:
    """Drop Huey's lines about a Redis that takes no calls, and our consumer's about itself; a second call changes
    nothing.
    """
    _CONSUMER_LOG.setLevel(logging.WARNING)
    for name in (_CONSUMER_LOG.name, "huey.consumer", "huey.consumer.Worker", "huey.consumer.Scheduler"):
        logging.getLogger(name).addFilter(_REDIS_AWAY_FILTER)


class _CapacityWorker(HueyWorker):  # type: ignore[misc]  # huey has no types
    """A Huey thread that takes no task while this process runs all the turns it can; other processes take them.

    While the process is busy, it takes only what the others have left.
    """

    _has_found = False  # whether the last look of a busy process found a task

    @staticmethod
    def has_capacity() -> bool:
        return True

    @staticmethod
    def head_start() -> float:
        return 0.0

    @staticmethod
    def is_stopping() -> bool:
        return False

    def initialize(self) -> None:
        if not self.is_stopping():  # otherwise it would start another engine
            super().initialize()

    def loop(self, now: object = None) -> None:
        if not self.has_capacity():
            time.sleep(FULL_WAIT)
        elif isinstance(self.huey.storage, ClientStorage) and (seconds := self.head_start()) > 0:
            self._take_left(self.huey.storage, seconds, now)
        else:
            super().loop(now)

    def _take_left(self, storage: ClientStorage, seconds: float, now: object) -> None:
        """Take a task that no other process has taken. Wait before, unless the last look found one too."""
        if not self._has_found and self.stop_flag.wait(seconds):
            return
        before = self.task_count
        with storage.reading_at_once():
            super().loop(now)
        self._has_found = self.task_count > before


class _EngineConsumer(Consumer):  # type: ignore[misc]  # huey has no types
    worker_class = _CapacityWorker

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._logger = _CONSUMER_LOG

    def _set_signal_handlers(self) -> None:
        """Install no signal handlers: the program that uses this class has its own."""
