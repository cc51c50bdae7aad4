"""The watchdog of a worker's event loop: measures how long one call holds it, and names the plugin that does so."""

import asyncio
import logging
import sys
import threading
from collections.abc import Callable, Sequence
from traceback import FrameSummary

from wabroadcast_core.plugin_faults import place_of, stack_of

log = logging.getLogger(__name__)

CHECK_SECONDS = 0.25  # between two checks, at most
SHOWN_FRAMES = 3


class LoopWatchdog:
    """Calls an event loop regularly from a thread of its own.

    :param thread_id: the thread of the loop.
    :param warn_seconds: after which a loop that does not answer is logged.
    :param owner_of: returns the plugin that a source file belongs to, or None.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        thread_id: int,
        *,
        warn_seconds: float,
        owner_of: Callable[[str], str | None],
    ) -> None:
        self._loop = loop
        self._thread_id = thread_id
        self._warn_seconds = warn_seconds
        self._owner_of = owner_of
        self._answered = threading.Event()
        self._stopped = threading.Event()
        self.held_seconds = 0.0  # since the loop answers no call
        threading.Thread(target=self._watch, name="wabroadcast-watchdog", daemon=True).start()

    @property
    def is_held(self) -> bool:
        """Whether the loop has not answered for so long that it is logged."""
        return self.held_seconds >= self._warn_seconds

    def stop(self) -> None:
        """End the watch."""
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.is_set():
            self._answered.clear()
            try:
                self._loop.call_soon_threadsafe(self._answered.set)
            except RuntimeError:  # the loop is closed
                return
            self._await_answer()
            self._stopped.wait(self._check_seconds)

    def _await_answer(self) -> None:
        was_held = False
        while not self._answered.wait(self._check_seconds) and not self._stopped.is_set():
            self.held_seconds += self._check_seconds  # not by a clock: the process itself may have been stopped
            if self.is_held and not was_held:
                was_held = True
                log.error(
                    "the event loop of this process is held by %s: nothing is sent meanwhile; what blocks belongs "
                    "into a thread (asyncio.to_thread)",
                    self._holder(),
                )
        if was_held and self._answered.is_set():
            log.warning("the event loop of this process is free again, after %.1f s", self.held_seconds)
        self.held_seconds = 0.0

    @property
    def _check_seconds(self) -> float:
        return min(CHECK_SECONDS, self._warn_seconds / 4)

    def _holder(self) -> str:
        """Return what the thread of the loop does: the plugin, if it is one, and the places in the code."""
        frame = sys._current_frames().get(self._thread_id)  # noqa: SLF001 - the documented way to see other threads
        frames: Sequence[FrameSummary] = [] if frame is None else stack_of(frame)
        for each in reversed(frames):
            if (owner := self._owner_of(each.filename)) is not None:
                return f"plugin {owner} at {place_of(each)} in {each.name}"
        places = " > ".join(f"{place_of(each)} in {each.name}" for each in frames[-SHOWN_FRAMES:])
        return places or "an unknown call"
