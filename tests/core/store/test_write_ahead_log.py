"""A write-ahead log of SQLite that was damaged in a crash is noticed before SQLite drops what is in it."""

import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.forked import ForkedProcess
from tests.waiting import wait_for
from wabroadcast_core.errors import SetupError
from wabroadcast_core.store.database import open_database
from wabroadcast_core.store.integrity import check_at_start
from wabroadcast_core.store.write_ahead_log import LogIndex, find_damage

HEADER = 32  # bytes
FRAME = 24 + 4_096
ROWS = 30
SECONDS = 10.0  # for the check

Change = Callable[[Path], None]


def log_of(database: Path) -> Path:
    return Path(f"{database}-wal")


def index_of(database: Path) -> Path:
    return Path(f"{database}-shm")


# --- what the processes do that are killed -----------------------------------------------------------------------


def _open_here() -> sqlite3.Connection:
    conn = sqlite3.connect(sys.argv[1], isolation_level=None)
    conn.execute("PRAGMA journal_mode=WAL")
    conn.execute("CREATE TABLE IF NOT EXISTS words (word)")
    return conn


def write_and_die() -> None:
    conn = _open_here()
    conn.executemany("INSERT INTO words VALUES (?)", [("a" * 1_000,)] * ROWS)
    os.kill(os.getpid(), signal.SIGKILL)


def write_checkpoint_and_die() -> None:
    conn = _open_here()
    conn.executemany("INSERT INTO words VALUES (?)", [("a" * 1_000,)] * ROWS)
    conn.execute("PRAGMA wal_checkpoint(PASSIVE)")
    os.kill(os.getpid(), signal.SIGKILL)


def die_in_a_transaction() -> None:
    conn = _open_here()
    conn.executemany("INSERT INTO words VALUES (?)", [("a" * 1_000,)] * ROWS)
    conn.execute("PRAGMA cache_size=1")  # page: what is changed goes to the log before the commit
    conn.execute("BEGIN")
    conn.executemany("INSERT INTO words VALUES (?)", [("b" * 1_000,)] * ROWS)
    os.kill(os.getpid(), signal.SIGKILL)


def write_for_ever() -> None:
    conn = _open_here()
    conn.execute("PRAGMA wal_autocheckpoint=20")
    while True:
        conn.execute("INSERT INTO words VALUES (?)", ("a" * 1_000,))


def _run_to_death(program: Callable[[], None], database: Path) -> Path:
    process = ForkedProcess(program, ["", str(database)])
    assert process.wait(timeout=30) == -signal.SIGKILL
    return database


@pytest.fixture
def crashed(tmp_path: Path) -> Path:
    """A database whose only process was killed after each row had been committed."""
    return _run_to_death(write_and_die, tmp_path / "crashed.db")


# --- changes of a log --------------------------------------------------------------------------------------------


def _cut(log: Path, *, frames: float) -> None:
    os.truncate(log, HEADER + int(frames * FRAME))


def _overwrite(log: Path, *, frame: int) -> None:
    with log.open("r+b") as file:
        file.seek(HEADER + frame * FRAME + 500)
        file.write(b"\xa5" * 8)


def _overwrite_header(log: Path) -> None:
    with log.open("r+b") as file:
        file.write(b"\xa5" * HEADER)


def _append(log: Path) -> None:
    with log.open("ab") as file:
        file.write(b"\xa5" * 3 * FRAME)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda log: _cut(log, frames=10), id="cut-between-two-frames"),
        pytest.param(lambda log: _cut(log, frames=ROWS - 0.5), id="cut-in-a-frame"),
        pytest.param(lambda log: os.truncate(log, 0), id="emptied"),
        pytest.param(Path.unlink, id="deleted"),
        pytest.param(_overwrite_header, id="garbage-in-the-header"),
        pytest.param(lambda log: _overwrite(log, frame=0), id="garbage-at-the-beginning"),
        pytest.param(lambda log: _overwrite(log, frame=12), id="garbage-in-the-middle"),
    ],
)
def test_a_log_that_lost_committed_frames_is_refused_with_the_way_out(crashed: Path, change: Change) -> None:
    change(log_of(crashed))
    database = open_database(None, sqlite_path=crashed)

    with pytest.raises(SetupError, match=r"-wal is damaged: .*restore.*backup.*-shm.*--workers 0.*cancel"):
        check_at_start(database)
    with pytest.raises(SetupError):  # again: nothing was opened that would have hidden it
        check_at_start(database)
    database.close()


def test_the_lost_frames_are_counted(crashed: Path) -> None:
    index = LogIndex.read(crashed)
    assert index is not None
    _overwrite(log_of(crashed), frame=10)

    damage = find_damage(crashed, seconds=SECONDS)

    assert damage is not None
    assert (damage.lost, damage.committed) == (index.committed - 10, index.committed)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda _: None, id="as-it-was-left"),
        pytest.param(_append, id="garbage-behind-the-last-commit"),
        pytest.param(lambda log: index_of(log.with_name("crashed.db")).unlink(), id="without-an-index"),
        pytest.param(lambda log: os.truncate(index_of(log.with_name("crashed.db")), 3), id="with-an-index-cut"),
    ],
)
def test_a_log_that_has_all_committed_frames_passes(crashed: Path, change: Change) -> None:
    change(log_of(crashed))

    assert find_damage(crashed, seconds=SECONDS) is None
    assert _count_rows(crashed) == ROWS


def test_a_transaction_that_was_not_committed_is_no_damage(tmp_path: Path) -> None:
    database = _run_to_death(die_in_a_transaction, tmp_path / "crashed.db")
    index = LogIndex.read(database)
    assert index is not None
    assert log_of(database).stat().st_size > HEADER + index.committed * FRAME  # the log has some of it

    assert find_damage(database, seconds=SECONDS) is None
    _cut(log_of(database), frames=index.committed)
    assert find_damage(database, seconds=SECONDS) is None
    assert _count_rows(database) == ROWS


def test_the_check_ends_in_time_and_misses_no_cut(crashed: Path) -> None:
    _overwrite(log_of(crashed), frame=12)
    assert find_damage(crashed, seconds=0) is None

    _cut(log_of(crashed), frames=20)
    assert find_damage(crashed, seconds=0) is not None


# --- a log whose frames are in the database file already -----------------------------------------------------------


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A database whose only process was killed after a checkpoint."""
    return _run_to_death(write_checkpoint_and_die, tmp_path / "copied.db")


def test_a_part_of_a_copied_log_is_refused_and_may_be_deleted(copied: Path) -> None:
    _cut(log_of(copied), frames=12)  # old pages, which would hide the new ones of the file
    database = open_database(None, sqlite_path=copied)

    with pytest.raises(SetupError, match=r"has all of it: stop all processes, delete .*-wal and .*-shm"):
        check_at_start(database)
    database.close()
    log_of(copied).unlink()
    index_of(copied).unlink()

    assert _count_rows(copied) == ROWS


@pytest.mark.parametrize("change", [Path.unlink, _overwrite_header], ids=["deleted", "without-its-header"])
def test_a_copied_log_is_not_missed(copied: Path, change: Change) -> None:
    change(log_of(copied))

    assert find_damage(copied, seconds=SECONDS) is None
    assert _count_rows(copied) == ROWS


# --- a log in use ------------------------------------------------------------------------------------------------


def test_a_log_that_another_process_writes_to_passes(tmp_path: Path) -> None:
    database = tmp_path / "busy.db"
    writer = ForkedProcess(write_for_ever, ["", str(database)])
    wait_for(lambda: LogIndex.read(database), what="the first commit")

    found = [find_damage(database, seconds=SECONDS) for _ in range(40)]
    writer.kill()
    writer.wait()

    assert found == [None] * 40


def _count_rows(database: Path) -> int:
    conn = sqlite3.connect(database)
    (count,) = conn.execute("SELECT count(*) FROM words").fetchone()
    conn.close()
    return int(count)
