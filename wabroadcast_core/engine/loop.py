"""The event loop of a worker process, in a thread of its own, and the methods by which other threads use it."""

import asyncio
import contextlib
import logging
import resource
import sys
import threading

from wabroadcast_core.background import cancel_all
from wabroadcast_core.context import Context
from wabroadcast_core.engine.engine import Engine
from wabroadcast_core.errors import SetupError

log = logging.getLogger(__name__)

OPEN_FILES = 65_536  # each open request takes one
SWITCH_SECONDS = 0.00005  # how long a thread may hold the interpreter while the loop or a store thread waits for it


class EngineLoop:
    """An engine on an event loop in a thread of its own. All methods may be called from any thread.

    The constructor returns when the engine is built. The engine then waits for the store and Redis by itself.
    """

    def __init__(self, context: Context) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        _allow_open_files()
        self._capacity = context.settings.turns
        self._loop = asyncio.new_event_loop()
        self._engine: Engine | None = None
        self._built = threading.Event()
        self.has_failed = False  # the engine could not start; the reason is in the log
        self._thread = threading.Thread(target=self._run, args=(context,), name="wabroadcast-loop", daemon=True)
        self._thread.start()
        self._built.wait()

    @property
    def turns(self) -> int:
        """How many turns are running."""
        return self._engine.turns if self._engine is not None else 0

    @property
    def has_capacity(self) -> bool:
        """Whether this process can run another turn. If not, its Huey threads leave the work to other processes.

        While Redis takes no calls they do not read the queue: the engine finds out when it does again.
        """
        is_away = self._engine is not None and self._engine.is_redis_away
        return not self.has_failed and not is_away and self.turns < self._capacity

    @property
    def is_idle(self) -> bool:
        """Whether no work is in progress and all outcomes are stored."""
        return self._engine is None or self._engine.is_idle

    def start_turn(self, connection_id: int) -> None:
        """Start a turn of a connection."""
        if self._engine is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._engine.start_turn, connection_id)

    def process_webhooks(self, connection_id: int) -> None:
        """Start to process the stored webhook calls of a connection."""
        if self._engine is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._engine.process_webhooks, connection_id)

    def stop(self) -> None:
        """Stop the engine gracefully, then the loop. Return when the thread has ended."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._stop_engine(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self, context: Context) -> None:
        asyncio.set_event_loop(self._loop)
        self._start_task = self._loop.create_task(self._start_engine(context))
        self._start_task.add_done_callback(self._on_started)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _start_engine(self, context: Context) -> None:
        try:
            self._engine = Engine(context)
            context.clock = self._engine.clock
        finally:
            self._built.set()
        await self._engine.begin()

    def _on_started(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.has_failed = True
            if isinstance(error, SetupError):
                log.error("the engine cannot start, this process takes no work: %s", error)
                return
            log.error("the engine cannot start: this process takes no work", exc_info=error)

    async def _stop_engine(self) -> None:
        await cancel_all([self._start_task])
        if self._engine is not None:
            await self._engine.end()


def _allow_open_files() -> None:
    """Raise the limit of open files, as far as the system allows: its default is often less than the open requests."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < target:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
