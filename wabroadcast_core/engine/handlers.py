"""The handlers of Huey's tasks: turns run on the event loop of this process, all other work in the task's thread."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from wabroadcast_core.audience.imports import run_import
from wabroadcast_core.audience.prepare import prepare_broadcast
from wabroadcast_core.context import Context
from wabroadcast_core.control.transitions import sweep_some
from wabroadcast_core.engine.loop import EngineLoop
from wabroadcast_core.forks import renew_after_fork

log = logging.getLogger(__name__)

SWEEP_PAUSE: Final = 0.02  # seconds between two transactions of a sweep, in which others end theirs


class Handlers:
    """Does the work of the tasks, in any process that runs them.

    :param context_of: returns the application's context; called only after the application has started.
    """

    def __init__(self, context_of: Callable[[], Context]) -> None:
        self._context_of = context_of
        self._lock = threading.Lock()
        self._loop: EngineLoop | None = None
        self._is_stopped = False
        renew_after_fork(self._after_fork)

    @property
    def loop(self) -> EngineLoop | None:
        """The engine of this process, started when first used: a host may run a Huey consumer of its own.

        None after a stop: a task that still runs must not start another engine.
        """
        with self._lock:
            if self._loop is None and not self._is_stopped:
                self._loop = EngineLoop(self._context_of())
            return self._loop

    def start(self) -> EngineLoop:
        """Start the engine of this process, unless it runs, and return it. It recovers the work of dead workers."""
        with self._lock:
            self._is_stopped = False
            self._loop = self._loop or EngineLoop(self._context_of())
            return self._loop

    def stop(self) -> None:
        """Stop the engine of this process, if it was started. Tasks are left to other processes and to recover."""
        with self._lock:
            self._is_stopped = True
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.stop()

    def _after_fork(self) -> None:
        """Have no engine in the child of a fork: that of the parent runs in threads of the parent."""
        self._lock = threading.Lock()
        self._loop, self._is_stopped = None, False

    def begin(self) -> None:
        """Start the engine of this process, also without any task.

        Each thread of a consumer calls it first, of a host's own consumer too.
        """
        self.start()

    def prepare(self, broadcast_id: int) -> None:
        """Prepare the audience of a broadcast."""
        prepare_broadcast(self._context_of(), broadcast_id)

    def start_turn(self, connection_id: int) -> None:
        """Start a turn of a connection on the event loop."""
        if (loop := self.loop) is not None:
            loop.start_turn(connection_id)

    def sweep(self, broadcast_id: int) -> None:
        """Close the open messages of an ended broadcast, in several transactions."""
        context = self._context_of()
        while sweep_some(context.database, broadcast_id, now=context.clock.now()):
            time.sleep(SWEEP_PAUSE)

    def process_webhooks(self, connection_id: int) -> None:
        """Process the stored webhook calls of a connection on the event loop."""
        if (loop := self.loop) is not None:
            loop.process_webhooks(connection_id)

    def deliver_callbacks(self, broadcast_id: int) -> None:
        """Deliver the due callbacks of a broadcast on the event loop."""
        if (loop := self.loop) is not None:
            loop.deliver_callbacks(broadcast_id)

    def import_contacts(self, import_id: str) -> None:
        """Import a contact file."""
        run_import(self._context_of(), import_id)
