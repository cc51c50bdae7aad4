"""Access to the store: a SQLAlchemy engine, read and write transactions, migrations.

SQLite (WAL, synchronous=FULL) allows one writer at a time, so a write transaction takes its lock at the start.
"""

import contextlib
import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, Engine, Pool, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, NoSuchModuleError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.schema import CreateSchema

from wabroadcast_core.errors import InputError, SetupError, UnavailableError
from wabroadcast_core.forks import renew_after_fork
from wabroadcast_core.private_files import make_private_directory, make_private_file, protect
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.store.failures import describe_failure
from wabroadcast_core.store.schema import check_schema, upgrade_schema
from wabroadcast_core.store.search import fold

MIGRATION_LOCK = 3_004_062  # an arbitrary number, the key of PostgreSQL's advisory lock
LOCK_WAIT_SECONDS = 30.0
LOCK_POLL_SECONDS = 0.001
MOST_EXTRA = 48  # database connections beyond the pool, while more threads than that are at work in one process
CONNECT_SECONDS = 10
POSTGRESQL_OPTIONS = (  # a host that freezes in the middle of a transaction must not lock its rows for ever
    "-c idle_in_transaction_session_timeout=5000 -c lock_timeout=20000"
    " -c jit=off"  # to compile a statement takes longer than any of ours
)
INSUFFICIENT_PRIVILEGE = "42501"  # PostgreSQL's error code
_DEADLOCK_CODES = frozenset({"40001", "40P01"})  # PostgreSQL: serialization failure, deadlock; to be tried again
_OUTSIDE_CODES = frozenset({"25006", "XX001", "XX002"})  # PostgreSQL: read-only transaction, damaged data or index
_CHANGED: Final = "wab_changed_broadcasts"  # option of a database connection: the set that a transaction fills

Result = TypeVar("Result")

_most_wait: ContextVar[float] = ContextVar("wabroadcast_most_wait", default=LOCK_WAIT_SECONDS)


@contextlib.contextmanager
def waiting_at_most(seconds: float) -> Iterator[None]:
    """Let the write transactions of a block give up after so many seconds while another process writes.

    Use it where a person waits for the result, and can try again.
    """
    token = _most_wait.set(seconds)
    try:
        yield
    finally:
        _most_wait.reset(token)


def note_changed(conn: Connection, keys: Iterable[int]) -> None:
    """Note that a write transaction changes broadcasts, for the report after its commit.

    :param keys: the store's ids of the broadcasts.
    """
    conn.get_execution_options().get(_CHANGED, set()).update(keys)


class Database:
    """The database behind one SQLAlchemy engine. It may be used from many threads.

    ``on_changed`` is called with the ids of the broadcasts that a transaction has changed, after its commit, in the
    thread of the transaction.

    :param owned: whether :meth:`close` disposes of the SQLAlchemy engine; False for that of a host.
    :param schema: the PostgreSQL schema of our tables; by default the first of the user's ``search_path``.
    """

    def __init__(self, db_engine: Engine, *, owned: bool = True, schema: str | None = None) -> None:
        if schema and db_engine.dialect.name == "sqlite":
            raise SetupError("WABROADCAST_DATABASE_SCHEMA is set, and SQLite has no schemas: use a file of its own")
        self.on_changed: Callable[[set[int]], object] = lambda _keys: None
        self.db_engine = db_engine
        self.schema = schema
        self.is_sqlite = db_engine.dialect.name == "sqlite"
        self._owned = owned
        self._is_closed = False
        self._inherited: list[Pool] = []  # of the parents of this process: their connections must not be closed here
        renew_after_fork(self._after_fork)
        if self.is_sqlite:
            event.listen(db_engine, "connect", _configure_sqlite)
            event.listen(db_engine, "begin", _begin_sqlite)

    @property
    def sqlite_path(self) -> Path | None:
        """The file of an SQLite database; None for other databases and for one in memory."""
        place = self.db_engine.url.database
        return Path(place) if self.is_sqlite and place and place != ":memory:" else None

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a read transaction.

        :raises UnavailableError: the store cannot be reached.
        """
        with translated_errors(), self.db_engine.connect() as conn, conn.begin():
            self._enter_schema(conn)
            yield conn

    @contextlib.contextmanager
    def write(self, *, lock_seconds: float | None = None) -> Iterator[Connection]:
        """Open a write transaction, which is committed at the end.

        :param lock_seconds: how long to wait while another process writes; by default as :func:`waiting_at_most`
            says.
        :raises UnavailableError: the store cannot be reached.
        :raises InputError: a text contains a character that the database cannot store.
        """
        changed: set[int] = set()
        seconds = _most_wait.get() if lock_seconds is None else lock_seconds
        with translated_errors(), self.db_engine.connect() as plain:
            conn = plain.execution_options(wab_write=True, wab_lock_seconds=seconds, **{_CHANGED: changed})
            with conn.begin():
                self._enter_schema(conn)
                self._limit_wait(conn)
                yield conn
        if changed:
            self.on_changed(changed)

    def transact(self, work: Callable[[Connection], Result]) -> Result:
        """Run ``work`` in a write transaction, and run it again if the database ends it because of a deadlock.

        :returns: the result of ``work``.
        :raises UnavailableError: the store cannot be reached.
        """
        for failures in range(8):
            try:
                with self.write() as conn:
                    return work(conn)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in _DEADLOCK_CODES:
                    raise
            time.sleep(random.uniform(0, 0.01 * 2**failures))  # noqa: S311 - so that the same transactions do not meet again
        with self.write() as conn:
            return work(conn)

    def ensure_schema(self, *, migrate: bool) -> None:
        """Migrate the tables, or else check that they have the schema of this version.

        :raises SetupError: as :meth:`migrate`, or the tables are of another version and are not migrated.
        :raises UnavailableError: the database cannot be reached.
        """
        if migrate:
            self.migrate()
            return
        with self.read() as conn:
            check_schema(conn)

    def migrate(self) -> None:
        """Migrate the tables to the schema of this version. Several processes may call this at once.

        :raises SetupError: the database was used by a newer version, has tables of the same names that are not ours, or
            its user may not create tables.
        :raises UnavailableError: the database cannot be reached.
        """
        try:
            with self.write() as conn:
                if not self.is_sqlite:
                    conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
                if self.schema:
                    conn.execute(CreateSchema(self.schema, if_not_exists=True))
                upgrade_schema(conn)
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) != INSUFFICIENT_PRIVILEGE:
                raise
            raise SetupError(
                f"the database user may not create tables ({_reason(error)}): grant it CREATE on the schema"
            ) from error

    def _enter_schema(self, conn: Connection) -> None:
        """Use our schema until the end of the transaction on a host's connection; our own use no other."""
        if self.schema and not self._owned:
            conn.execute(text("SELECT set_config('search_path', :schema, true)"), {"schema": f'"{self.schema}"'})

    def _limit_wait(self, conn: Connection) -> None:
        """Limit the waits for locked rows on a server, where they are to be shorter than usual."""
        seconds = _most_wait.get()
        if not self.is_sqlite and seconds < LOCK_WAIT_SECONDS:
            conn.execute(text("SELECT set_config('lock_timeout', :time, true)"), {"time": f"{int(seconds * 1000)}ms"})

    def close(self) -> None:
        """Dispose of the SQLAlchemy engine, unless it is the host's.

        A transaction that another thread is still in goes on to its end; its connection is closed then.
        """
        if self._owned:
            if not self._is_closed:
                self._is_closed = True
                event.listen(self.db_engine.pool, "checkin", _close_returned)
            self.db_engine.dispose()

    def _after_fork(self) -> None:
        """Open connections of its own in the child of a fork; those of the parent stay as they are."""
        self._inherited.append(self.db_engine.pool)
        self.db_engine.dispose(close=False)


def open_database(url: str | None, *, sqlite_path: Path, schema: str | None = None, pool_size: int = 8) -> Database:
    """Open the database at ``url``, or without a URL the SQLite database at ``sqlite_path``.

    No connection to a server is made yet.

    :param schema: the PostgreSQL schema of our tables; by default the first of the user's ``search_path``.

    :raises SetupError: the URL is not valid, its driver is missing, or the directory cannot be written.
    """
    try:
        parsed = make_url(url or f"sqlite:///{sqlite_path}")
        if parsed.drivername in {"postgres", "postgresql"}:
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
            raise SetupError(
                f"WABROADCAST_DATABASE_URL names a {parsed.get_backend_name()} database: use PostgreSQL or SQLite"
            )
        if parsed.get_backend_name() == "sqlite":
            _make_file(parsed.database, is_ours=url is None)
            options: dict[str, Any] = {"connect_args": {"timeout": LOCK_WAIT_SECONDS, "check_same_thread": False}}
        else:
            options = {"pool_pre_ping": True, "connect_args": _connect_arguments(parsed, schema)}
        db_engine = create_engine(
            parsed, pool_size=pool_size, max_overflow=MOST_EXTRA, pool_timeout=30, hide_parameters=True, **options
        )
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise SetupError(
            "WABROADCAST_DATABASE_URL is not a database URL: write it as in postgresql://user:password@host/name"
        ) from error
    except ModuleNotFoundError as error:
        raise SetupError(
            f"the database driver {error.name} is not installed: "
            "install wabroadcast[postgres] and use a URL that begins with postgresql://"
        ) from error
    return Database(db_engine, schema=schema)


def _connect_arguments(url: URL, schema: str | None) -> dict[str, Any]:
    """Return the arguments of connections to PostgreSQL; options of the URL have precedence over ours."""
    place = [f'-c search_path="{schema}"'] if schema else []
    options = " ".join([POSTGRESQL_OPTIONS, *place, *url.normalized_query.get("options", ())])
    return {"connect_timeout": CONNECT_SECONDS, "options": options}


def _make_file(database: str | None, *, is_ours: bool) -> None:
    """Create the file of an SQLite database, for its owner only: SQLite gives the files beside it the same mode.

    :param is_ours: whether it is the one of the data directory, whose mode is mended too.
    """
    path = Path(database or ":memory:")
    _make_directory(path.parent)
    if path.name == ":memory:" or (database or "").startswith("file:"):
        return
    try:
        make_private_file(path)
        for suffix in ("", "-wal", "-shm") if is_ours else ():
            protect(path.with_name(path.name + suffix))
    except OSError as error:
        raise SetupError(f"the database {path} cannot be written: {error.strerror}") from error


def _make_directory(directory: Path) -> None:
    try:
        make_private_directory(directory)
    except OSError as error:
        raise SetupError(f"the data directory {directory} cannot be created: {error.strerror}") from error
    if not os.access(directory, os.W_OK):
        raise SetupError(f"the data directory {directory} cannot be written: grant this user write permission")


def _configure_sqlite(driver: Any, _record: Any) -> None:
    driver.create_function("wab_fold", 1, _fold_value, deterministic=True)
    driver.isolation_level = None  # transactions begin in _begin_sqlite: the driver would only begin deferred ones
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        _busy_timeout(LOCK_WAIT_SECONDS),
        "cache_size=-4096",  # KiB, for each database connection; more is no quicker, as the system caches the file too
        "temp_store=MEMORY",
        "wal_autocheckpoint=8192",  # pages; rarely, because a checkpoint waits for the disk twice
        "journal_size_limit=134217728",  # bytes
    ):
        driver.execute(f"PRAGMA {pragma}")


def _close_returned(_driver: Any, record: ConnectionPoolEntry) -> None:
    """Close a connection that returns to its pool after the pool was disposed of, which would keep it open."""
    record.invalidate()


def _fold_value(value: Any) -> str | None:
    return None if value is None else fold(str(value))


def _busy_timeout(seconds: float) -> str:
    return f"busy_timeout={int(seconds * 1000)}"


def _begin_sqlite(conn: Connection) -> None:
    """Begin a transaction; wait for the write lock first if it is to write.

    SQLite's own wait polls the lock at growing intervals. A process that writes one transaction after the other, as a
    busy worker does, would keep all others out. So the lock is polled at even intervals here.
    """
    if not conn.get_execution_options().get("wab_write", False):
        conn.exec_driver_sql("BEGIN")
        return
    driver: Any = conn.connection.driver_connection
    ends_at = time.monotonic() + conn.get_execution_options()["wab_lock_seconds"]
    driver.execute(f"PRAGMA {_busy_timeout(0)}")
    try:
        while _is_locked(conn.dialect.loaded_dbapi, driver) and time.monotonic() < ends_at:
            time.sleep(LOCK_POLL_SECONDS)
        if not driver.in_transaction:
            conn.exec_driver_sql("BEGIN IMMEDIATE")  # fails again, now with SQLAlchemy's exception
    finally:
        driver.execute(f"PRAGMA {_busy_timeout(LOCK_WAIT_SECONDS)}")


def _is_locked(dbapi: Any, driver: Any) -> bool:
    """Try to begin a write transaction.

    :returns: whether another process writes, or recovers the database after a crash.
    """
    try:
        driver.execute("BEGIN IMMEDIATE")
    except dbapi.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_BUSY)
        return code & 0xFF == sqlite3.SQLITE_BUSY  # the primary code of all extended ones
    return False


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """Raise the errors of this package instead of SQLAlchemy's, where the cause is outside of this package."""
    try:
        yield
    except PoolTimeoutError as error:
        raise UnavailableError("all database connections of this process are in use: try again") from error
    except DataError as error:
        raise InputError("a text contains a character that the database cannot store: remove it") from error
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) in _DEADLOCK_CODES:
            raise
        raise _unavailable(error) from error
    except DBAPIError as error:
        if not error.connection_invalidated and not _is_outside(error):
            raise
        raise _unavailable(error) from error


def _is_outside(error: DBAPIError) -> bool:
    """Return whether the cause is the state of the database: a damaged file, a server that takes no writes."""
    if isinstance(error.orig, sqlite3.Error):
        return type(error.orig) is sqlite3.DatabaseError
    return str(getattr(error.orig, "sqlstate", None)) in _OUTSIDE_CODES


def _unavailable(error: DBAPIError) -> UnavailableError:
    cause = describe_failure(error)
    if cause is None:
        return UnavailableError(f"the store cannot be reached: {_reason(error)}")
    unusable = say("store_unusable", cause=cause)
    return UnavailableError(f"{unusable} ({_reason(error)})", cause=unusable)


def _reason(error: DBAPIError) -> str:
    """Return the first line of the driver's error, without the statement and its values, which may contain numbers."""
    if isinstance(error.orig, sqlite3.Error):
        return str(error.orig)
    return str(error.orig).partition("\n")[0] or type(error.orig).__name__
