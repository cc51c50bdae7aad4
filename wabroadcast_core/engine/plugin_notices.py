"""Notices for the plugins: items are passed on by one call after another, in the order in which they were added."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from wabroadcast_core.background import BackgroundTasks

log = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 1_000  # items of one call, which must end in the time that a plugin has
MOST_WAITING: Final = 100_000  # items: more of them, for plugins that cannot keep up, would fill the memory
REPORT_SECONDS: Final = 60.0  # between two reports of items that were not passed on

Item = TypeVar("Item")


class PluginNotices:
    """Calls plugins on a thread, one call at a time.

    Items that are added during a call wait. Those of one kind that follow each other are joined to a call of at most
    ``MOST_AT_ONCE`` items, so a slow plugin gets fewer and larger calls. While ``MOST_WAITING`` items wait,
    new ones are not passed on.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[[Sequence[Any]], None], list[Any]]] = deque()
        self._count = 0  # of the items that wait
        self._missed = 0  # items that were not passed on and not reported yet
        self._reports_at = 0.0  # when the next such report may be made, by the monotonic clock
        self._tasks = BackgroundTasks("notifying the plugins")
        self._is_calling = False

    def add(self, call: Callable[[Sequence[Item]], None], items: Sequence[Item], *, always: bool = False) -> None:
        """Pass items to the plugins after all that came before. Called on the event loop.

        :param call: calls the plugins with items, on a thread; an exception that it raises is logged.
        :param always: whether these are few, and are passed on however many wait.
        """
        taken = items if always else items[: max(0, MOST_WAITING - self._count)]
        self._miss(len(items) - len(taken))
        for start in range(0, len(taken), MOST_AT_ONCE):
            self._add_piece(call, taken[start : start + MOST_AT_ONCE])
        self._count += len(taken)
        if not self._is_calling:
            self._is_calling = True
            self._tasks.spawn(self._call_all())

    async def wait(self, *, within: float) -> None:
        """Wait until all items were passed on, at most ``within`` seconds."""
        await self._tasks.wait(within=within)
        self._report_missed()
        if self._waiting:
            log.warning("%d items were not passed to the plugins in time", self._count)

    def _miss(self, amount: int) -> None:
        self._missed += amount
        if amount and time.monotonic() >= self._reports_at:
            self._report_missed()
            self._reports_at = time.monotonic() + REPORT_SECONDS

    def _report_missed(self) -> None:
        if self._missed:
            log.warning("the plugins cannot keep up: %d items were not passed to them", self._missed)
            self._missed = 0

    def _add_piece(self, call: Callable[[Sequence[Any]], None], items: Sequence[Any]) -> None:
        last_call, waiting = self._waiting[-1] if self._waiting else (None, [])
        if last_call == call and len(waiting) + len(items) <= MOST_AT_ONCE:
            waiting.extend(items)
        else:
            self._waiting.append((call, list(items)))

    async def _call_all(self) -> None:
        try:
            while self._waiting:
                call, items = self._waiting.popleft()
                self._count -= len(items)
                try:
                    await asyncio.to_thread(call, items)
                except Exception:
                    log.exception("the plugins were not notified of %d items", len(items))
            self._report_missed()
        finally:
            self._is_calling = False
