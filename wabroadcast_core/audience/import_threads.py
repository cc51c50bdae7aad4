"""Imports that run in threads of the process that received them, so that they need no worker."""

import logging
import threading
import time

from wabroadcast_core.audience.imports import run_import
from wabroadcast_core.context import Context
from wabroadcast_core.models.contact import OPEN_IMPORTS
from wabroadcast_core.store import imports as import_store

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2  # between two checks of an import that another process runs
CLOSE_SECONDS = 30.0  # that close waits at most


class ImportThreads:
    """Runs one import at a time, each in a thread.

    If the process ends before an import is done, recover continues it in a worker.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._closed = threading.Event()
        self._one_at_a_time = threading.Lock()
        self._threads: set[threading.Thread] = set()

    def start(self, import_id: str, *, wait_seconds: float) -> None:
        """Start an import and wait until it has ended.

        :param wait_seconds: after this time the method returns while the import continues.
        """
        deadline = time.monotonic() + wait_seconds
        thread = threading.Thread(target=self._run, args=(import_id,), name="wabroadcast-import", daemon=True)
        self._threads.add(thread)
        thread.start()
        thread.join(wait_seconds)
        while time.monotonic() < deadline and self._is_open(import_id) and not self._closed.wait(POLL_SECONDS):
            pass  # another process runs it

    def close(self) -> None:
        """Stop the imports after their present chunks, and wait for their threads."""
        self._closed.set()
        deadline = time.monotonic() + CLOSE_SECONDS
        for thread in list(self._threads):
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self, import_id: str) -> None:
        try:
            with self._one_at_a_time:
                if not self._closed.is_set():
                    run_import(self._context, import_id, is_stopped=self._closed.is_set)
        except Exception as error:  # noqa: BLE001 - a thread has no caller that could handle it
            log.warning("import %s stopped with an error (%s): a worker continues it", import_id, type(error).__name__)
        finally:
            self._threads.discard(threading.current_thread())

    def _is_open(self, import_id: str) -> bool:
        with self._context.database.read() as conn:
            row = import_store.find_import(conn, import_id)
        return row is not None and row["status"] in OPEN_IMPORTS
