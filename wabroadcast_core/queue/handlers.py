"""What the tasks do, in whatever process runs them: prepare here, turns on this process' event loop."""

import logging
import threading
from collections.abc import Callable

from sqlalchemy import Connection

from wabroadcast_core.audience.imports import run_import
from wabroadcast_core.audience.prepare import prepare_broadcast
from wabroadcast_core.context import Context
from wabroadcast_core.delivery.control import sweep_broadcast
from wabroadcast_core.queue.loop import EngineLoop
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store.messages import Changes

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
        while self.sweep_some(broadcast_id):
            pass

    def sweep_some(self, broadcast_id: int) -> bool:
        """Close as many as one transaction takes. :returns: whether more may be left."""
        context = self._context_of()

        def some(connection: Connection) -> bool:
            changes: Changes = Changes()
            row = broadcast_store.get_broadcast(connection, broadcast_id)
            if row is None or row["status"] not in {"cancelled", "failed"}:
                return False
            more = sweep_broadcast(connection, broadcast_id, changes=changes)
            broadcast_store.apply_changes(connection, changes, now=context.clock.now())
            return more

        return context.database.transact(some)

    def take_webhooks(self, connection_id: int) -> None:
        self.loop.take_webhooks(connection_id)

    def import_contacts(self, import_id: str) -> None:
        run_import(self._context_of(), import_id)
