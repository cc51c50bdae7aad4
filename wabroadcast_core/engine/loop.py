"""The thread that carries a worker process' event loop, and how other threads reach it."""

import asyncio
import contextlib
import logging
import resource
import sys
import threading

from wabroadcast_core.background import cancel_all
from wabroadcast_core.context import Context
from wabroadcast_core.engine.engine import Engine

log = logging.getLogger(__name__)

OPEN_FILES = 65_536  # every open request is one
SWITCH_SECONDS = 0.00005  # how long a thread may keep the interpreter while the loop or the store waits for it


class EngineLoop:
    """An engine on an event loop in a thread of its own. Every method may be called from any thread."""

    def __init__(self, context: Context) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        _allow_open_files()
        self._capacity = context.settings.turns
        self._loop = asyncio.new_event_loop()
        self._engine: Engine | None = None
        self._begun = threading.Event()
        self.has_failed = False  # the engine could not begin; the log says why
        self._thread = threading.Thread(target=self._run, args=(context,), name="wabroadcast-loop", daemon=True)
        self._thread.start()
        self._begun.wait()

    @property
    def turns(self) -> int:
        return self._engine.turns if self._engine is not None else 0

    @property
    def has_capacity(self) -> bool:
        """Whether this process can carry another turn; otherwise others shall take the work."""
        return not self.has_failed and self.turns < self._capacity

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way and all outcomes are stored."""
        return self._engine is None or self._engine.is_idle

    def start_turn(self, connection_id: int) -> None:
        if self._engine is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._engine.start_turn, connection_id)

    def process_webhooks(self, connection_id: int) -> None:
        if self._engine is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._engine.process_webhooks, connection_id)

    def stop(self) -> None:
        """End the engine gracefully, then the loop."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self, context: Context) -> None:
        asyncio.set_event_loop(self._loop)
        self._beginning = self._loop.create_task(self._begin(context))
        self._beginning.add_done_callback(self._note_beginning)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _begin(self, context: Context) -> None:
        try:
            self._engine = Engine(context)
            context.clock = self._engine.clock
        finally:
            self._begun.set()
        await self._engine.begin()

    def _note_beginning(self, beginning: asyncio.Task[None]) -> None:
        if not beginning.cancelled() and (error := beginning.exception()) is not None:
            self.has_failed = True
            log.error("the engine cannot begin: this process takes no work", exc_info=error)

    async def _end(self) -> None:
        await cancel_all([self._beginning])
        if self._engine is not None:
            await self._engine.end()


def _allow_open_files() -> None:
    """Take what the system grants: by default it is often less than the requests that may be open at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
