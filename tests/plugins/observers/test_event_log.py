"""The event log: what stands in it, that many may write to it, and that it never stops anything."""

import json
import logging
import os
import re
import resource
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.forked_programs import start_program
from tests.plugins.conftest import AtWork
from tests.scripted import number_of, people, text_to
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import BroadcastSummary, FinishedMessage, Inbound, MessageReceipt, WebhookRequest
from wabroadcast_core.models.broadcast import Counts
from wabroadcast_core.models.status import BroadcastStatus, Priority
from wabroadcast_core.plugins import build_plugins
from wabroadcast_plugins.observers import event_log
from wabroadcast_plugins.observers.event_log import EventLog

RFC_3339_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel")
NUMBER, MASKED = "+6281234567890", "+62812…890"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def finished(place: int = 0, **fields: Any) -> FinishedMessage:
    known = {"job_id": "job", "number": NUMBER, "status": "sent", "reason": None, "connection": "main"}
    return FinishedMessage(message_id=f"job-{place}", **{**known, **fields})


def read_events(file: Path) -> list[dict[str, Any]]:
    text = file.read_text(encoding="utf-8")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def without_time(event: dict[str, Any]) -> dict[str, Any]:
    assert RFC_3339_UTC.fullmatch(event["at"])
    assert abs(datetime.fromisoformat(event["at"]).timestamp() - datetime.now(UTC).timestamp()) < 60
    return {name: value for name, value in event.items() if name != "at"}


# --- what stands in it -----------------------------------------------------------------------------------------


def test_finished_messages_are_one_line_each(file: Path) -> None:
    log = EventLog(file)

    log.wab_messages_finished(
        [finished(0), finished(1, status="failed", reason="rejected", connection=None, is_rehearsal=True)]
    )

    assert [without_time(event) for event in read_events(file)] == [
        {
            "event": "message.finished",
            "jobId": "job",
            "messageId": "job-0",
            "number": MASKED,
            "status": "sent",
            "reason": None,
            "connection": "main",
            "isRehearsal": False,
        },
        {
            "event": "message.finished",
            "jobId": "job",
            "messageId": "job-1",
            "number": MASKED,
            "status": "failed",
            "reason": "rejected",
            "connection": None,
            "isRehearsal": True,
        },
    ]


def test_receipts_are_one_line_each(file: Path) -> None:
    read = MessageReceipt(
        message_id="job-0", job_id="job", number=NUMBER, kind="read", at=1_795_000_000.5, reason=None, connection="main"
    )

    EventLog(file).wab_receipts([read, replace(read, kind="failed", reason="expired", is_rehearsal=True)])

    first, second = map(without_time, read_events(file))
    assert first == {
        "event": "message.receipt",
        "jobId": "job",
        "messageId": "job-0",
        "number": MASKED,
        "kind": "read",
        "happenedAt": "2026-11-18T11:06:40.500Z",
        "reason": None,
        "connection": "main",
        "isRehearsal": False,
    }
    assert second == first | {"kind": "failed", "reason": "expired", "isRehearsal": True}


def test_a_changed_broadcast_is_written_with_its_counts(file: Path) -> None:
    broadcast = BroadcastSummary(
        job_id="job",
        name="Promo\n“November”",
        status=BroadcastStatus.PAUSED,
        status_reason="circuit_breaker",
        priority=Priority.HIGH,
        connection=["main", "second"],
        total=3,
        counts=Counts(sent=1, paused=2),
        progress=0.5,
        scheduled_at=None,
        created_at=datetime.now(UTC),
        started_at=None,
        finished_at=None,
    )

    EventLog(file).wab_broadcast_changed(broadcast)

    [event] = map(without_time, read_events(file))
    counts = event.pop("counts")
    assert event == {
        "event": "broadcast.changed",
        "jobId": "job",
        "name": "Promo\n“November”",
        "status": "paused",
        "statusReason": "circuit_breaker",
        "priority": "high",
        "connection": ["main", "second"],
        "total": 3,
        "purpose": "broadcast",
    }
    assert sum(counts[status] for status in ("sent", "paused")) == 3


def test_a_received_message_is_written_without_text_and_ids(file: Path) -> None:
    message = Inbound(
        NUMBER, "berhenti", at=1_700_000_000.0, provider_id=f"wamid.{NUMBER}", reply_to=f"wamid.2{NUMBER}", payload="b"
    )

    EventLog(file).wab_inbound(message, "main")

    [event] = map(without_time, read_events(file))
    assert event == {
        "event": "message.received",
        "connection": "main",
        "number": MASKED,
        "receivedAt": "2023-11-14T22:13:20.000Z",
        "characters": 8,
        "isReply": True,
        "preference": None,
    }
    assert "berhenti" not in file.read_text()
    assert NUMBER not in file.read_text()


@pytest.mark.parametrize(("setting", "shown"), [("masked", MASKED), ("full", NUMBER), ("", MASKED)])
def test_numbers_are_masked_unless_the_setting_says_otherwise(
    file: Path, monkeypatch: pytest.MonkeyPatch, setting: str, shown: str
) -> None:
    monkeypatch.setenv("WABROADCAST_EVENT_LOG", str(file))
    monkeypatch.setenv("WABROADCAST_EVENT_LOG_NUMBERS", setting)
    plugins = build_plugins()

    plugins.messages_finished([finished()])
    plugins.inbound(Inbound(NUMBER, "Halo", at=1.0), connection="main")

    assert [event["number"] for event in read_events(file)] == [shown, shown]


def test_no_file_is_made_before_the_first_event(file: Path) -> None:
    EventLog(file).wab_messages_finished([])

    assert not file.exists()


def test_the_file_is_not_for_everyone_on_the_machine(file: Path) -> None:
    EventLog(file).wab_messages_finished([finished()])

    assert file.stat().st_mode & 0o007 == 0


# --- many writers, rotation ------------------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from wabroadcast_core import FinishedMessage
from wabroadcast_plugins.observers.event_log import EventLog
log = EventLog(Path(sys.argv[1]))
for chunk in range(100):
    log.wab_messages_finished([
        FinishedMessage(f"{sys.argv[2]}-{chunk}-{place}", "job", "+6281234567890", "sent", None, "m" * place)
        for place in range(50)
    ])
"""


@pytest.mark.slow
def test_lines_of_several_processes_are_whole_and_chunks_stay_together(file: Path) -> None:
    with (file.parent / "output").open("w") as output:
        lines = [["python", "-c", WRITER, str(file), str(number)] for number in range(3)]
        writers = [
            start_program(line, directory=file.parent, environment=os.environ, stdout=output, stderr=output)
            for line in lines
        ]

    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0], (file.parent / "output").read_text()
    ids = [event["messageId"] for event in read_events(file)]
    assert len(set(ids)) == len(ids) == 3 * 100 * 50
    assert all(ids[start].split("-")[:2] == ids[start + 49].split("-")[:2] for start in range(0, len(ids), 50))


def test_nothing_is_lost_while_the_file_is_rotated(file: Path) -> None:
    log = EventLog(file)
    threads = [
        threading.Thread(
            target=lambda first=first: [log.wab_messages_finished([finished(first + n)]) for n in range(200)]
        )
        for first in (0, 200, 400)
    ]

    for thread in threads:
        thread.start()
    turn = 0
    while any(thread.is_alive() for thread in threads):
        if file.exists():
            file.rename(file.with_suffix(f".{turn}"))
            turn += 1
    for thread in threads:
        thread.join()

    files = [*file.parent.glob("events.[0-9]*"), *([file] if file.exists() else [])]
    ids = [event["messageId"] for path in files for event in read_events(path)]
    assert sorted(ids) == sorted(f"job-{place}" for place in range(600))


def test_a_renamed_file_is_left_at_once(file: Path) -> None:
    log = EventLog(file)
    log.wab_messages_finished([finished(0)])
    file.rename(file.with_suffix(".1"))

    log.wab_messages_finished([finished(1)])

    assert [event["messageId"] for event in read_events(file)] == ["job-1"]


@ON_LINUX
def test_no_descriptor_stays_open(file: Path) -> None:
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    logs = [EventLog(file) for _ in range(20)]

    for log in logs:
        log.wab_messages_finished([finished()])

    assert len(list(descriptors.iterdir())) == before


# --- it never stops anything -----------------------------------------------------------------------------------


def test_a_missing_folder_is_logged_once_and_the_loss_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "later" / "events.jsonl"
    log = EventLog(file)

    for place in range(5):
        log.wab_messages_finished([finished(place), finished(place)])
    file.parent.mkdir()
    log.wab_messages_finished([finished(5)])
    log.wab_messages_finished([finished(6)])

    assert [record.getMessage() for record in caplog.records] == [
        f"the event log {file} cannot be written (No such file or directory): events are lost until it can",
        f"the event log {file} is written again; 10 events were lost",
    ]
    assert [event["messageId"] for event in read_events(file)] == ["job-5", "job-6"]


@ON_LINUX
def test_a_full_disk_is_contained(caplog: pytest.LogCaptureFixture) -> None:
    log = EventLog(Path("/dev/full"))

    log.wab_messages_finished([finished()])
    log.wab_inbound(Inbound(NUMBER, "Halo", at=1.0), "main")

    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "No space left on device" in caplog.text


def test_a_line_that_was_cut_does_not_damage_the_next_one(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = EventLog(file)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (250, hard))  # the kernel writes what fits, as on a disk that fills up
    try:
        log.wab_messages_finished([finished(0), finished(1)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    log.wab_messages_finished([finished(2)])

    lines = file.read_text().splitlines()
    assert [json.loads(line)["messageId"] for line in (lines[0], lines[2])] == ["job-0", "job-2"]
    assert len(lines) == 3
    assert "cannot be written" in caplog.text


def test_a_named_pipe_without_a_reader_does_not_hold_up_the_caller(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    os.mkfifo(tmp_path / "pipe")

    EventLog(tmp_path / "pipe").wab_messages_finished([finished()])

    assert "cannot be written" in caplog.text


# --- end to end ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@ON_SQLITE
def test_a_broadcast_and_a_reply_are_in_the_log(file: Path, at_work: AtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WABROADCAST_EVENT_LOG", str(file))
    body = json.dumps([{"of": "inbound", "number": number_of(0), "text": "terima kasih", "at": 1_700_000_000.0}])
    call = WebhookRequest("POST", {}, {"x-proof": "right"}, body.encode())

    with at_work() as broadcaster:
        job_id = broadcaster.submit(text_to("main"), people(3)).job_id
        wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the end")
        broadcaster.webhooks.take("main", call)
        wait_for(lambda: '"message.received"' in file.read_text(), what="the reply in the log")
        wait_for(lambda: file.read_text().count('"message.finished"') == 3, what="the messages in the log")

    events = read_events(file)
    assert {(event["messageId"], event["connection"]) for event in events if event["event"] == "message.finished"} == {
        (f"{job_id}-{place}", "main") for place in range(3)
    }
    changes = [event["status"] for event in events if event["event"] == "broadcast.changed"]
    assert changes[0] == "queued"
    assert "terima kasih" not in file.read_text()
    assert number_of(0) not in file.read_text()


@pytest.mark.slow
@ON_SQLITE
def test_a_broadcast_ends_although_its_events_cannot_be_written(
    tmp_path: Path, at_work: AtWork, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WABROADCAST_EVENT_LOG", str(tmp_path / "nowhere" / "events.jsonl"))

    with at_work() as broadcaster:
        job_id = broadcaster.submit(text_to("main"), people(50)).job_id
        wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the end")

    assert [record.name for record in caplog.records].count(event_log.__name__) == 1
