"""The blacklist in a text file: what it reads, when it reads it again, and that nothing is sent when it cannot."""

import logging
import os
import threading
import time
import tracemalloc
from pathlib import Path

import pytest

from tests.plugins.conftest import AtWork
from tests.scripted import ScriptedProvider, number_of, people, text_to
from tests.waiting import wait_for
from wabroadcast_core import PluginError, Settings, parse_number
from wabroadcast_core.plugins import build_plugins
from wabroadcast_plugins.blacklists import number_file
from wabroadcast_plugins.blacklists.number_file import NumberFile

LONG_AGO = 1_000_000_000
FIRST, SECOND, THIRD = "+628123456789", "+628123456780", "+60123456789"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "blocked.txt"


@pytest.fixture
def blacklist(file: Path) -> NumberFile:
    return NumberFile(file, region="ID")


def replace(file: Path, text: str) -> None:
    """Write beside the file, then rename, as an operator's script should."""
    beside = file.with_suffix(".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)


def blocked_by(blacklist: NumberFile, *numbers: str) -> set[str]:
    return set(blacklist.wab_blacklisted(numbers or (FIRST, SECOND, THIRD)))


# --- what it reads ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "blocked"),
    [
        pytest.param(b"+628123456789\n", {FIRST}, id="only-listed-ones"),
        pytest.param(b"\n0812-3456-789\n\n  62 812 3456 780", {FIRST, SECOND}, id="local-forms-and-no-last-line-end"),
        pytest.param(b"# complaints\n+60 12-345 6789  # of May\n#+628123456789\n", {THIRD}, id="comments"),
        pytest.param(b"+628123456789\r\n+628123456780\r\n", {FIRST, SECOND}, id="windows-line-ends"),
        pytest.param(b"\xef\xbb\xbf08123456789\n", {FIRST}, id="byte-order-mark"),
        pytest.param(b"\xff\xfe\xe9\n08123456789\n", {FIRST}, id="a-line-that-is-not-utf-8"),
        pytest.param(b"628123456789@s.whatsapp.net\n", {FIRST}, id="whatsapp-ids"),
        pytest.param(b"+628123456789\n+628123456789\n", {FIRST}, id="one-number-twice"),
        pytest.param(b"", set(), id="empty-file"),
    ],
)
def test_the_file_blocks_the_numbers_that_it_lists(
    file: Path, blacklist: NumberFile, text: bytes, blocked: set[str]
) -> None:
    file.write_bytes(text)

    assert blocked_by(blacklist) == blocked


def test_numbers_without_a_country_are_of_the_region_of_the_core_settings(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("012-345 6789\n")
    monkeypatch.setenv("WABROADCAST_BLACKLIST_FILE", str(file))

    plugins = build_plugins(settings=Settings(default_region="MY"))

    assert plugins.blacklisted([FIRST, THIRD]) == {THIRD: "listed in blocked.txt"}


def test_faulty_lines_are_named_once_and_the_others_still_block(
    file: Path, blacklist: NumberFile, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_text("# list\n+628123456789\nBudi\n\n0812-3456-7O9\n+628123456780\n")

    with caplog.at_level(logging.INFO):
        found = [blocked_by(blacklist), blocked_by(blacklist)]
        replace(file, file.read_text() + "+60123456789\n")
        found.append(blocked_by(blacklist))

    assert found == [{FIRST, SECOND}, {FIRST, SECOND}, {FIRST, SECOND, THIRD}]
    assert len(caplog.records) == 1
    assert "line 3 (no phone number in it), line 5 (letters among the digits)" in caplog.text
    assert "0812" not in caplog.text


def test_a_thousand_faulty_lines_make_one_log_line(
    file: Path, blacklist: NumberFile, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_text("x\n" * 1_000)

    assert blocked_by(blacklist) == set()
    assert len(caplog.records) == 1
    assert caplog.text.endswith("line 20 (no phone number in it), 980 more\n")


# --- when it reads it again ------------------------------------------------------------------------------------


def test_a_replaced_file_counts_from_the_next_check_on(file: Path, blacklist: NumberFile) -> None:
    replace(file, f"{FIRST}\n")
    os.utime(file, (LONG_AGO, LONG_AGO))
    before = blocked_by(blacklist)
    replace(file, f"{SECOND}\n")
    os.utime(file, (LONG_AGO, LONG_AGO))  # as `cp -p` and `rsync` do

    assert (before, blocked_by(blacklist)) == ({FIRST}, {SECOND})


def test_a_file_that_is_appended_to_or_overwritten_is_read_again(file: Path, blacklist: NumberFile) -> None:
    found = []
    for text in (f"{FIRST}\n", f"{SECOND}\n", f"{SECOND}\n{THIRD}\n"):  # in place, at once, the first two of one size
        file.write_text(text)
        found.append(blocked_by(blacklist))

    assert found == [{FIRST}, {SECOND}, {SECOND, THIRD}]


def test_an_old_file_is_read_once(file: Path, blacklist: NumberFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(f"{FIRST}\n")
    os.utime(file, (LONG_AGO, LONG_AGO))
    blocked_by(blacklist)

    monkeypatch.setattr(NumberFile, "_read_file", lambda _: pytest.fail("it was read again"))

    assert blocked_by(blacklist) == {FIRST}


def test_a_foreign_number_is_parsed_once(file: Path, blacklist: NumberFile, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []

    def note(raw: str, *, region: str) -> str:
        parsed.append(raw)
        return parse_number(raw, region=region)

    monkeypatch.setattr(number_file, "parse_number", note)
    file.write_text(f"{THIRD}\n+5215512345678\n")
    blocked_by(blacklist)
    file.write_text(f"{THIRD}\n+5215512345678\n{FIRST}\n")

    assert blocked_by(blacklist, THIRD, FIRST, "+525512345678") == {THIRD, FIRST, "+525512345678"}
    assert parsed == [THIRD, "+5215512345678", "+5215512345678", FIRST]


# --- when in doubt, nothing is sent ----------------------------------------------------------------------------


def test_a_missing_file_raises_until_it_is_there(file: Path, blacklist: NumberFile) -> None:
    with pytest.raises(PluginError, match=r"blocked\.txt cannot be read \(No such file or directory\): restore it"):
        blocked_by(blacklist)

    file.write_text(f"{FIRST}\n")

    assert blocked_by(blacklist) == {FIRST}


def test_a_file_that_disappears_raises_although_its_numbers_are_known(file: Path, blacklist: NumberFile) -> None:
    file.write_text(f"{FIRST}\n")
    os.utime(file, (LONG_AGO, LONG_AGO))
    blocked_by(blacklist)

    file.unlink()

    with pytest.raises(PluginError):
        blocked_by(blacklist)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_a_file_in_utf_16_raises_instead_of_blocking_none(file: Path, blacklist: NumberFile, encoding: str) -> None:
    file.write_text(f"{FIRST}\n", encoding=encoding)

    with pytest.raises(PluginError, match="save it as UTF-8"):
        blocked_by(blacklist)


def test_a_folder_in_its_place_raises(file: Path, blacklist: NumberFile) -> None:
    file.mkdir()

    with pytest.raises(PluginError, match="Is a directory"):
        blocked_by(blacklist)


# --- many threads, many lines ----------------------------------------------------------------------------------


def test_threads_see_one_whole_version_while_the_file_is_replaced(file: Path, blacklist: NumberFile) -> None:
    """Each version lists all numbers of one half: an answer from both, or from neither, would be a mixture."""
    halves = [[number_of(place) for place in range(start, start + 200)] for start in (0, 200)]
    texts = ["".join(f"{number}\n" for number in half) for half in halves]
    replace(file, texts[0])
    answers: list[set[str]] = []
    failures: list[BaseException] = []
    stop = threading.Event()

    def ask() -> None:
        try:
            while not stop.is_set():
                answers.append(blocked_by(blacklist, *halves[0], *halves[1]))
        except BaseException as error:  # noqa: BLE001 - a thread's error would be lost
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(60):
        replace(file, texts[turn % 2])
        time.sleep(0.005)
    stop.set()
    for thread in threads:
        thread.join(30)

    assert failures == []
    assert len(answers) > 20
    assert all(answer in (set(halves[0]), set(halves[1])) for answer in answers)


def test_memory_stays_modest(file: Path, blacklist: NumberFile) -> None:
    lines = 50_000
    with file.open("w") as text:
        text.writelines(f"{number_of(place)}\n" for place in range(lines))

    tracemalloc.start()
    try:
        found = blocked_by(blacklist, number_of(0), number_of(lines - 1), number_of(lines))
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert found == {number_of(0), number_of(lines - 1)}
    assert kept < 12 * lines  # bytes; a set of strings takes more than 100 a line
    assert peak < 80 * lines


# --- end to end ------------------------------------------------------------------------------------------------


@pytest.fixture
def listed_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WABROADCAST_BLACKLIST_FILE", str(file))
    return file


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_broadcast_skips_the_numbers_of_the_file(
    listed_file: Path, at_work: AtWork, provider: ScriptedProvider
) -> None:
    listed_file.write_text(f"{number_of(1)}\n")

    with at_work() as broadcaster:
        job_id = broadcaster.submit(text_to("main"), people(3)).job_id
        wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the end")
        progress = broadcaster.status(job_id)

    assert set(provider.counts()) == {number_of(0), number_of(2)}
    assert progress.skipped_by == {"blacklisted": 1}


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_number_that_is_listed_after_the_audience_was_prepared_is_not_sent_to(
    listed_file: Path, at_work: AtWork, provider: ScriptedProvider
) -> None:
    listed_file.write_text("")

    with at_work() as broadcaster:
        broadcaster.connections.pause("main")
        job_id = broadcaster.submit(text_to("main"), people(3)).job_id
        wait_for(lambda: broadcaster.status(job_id).counts.queued == 3, what="the prepared audience")
        replace(listed_file, f"{number_of(1)}\n")
        broadcaster.connections.resume("main")
        wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the end")

    assert set(provider.counts()) == {number_of(0), number_of(2)}


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nothing_is_sent_while_the_file_is_missing(
    listed_file: Path, at_work: AtWork, provider: ScriptedProvider, caplog: pytest.LogCaptureFixture
) -> None:
    with at_work() as broadcaster:
        job_id = broadcaster.submit(text_to("main"), people(3)).job_id
        wait_for(lambda: "blocked.txt cannot be read" in caplog.text, what="the log line")
        before = dict(provider.counts())
        listed_file.write_text(f"{number_of(1)}\n")
        wait_for(lambda: broadcaster.status(job_id).status == "completed", seconds=60, what="the end")

    assert before == {}
    assert set(provider.counts()) == {number_of(0), number_of(2)}
