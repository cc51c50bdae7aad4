"""The work of broadcasts that a host stored in a transaction of its own: it begins after the commit."""

import logging
import threading
from queue import SimpleQueue
from typing import Any

from sqlalchemy import Connection, Pool, event

from wabroadcast_core.audience.submission import Submitted
from wabroadcast_core.context import Context
from wabroadcast_core.errors import BroadcastError, NotFoundError
from wabroadcast_core.forks import renew_after_fork
from wabroadcast_core.services.broadcast_work import begin_work
from wabroadcast_core.services.lookups import broadcast_row

log = logging.getLogger(__name__)


class CommittedWork:
    """Begins the work of broadcasts when the connections on which they were stored are back in their pools.

    SQLAlchemy reports no commit after it, but then the transaction has ended. Of one that was rolled back there is no
    broadcast to be found. A work that does not begin here is found by recover.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._pools: list[Pool] = []
        self._is_closed = False
        self._await_first()
        renew_after_fork(self._await_first)

    def _await_first(self) -> None:
        """Begin without a thread, in the child of a fork too."""
        self._ended: SimpleQueue[str | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def note(self, conn: Connection, job_id: str) -> None:
        """Begin the work of a broadcast when the transaction of a host's connection has ended.

        :param conn: the connection on which it was stored.
        """
        pool = conn.engine.pool
        with self._lock:
            if not event.contains(pool, "checkin", self._on_checkin):
                event.listen(pool, "checkin", self._on_checkin)
                self._pools.append(pool)
        conn.info.setdefault(self, []).append(job_id)

    def close(self) -> None:
        """Begin what has ended, then end the thread."""
        self._is_closed = True
        for pool in self._pools:
            if event.contains(pool, "checkin", self._on_checkin):
                event.remove(pool, "checkin", self._on_checkin)
        if (thread := self._thread) is not None:
            self._ended.put(None)
            thread.join()

    def _on_checkin(self, _connection: Any, record: Any) -> None:
        """Queue what was stored on a connection. Called in a thread of the host, which must not wait."""
        job_ids: list[str] = record.info.pop(self, [])
        if not job_ids or self._is_closed:
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="wabroadcast-committed", daemon=True)
                self._thread.start()
        for job_id in job_ids:
            self._ended.put(job_id)

    def _run(self) -> None:
        while (job_id := self._ended.get()) is not None:
            try:
                self._begin(job_id)
            except NotFoundError:  # the host rolled back
                continue
            except BroadcastError as error:
                log.warning(
                    "broadcast %s: its work does not begin at once, but with the next recovery: %s", job_id, error
                )

    def _begin(self, job_id: str) -> None:
        database = self._context.database
        with database.read() as conn:
            key = int(broadcast_row(conn, job_id)["id"])
        database.on_changed({key})
        begin_work(self._context, Submitted(key, new=True, connection_ids=[]))
