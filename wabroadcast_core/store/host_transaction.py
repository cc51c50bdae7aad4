"""Writing to the store inside a transaction of a host, which alone commits it or rolls it back."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from wabroadcast_core.errors import InputError
from wabroadcast_core.store import installation as installation_store
from wabroadcast_core.store.database import Database, translated_errors
from wabroadcast_core.store.failures import describe_failure

Result = TypeVar("Result")


class Transactions(Protocol):
    """Reads and writes of the store: in transactions of their own (:class:`Database`), or in that of a host."""

    def read(self) -> AbstractContextManager[Connection]:
        """Open a read transaction."""
        ...

    def write(self) -> AbstractContextManager[Connection]:
        """Open a write transaction."""
        ...

    def transact(self, work: Callable[[Connection], Result]) -> Result:
        """Run ``work`` in a write transaction, and return its result."""
        ...


class HostTransaction:
    """The open transaction of a host's connection to the database of the store.

    Each write has a savepoint: what fails leaves nothing, and the host's transaction goes on.

    :param conn: the host's connection.
    :param database: the store.
    :raises InputError: the connection is none of SQLAlchemy, is in autocommit mode, or is to another database.
    :raises UnavailableError: the database cannot be reached.
    """

    def __init__(self, conn: Connection, database: Database) -> None:
        if not isinstance(conn, Connection):
            raise InputError(
                f"conn is a {type(conn).__name__}, not a synchronous connection of SQLAlchemy: give one, such as"
                " session.connection()"
            )
        self._conn = conn
        self._database = database
        if self._is_autocommit():
            raise InputError("the given connection commits each statement: give one with a transaction")
        if self._conn.dialect.name == "sqlite":
            self._begin_sqlite()
        self._check_store()

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """Write in the host's transaction. An exception rolls back what was written here, and nothing else."""
        with translated_errors(), self._savepoint():
            yield self._conn

    read = write

    def transact(self, work: Callable[[Connection], Result]) -> Result:
        """Run ``work`` in the host's transaction, and return its result."""
        with self.write() as conn:
            return work(conn)

    @contextlib.contextmanager
    def _savepoint(self) -> Iterator[None]:
        with self._conn.begin_nested(), self._our_schema():
            yield

    @property
    def _driver(self) -> Any:
        return self._conn.connection.driver_connection

    def _is_autocommit(self) -> bool:
        chosen = self._conn.get_execution_options().get("isolation_level") == "AUTOCOMMIT"
        return chosen or (not self._database.is_sqlite and bool(getattr(self._driver, "autocommit", False)))

    def _begin_sqlite(self) -> None:
        """Begin the transaction, which the driver would begin only with the first row that is written.

        Until then, the release of a savepoint would commit.
        """
        if not self._conn.in_transaction():
            self._conn.begin()
        if not self._driver.in_transaction:
            with translated_errors():
                self._conn.exec_driver_sql("BEGIN IMMEDIATE")

    def _check_store(self) -> None:
        with self._database.read() as own:
            token = installation_store.token_of(own)
        try:
            with self._savepoint():
                is_ours = installation_store.token_of(self._conn, lock=True) == token
        except DBAPIError as error:
            with translated_errors():
                if error.connection_invalidated or describe_failure(error) is not None:
                    raise
            raise InputError(_OTHER_DATABASE) from error  # it has no such table
        if not is_ours:
            raise InputError(_OTHER_DATABASE)

    @contextlib.contextmanager
    def _our_schema(self) -> Iterator[None]:
        """Use the schema of our tables, then that of the host again. A rollback to the savepoint restores it, too."""
        if self._database.schema is None:
            yield
            return
        before = self._conn.execute(text("SELECT current_setting('search_path')")).scalar_one()
        self._set_schema(f'"{self._database.schema}"')
        yield
        self._set_schema(before)

    def _set_schema(self, path: str) -> None:
        self._conn.execute(text("SELECT set_config('search_path', :path, true)"), {"path": path})


_OTHER_DATABASE = "the given connection is not to the database of the store: give one that is, or submit without it"
