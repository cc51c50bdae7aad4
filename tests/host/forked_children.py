"""The program ``wabroadcast`` with child processes that its supervisor forks.

A user's supervisor starts new interpreters, and each takes more than a second of a processor to import the packages.
Tests of the supervisor itself start them too.
"""

import contextlib
import gc
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from host_litestar import child_processes, cli, supervisor


def main() -> None:
    """Run the program."""
    supervisor.start_process = fork_process  # type: ignore[assignment]  # it has all that a supervisor uses
    cli.main()


class ForkedChild:
    """A child process, as :class:`subprocess.Popen` shows one."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._reap(os.WNOHANG)

    def wait(self) -> int | None:
        return self._reap(0)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _reap(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode


def fork_process(arguments: Sequence[str], *, fds: Sequence[int], environment: Mapping[str, str]) -> ForkedChild:
    """Fork a child process from the supervisor, with these descriptors only, and the standard ones."""
    gc.collect()  # garbage that the child collected would close descriptors of its own
    pid = os.fork()
    if pid == 0:
        _run(list(arguments), {0, 1, 2, *fds}, environment)
    return ForkedChild(pid)


def _run(arguments: list[str], fds: set[int], environment: Mapping[str, str]) -> NoReturn:
    code = 1
    try:
        _, kind, place, *_ = arguments
        _begin(fds, environment, name="web" if kind == "web" else f"worker {place}")
        code = child_processes.main(arguments)
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:  # noqa: BLE001 - a new interpreter prints it and ends too
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):  # its reader has ended
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _begin(fds: set[int], environment: Mapping[str, str], *, name: str) -> None:
    """Give the process what a new one has: a session, descriptors, signals, an environment, and a name."""
    os.setsid()
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for descriptor in {int(path.name) for path in Path("/proc/self/fd").iterdir()} - fds:
        with contextlib.suppress(OSError):  # that of the list itself is closed already
            os.close(descriptor)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    Path("/proc/self/comm").write_text(name, encoding="utf-8")
