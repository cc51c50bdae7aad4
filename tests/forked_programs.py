"""Python programs as forked processes: scripts, modules, and the commands of installed distributions.

See :mod:`tests.forked`. They end as an interpreter ends: what they gave to :mod:`atexit` is called.
"""

import atexit
import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import IO, Any

from tests.forked import ForkedProcess, run_forked


def start_program(
    words: Sequence[str], *, directory: Path, environment: Mapping[str, str], stdout: IO[Any], stderr: IO[Any]
) -> ForkedProcess:
    """Start a program, in a session of its own.

    :param words: ``python SCRIPT``, ``python -c CODE``, ``python -m MODULE`` or a command of an installed distribution,
        with the arguments.
    :param environment: has at most one variable that Python reads at its start, ``PYTHONPATH``.
    """
    return ForkedProcess(_main, words, environment=environment, directory=directory, stdout=stdout, stderr=stderr)


def run_program(
    words: Sequence[str], *, directory: Path, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run a program and wait for its end."""
    return run_forked(_main, words, environment=environment, directory=directory)


def use_python_path() -> None:
    """Search for modules in the folders of ``PYTHONPATH`` first."""
    folders = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    sys.path[:0] = [folder for folder in folders if folder not in sys.path]


def _main() -> None:
    os.setsid()
    use_python_path()
    try:
        _run(sys.argv)
    finally:
        threading._shutdown()  # type: ignore[attr-defined]  # an interpreter waits for the threads first
        atexit._run_exitfuncs()  # multiprocessing leaves them out


def _run(words: list[str]) -> None:
    match words:
        case ["python", "-c", code, *arguments]:
            sys.argv = ["-c", *arguments]
            sys.path.insert(0, "")
            exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
        case ["python", "-m", module, *arguments]:
            sys.argv = [module, *arguments]
            sys.path.insert(0, str(Path.cwd()))
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case ["python", script, *arguments]:
            sys.argv = [script, *arguments]
            sys.path.insert(0, str(Path(script).parent.resolve()))
            runpy.run_path(script, run_name="__main__")
        case [command, *_]:
            [program] = entry_points(group="console_scripts", name=command)
            sys.exit(program.load()())
