"""Keeps child processes running: starts them, restarts what crashes, stops everything in order.

Children are started in sessions of their own, so that Ctrl-C reaches only the supervisor, and each holds the read end
of a pipe whose write end only the supervisor has: when the supervisor is gone, however it went, the pipe says so.
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

LOOK_SECONDS = 0.1
FIRST_PAUSE = 0.5  # before a crashed child starts again; doubled while it keeps crashing
LONGEST_PAUSE = 10.0
STEADY_SECONDS = 10.0  # a child that lived so long starts anew without history
INTERRUPTED = 130  # the exit status of a program that Ctrl-C ended


@dataclass(frozen=True, slots=True)
class Role:
    """What a child is. ``stage``: the lower ones stop first; ``once``: it ends by itself and stays ended."""

    name: str
    arguments: tuple[str, ...]
    stage: int
    stop_seconds: float
    fds: tuple[int, ...] = ()
    once: bool = False


@dataclass(slots=True)
class Child:
    role: Role
    process: subprocess.Popen[bytes] | None = None
    crashes: int = 0
    started_at: float = 0.0
    start_after: float = 0.0
    codes: list[int] = field(default_factory=list)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """:param tend: called at every look, for what else must be kept alive.
    :param on_stop: called before the children are asked to stop.
    """

    def __init__(
        self,
        roles: Sequence[Role],
        *,
        environment: Mapping[str, str],
        tend: Callable[[], None] = lambda: None,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._children = [Child(role) for role in roles]
        self._environment = dict(environment)
        self._tend = tend
        self._on_stop = on_stop
        self._wake = threading.Event()
        self._signals = 0
        self._lifeline, self._held_end = os.pipe()

    def run(self) -> int:
        """Run until a signal, or until all children that end by themselves have ended. :returns: the exit status."""
        previous = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            while not self._signals and not self._is_done():
                self._look()
                self._wake.wait(LOOK_SECONDS)
            self._on_stop()
            self._stop_all()
        finally:
            self._kill(self._children)
            os.close(self._held_end)
            os.close(self._lifeline)
            for number, handler in previous.items():
                signal.signal(number, handler)
        return self._exit_status()

    # --- keeping alive -----------------------------------------------------------------------------------------

    def _look(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.process is None:
                if now >= child.start_after and not (child.role.once and child.codes):
                    self._start(child, now)
            elif (code := child.process.poll()) is not None:
                self._note_end(child, code, now)
        self._tend()

    def _start(self, child: Child, now: float) -> None:
        child.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "host_litestar.children", str(self._lifeline), *child.role.arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            pass_fds=(self._lifeline, *child.role.fds),
            start_new_session=True,
        )
        child.started_at = now

    def _note_end(self, child: Child, code: int, now: float) -> None:
        child.process = None
        child.codes.append(code)
        if child.role.once:
            return
        child.crashes = 1 if now - child.started_at > STEADY_SECONDS else child.crashes + 1
        pause = min(FIRST_PAUSE * 2 ** (child.crashes - 1), LONGEST_PAUSE)
        child.start_after = now + pause
        log.warning("%s ended (%s); it starts again in %g s", child.role.name, _describe_end(code), pause)

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
        for stage in sorted({child.role.stage for child in self._children}):
            children = [child for child in self._children if child.role.stage == stage and child.is_running]
            for child in children:
                log.info("%s is asked to stop", child.role.name)
                _signal_child(child, signal.SIGTERM)
            self._await_end(children)
            self._kill(children)

    def _await_end(self, children: Sequence[Child]) -> None:
        deadline = time.monotonic() + max((child.role.stop_seconds for child in children), default=0.0)
        while any(child.is_running for child in children) and time.monotonic() < deadline and self._signals < 2:  # noqa: PLR2004 - a second signal means at once
            time.sleep(LOOK_SECONDS / 2)

    @staticmethod
    def _kill(children: Sequence[Child]) -> None:
        for child in children:
            if child.process is not None and child.is_running:
                log.warning("%s did not stop in time and is killed", child.role.name)
                _signal_child(child, signal.SIGKILL)
                child.process.wait()


def _signal_child(child: Child, number: signal.Signals) -> None:
    """To the child and all it started."""
    if child.process is not None:
        try:
            if number == signal.SIGKILL:
                os.killpg(child.process.pid, number)
            else:
                child.process.send_signal(number)
        except ProcessLookupError:
            pass


def _describe_end(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
