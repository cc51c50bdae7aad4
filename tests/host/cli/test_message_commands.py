"""``message`` and ``reasons`` on the command line."""

import re
from pathlib import Path

import pytest

from host_litestar.cli import run
from tests.host.cli.conftest import Command
from tests.waiting import wait_for

REJECTED, FINE = "+18675550103", "+6281234561001"  # the first is a test number of the sandbox


@pytest.fixture
def job(in_process: Command, tmp_path: Path) -> str:
    """Return the id of a broadcast to a number that is rejected and to one that is not."""
    file = tmp_path / "dua.csv"
    file.write_text(f"Nama;No. HP\nBudi;{REJECTED}\nSiti;{FINE}\n")
    job = in_process("send", str(file), "-m", "Halo {{ nama }}", "--detach").stdout.split()[1]
    wait_for(lambda: "completed" in in_process("status", job).stdout)
    return job


def test_one_message_is_shown_with_its_text_its_attempts_and_what_to_do(in_process: Command, job: str) -> None:
    shown = in_process("message", f"{job}-0", "--lang", "id").stdout.splitlines()

    assert shown[0] == f"{job}-0: failed"
    assert "text: Halo Budi" in shown
    assert 'variables: {"nama": "Budi"}' in shown
    (attempt,) = (line for line in shown if line.startswith("attempt 1"))
    assert re.fullmatch(r"attempt 1: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d", attempt.split(", ")[0])
    assert attempt.split(", ")[1] == "sandbox"
    assert shown[-3] == "sandbox_rejected (sandbox)"
    assert shown[-1].startswith("  Tidak ada")


def test_the_list_of_messages_shows_their_receipts(in_process: Command, job: str) -> None:
    wait_for(lambda: ", 1 delivered" in in_process("status", job).stdout)

    first, *rows = (line.split("\t") for line in in_process("messages", job).stdout.splitlines())

    rejected, fine = (row[first.index("RECEIPT")] for row in rows)
    assert rejected == ""
    assert fine in {"delivered", "read"}


@pytest.mark.parametrize("spelling", ["0812-3456-1001", "+62 812 3456 1001"])
@pytest.mark.parametrize("scope", [(), ("--job", "last")])
def test_the_messages_to_a_number_are_listed(
    in_process: Command, job: str, spelling: str, scope: tuple[str, ...]
) -> None:
    listed = in_process("message", spelling, *scope)

    assert [line.split("\t")[0] for line in listed.stdout.splitlines()[1:]][:1] == [f"{job}-1"]


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["0f1e2d3c-0000-4000-8000-000000000000-3", "--job", "last"], "--job"),
        (["0f1e2d3c-0000-4000-8000-000000000000-3", "--limit", "50"], "--limit"),
        (["0F1E2D3C-0000-4000-8000-000000000000-3", "--after", "x-1"], "--after"),
        (["0812-3456-1001", "--lang", "id"], "--lang"),
    ],
)
def test_an_option_without_effect_is_refused_by_name(
    capsys: pytest.CaptureFixture[str], arguments: list[str], option: str
) -> None:
    assert run(["message", *arguments]) == 2
    assert f"takes no {option}: leave it out" in capsys.readouterr().err


def test_a_text_that_is_neither_an_id_nor_a_number_is_refused(in_process: Command) -> None:
    done = in_process("message", "budi")

    assert (done.returncode, done.stdout) == (2, "")
    assert "number" in done.stderr


def test_the_failures_of_a_broadcast_are_counted_with_the_way_to_their_meaning(in_process: Command, job: str) -> None:
    shown = in_process("status", job).stdout

    assert "failed         1  sandbox_rejected" in shown
    assert "`wabroadcast reasons CODE`" in shown


def test_a_code_is_explained_and_all_are_listed(in_process: Command) -> None:
    one = in_process("reasons", "131049").stdout.splitlines()
    every = in_process("reasons").stdout.splitlines()
    refused = in_process("reasons", "131049", "--lang", "xx")

    assert one[0] == "131049 (whatsapp-cloud)"
    assert "24 hours" in one[2]
    assert len(every) > 200
    assert (refused.returncode, "give one of en, id" in refused.stderr) == (2, True)
