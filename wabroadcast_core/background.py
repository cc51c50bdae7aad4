"""Background tasks of an event loop: started beside other work, their failures logged, ended for good."""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from wabroadcast_core.plugin_faults import LOOP_ENDS

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5  # before work is tried again that failed because the store or Redis was away
CANCEL_AGAIN_SECONDS = 0.2
LONGEST_CANCEL_SECONDS = 10.0


class BackgroundTasks:
    """Tasks that run beside the work of one event loop.

    :param purpose: what a task does, for the log line about one that failed.
    """

    def __init__(self, purpose: str) -> None:
        self._purpose = purpose
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def is_idle(self) -> bool:
        """Whether no task is running."""
        return not self._tasks

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Start a task. An exception that ends it is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def keep(self, work: Callable[[], Coroutine[Any, Any, None]], *, what: str) -> None:
        """Start a task that must live: it is started again when it fails, until it returns or is cancelled.

        :param what: the task, for the log line about a failure.
        """
        self.spawn(_kept(work, what=what))

    async def wait(self, *, within: float) -> None:
        """Wait for the tasks that run now, at most ``within`` seconds."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within)

    async def wait_all(self) -> None:
        """Wait until no task is running."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    async def cancel(self) -> None:
        """Cancel all tasks and wait for their end."""
        await cancel_all(self._tasks)

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s failed", self._purpose, exc_info=error)


async def _kept(work: Callable[[], Coroutine[Any, Any, None]], *, what: str) -> None:
    while True:
        try:
            await work()
        except LOOP_ENDS:
            raise
        except BaseException:
            log.exception("%s failed; it is started again in %g s", what, RETRY_SECONDS)
        else:
            return
        await asyncio.sleep(RETRY_SECONDS)


async def cancel_all(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks repeatedly until they have ended, for at most ten seconds.

    Once is not enough: code inside a library or a plugin may swallow a cancellation, as redis-py's subscriptions do
    when it comes at a bad moment.
    """
    pending = {task for task in tasks if not task.done()}
    for _ in range(int(LONGEST_CANCEL_SECONDS / CANCEL_AGAIN_SECONDS)):
        if not pending:
            return
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)
    log.error("%d tasks did not end although they were cancelled", len(pending))
