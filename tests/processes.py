"""Worker processes for tests: real ones, to stop or to kill.

A worker's standard input is its lifeline: it stops in order when that closes, also when its test is gone.
"""

import contextlib
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Self

from pydantic import SecretStr

from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.testing import gateway as gateway_plugin
from wabroadcast_core.testing import senders as null_plugin
from wabroadcast_core.worker import Worker


class WorkerProcess:
    """A worker process at work; the gateway's and the null sender are its only plugins beside the built-in ones."""

    def __init__(self, settings: Settings, *, module: str = __name__) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid
        self._write(_dump(settings))
        if not self._process.stdout or self._process.stdout.readline() != "at work\n":
            self.kill()
            raise ChildProcessError("the worker did not start")

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self, *, seconds: float = 30) -> None:
        """Have it stop in order, and wait for that."""
        self._close_input()
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._close_output()

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.kill()
        self._process.wait()
        self._close_input()
        self._close_output()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _write(self, line: str) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def _close_input(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def _close_output(self) -> None:
        if self._process.stdout is not None:
            self._process.stdout.close()


def start_worker(settings: Settings, *, module: str = __name__) -> WorkerProcess:
    """Start a worker process on these settings; it is at work when this returns.

    :param module: what runs there; it calls :func:`main`.
    """
    return WorkerProcess(settings, module=module)


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


def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(process)d %(levelname)s %(name)s: %(message)s")
    settings = Settings(**json.loads(sys.stdin.readline()))
    stop = threading.Event()
    threading.Thread(target=_await_end, args=(stop,), daemon=True).start()
    with Broadcaster(settings, plugins=[gateway_plugin, null_plugin]) as broadcaster:
        print("at work", flush=True)
        Worker(broadcaster).run(stop=stop)


def _await_end(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


if __name__ == "__main__":
    main()
