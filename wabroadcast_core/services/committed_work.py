"""The work of broadcasts that a host stored in a transaction of its own: it begins after the commit."""

import logging
import threading
import time
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final

from sqlalchemy import Connection, event

from wabroadcast_core.audience.submission import Submitted
from wabroadcast_core.context import Context
from wabroadcast_core.errors import BroadcastError, NotFoundError
from wabroadcast_core.forks import renew_after_fork
from wabroadcast_core.services.broadcast_work import begin_work
from wabroadcast_core.services.lookups import broadcast_row

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.05  # between two looks for a broadcast whose commit is under way
COMMIT_SECONDS: Final = 5.0  # a commit that takes longer leaves its work to recover


@dataclass(frozen=True, slots=True)
class _Committing:
    job_id: str
    until: float  # in seconds of the monotonic clock


class CommittedWork:
    """Begins the work of broadcasts when the transactions of the host in which they were stored are committed.

    SQLAlchemy reports a commit before it is made, and none after it. So a thread looks for the broadcast until it is
    there, for some seconds. A work that does not begin here is found by recover.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._await_first()
        renew_after_fork(self._await_first)

    def _await_first(self) -> None:
        """Begin without a thread, in the child of a fork too."""
        self._reported: SimpleQueue[_Committing | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def note(self, conn: Connection, job_id: str) -> None:
        """Begin the work of a broadcast when the host commits.

        :param conn: the connection of the host on which it was stored.
        """
        event.listen(conn, "commit", lambda _: self._expect(job_id), once=True)

    def close(self) -> None:
        """Look once more for what is being committed, then end the thread."""
        if (thread := self._thread) is not None:
            self._reported.put(None)
            thread.join()

    def _expect(self, job_id: str) -> None:
        """Look for a broadcast from now on. Called in a thread of the host, just before its commit."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="wabroadcast-committed", daemon=True)
                self._thread.start()
        self._reported.put(_Committing(job_id, until=time.monotonic() + COMMIT_SECONDS))

    def _run(self) -> None:
        expected: list[_Committing] = []
        is_open = True
        while is_open:
            try:
                news = self._reported.get(timeout=LOOK_SECONDS if expected else None)
            except Empty:
                news = None
            else:
                is_open = news is not None
            if news is not None:
                expected.append(news)
            expected = [each for each in expected if not self._has_begun(each.job_id) and time.monotonic() < each.until]

    def _has_begun(self, job_id: str) -> bool:
        """Begin the work of a broadcast if it is committed.

        :returns: whether to look for it no more.
        """
        database = self._context.database
        try:
            with database.read() as conn:
                key = int(broadcast_row(conn, job_id)["id"])
            database.on_changed({key})
            begin_work(self._context, Submitted(key, new=True, connection_ids=[]))
        except NotFoundError:  # not yet, or never: the host rolled back
            return False
        except BroadcastError as error:
            log.warning("broadcast %s: its work begins with the next recovery, not at once: %s", job_id, error)
        return True
