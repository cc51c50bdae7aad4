"""A running engine for tests: a broadcaster and a worker in this process, on an embedded Valkey and an SQLite store."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.broadcast import BroadcastProgress
from wabroadcast_core.models.status import BroadcastStatus
from wabroadcast_core.settings import Settings
from wabroadcast_core.worker import Worker

POLL_SECONDS = 0.05
ENDED = frozenset({BroadcastStatus.COMPLETED, BroadcastStatus.CANCELLED, BroadcastStatus.FAILED})


class StartsEngine(Protocol):
    """A function that starts an engine, as :func:`running_engine` does; once a test."""

    def __call__(self, *plugins: object, **settings: Any) -> Broadcaster:
        """Start an engine with these plugins and settings; it ends with the test."""
        ...


@contextlib.contextmanager
def running_engine(directory: Path, *plugins: object, **settings: Any) -> Iterator[Broadcaster]:
    """Run a broadcaster and a worker until the ``with`` block ends.

    :param directory: an empty folder for the store and the Valkey.
    :param plugins: modules or objects, beside the installed plugins.
    :param settings: fields of :class:`Settings`; the others come from the environment, but not the addresses.
    :raises PluginError: one of the plugins is quarantined; the text says why.
    """
    usual = {
        "data_dir": directory,
        "redis_url": None,
        "database_url": None,
        "stop_seconds": 5.0,
        "plugins_strict": True,
    }
    with Broadcaster(Settings(**(usual | settings)), plugins=plugins) as broadcaster:
        worker = Worker(broadcaster)
        worker.start()
        try:
            yield broadcaster
        finally:
            worker.stop()


def await_end(broadcaster: Broadcaster, job_id: str, *, seconds: float = 30.0) -> BroadcastProgress:
    """Wait until a broadcast has ended, and return its progress.

    :raises TimeoutError: it has not ended in time; the text says what it waits for.
    """
    deadline = time.monotonic() + seconds
    while (progress := broadcaster.status(job_id)).status not in ENDED:
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"the broadcast has not ended within {seconds:g} s: it is {progress.status}, {progress.counts}"
            )
        time.sleep(POLL_SECONDS)
    return progress
