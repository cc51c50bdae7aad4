"""Detects plugin code that holds an event loop, and names its line."""

import asyncio
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import FrameType
from typing import Any, Final, Self, TypeVar

from wabroadcast_core.testing.contracts.checking import require

T = TypeVar("T")

STEP: Final = 0.01  # seconds between two looks at the thread of the loop
HELD_SECONDS: Final = 0.25  # for which plugin code may not hold the loop


def line_in_package(thread_id: int, package: str) -> str | None:
    """Return the innermost line of a package that a thread executes, as ``folder/file.py:12 in send``.

    :param package: the name of a top-level package or module.
    """
    frame = sys._current_frames().get(thread_id)  # noqa: SLF001 - the documented way to see other threads
    return None if frame is None else _innermost(frame, package)


def _innermost(frame: FrameType, package: str) -> str | None:
    for each, line in traceback.walk_stack(frame):
        if str(each.f_globals.get("__name__", "")).partition(".")[0] == package:
            place = "/".join(Path(each.f_code.co_filename).parts[-2:])
            return f"{place}:{line} in {each.f_code.co_name}"
    return None


def run_watched(work: Coroutine[Any, Any, T], *, package: str) -> tuple[T, str | None]:
    """Run a coroutine on a new event loop.

    :param package: the top-level package of the plugin.
    :returns: its result, and the line of the plugin that held the loop the longest; None if none did.
    """

    async def run() -> tuple[T, str | None]:
        with LoopWatch(asyncio.get_running_loop(), package=package) as watch:
            result = await work
        return result, watch.line

    return asyncio.run(run())


def require_free_loop(line: str | None) -> None:
    """Fail the check if a line of the plugin held the loop.

    :raises AssertionError: it did.
    """
    require(
        line is None,
        f"the event loop is held at {line}: no other message is sent meanwhile. Await what waits (context.http, "
        "asyncio.sleep), and run what blocks or computes in a thread (asyncio.to_thread)",
    )


class LoopWatch:
    """Looks at the running event loop from a thread. Used in a ``with`` block on the thread of the loop.

    A look counts as the time between two looks, or as the processor time that the loop's thread took meanwhile: so a
    busy machine, which gives the process no time, is not mistaken for a plugin that blocks.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, package: str) -> None:
        self._loop = loop
        self._package = package
        self._thread_id = threading.get_ident()
        self._processor_time = _processor_clock(self._thread_id)
        self._stopped = threading.Event()
        self._held: Counter[str] = Counter()  # milliseconds by line, of calls that held the loop for too long
        self._thread = threading.Thread(target=self._watch, name="loop-watch", daemon=True)

    @property
    def line(self) -> str | None:
        """The line that held the loop the longest."""
        return max(self._held, key=self._held.__getitem__, default=None)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.is_set():
            answered = threading.Event()
            self._loop.call_soon_threadsafe(answered.set)
            self._add_held(self._lines_until(answered))
            self._stopped.wait(STEP)

    def _lines_until(self, answered: threading.Event) -> Counter[str]:
        """Return the lines of the plugin that were executed until the loop answered, with their milliseconds."""
        lines: Counter[str] = Counter()
        before = self._processor_time()
        while not answered.wait(STEP) and not self._stopped.is_set():
            now = self._processor_time()
            if (line := line_in_package(self._thread_id, self._package)) is not None:
                lines[line] += round(1_000 * max(STEP, now - before))
            before = now
        return lines

    def _add_held(self, lines: Counter[str]) -> None:
        if lines.total() >= 1_000 * HELD_SECONDS:
            self._held += lines


def _processor_clock(thread_id: int) -> Callable[[], float]:
    """Return a function that returns the processor time of a thread in seconds; 0 where there is no such clock."""
    clock_of: Callable[[int], int] | None = getattr(time, "pthread_getcpuclockid", None)
    if clock_of is None:
        return lambda: 0.0
    clock = clock_of(thread_id)
    return lambda: time.clock_gettime(clock)
