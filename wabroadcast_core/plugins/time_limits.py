"""Time limits of plugin code. A thread cannot be stopped: a call that takes too long is left behind in its thread."""

import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from wabroadcast_core.plugin_faults import describe_fault
from wabroadcast_core.plugins.threads import PluginThreads

T = TypeVar("T")

REST_SECONDS: Final = 60.0  # between two calls of a hook that does not return
MOST_HUNG: Final = 8  # calls of one hook that are left behind; then it is called no more until one of them returns


class TimeLimitError(Exception):
    """Plugin code has not returned within its time."""


class ExitError(Exception):
    """Plugin code tried to end the process. The text is the type of the exception, and its place."""


class _Call(Generic[T]):
    """A call in a thread of plugins.

    :param owner: of the thread.
    """

    def __init__(self, work: Callable[[], T], *, owner: str, threads: PluginThreads) -> None:
        self._work = work
        self._ended = threading.Event()
        self._results: list[T] = []
        self._error: BaseException | None = None
        threads.start(self._run, owner=owner, then=self._ended.set)

    @property
    def has_ended(self) -> bool:
        return self._ended.is_set()

    def wait(self, seconds: float) -> T:
        """Return the result of the call, or raise its exception.

        :raises TimeLimitError: it does not end within so many seconds.
        :raises ExitError: it raised SystemExit or the like.
        """
        if not self._ended.wait(seconds):
            raise TimeLimitError(f"it has not returned within {seconds:g} s")
        if isinstance(self._error, Exception):
            raise self._error
        if self._error is not None:
            raise ExitError(describe_fault(self._error)) from self._error
        return self._results[0]

    def _run(self) -> None:
        try:
            self._results.append(self._work())
        except BaseException as error:  # noqa: BLE001 - raised in the caller
            self._error = error


def run_limited(work: Callable[[], T], *, seconds: float, owner: str, threads: PluginThreads | None = None) -> T:
    """Run plugin code in a thread, and return its result.

    :param owner: of the thread, which is named after it.
    :param threads: those of the application; None for a thread that ends with the work.
    :raises TimeLimitError: it has not returned in time.
    :raises ExitError: it tried to end the process.
    :raises Exception: what the code raised.
    """
    if threads is not None:
        return _Call(work, owner=owner, threads=threads).wait(seconds)
    once = PluginThreads()
    call = _Call(work, owner=owner, threads=once)
    once.close()
    return call.wait(seconds)


class HookLimit:
    """The time limit of one hook of one plugin.

    A hook that does not return is called again after a rest, so that a lost answer does not turn it off for good, and
    threads that never end do not pile up.
    """

    def __init__(
        self, seconds: float, *, owner: str, threads: PluginThreads, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._owner = owner
        self._threads = threads
        self._timer = timer
        self._lock = threading.Lock()
        self._hung: list[_Call[object]] = []
        self._rests_until = 0.0

    def run(self, work: Callable[[], object]) -> object:
        """Run the hook.

        :raises TimeLimitError: it has not returned in time, now or in calls before.
        :raises ExitError: it tried to end the process.
        """
        self._check_hung()
        call = _Call(work, owner=self._owner, threads=self._threads)
        try:
            return call.wait(self._seconds)
        except TimeLimitError:
            with self._lock:
                self._hung.append(call)
                self._rests_until = self._timer() + REST_SECONDS
            raise

    def _check_hung(self) -> None:
        with self._lock:
            self._hung = [call for call in self._hung if not call.has_ended]
            hung = len(self._hung)
            is_resting = hung > 0 and (hung >= MOST_HUNG or self._timer() < self._rests_until)
        if is_resting:
            calls = "an earlier call has" if hung == 1 else f"{hung} earlier calls have"
            raise TimeLimitError(f"{calls} not returned yet")
