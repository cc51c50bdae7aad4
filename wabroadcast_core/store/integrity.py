"""The check of an SQLite file for damage, at the start of each process and for a doctor."""

import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from wabroadcast_core.errors import SetupError, UnavailableError
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.write_ahead_log import LogDamage, find_damage

LARGEST_FILE = 256 * 1024 * 1024  # bytes; a larger store is checked only on demand
QUICK_SECONDS = 3.0  # for the pages and rows
FULL_SECONDS = 2.0  # for the indexes too
LOG_SECONDS = 3.0  # for the write-ahead log
STEPS = 10_000  # of SQLite's machine between two looks at the clock
_INDEX_WORDS = ("missing from index", "wrong # of entries in index", "non-unique entry in index", "values differ")


def check_at_start(database: Database) -> None:
    """Check an SQLite store for damage, for a few seconds at most. Other databases have checks of their own.

    The write-ahead log is checked first, because SQLite drops what is damaged of it when it opens the store.

    :raises SetupError: the store is damaged; the text says what to do.
    :raises UnavailableError: the file cannot be opened, or is no database.
    """
    path = database.sqlite_path
    if path is None or not path.exists():
        return
    if damage := find_damage(path, seconds=LOG_SECONDS):
        raise SetupError(_log_text(path, damage))
    if path.stat().st_size > LARGEST_FILE:
        return
    check_integrity(database, quick_seconds=QUICK_SECONDS, full_seconds=FULL_SECONDS)


def check_integrity(
    database: Database, *, quick_seconds: float | None = None, full_seconds: float | None = None
) -> bool:
    """Check an SQLite store for damage: first its pages and rows, then its indexes too.

    :param quick_seconds: the longest time for the first check; None for no limit.
    :param full_seconds: the same for the second one.
    :returns: whether both checks came to their end.
    :raises SetupError: the store is damaged; the text says what to do.
    :raises UnavailableError: the file cannot be opened, or is no database.
    """
    path = database.sqlite_path
    if path is None:
        return True
    with database.read() as conn:
        quick = _run(conn, "PRAGMA quick_check(1)", path=path, seconds=quick_seconds)
        return quick and _run(conn, "PRAGMA integrity_check(1)", path=path, seconds=full_seconds)


def _run(conn: Connection, statement: str, *, path: Path, seconds: float | None) -> bool:
    driver: Any = conn.connection.driver_connection
    ends_at = None if seconds is None else time.monotonic() + seconds
    driver.set_progress_handler(lambda: ends_at is not None and time.monotonic() > ends_at, STEPS)
    try:
        (found,) = driver.execute(statement).fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise UnavailableError(f"the store cannot be checked for damage: {error}") from error
        return False
    except sqlite3.DatabaseError as error:
        raise SetupError(_damage_text(path, str(error))) from error
    finally:
        driver.set_progress_handler(None, 0)
    if found != "ok":
        raise SetupError(_damage_text(path, str(found)))
    return True


def _log_text(path: Path, damage: LogDamage) -> str:
    if damage.is_copied:
        return (
            f"the write-ahead log {path}-wal is damaged, but {path} has all of it: stop all processes, delete "
            f"{path}-wal and {path}-shm, and start again"
        )
    return (
        f"the write-ahead log {path}-wal is damaged: {damage.lost} of its {damage.committed} pages are lost, so "
        "messages that were sent last would be sent again: stop all processes and restore the log from a backup; or, "
        f"to go on without these pages, delete {path}-shm, start `wabroadcast serve --workers 0`, cancel the "
        "broadcasts that were under way, and then start the workers"
    )


def _damage_text(path: Path, found: str) -> str:
    reason = " ".join(found.split())
    if any(words in found for words in _INDEX_WORDS):
        return (
            f"an index of the store {path} disagrees with its table ({reason}): stop all processes, copy the file, and "
            f'run `sqlite3 {path} "REINDEX"`'
        )
    return (
        f"the store {path} is damaged ({reason}): stop all processes and restore a backup, or save what can be read "
        f"with `sqlite3 {path} .recover | sqlite3 recovered.db` and put that file in its place"
    )
