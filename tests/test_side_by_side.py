"""Tests that run side by side are all run once and reported as one process would, whatever becomes of a process."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.forked import ROOT
from tests.side_by_side import can_give_way

CONFTEST = """
from tests.side_by_side import Share, SideBySide

def pytest_configure(config):
    config.pluginmanager.register(SideBySide(lambda items: [Share(3, [[place] for place in range(len(items))])]))
"""
TESTS = """
import os, signal, pathlib, pytest

@pytest.fixture(scope="session")
def server():
    yield os.getpid()
    pathlib.Path(f"stopped-{os.getpid()}").touch()

@pytest.mark.parametrize("number", range(20))
def test_passes(server, number):
    with open("passed", "a") as log:
        log.write(f"{number} {server}\\n")
"""
DIES = """
def test_dies():
    print("a last word", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
GIVES_WAY = """
from tests.side_by_side import Share, SideBySide

def pytest_configure(config):
    config.pluginmanager.register(SideBySide(lambda items: [Share(1, [[0]]), Share(1, [[1]], gives_way=True)]))
"""
POLICIES = """
import os

def test_judges_times():
    assert os.sched_getscheduler(0) == os.SCHED_OTHER

def test_gives_way():
    assert os.sched_getscheduler(0) == os.SCHED_IDLE
"""
SLOW = """
import time

@pytest.mark.parametrize("number", range(60))
def test_takes_a_while(number):
    time.sleep(0.05)
"""
FAILS = """
def test_fails(tmp_path):
    print("a hint")
    assert str(tmp_path) == "elsewhere"

def test_is_skipped():
    pytest.skip("a reason")
"""
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return what runs tests in a directory of their own, and returns the exit status and the output."""
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (tmp_path / "pytest.ini").touch()

    def run(tests: str, *options: str) -> tuple[int, str]:
        (tmp_path / "test_it.py").write_text(tests, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", *options]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return ended.returncode, ended.stdout

    return run


def _passed(directory: Path) -> Sequence[tuple[int, str]]:
    lines = (directory / "passed").read_text(encoding="utf-8").splitlines()
    return sorted((int(line.split()[0]), line.split()[1]) for line in lines)


def test_each_test_runs_once_and_each_process_stops_what_it_started(run: Run, tmp_path: Path) -> None:
    code, shown = run(TESTS)

    numbers, processes = zip(*_passed(tmp_path), strict=True)
    assert (code, "20 passed" in shown) == (0, True)
    assert numbers == tuple(range(20))
    assert {path.name for path in tmp_path.glob("stopped-*")} == {f"stopped-{pid}" for pid in processes}
    assert len(set(processes)) > 1


def test_failures_and_skips_are_shown_with_what_the_test_printed(run: Run) -> None:
    code, shown = run(TESTS + FAILS)

    assert (code, "1 failed, 20 passed, 1 skipped" in shown) == (1, True)
    assert "a hint" in shown
    assert re.search(r"SKIPPED .* a reason", shown)


def test_a_process_that_dies_fails_its_test_and_no_other(run: Run, tmp_path: Path) -> None:
    code, shown = run(TESTS + DIES)

    assert (code, "1 failed, 20 passed" in shown) == (1, True)
    assert "test_dies - the process that ran this test ended with -9" in shown
    assert [number for number, _ in _passed(tmp_path)] == list(range(20))


def test_after_a_failure_no_more_tests_are_given_out_where_one_is_the_most(run: Run) -> None:
    code, shown = run("import pytest\n" + FAILS + SLOW, "-x")

    passed = re.search(r"1 failed, (\d+) passed", shown)
    assert code == 1
    assert passed is not None
    assert int(passed[1]) < 60


@pytest.mark.timed  # else it would give way itself
def test_a_share_that_gives_way_runs_when_no_other_process_would(run: Run, tmp_path: Path) -> None:
    if not can_give_way():
        pytest.skip("this system divides its processors among sessions")
    (tmp_path / "conftest.py").write_text(GIVES_WAY, encoding="utf-8")

    code, shown = run(POLICIES)

    assert (code, "2 passed" in shown) == (0, True), shown
