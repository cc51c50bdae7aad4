"""`send --test` and `send --rehearse`."""

from pathlib import Path
from typing import Any

import pytest

from tests.host.cli.conftest import Command

MINE = "0812-0000-9999"


@pytest.fixture
def people(tmp_path: Path) -> str:
    file = tmp_path / "people.csv"
    file.write_text("Nama;No. HP;Kode\nBudi;081234561001;A1\nSiti;081234561002;B2\n+Zoe;+18675550103;C3\n")
    return str(file)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        pytest.param([], "Halo Budi, A1", id="the-first-by-default"),
        pytest.param(["--as", "3"], "Halo Siti, B2", id="row"),
        pytest.param(["--as", "0812 3456 1002"], "Halo Siti, B2", id="number"),
    ],
)
def test_a_test_shows_its_text_and_its_result_and_is_no_job(
    in_process: Command, server: Any, people: str, options: list[str], text: str
) -> None:
    before = server.command("jobs").stdout

    done = in_process("send", people, "-m", "Halo {{ name }}, {{ kode }}", "--test", MINE, *options)

    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, [f"  {text}", "sent to +6281200009999"]), done.stderr
    assert server.command("jobs").stdout == before


def test_a_test_that_fails_says_why(in_process: Command, people: str) -> None:
    done = in_process("send", people, "-m", "Halo", "--test", "+18675550103")

    assert done.returncode == 1
    assert "failed to +18675550103: sandbox_rejected" in done.stdout


def test_a_test_to_no_number_is_refused(in_process: Command, people: str) -> None:
    done = in_process("send", people, "-m", "Halo", "--test", "12")

    assert done.returncode == 2
    assert "test.number" in done.stderr


def test_a_rehearsal_states_the_special_endings_and_shows_its_result(in_process: Command, people: str) -> None:
    done = in_process("send", people, "-m", "Halo {{ name }}", "--rehearse", "--at", "2999-12-01T08:00")

    assert done.returncode == 1  # the sandbox rejects one of them
    assert "no phone gets a message" in done.stdout
    assert "no person is opted out" in done.stdout
    assert "  +18675550103  the message is rejected" in done.stdout
    assert "sandbox_rejected" in done.stdout
    job_id = done.stdout.split()[1].rstrip(",")
    assert in_process("status", job_id).stdout.startswith("a rehearsal: no phone gets a message\n")
    assert "people.csv (rehearsal)" in in_process("jobs").stdout


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--test", MINE, "--rehearse"], "exclude each other"),
        (["--test", MINE, "--preview"], "exclude each other"),
        (["--as", "3"], "add --test NUMBER"),
    ],
)
def test_options_that_do_not_fit_are_refused(in_process: Command, people: str, options: list[str], fault: str) -> None:
    done = in_process("send", people, "-m", "Halo", *options)

    assert done.returncode == 2
    assert fault in done.stderr
