"""Threads for the code of plugins. They last, so that what a plugin keeps for a thread is used again."""

import contextvars
import threading
from collections import defaultdict
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final, NamedTuple

from wabroadcast_core.forks import renew_after_fork

MOST_IDLE: Final = 8  # threads of one owner that wait for work; with more of them, a thread ends after its work
_JOIN_SECONDS: Final = 1.0  # an idle thread ends at once, unless a plugin's own data holds it


class _Job(NamedTuple):
    work: Callable[[], object]
    then: Callable[[], object]


class PluginThreads:
    """The threads of one application, by owner: a plugin, or a kind of contact source or sender.

    Database layers such as Django's open a connection for each thread, and close none when a thread ends. So the
    thread of the last call is used again, and a new one starts only while all others of its owner are at work. A call
    that hangs keeps its thread; its caller limits how many of these there are.
    """

    def __init__(self) -> None:
        self._idle: defaultdict[str, list[_LastingThread]]
        self._begin()
        renew_after_fork(self._begin)

    def start(self, work: Callable[[], object], *, owner: str, then: Callable[[], object] = bool) -> None:
        """Run work in a thread of its owner, with the context of the caller; return at once.

        :param work: raises nothing.
        :param then: called after the work, when the thread is free for the next one.
        """
        context = contextvars.copy_context()
        job = _Job(lambda: context.run(work), then)
        with self._lock:
            idle = self._idle[owner]
            thread = idle.pop() if idle else _LastingThread(owner, idle, self._keep)
        thread.jobs.put(job)

    def close(self) -> None:
        """End the threads: those that are at work end after it."""
        with self._lock:
            threads = [thread for idle in self._idle.values() for thread in idle]
            self._idle = defaultdict(list)
        for thread in threads:
            thread.jobs.put(None)
        for thread in threads:
            thread.join(_JOIN_SECONDS)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._idle = defaultdict(list)

    def _keep(self, thread: "_LastingThread") -> bool:
        """Make a thread free for the next work, and return True; return False if it is to end."""
        with self._lock:
            idle = self._idle.get(thread.owner)
            is_kept = idle is thread.siblings and len(idle) < MOST_IDLE  # they are others after a close
            if is_kept:
                thread.siblings.append(thread)
        return is_kept


class _LastingThread(threading.Thread):
    """A thread that does one job after the other, until it gets None.

    It is a daemon: it does not keep the process from its end.

    :param siblings: the idle threads of the same owner.
    :param keep: called after each job; returns whether to wait for the next one.
    """

    def __init__(self, owner: str, siblings: "list[_LastingThread]", keep: "Callable[[_LastingThread], bool]") -> None:
        super().__init__(name=f"wabroadcast-{owner}", daemon=True)
        self.owner = owner
        self.siblings = siblings
        self.jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._keep = keep
        self.start()

    def run(self) -> None:
        while self._run_next():
            pass

    def _run_next(self) -> bool:
        """Do one job, and return whether to wait for the next one. While the thread waits it holds nothing of a job."""
        job = self.jobs.get()
        if job is None:
            return False
        job.work()
        is_kept = self._keep(self)
        job.then()
        return is_kept
