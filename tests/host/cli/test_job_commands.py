"""Broadcasts, batches and messages on the command line: how they are named, listed and controlled."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from host_litestar.cli.output import describe_time, print_table
from host_litestar.cli.undo import _describe
from tests.host.cli.conftest import Command
from tests.host.cli.terminal import run_in_terminal
from tests.host.programs import Served
from tests.receivers import SECRET, Receiver, answering
from tests.waiting import wait_for

LATER = "2999-01-01T08:00+07:00"


def send(command: Command, file: Path, *options: str) -> str:
    """Send to a file without waiting for the end; return the job id."""
    done = command("send", str(file), "-m", "Halo", "--detach", *options)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[1]


@pytest.fixture
def three(tmp_path: Path) -> Path:
    file = tmp_path / "tiga.csv"
    file.write_text("Nama;No. HP\nBudi;0812-3456-1001\n\nSiti;081234561002\nAgus;081234561003\n")
    return file


def test_a_job_is_named_by_a_unique_beginning_of_its_id_or_as_the_last(in_process: Command, three: Path) -> None:
    first, second = (send(in_process, three, "--at", LATER) for _ in range(2))
    short = next(first[:length] for length in range(1, 37) if first[:length] != second[:length])

    paused = in_process("pause", "last")
    cancelled = [in_process("cancel", name) for name in (f"{short}{first[len(short) :].upper()}", "LAST")]
    shown = in_process("status", first[:-1])
    starts = in_process("jobs", "--search", first)

    assert paused.stdout == f"{second} is paused\n"
    assert [done.stdout for done in cancelled] == [f"{first} is cancelled\n", f"{second} is cancelled\n"]
    assert shown.returncode == 0
    assert starts.stdout.splitlines()[1].startswith(f"{first}\tcancelled")


def test_a_beginning_of_several_job_ids_lists_them(in_process: Command, three: Path) -> None:
    made: dict[str, str] = {}
    while len({job[0] for job in made}) == len(made):  # at the latest with the 17th
        job = send(in_process, three, "--at", LATER)
        twin = next((other for other in made if other[0] == job[0]), None)
        made[job] = job
    assert twin is not None

    done = in_process("cancel", job[0])

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"{job} (tiga.csv, scheduled)" in done.stderr
    assert twin in done.stderr


@pytest.mark.parametrize("name", ["", "zzz", "../../x", "%"])
def test_a_name_that_no_job_id_begins_with_is_refused(in_process: Command, three: Path, name: str) -> None:
    send(in_process, three, "--at", LATER)

    done = in_process("cancel", name)

    assert (done.returncode, done.stdout) == (2, "")
    assert "no job id begins with" in done.stderr


def test_the_time_of_a_start_is_shown_with_its_zone(in_process: Command, three: Path) -> None:
    job = send(in_process, three, "--at", LATER)
    starts = describe_time(datetime.fromisoformat(LATER))

    listed, shown = in_process("jobs", "--search", job), in_process("status", job)

    assert starts[-6] in "+-"
    assert f"\t{starts}\ttiga.csv" in listed.stdout
    assert shown.stdout == f"scheduled: nothing sent yet, starts {starts}\n"


def test_messages_are_listed_and_one_is_controlled(in_process: Command, three: Path) -> None:
    job = send(in_process, three, "--window", _closed_window())
    wait_for(lambda: in_process("messages", job).stdout.count("queued") == 3)

    paused = in_process("pause", job, "--message", "1")
    resumed = in_process("resume", job, "--message", f"{job}-1")
    cancelled = in_process("cancel", job, "--message", "2")
    listed = in_process("messages", job, "--status", "queued", "--search", "1002").stdout.splitlines()
    first = in_process("messages", job, "--limit", "1")
    after = in_process("messages", job, "--after", f"{job}-1")
    both = in_process("cancel", job, "--message", "2", "--batch", "0")

    assert [done.stdout for done in (paused, resumed, cancelled)] == [
        f"{job}-1 is paused\n",
        f"{job}-1 is queued\n",
        f"{job}-2 is cancelled\n",
    ]
    assert listed[1:] == [f"{job}-1\t4\t+6281234561002\tSiti\tqueued\t0\t\t"]
    assert f"--after {job}-0" in first.stderr
    assert [line.split("\t")[0] for line in after.stdout.splitlines()[1:]] == [f"{job}-2"]
    assert both.returncode == 2


def test_batches_are_listed_with_their_state(in_process: Command, three: Path) -> None:
    job = send(in_process, three, "--batch", "1/1h", "--window", _closed_window())
    plain = send(in_process, three)
    wait_for(lambda: in_process("batches", job).stdout.count("queued") == 3)
    in_process("pause", job, "--batch", "1")

    rows = [line.split("\t") for line in in_process("batches", job).stdout.splitlines()[1:]]

    assert [row[:4] for row in rows] == [
        ["0", "released", "1", "1 queued"],
        ["1", "paused", "1", "1 paused"],
        ["2", "waiting", "1", "1 queued"],
    ]
    assert [bool(row[4]) for row in rows] == [False, False, True]
    assert "has no batches" in in_process("batches", plain).stdout


@pytest.mark.parametrize("columns", [20, 60, 80, 100, 200])
def test_no_id_is_cut_in_a_terminal(server: Any, in_process: Command, three: Path, columns: int) -> None:
    job = send(in_process, three, "--at", LATER, "--name", "Promo November untuk semua pelanggan setia kami")

    code, shown = run_in_terminal(server, "jobs", columns=columns)

    assert code == 0
    assert job in shown
    assert "…" not in shown


def test_a_table_keeps_long_cells_whole(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "30")

    print_table(("KEY", "VALUE"), [("k" * 20, "v" * 40), ("short", "words that fit")])

    shown = capsys.readouterr().out
    assert "k" * 20 in shown
    assert "v" * 40 in shown


def _closed_window() -> str:
    """Return a send window that is closed now and for the next hours, in the time zone of UTC."""
    opens = datetime.now(UTC) + timedelta(hours=6)
    return f"{opens:%H:%M}-{opens + timedelta(minutes=1):%H:%M}@UTC"


def test_a_report_is_written_with_a_bar_on_a_terminal_only(
    in_process: Command, server: Any, three: Path, tmp_path: Path
) -> None:
    job = send(in_process, three, "--column", "Nama=name")
    wait_for(lambda: "completed" in in_process("status", job).stdout)
    file, book = tmp_path / "out.csv", tmp_path / "out.xlsx"

    plain = in_process("report", job[:-1], "-o", str(file), "--status", "sent", "--delimiter", ";")
    code, shown = run_in_terminal(server, "report", job, "-o", str(book))
    refused = [
        in_process("report", job, "-o", str(tmp_path / "out.pdf")),
        in_process("report", job, "-o", str(tmp_path / "gone" / "out.csv")),
    ]

    assert (plain.returncode, plain.stdout, plain.stderr) == (0, f"the report was written to {file}\n", "")
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    assert [line.split(";")[1:4] for line in lines[1:]] == [
        ["+62 8123 4561 001", "Budi", "sent"],
        ["+62 8123 4561 002", "Siti", "sent"],
        ["+62 8123 4561 003", "Agus", "sent"],
    ]
    assert (code, book.read_bytes()[:2]) == (0, b"PK")
    assert "MB" in shown
    assert [(done.returncode, done.stderr.count("\n")) for done in refused] == [(2, 1)] * 2


def test_callbacks_are_listed_and_sent_again(server: Served, in_process: Command) -> None:
    body = {"name": "Promo", "message": {"type": "text", "text": "Halo"}, "recipients": [{"number": "081200001001"}]}
    answer = httpx.post(f"{server.url}/broadcast", json=body | {"callbackUrl": "https://main.invalid/events"})
    job = answer.json()["jobId"]

    listed = in_process("callbacks", "list", "--job", job)
    event_id, reports, _, status, *_ = listed.stdout.splitlines()[-1].split("\t")
    again = in_process("callbacks", "retry", event_id)
    gone = in_process("callbacks", "retry", "evt_x_1")

    assert (reports, status) == ("queued", "pending")
    assert again.stdout == f"callback {event_id} is sent again\n"
    assert (gone.returncode, "evt_x_1" in gone.stderr) == (2, True)


def test_a_receiver_of_callbacks_is_tested(in_process: Command) -> None:
    with Receiver(answering(204), answering(401), answering(204)) as receiver:
        passed = in_process("callbacks", "test", receiver.url)
        unsafe = in_process("callbacks", "test", receiver.url)
        receiver.script(answering(500))
        failed = in_process("callbacks", "test", receiver.url, "--json")
    unset = in_process("callbacks", "test")

    assert (passed.returncode, "refused the event with a wrong signature" in passed.stdout) == (0, True)
    assert (unsafe.returncode, "wrong signature was taken" in unsafe.stdout) == (1, True)
    assert (failed.returncode, json.loads(failed.stdout)["problem"]) == (1, "HTTP 500")
    assert (unset.returncode, "WABROADCAST_CALLBACK_URL" in unset.stderr) == (2, True)
    shown = passed.stdout + unsafe.stdout + failed.stdout
    assert "hidden" not in shown  # the token in the address
    assert SECRET not in shown


def test_a_held_broadcast_is_undone(in_process: Command, three: Path) -> None:
    sent = in_process("send", str(three), "-m", "Halo", "--detach", "--hold", "600")
    job = sent.stdout.split()[1]

    listed = in_process("jobs")
    undone = in_process("undo", job)

    assert sent.stdout.splitlines()[1] == f"starts in 600 s at the soonest: until then `wabroadcast undo {job}`"
    assert "its start is held back" in listed.stdout
    assert undone.returncode == 0
    assert undone.stdout.startswith(f"{job} is undone: no message has left; it is draft ")


def test_an_undo_that_is_too_late_says_how_many_have_left() -> None:
    late = {"undone": False, "draftId": None, "left": 3, "underWay": 1, "broadcast": {"jobId": "j", "status": "paused"}}

    assert _describe(late) == ("too late: 3 messages have left, 1 of them under way; j is paused: resume or cancel it")
    assert _describe(late | {"left": 1, "underWay": 0, "broadcast": {"jobId": "j", "status": "completed"}}) == (
        "too late: 1 message has left; j is completed"
    )
