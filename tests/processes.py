"""Worker processes for tests: real ones, to stop or to kill.

A worker's standard input is its lifeline: it stops in order when that closes, also when its test is gone.
"""

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Self

from pydantic import SecretStr

from tests.forked import ForkedProcess
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.testing import gateway as gateway_plugin
from wabroadcast_core.testing import senders as null_plugin
from wabroadcast_core.worker import Worker


class WorkerProcess:
    """A running worker process; its only plugins beside the built-in ones are the gateway's and the null sender.

    :param program: the function that the process runs, :func:`main` or one that calls it.
    """

    def __init__(self, settings: Settings, *, program: Callable[[], None]) -> None:
        stdin, lifeline = os.pipe()
        output, stdout = os.pipe()
        self._lifeline = os.fdopen(lifeline, "w", encoding="utf-8")
        with os.fdopen(stdin) as its_input, os.fdopen(stdout, "w") as its_output:
            self._process = ForkedProcess(program, stdin=its_input, stdout=its_output)
        self.pid = self._process.pid
        self._lifeline.write(_dump(settings) + "\n")
        self._lifeline.flush()
        with os.fdopen(output, encoding="utf-8") as lines:
            if lines.readline() != "at work\n":
                self.kill()
                raise ChildProcessError("the worker did not start")

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self, *, seconds: float = 30) -> None:
        """Stop the worker in order, and wait for its end."""
        self._close_lifeline()
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End the worker as a crash would."""
        self._process.kill()
        self._process.wait()
        self._close_lifeline()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _close_lifeline(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._lifeline.close()


def start_worker(settings: Settings, *, program: Callable[[], None] | None = None) -> WorkerProcess:
    """Start a worker process with these settings; it works when this returns.

    :param program: what the process runs, if not :func:`main` alone; it calls :func:`main`.
    """
    return WorkerProcess(settings, program=program or main)


@contextlib.contextmanager
def running_workers(settings: Settings, count: int) -> Iterator[list[WorkerProcess]]:
    """So many worker processes at work, killed at the end if they still run."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(start_worker(settings)) for _ in range(count)]


def _dump(settings: Settings) -> str:
    """Settings as JSON, secrets included: they go through a pipe, not through a command line that others can see."""
    return json.dumps(settings.model_dump(), default=_plain)


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def read_settings() -> Settings:
    """Return the settings that a process was started with, in that process."""
    return Settings(**json.loads(sys.stdin.readline()))


def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(process)d %(levelname)s %(name)s: %(message)s")
    settings = read_settings()
    stop = threading.Event()
    threading.Thread(target=_await_end, args=(stop,), daemon=True).start()
    with Broadcaster(settings, plugins=[gateway_plugin, null_plugin]) as broadcaster:
        print("at work", flush=True)
        Worker(broadcaster).run(stop=stop)


def _await_end(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()
