"""Recipients from an existing database, by a query that the operator wrote and named.

Hooks: wab_contact_sources. Settings: query, parameters.

A broadcast names a query and gives values for its parameters, never SQL. The query runs in a transaction that cannot
write, and its rows stream in constant memory.
"""

import json
import math
import re
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as time_of_day
from decimal import Decimal
from functools import singledispatch
from typing import Any, ClassVar, TypeAlias
from urllib.parse import quote

from pydantic import BaseModel, Field
from sqlalchemy import (
    URL,
    Connection,
    CursorResult,
    Date,
    NullPool,
    TextClause,
    bindparam,
    create_engine,
    make_url,
    text,
)
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from wabroadcast_core import (
    LONGEST_ROW,
    AudienceRow,
    ContactSource,
    Fault,
    InvalidInputError,
    Model,
    NamedQuery,
    Sentence,
    SourceContext,
    SourceError,
    blank_numbers,
    find_variables,
    foreign,
    hookimpl,
    scalar_text,
    sentence_of,
)

_ROWS_AT_ONCE = 1_000
_CONNECT_SECONDS = 10
_GRACE_SECONDS = 10  # after the query's own time limit, before a server that does not answer counts as gone
_SQLITE_STEPS = 10_000  # of its virtual machine, between two checks of the time limit
_LONGEST_MESSAGE = 300  # characters
_NEAR = re.compile(r" near '.*'(?= at line \d+)", re.DOTALL)  # MySQL repeats the statement, with its values

_Scalar: TypeAlias = str | int | float | bool | None


class DatabaseSettings(Model):
    """Which query to run, and with which values."""

    query: str = Field(description="Name of a query that the operator has set up.")
    parameters: dict[str, Any] = Field(default_factory=dict, description="A value for each parameter of the query.")


class DatabaseSource:
    """The contact source for queries to a database."""

    kind: ClassVar[str] = "database"
    Settings: ClassVar[type[BaseModel]] = DatabaseSettings
    empty_reason: ClassVar[str] = Sentence("query_without_rows", "the query returned no rows")
    repeatable: ClassVar[bool] = False  # rows may change between two reads; without ORDER BY, their order too

    def __init__(self, settings: DatabaseSettings, context: SourceContext) -> None:
        self._settings = settings
        self._queries = context.queries

    def check_settings(self) -> Sequence[Fault]:
        try:
            self._bind()
        except InvalidInputError as error:
            return error.faults
        return ()

    def read(self) -> Generator[AudienceRow, None, None]:
        query, values = self._bind()
        with _as_source_errors(self._settings.query, query, values), _connect(query) as conn:
            yield from _read_rows(conn, query, values)

    def _bind(self) -> tuple[NamedQuery, dict[str, Any]]:
        """Return the query, and the checked value of each parameter.

        :raises InvalidInputError: there is no such query, or the parameters do not fit it.
        """
        query = self._queries.get(self._settings.query)
        if query is None:
            reason = "there is no query {name!r}: give the name of one that the operator has set up"
            raise InvalidInputError([Fault("query", Sentence("no_query", reason, name=self._settings.query))])
        return query, query.bind(self._settings.parameters)


@hookimpl
def wab_contact_sources() -> list[type[ContactSource]]:
    return [DatabaseSource]


# --- connecting -----------------------------------------------------------------------------------------------------


@contextmanager
def _connect(query: NamedQuery) -> Iterator[Connection]:
    """Open a database handle for one query, in a transaction that cannot write and is rolled back at the end."""
    url = _read_only_url(make_url(query.url.get_secret_value()))
    options = _driver_options(url.get_driver_name(), query.seconds)
    db_engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=options)
    with db_engine.connect() as conn:
        _begin(conn, query.seconds)
        yield conn


def _read_only_url(url: URL) -> URL:
    if url.get_backend_name() != "sqlite":
        return url
    database = url.database or ""
    file = database if database.startswith("file:") else f"file:{quote(database)}"
    return url.set(database=file).update_query_dict({"uri": "true", "mode": "ro"})


def _driver_options(driver: str, seconds: float) -> dict[str, Any]:
    match driver:
        case "psycopg" | "psycopg2":
            alive = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
            return {"connect_timeout": _CONNECT_SECONDS, **alive}
        case "pymysql":
            return {"connect_timeout": _CONNECT_SECONDS, "read_timeout": seconds + _GRACE_SECONDS}
        case "pysqlite":
            return {"check_same_thread": False}  # an abandoned read may be closed on another thread
    return {}


def _begin(conn: Connection, seconds: float) -> None:
    """Begin a read-only transaction, with a time limit for the query."""
    run = conn.exec_driver_sql
    milliseconds = math.ceil(seconds * 1_000)
    match conn.dialect.name:
        case "postgresql":
            run("SET TRANSACTION READ ONLY")
            run(f"SET LOCAL statement_timeout = {milliseconds}")
        case "mysql" | "mariadb":
            is_mariadb = getattr(conn.dialect, "is_mariadb", False)
            limit = f"max_statement_time = {seconds}" if is_mariadb else f"max_execution_time = {milliseconds}"
            run(f"SET SESSION {limit}")
            run("SET SESSION TRANSACTION READ ONLY")  # for statements that commit implicitly, such as DROP TABLE
            run("START TRANSACTION READ ONLY")
        case "sqlite":
            run("PRAGMA query_only = ON")
            deadline = time.monotonic() + seconds
            driver: Any = conn.connection.driver_connection
            driver.set_progress_handler(lambda: time.monotonic() > deadline, _SQLITE_STEPS)


# --- reading --------------------------------------------------------------------------------------------------------


def _read_rows(conn: Connection, query: NamedQuery, values: Mapping[str, Any]) -> Iterator[AudienceRow]:
    streaming = {"stream_results": True, "yield_per": _ROWS_AT_ONCE}
    result = conn.execute(_statement(query), values, execution_options=streaming)
    try:
        columns = _find_columns(result, query.columns)
        for position, cells in enumerate(result, 1):
            yield columns.read_row(cells, position)
    except BaseException:
        _abandon(conn, result)
        raise


def _statement(query: NamedQuery) -> TextClause:
    """Return the statement, its date parameters declared as such: SQLite has no dates, so SQLAlchemy writes text."""
    dates = [bindparam(name, type_=Date()) for name, kind in query.parameters.items() if kind == "date"]
    return text(query.sql).bindparams(*dates)


def _abandon(conn: Connection, result: CursorResult[Any]) -> None:
    """Close a result without reading its remaining rows.

    PyMySQL would read them all first, which may take minutes, and would try that on a lost connection too.
    """
    unread: Any = getattr(result.cursor, "_result", None)
    if getattr(unread, "unbuffered_active", False):
        unread.unbuffered_active = False
        conn.invalidate()
    result.close()


@dataclass(frozen=True, slots=True)
class _Columns:
    """The meaning of each column of the result. Indexes count from 0."""

    number: int
    name: int | None
    variables: Sequence[tuple[int, str]]

    def read_row(self, cells: Sequence[Any], position: int) -> AudienceRow:
        """Return one recipient.

        :param position: of the row in the result, from 1, for the error.
        :raises SourceError: the row is too long.
        """
        values = [_plain(cell) for cell in cells]
        if sum(len(value) for value in values if isinstance(value, str)) > LONGEST_ROW:
            reason = "row {row} is longer than {most} KiB: select fewer columns"
            raise SourceError(Sentence("long_query_row", reason, row=position, most=LONGEST_ROW // 1024))
        name = None if self.name is None else values[self.name]
        return AudienceRow(
            number=_as_text(values[self.number]),
            name=None if name is None else _as_text(name),
            variables={slug: values[at] for at, slug in self.variables if values[at] is not None},
        )


def _find_columns(result: CursorResult[Any], meanings: Mapping[str, str]) -> _Columns:
    """Find the columns of a result.

    :param meanings: ``number``, ``name`` or the name of a variable, by column, as the operator set them up.
    :raises SourceError: the statement returns no rows, or not these columns.
    """
    if not result.returns_rows:
        reason = "its statement returns no rows: write a query such as SELECT"
        raise SourceError(Sentence("statement_without_rows", reason))
    headers = list(result.keys())
    for column in meanings:
        if column not in headers:
            reason = "its result has no column {name!r}: it has {names}"
            raise SourceError(Sentence("no_result_column", reason, name=column, names=", ".join(headers)))
    roles = {headers.index(column): meaning for column, meaning in meanings.items()}
    by_meaning = {meaning: at for at, meaning in roles.items()}
    return _Columns(by_meaning["number"], by_meaning.get("name"), find_variables(headers, roles))


# --- values ---------------------------------------------------------------------------------------------------------


@singledispatch
def _plain(value: Any) -> _Scalar:
    """Return a value as a message can show it. Other types, such as UUIDs, intervals and addresses, become text."""
    return _plain(str(value))


@_plain.register
def _(value: str) -> _Scalar:
    return value.strip() or None


@_plain.register
def _(value: int | None) -> _Scalar:
    return value


@_plain.register
def _(value: float) -> _Scalar:
    return value if math.isfinite(value) else None


@_plain.register
def _(value: Decimal) -> _Scalar:
    """Return a number if its value stays exactly the same, else its text."""
    if not value.is_finite():
        return None
    if value == value.to_integral_value():
        return int(value)
    number = float(value)
    return number if Decimal(repr(number)) == value else str(value)


@_plain.register
def _(value: date | time_of_day) -> _Scalar:
    return value.isoformat(" ", "seconds") if isinstance(value, datetime) else value.isoformat()


@_plain.register
def _(value: bytes | bytearray | memoryview) -> _Scalar:
    """Return the text if the bytes are one, as drivers return some text columns; else hexadecimal digits."""
    try:
        decoded = bytes(value).decode().strip()
    except UnicodeDecodeError:
        return value.hex()
    return (decoded or None) if decoded.isprintable() else value.hex()


@_plain.register
def _(value: dict | list | tuple) -> _Scalar:  # type: ignore[type-arg]  # a register takes plain classes
    return json.dumps(value, ensure_ascii=False, default=str)


def _as_text(value: _Scalar) -> str:
    """Return a phone number or a name as text: the column of a phone number may hold integers or floats."""
    return "" if value is None else scalar_text(value)


# --- errors ---------------------------------------------------------------------------------------------------------


@contextmanager
def _as_source_errors(name: str, query: NamedQuery, values: Mapping[str, Any]) -> Iterator[None]:
    """Turn every error into a :class:`SourceError` with the query's name and the database's message."""
    try:
        yield
    except SourceError as error:
        raise SourceError(_failed(name, sentence_of(error))) from error
    except DBAPIError as error:
        raise SourceError(_failed(name, _redact(_database_message(error), query, values))) from None
    except SQLAlchemyError as error:  # its text repeats the statement, so only its type is shown
        reason = "query {name!r} cannot be run: {error}"
        raise SourceError(Sentence("query_not_run", reason, name=name, error=type(error).__name__)) from None


def _failed(name: str, reason: str) -> Sentence:
    return Sentence("query_failed", "query {name!r}: {reason}", name=name, reason=reason)


def _database_message(error: DBAPIError) -> str:
    """Return the database's own message, without the statement, codes and hints that drivers add."""
    original: Any = error.orig
    if primary := getattr(getattr(original, "diag", None), "message_primary", None):
        return str(primary)
    arguments: tuple[Any, ...] = getattr(original, "args", ())
    if len(arguments) > 1 and isinstance(arguments[0], int):
        return str(arguments[1])
    return str(original)


def _redact(message: str, query: NamedQuery, values: Mapping[str, Any]) -> str:
    """Return a database's message without passwords, parameter values and phone numbers."""
    message = _NEAR.sub("", message).partition("\n")[0].strip()
    for secret in _secrets_of(make_url(query.url.get_secret_value())):
        message = message.replace(secret, "…")
    for value in values.values():
        message = re.sub(rf"(?<!\w){re.escape(str(value))}(?!\w)", "…", message) if str(value) else message
    shown = blank_numbers(message)[:_LONGEST_MESSAGE]
    return foreign(shown) if shown else Sentence("database_without_reason", "the database gave no reason")


def _secrets_of(url: URL) -> list[str]:
    hidden = [str(value) for key, value in url.query.items() if "pass" in key]
    return [secret for secret in (str(url.password or ""), *hidden) if secret]
