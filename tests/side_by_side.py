"""Runs the tests side by side, in processes that are forked when all tests are collected.

An interpreter of its own for each process would import and collect everything again: 15 to 30 seconds of a processor
for each of them, a fifth of the whole run. Who runs a few tests needs none of this.
"""

import gc
import os
import random
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

import pytest

Unit = list[int]  # places of tests that one process runs in this order

COLLECTIONS = (50_000, 20, 50)  # thresholds of the garbage collector; with the usual ones it takes 8 % of the time

_FORK = get_context("fork")
_STOP: Unit = []


class Share(NamedTuple):
    """Tests for so many processes of their own. All shares run at the same time, or else one after another.

    :param gives_way: whether its processes run only where those of other shares leave a processor idle.
    """

    processes: int
    units: Sequence[Unit]
    gives_way: bool = False


class SideBySide:
    """The plugin of pytest: runs what was collected, and shows what the forked processes report.

    :param shares_of: returns the shares of the collected tests.
    """

    def __init__(self, shares_of: Callable[[Sequence[pytest.Item]], Sequence[Share]]) -> None:
        self._shares_of = shares_of

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        if session.testsfailed or session.config.option.collectonly:
            return None  # pytest's own loop says so
        session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # one for all
        _terminal_of(session.config).showfspath = False  # the files of the tests alternate
        gc.freeze()  # what was collected stays: no process looks through it again
        shares = self._shares_of(session.items)
        for together in [shares] if can_give_way() else [[share] for share in shares]:
            _Run(session).run(together)
        return True


class _Units:
    """What is left of a share."""

    def __init__(self, share: Share) -> None:
        self._units = deque(share.units)
        self.gives_way = share.gives_way

    def next(self) -> Unit:
        return self._units.popleft() if self._units else _STOP

    def put_back(self, unit: Unit) -> None:
        self._units.appendleft(unit)

    def clear(self) -> None:
        self._units.clear()


class _Run:
    """Gives tests to processes as these ask for more."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._runners: dict[Connection, _Runner] = {}

    def run(self, shares: Sequence[Share]) -> None:
        if self._session.shouldfail or self._session.shouldstop:
            return
        try:
            for share in shares:
                units = _Units(share)
                for _ in range(min(share.processes, len(share.units))):
                    self._start(units)
            while self._runners:
                for pipe in wait(list(self._runners)):
                    assert isinstance(pipe, Connection)
                    self._attend(self._runners[pipe])
                self._heed_stop()
        finally:
            for runner in self._runners.values():
                runner.process.kill()

    def _start(self, units: _Units) -> None:
        runner = _Runner(self._session, units, others=list(self._runners))
        self._runners[runner.pipe] = runner
        runner.give(units.next())

    def _heed_stop(self) -> None:
        if self._session.shouldfail or self._session.shouldstop:
            for runner in self._runners.values():
                runner.units.clear()

    def _attend(self, runner: "_Runner") -> None:
        """Do what the next message of a process asks for."""
        match runner.receive():
            case "begins", place:
                runner.begins(place)
            case "report", content:
                self._show(content)
            case "ends", place:
                runner.running = None
                self._session.config.hook.pytest_runtest_logfinish(**self._named(place))
            case "wants more", _:
                runner.give(runner.units.next())
            case "failed", text:
                raise RuntimeError(text)
            case None:
                self._bury(runner)

    def _show(self, content: dict[str, Any]) -> None:
        config = self._session.config
        report = config.hook.pytest_report_from_serializable(config=config, data=content)
        config.hook.pytest_runtest_logreport(report=report)

    def _named(self, place: int) -> dict[str, Any]:
        item = self._session.items[place]
        return {"nodeid": item.nodeid, "location": item.location}

    def _bury(self, runner: "_Runner") -> None:
        """Report the test that a process died in, and let another one run the rest."""
        del self._runners[runner.pipe]
        runner.process.join()
        if runner.running is not None:
            text = f"the process that ran this test ended with {runner.process.exitcode}"
            names = self._named(runner.running)
            report = pytest.TestReport(**names, keywords={}, outcome="failed", longrepr=text, when="call")
            self._session.config.hook.pytest_runtest_logreport(report=report)
        if runner.left:
            runner.units.put_back(runner.left)
            self._start(runner.units)


class _Runner:
    """One forked process, as the one that forked it knows it.

    :param units: of the share that it runs.
    :param others: the pipes to other processes, which this one must not hold open.
    """

    def __init__(self, session: pytest.Session, units: _Units, *, others: Sequence[Connection]) -> None:
        self.units = units
        self.pipe, theirs = _FORK.Pipe()
        self.running: int | None = None
        self.left: Unit = []
        self.process = _FORK.Process(
            target=_run, args=(session, theirs, [self.pipe, *others]), kwargs={"gives_way": units.gives_way}
        )
        self.process.start()
        theirs.close()

    def receive(self) -> tuple[str, Any] | None:
        """Return the next message; None if the process has ended."""
        try:
            kind, content = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            return None
        return kind, content

    def give(self, unit: Unit) -> None:
        self.left += unit
        self.pipe.send(unit)

    def begins(self, place: int) -> None:
        self.left.remove(place)
        self.running = place


class _Reporter:
    """Sends the reports of a forked process to the one that shows them."""

    def __init__(self, config: pytest.Config, pipe: Connection) -> None:
        self._config = config
        self._pipe = pipe

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        content = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._pipe.send(("report", content))


def _run(session: pytest.Session, pipe: Connection, others: Sequence[Connection], *, gives_way: bool) -> None:
    """Run tests in this process, which was just forked, until there are no more."""
    if gives_way and can_give_way():
        _give_way()
    for other in others:
        other.close()
    gc.set_threshold(*COLLECTIONS)
    random.seed()  # else all forked processes draw the same numbers
    _separate(session.config)
    session.config.pluginmanager.register(_Reporter(session.config, pipe))
    try:
        for place, following in _pairs(pipe):
            pipe.send(("begins", place))
            item, nextitem = session.items[place], None if following is None else session.items[following]
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
            pipe.send(("ends", place))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return  # the process that shows the reports has ended
    except BaseException:  # noqa: BLE001 - the other process raises it
        pipe.send(("failed", traceback.format_exc()))


def can_give_way() -> bool:
    """Return whether processes here can let others go first.

    Where Linux groups processes by session, a session that one of them starts would get its whole share again. Only
    root may change that: ``sysctl kernel.sched_autogroup_enabled=0``.
    """
    groups = Path("/proc/sys/kernel/sched_autogroup_enabled")
    return sys.platform == "linux" and not (groups.exists() and int(groups.read_text(encoding="ascii")))


def _give_way() -> None:
    """Let other processes go before this one, and before those that it starts."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _pairs(pipe: Connection) -> Iterator[tuple[int, int | None]]:
    """Yield each test with the one that follows it: what both use stays."""
    places = deque(pipe.recv())
    while places:
        place = places.popleft()
        if not places:
            pipe.send(("wants more", None))
            places.extend(pipe.recv())
        yield place, places[0] if places else None


def _separate(config: pytest.Config) -> None:
    """Let this process show nothing, and capture output in files of its own."""
    _terminal_of(config)._tw._file = Path(os.devnull).open("w")  # noqa: SIM115 - until the process ends
    capturing: Any = config.pluginmanager.get_plugin("capturemanager")
    capturing.stop_global_capturing()
    capturing.start_global_capturing()
    capturing.suspend_global_capture()


def _terminal_of(config: pytest.Config) -> pytest.TerminalReporter:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    assert isinstance(reporter, pytest.TerminalReporter)
    return reporter
