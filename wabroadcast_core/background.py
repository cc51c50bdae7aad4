"""Ends tasks for good: what awaits something inside a library or a plugin may not hear the first cancellation."""

import asyncio
import logging
from collections.abc import Collection
from typing import Any

log = logging.getLogger(__name__)

AGAIN_SECONDS = 0.2
LONGEST_SECONDS = 10.0


async def cancel_all(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks, again and again until they have ended, or for ten seconds.

    redis-py's subscriptions, for one, swallow a cancellation that comes at a bad moment.
    """
    pending = {task for task in tasks if not task.done()}
    for _ in range(int(LONGEST_SECONDS / AGAIN_SECONDS)):
        if not pending:
            return
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_SECONDS)
    log.error("%d tasks do not end although they were cancelled", len(pending))
