"""What the tasks do, in whatever process runs them: prepare here, turns on this process' event loop."""

import logging
import threading
from collections.abc import Callable

from wabroadcast_core.audience.imports import run_import
from wabroadcast_core.audience.prepare import prepare_broadcast
from wabroadcast_core.context import Context
from wabroadcast_core.control.transitions import sweep_some
from wabroadcast_core.engine.loop import EngineLoop

log = logging.getLogger(__name__)


class Handlers:
    """:param context_of: the application's context, once it is started."""

    def __init__(self, context_of: Callable[[], Context]) -> None:
        self._context_of = context_of
        self._lock = threading.Lock()
        self._loop: EngineLoop | None = None

    @property
    def loop(self) -> EngineLoop:
        """This process' engine, started with the first turn: a host may run the tasks in a consumer of its own."""
        with self._lock:
            if self._loop is None:
                self._loop = EngineLoop(self._context_of())
            return self._loop

    def stop(self) -> None:
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.stop()

    def prepare(self, broadcast_id: int) -> None:
        prepare_broadcast(self._context_of(), broadcast_id)

    def start_turn(self, connection_id: int) -> None:
        self.loop.start_turn(connection_id)

    def sweep(self, broadcast_id: int) -> None:
        """Close the open messages of an ended broadcast, a transaction at a time."""
        context = self._context_of()
        while sweep_some(context.database, broadcast_id, now=context.clock.now()):
            pass

    def process_webhooks(self, connection_id: int) -> None:
        self.loop.process_webhooks(connection_id)

    def import_contacts(self, import_id: str) -> None:
        run_import(self._context_of(), import_id)
