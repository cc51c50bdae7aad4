"""Processes of the tests, forked from one that has imported the packages already.

A new interpreter takes one to three seconds of a processor to import them, a fork takes milliseconds. Apart from that,
these are ordinary processes: they have arguments, an environment, a working directory and standard streams of their
own, receive signals, and end with an exit status. Tests of a program's own start use :mod:`subprocess`.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, Any

import pytest

ROOT = Path(__file__).parents[1]
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.preloaded"])


class ForkedProcess:
    """A process that calls ``main``.

    :param main: a function of a module; it may raise SystemExit.
    :param arguments: the arguments of the command line, from ``sys.argv[0]`` on.
    :param environment: the environment variables; by default those of this process.
    :param directory: the working directory; by default that of this process.
    :param stdin: by default there is nothing to read.
    :param stdout: by default this process's own, as with ``stderr``.
    """

    def __init__(
        self,
        main: Callable[[], object],
        arguments: Sequence[str] = ("",),
        *,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        stdin: IO[Any] | None = None,
        stdout: IO[Any] | None = None,
        stderr: IO[Any] | None = None,
    ) -> None:
        self._arguments = list(arguments)
        with Path(os.devnull).open("rb") as nothing:
            streams = (stdin or nothing).fileno(), stdout.fileno() if stdout else 1, stderr.fileno() if stderr else 2
            start = _Start(main, self._arguments, dict(environment or os.environ), directory or Path.cwd(), streams)
            self._process = _CONTEXT.Process(target=start, daemon=True)
            _start_server()
            self._process.start()

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def poll(self) -> int | None:
        """Return the exit status, or None while the process runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, and return the exit status: the signal's number below 0 if one ended the process.

        :raises subprocess.TimeoutExpired: the process still runs after ``timeout`` seconds.
        """
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self._arguments, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def run_forked(
    main: Callable[[], object], arguments: Sequence[str], *, environment: Mapping[str, str], directory: Path
) -> "subprocess.CompletedProcess[str]":
    """Run a process to its end, and return what it wrote.

    :raises subprocess.TimeoutExpired: it took longer than 100 s.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = ForkedProcess(
            main, arguments, environment=environment, directory=directory, stdout=output, stderr=errors
        )
        try:
            code = process.wait(timeout=100)
        finally:
            process.kill()
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(list(arguments), code, output.read(), errors.read())


def _start_server() -> None:
    """Start the process to fork from, unless it runs. Before Python 3.13 it does not get our ``sys.path``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        forkserver.ensure_running()


class _Start:
    """How one process starts; it is sent there with the descriptors of its streams."""

    def __init__(
        self,
        main: Callable[[], object],
        arguments: list[str],
        environment: dict[str, str],
        directory: Path,
        streams: tuple[int, int, int],
    ) -> None:
        self._parts = main, arguments, environment, directory
        self._streams: Sequence[Any] = streams

    def __getstate__(self) -> dict[str, Any]:
        return {"_parts": self._parts, "_streams": [DupFd(stream) for stream in self._streams]}

    def __call__(self) -> None:
        main, arguments, environment, directory = self._parts
        for number, stream in enumerate(self._streams):
            descriptor = stream.detach()
            os.dup2(descriptor, number)
            os.close(descriptor)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for as long as the process runs
        sys.stdout = open(1, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.argv = arguments
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(directory)
        main()
