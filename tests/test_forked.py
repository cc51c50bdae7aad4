"""The forked processes of the tests are processes of their own, and need no time for imports."""

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.forked import ForkedProcess


def report() -> None:
    print(sys.stdin.read(), sys.argv, os.environ["WORD"], Path.cwd(), "host_litestar.standalone" in sys.modules)
    print("an error", file=sys.stderr)
    sys.exit(3)


def test_a_forked_process_has_streams_arguments_an_environment_and_a_directory_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("input", encoding="utf-8")
    with (
        (tmp_path / "in").open() as stdin,
        (tmp_path / "out").open("w") as stdout,
        (tmp_path / "err").open("w") as stderr,
    ):
        process = ForkedProcess(
            report,
            ["name", "argument"],
            environment={"WORD": "word"},
            directory=tmp_path,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )
        code = process.wait(timeout=60)

    assert code == 3
    assert (tmp_path / "out").read_text() == f"input ['name', 'argument'] word {tmp_path} True\n"
    assert (tmp_path / "err").read_text() == "an error\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_a_forked_process(number: signal.Signals) -> None:
    process = ForkedProcess(signal.pause)

    process.send_signal(number)

    assert process.wait(timeout=60) == -number
    assert process.poll() is not None
