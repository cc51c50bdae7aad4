"""The event loop of a worker process, in a thread of its own, and the methods by which other threads use it."""

import asyncio
import concurrent.futures
import contextlib
import logging
import resource
import sys
import threading
from collections import deque

from wabroadcast_core.background import cancel_all
from wabroadcast_core.context import Context
from wabroadcast_core.engine.engine import Engine
from wabroadcast_core.engine.watchdog import LoopWatchdog
from wabroadcast_core.errors import SetupError
from wabroadcast_core.plugin_faults import describe_fault

log = logging.getLogger(__name__)

OPEN_FILES = 65_536  # each open request takes one
END_CHECK_SECONDS = 0.2  # between two checks whether a loop that is to stop is held
SWITCH_SECONDS = 0.00005  # how long a thread may hold the interpreter while the loop or a store thread waits for it


class EngineLoop:
    """An engine on an event loop in a thread of its own. All methods may be called from any thread.

    The constructor returns when the engine is built. The engine then waits for the store and Redis by itself.
    """

    def __init__(self, context: Context) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        _allow_open_files()
        self._loop = asyncio.new_event_loop()
        self._engine: Engine | None = None
        self._built = threading.Event()
        self._starting: deque[int] = deque()  # connections whose turns the loop is to start
        self._has_failed = False  # the engine could not start; the reason is in the log
        self._thread = threading.Thread(target=self._run, args=(context,), name="wabroadcast-loop", daemon=True)
        self._restart_seconds = context.settings.loop_restart_seconds
        self._is_stopping = False
        self._thread.start()
        self._built.wait()
        self._watchdog = LoopWatchdog(
            self._loop,
            self._thread.ident or 0,
            warn_seconds=context.settings.loop_warn_seconds,
            owner_of=context.plugins.owner_of,
        )

    @property
    def turns(self) -> int:
        """How many turns are running, or wait for the loop to start them."""
        return len(self._starting) + (self._engine.turns if self._engine is not None else 0)

    @property
    def has_capacity(self) -> bool:
        """Whether this process can run another turn. If not, its Huey threads leave the work to other processes.

        While Redis takes no calls they do not read the queue: the engine finds out when it does again. While the event
        loop falls behind, it has no capacity for further turns either.
        """
        if self._has_failed or self._watchdog.is_held:
            return False
        engine = self._engine
        return engine is None or not (engine.is_redis_away or self.turns >= engine.most_turns)

    @property
    def head_start(self) -> float:
        """Seconds by which Huey's threads look at the queue later than those of processes that are less busy."""
        return self._engine.head_start if self._engine is not None else 0.0

    @property
    def fault(self) -> str | None:
        """Why this process must be restarted; None if it need not be."""
        if self._has_failed:
            return "the engine cannot start: see the error in the log"
        if not self._thread.is_alive():
            return "the event loop has ended: see the error in the log"
        if self._is_stuck:
            return f"the event loop has been held for {self._watchdog.held_seconds:.0f} s: see the log for the plugin"
        return None

    @property
    def _is_stuck(self) -> bool:
        return self._watchdog.held_seconds >= self._restart_seconds

    @property
    def is_idle(self) -> bool:
        """Whether no work is in progress and all outcomes are stored."""
        return self._engine is None or self._engine.is_idle

    def start_turn(self, connection_id: int) -> None:
        """Start a turn of a connection."""
        if self._engine is not None and not self._loop.is_closed():
            self._starting.append(connection_id)
            self._loop.call_soon_threadsafe(self._start_next)

    def process_webhooks(self, connection_id: int) -> None:
        """Start to process the stored webhook calls of a connection."""
        if self._engine is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._engine.process_webhooks, connection_id)

    def deliver_callbacks(self, broadcast_id: int) -> None:
        """Start to deliver the callbacks of a broadcast."""
        if self._engine is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._engine.deliver_callbacks, broadcast_id)

    def stop(self) -> None:
        """Stop the engine gracefully, then the loop. Return when the thread has ended, or is held for too long."""
        self._is_stopping = True
        try:
            if self._thread.is_alive() and not self._await_end():
                log.error("the event loop is held: this process ends without it, and recover settles its messages")
                return
            self._thread.join()
        finally:
            self._watchdog.stop()

    def _await_end(self) -> bool:
        """Wait for the end of the engine, then stop the loop. Return False if the loop is held."""
        ending = asyncio.run_coroutine_threadsafe(self._stop_engine(), self._loop)
        while not ending.done():
            if self._is_stuck:
                return False
            concurrent.futures.wait([ending], timeout=END_CHECK_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        ending.result()
        return True

    def _start_next(self) -> None:
        connection_id = self._starting.popleft()
        if self._engine is not None:
            self._engine.start_turn(connection_id)

    def _run(self, context: Context) -> None:
        asyncio.set_event_loop(self._loop)
        self._start_task = self._loop.create_task(self._start_engine(context))
        self._start_task.add_done_callback(self._on_started)
        try:
            self._run_loop()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def _run_loop(self) -> None:
        """Run the loop until it is stopped. A SystemExit or KeyboardInterrupt in any task ends ``run_forever``."""
        while True:
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt) as error:
                log.error("a plugin tried to end this process (%s): the work goes on", describe_fault(error))  # noqa: TRY400 - its text may hold anything
                if not self._is_stopping:
                    continue
            return

    async def _start_engine(self, context: Context) -> None:
        try:
            self._engine = Engine(context)
            context.clock = self._engine.clock
        finally:
            self._built.set()
        await self._engine.begin()

    def _on_started(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._has_failed = True
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
