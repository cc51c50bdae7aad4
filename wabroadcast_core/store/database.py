"""The store's door: a SQLAlchemy engine, read and write transactions, migrations.

SQLite (WAL, synchronous=FULL) has one writer at a time, so a write transaction takes its lock at the start.
"""

import contextlib
import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, NoSuchModuleError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from wabroadcast_core.errors import InputError, SetupError, UnavailableError

MIGRATION_LOCK = 3_004_062  # any number that is ours alone, for PostgreSQL's advisory lock
LOCK_WAIT_SECONDS = 30.0
LOCK_LOOK_SECONDS = 0.001
POSTGRESQL_CONNECT = {
    "connect_timeout": 10,
    # A host that froze in the middle of a transaction must not hold everyone's rows for ever.
    "options": "-c idle_in_transaction_session_timeout=5000 -c lock_timeout=20000",
}
MAY_NOT = "42501"  # PostgreSQL: insufficient privilege
_DEADLOCK_CODES = frozenset({"40001", "40P01"})  # serialization failure, deadlock: PostgreSQL asks to try again

Result = TypeVar("Result")


class Database:
    """One SQLAlchemy engine. Safe to use from many threads."""

    def __init__(self, db_engine: Engine, *, owned: bool = True) -> None:
        self.db_engine = db_engine
        self.is_sqlite = db_engine.dialect.name == "sqlite"
        self._owned = owned
        if self.is_sqlite:
            event.listen(db_engine, "connect", _configure_sqlite)
            event.listen(db_engine, "begin", _begin_sqlite)

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction. :raises UnavailableError: the store cannot be reached."""
        with _reachable(), self.db_engine.connect() as conn, conn.begin():
            yield conn

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A write transaction, committed at the end. :raises UnavailableError: the store cannot be reached."""
        with _reachable(), self.db_engine.connect() as plain:
            connection = plain.execution_options(wab_write=True)
            with connection.begin():
                yield connection

    def transact(self, work: Callable[[Connection], Result]) -> Result:
        """Run ``work`` in a write transaction, again when the database asks for that after a deadlock."""
        for past in range(8):
            try:
                with self.write() as conn:
                    return work(conn)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in _DEADLOCK_CODES:
                    raise
            time.sleep(random.uniform(0, 0.01 * 2**past))  # noqa: S311 - keeps those who met from meeting again
        with self.write() as conn:
            return work(conn)

    def migrate(self) -> None:
        """Bring the tables to this version's shape; several processes may try at once.

        :raises SetupError: the database was used by a newer version, or its user may not make tables.
        :raises UnavailableError: it cannot be reached.
        """
        try:
            with self.write() as conn:
                if not self.is_sqlite:
                    conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
                _upgrade(conn)
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) != MAY_NOT:
                raise
            raise SetupError(f"the database's user may not make our tables: {_reason(error)}") from error

    def close(self) -> None:
        if self._owned:
            self.db_engine.dispose()


def open_database(url: str | None, *, sqlite_path: Path, pool_size: int = 8) -> Database:
    """Open the database at ``url``, or SQLite at ``sqlite_path`` without one.

    :raises SetupError: the URL is no database URL, its driver is missing, the directory cannot be written.
    """
    try:
        parsed = make_url(url or f"sqlite:///{sqlite_path}")
        if parsed.drivername in {"postgres", "postgresql"}:
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
            raise SetupError(f"the store is SQLite or PostgreSQL, not {parsed.get_backend_name()}")
        if parsed.get_backend_name() == "sqlite":
            _make_directory(Path(parsed.database or ":memory:").parent)
            options: dict[str, Any] = {"connect_args": {"timeout": LOCK_WAIT_SECONDS, "check_same_thread": False}}
        else:
            options = {"pool_pre_ping": True, "connect_args": POSTGRESQL_CONNECT}
        db_engine = create_engine(
            parsed, pool_size=pool_size, max_overflow=pool_size, pool_timeout=30, hide_parameters=True, **options
        )
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise SetupError("WABROADCAST_DATABASE_URL is not a database URL that SQLAlchemy knows") from error
    except ModuleNotFoundError as error:
        raise SetupError(f"the database driver {error.name} is missing: install wabroadcast[postgres]") from error
    return Database(db_engine)


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"the data directory {directory} cannot be made: {error.strerror}") from error
    if not os.access(directory, os.W_OK):
        raise SetupError(f"the data directory {directory} cannot be written to")


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we begin transactions ourselves: the driver would only begin deferred ones
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        _patience(LOCK_WAIT_SECONDS),
        "cache_size=-16384",  # KiB, of each connection; what is not there comes from the system's own cache, quickly
        "temp_store=MEMORY",
        "wal_autocheckpoint=8192",  # pages: a checkpoint waits for the disk twice
        "journal_size_limit=134217728",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _patience(seconds: float) -> str:
    return f"busy_timeout={int(seconds * 1000)}"


def _begin_sqlite(conn: Connection) -> None:
    """Begin, to write only when it is our turn.

    SQLite's own wait for the lock looks again more and more seldom: whoever writes one transaction after the other, as
    a busy worker does, would keep all others out. So the looks are evenly spaced here.
    """
    if not conn.get_execution_options().get("wab_write", False):
        conn.exec_driver_sql("BEGIN")
        return
    driver: Any = conn.connection.driver_connection
    ends_at = time.monotonic() + LOCK_WAIT_SECONDS
    driver.execute(f"PRAGMA {_patience(0)}")
    try:
        while _is_locked(conn.dialect.loaded_dbapi, driver) and time.monotonic() < ends_at:
            time.sleep(LOCK_LOOK_SECONDS)
        if not driver.in_transaction:
            conn.exec_driver_sql("BEGIN IMMEDIATE")  # fails again, and says so in SQLAlchemy's way
    finally:
        driver.execute(f"PRAGMA {_patience(LOCK_WAIT_SECONDS)}")


def _is_locked(dbapi: Any, driver: Any) -> bool:
    """Try to begin. :returns: whether somebody else writes, or mends what a crash left."""
    try:
        driver.execute("BEGIN IMMEDIATE")
    except dbapi.Error as error:
        return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_BUSY) & 0xFF == sqlite3.SQLITE_BUSY  # of all its kinds
    return False


@contextlib.contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise UnavailableError("the store has no free connection") from error
    except DataError as error:
        raise InputError("a text holds a character that the store cannot keep") from error
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) in _DEADLOCK_CODES:
            raise
        raise UnavailableError(f"the store cannot be reached: {_reason(error)}") from error
    except DBAPIError as error:
        if not error.connection_invalidated and not _is_damaged(error):
            raise
        raise UnavailableError(f"the store cannot be reached: {_reason(error)}") from error


def _is_damaged(error: DBAPIError) -> bool:
    """Whether SQLite says that its file is broken, or no database at all."""
    return type(error.orig) is sqlite3.DatabaseError


def _reason(error: DBAPIError) -> str:
    """The driver's first line; the statement and its values stay out, they may hold numbers."""
    if isinstance(error.orig, sqlite3.Error):
        return str(error.orig)
    return str(error.orig).partition("\n")[0] or type(error.orig).__name__


def _upgrade(conn: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", "wabroadcast_core.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    scripts = ScriptDirectory.from_config(config)
    present = MigrationContext.configure(conn).get_current_revision()
    if present == scripts.get_current_head():
        return
    if present is not None and present not in {script.revision for script in scripts.walk_revisions()}:
        raise SetupError(f"the database was used by a newer version of wabroadcast (schema {present})")
    command.upgrade(config, "head")
