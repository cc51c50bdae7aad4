"""``wabroadcast data``, on a store without a server."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def test_what_is_kept_is_shown(host_settings: Settings, tmp_path: Path, command: Command) -> None:
    with Broadcaster(host_settings) as broadcaster:
        upload = broadcaster.uploads.save([b"nama,hp\nBudi,0812\n"], filename="a.csv")
        broadcaster.contacts.import_file(upload.upload_id)

    shown = command("data", "--data-dir", str(host_settings.data_dir), cwd=tmp_path, WABROADCAST_KEEP_FILES_DAYS="3")

    assert shown.returncode == 0, shown.stderr
    assert "uploads: 1 with 18 bytes, the oldest from 20" in shown.stdout
    assert "rejected rows: 1 with" in shown.stdout
    assert "3 days after" in shown.stdout
    assert "0812" not in shown.stdout


def test_a_store_that_is_not_there_is_not_created(tmp_path: Path, command: Command) -> None:
    shown = command("data", "--data-dir", "nowhere", cwd=tmp_path)

    assert (shown.returncode, shown.stdout) == (2, "")
    assert "there is no store at " in shown.stderr
    assert not (tmp_path / "nowhere").exists()


def test_a_store_of_an_older_version_is_not_migrated(host_settings: Settings, tmp_path: Path, command: Command) -> None:
    with contextlib.closing(sqlite3.connect(host_settings.sqlite_path)) as conn, conn:
        conn.execute("UPDATE wabroadcast_version SET version_num = '0001'")

    shown = command("data", "--data-dir", str(host_settings.data_dir), cwd=tmp_path)

    assert (shown.returncode, "wabroadcast doctor" in shown.stderr) == (2, True)
    with contextlib.closing(sqlite3.connect(host_settings.sqlite_path)) as conn:
        assert conn.execute("SELECT version_num FROM wabroadcast_version").fetchone() == ("0001",)


def test_a_store_whose_log_is_damaged_is_left_as_it_is(
    host_settings: Settings, tmp_path: Path, command: Command
) -> None:
    log = Path(f"{host_settings.sqlite_path}-wal")
    _leave_as_after_a_crash(host_settings.sqlite_path)
    os.truncate(log, log.stat().st_size - 100)
    left = log.read_bytes()

    shown = command("data", "--data-dir", str(host_settings.data_dir), cwd=tmp_path)

    assert shown.returncode == 2
    assert "is damaged" in shown.stderr
    assert log.read_bytes() == left


def _leave_as_after_a_crash(database: Path) -> None:
    """Leave a database with the log and the log's index of a process that did not close it."""
    copy = database.with_name("open.db")
    shutil.copyfile(database, copy)
    with contextlib.closing(sqlite3.connect(copy)) as conn:
        conn.execute("CREATE TABLE words (word)")
        for ending in ("", "-wal", "-shm"):
            shutil.copyfile(f"{copy}{ending}", f"{database}{ending}")
