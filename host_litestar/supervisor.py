"""The supervisor: starts child processes, restarts those that crash, and stops all of them in order.

Each child process is started in a session of its own, so that Ctrl-C reaches only the supervisor. Each has the read end
of a pipe whose write end only the supervisor has: when the supervisor ends, for any reason, a read of the pipe returns
and the child process stops.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

log = logging.getLogger(__name__)

POLL_SECONDS = 0.1
FIRST_DELAY = 0.5  # seconds before a crashed child is restarted; doubled with each crash that follows
LONGEST_DELAY = 10.0  # seconds
STABLE_SECONDS = 10.0  # after a run of this length, the next crash counts as the first one
INTERRUPTED = 130  # exit status of a program that was ended by Ctrl-C


@dataclass(frozen=True, slots=True)
class Role:
    """Description of one child process.

    :param name: its name in the log.
    :param arguments: its arguments, after those that every child process gets.
    :param stop_seconds: how long it may take to stop before it is killed.
    :param fds: file descriptors that it inherits.
    :param once: it ends by itself, and is not restarted then.
    """

    name: str
    arguments: tuple[str, ...]
    stop_seconds: float
    fds: tuple[int, ...] = ()
    once: bool = False


@dataclass(slots=True)
class Child:
    """The state of one child process."""

    role: Role
    process: subprocess.Popen[bytes] | None = None
    crashes: int = 0
    started_at: float = 0.0
    start_after: float = 0.0
    codes: list[int] = field(default_factory=list)  # exit codes so far, as ``Popen.returncode`` gives them

    @property
    def is_running(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Runs child processes, one for each role.

    :param environment: environment variables of the child processes.
    :param on_poll: called at each poll, for other things that must be kept running.
    :param on_stop: called before the child processes are stopped.
    """

    def __init__(
        self,
        roles: Sequence[Role],
        *,
        environment: Mapping[str, str],
        on_poll: Callable[[], None] = lambda: None,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._children = [Child(role) for role in roles]
        self._environment = dict(environment)
        self._on_poll = on_poll
        self._on_stop = on_stop
        self._wake = threading.Event()
        self._signals = 0
        self._pipe_read_end, self._pipe_write_end = os.pipe()

    def run(self) -> int:
        """Run until a signal comes, or until all child processes have ended if all are to run once.

        :returns: the exit status: 1 if a process that runs once failed, 130 after a second signal, otherwise 0.
        """
        previous = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            while not self._signals and not self._is_done():
                self._poll()
                self._wake.wait(POLL_SECONDS)
            self._on_stop()
            self._stop_all()
        finally:
            self._kill(self._children)
            os.close(self._pipe_write_end)
            os.close(self._pipe_read_end)
            for number, handler in previous.items():
                signal.signal(number, handler)
        return self._exit_status()

    # --- running -----------------------------------------------------------------------------------------------

    def _poll(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.process is None:
                if now >= child.start_after and not (child.role.once and child.codes):
                    self._start(child, now)
            elif (code := child.process.poll()) is not None:
                self._record_exit(child, code, now)
        self._on_poll()

    def _start(self, child: Child, now: float) -> None:
        arguments = [str(self._pipe_read_end), *child.role.arguments]
        fds = (self._pipe_read_end, *child.role.fds)
        child.process = start_process(arguments, fds=fds, environment=self._environment)
        child.started_at = now

    def _record_exit(self, child: Child, code: int, now: float) -> None:
        child.process = None
        child.codes.append(code)
        if child.role.once:
            return
        child.crashes = 1 if now - child.started_at > STABLE_SECONDS else child.crashes + 1
        delay = min(FIRST_DELAY * 2 ** (child.crashes - 1), LONGEST_DELAY)
        child.start_after = now + delay
        log.warning("%s has ended (%s): restarting it in %g s", child.role.name, _describe_exit(code), delay)

    def _is_done(self) -> bool:
        return all(child.role.once and child.codes for child in self._children)

    def _exit_status(self) -> int:
        if self._signals > 1:
            return INTERRUPTED
        return int(any(code for child in self._children if child.role.once for code in child.codes))

    # --- stopping ----------------------------------------------------------------------------------------------

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._signals += 1
        self._wake.set()

    def _stop_all(self) -> None:
        """Stop all at once: a worker must start no message while a request keeps the web process."""
        children = [child for child in self._children if child.is_running]
        for child in children:
            log.info("stopping %s (within %g s)", child.role.name, child.role.stop_seconds)
            _signal_child(child, signal.SIGTERM)
        self._await_end(children)
        self._kill(children)

    def _await_end(self, children: Sequence[Child]) -> None:
        """Wait for the end of child processes; kill each that takes longer than its time."""
        began = time.monotonic()
        while any(child.is_running for child in children) and self._signals < 2:  # noqa: PLR2004 - a second signal ends the wait
            seconds = time.monotonic() - began
            self._kill([child for child in children if seconds > child.role.stop_seconds])
            time.sleep(POLL_SECONDS / 2)

    @staticmethod
    def _kill(children: Sequence[Child]) -> None:
        for child in children:
            if child.process is not None and child.is_running:
                log.warning("%s has not stopped in time: killing it", child.role.name)
                _signal_child(child, signal.SIGKILL)
                child.process.wait()


def start_process(
    arguments: Sequence[str], *, fds: Sequence[int], environment: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    """Start a child process, in a session of its own.

    :param fds: the file descriptors that it inherits.
    """
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "host_litestar.child_processes", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        pass_fds=fds,
        start_new_session=True,
    )


def _signal_child(child: Child, number: signal.Signals) -> None:
    """Send a signal to a child process; SIGKILL also to all processes that it started."""
    if child.process is not None:
        try:
            if number == signal.SIGKILL:
                os.killpg(child.process.pid, number)
            else:
                child.process.send_signal(number)
        except ProcessLookupError:
            pass


def _describe_exit(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
