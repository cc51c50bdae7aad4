"""Recipients from the main server's own database, by a query that its operator wrote and named.

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
    SourceContext,
    SourceError,
    blank_numbers,
    find_variables,
    hookimpl,
)

_ROWS_AT_ONCE = 1_000
_CONNECT_SECONDS = 10
_SILENT_SECONDS = 10  # beyond the query's own limit, before a server that says nothing counts as gone
_SQLITE_STEPS = 10_000  # of its virtual machine, between two looks at the clock
_LONGEST_WORDS = 300  # characters
_NEAR = re.compile(r" near '.*'(?= at line \d+)", re.DOTALL)  # MySQL repeats the statement, values and all

_Scalar: TypeAlias = str | int | float | bool | None


class DatabaseSettings(Model):
    query: str = Field(description="The name of a query that the operator set up.")
    parameters: dict[str, Any] = Field(default_factory=dict, description="A value for each of its parameters.")


class DatabaseSource:
    kind: ClassVar[str] = "database"
    Settings: ClassVar[type[BaseModel]] = DatabaseSettings
    repeatable: ClassVar[bool] = False  # rows come and go, and without an ORDER BY in any order

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
        with _in_its_words(self._settings.query, query, values), _open_connection(query) as connection:
            yield from _read_rows(connection, query, values)

    def _bind(self) -> tuple[NamedQuery, dict[str, Any]]:
        """:raises InvalidInputError: there is no such query, or the parameters do not fit it."""
        query = self._queries.get(self._settings.query)
        if query is None:
            raise InvalidInputError([Fault("query", f"there is no query {self._settings.query!r}")])
        return query, query.bind(self._settings.parameters)


@hookimpl
def wab_contact_sources() -> list[type[ContactSource]]:
    return [DatabaseSource]


# --- connecting -----------------------------------------------------------------------------------------------------


@contextmanager
def _open_connection(query: NamedQuery) -> Iterator[Connection]:
    """A connection of its own, in a transaction that cannot write and is rolled back."""
    url = _read_only_url(make_url(query.url.get_secret_value()))
    options = _driver_options(url.get_driver_name(), query.seconds)
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=options)
    with engine.connect() as conn:
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
            return {"connect_timeout": _CONNECT_SECONDS, "read_timeout": seconds + _SILENT_SECONDS}
        case "pysqlite":
            return {"check_same_thread": False}  # a read that is given up may end on another thread
    return {}


def _begin(conn: Connection, seconds: float) -> None:
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
            run("SET SESSION TRANSACTION READ ONLY")  # for what ends our transaction by itself, as DROP TABLE does
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
        for place, cells in enumerate(result, 1):
            yield columns.read_row(cells, place)
    except BaseException:
        _give_up(conn, result)
        raise


def _statement(query: NamedQuery) -> TextClause:
    """SQLite knows no dates: SQLAlchemy writes them as text, where it is told that they are dates."""
    dates = [bindparam(name, type_=Date()) for name, kind in query.parameters.items() if kind == "date"]
    return text(query.sql).bindparams(*dates)


def _give_up(conn: Connection, result: CursorResult[Any]) -> None:
    """Let go of rows that nobody wants any more.

    PyMySQL would read them all first, which may take minutes, and would try to on a connection that is gone.
    """
    unread: Any = getattr(result.cursor, "_result", None)
    if getattr(unread, "unbuffered_active", False):
        unread.unbuffered_active = False
        conn.invalidate()
    result.close()


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which column of the result is what, by place."""

    number: int
    name: int | None
    variables: Sequence[tuple[int, str]]

    def read_row(self, cells: Sequence[Any], place: int) -> AudienceRow:
        values = [_plain(cell) for cell in cells]
        if sum(len(value) for value in values if isinstance(value, str)) > LONGEST_ROW:
            raise SourceError(f"row {place:,} is longer than {LONGEST_ROW // 1024:,} KiB")
        name = None if self.name is None else values[self.name]
        return AudienceRow(
            number=_as_text(values[self.number]),
            name=None if name is None else _as_text(name),
            variables={slug: values[at] for at, slug in self.variables if values[at] is not None},
        )


def _find_columns(result: CursorResult[Any], meanings: Mapping[str, str]) -> _Columns:
    """:raises SourceError: what the operator said of columns does not fit what came."""
    if not result.returns_rows:
        raise SourceError("it gives no rows")
    headers = list(result.keys())
    for column in meanings:
        if column not in headers:
            raise SourceError(f"it gives no column {column!r}; its columns are {', '.join(headers)}")
    places = {headers.index(column): meaning for column, meaning in meanings.items()}
    by_meaning = {meaning: at for at, meaning in places.items()}
    return _Columns(by_meaning["number"], by_meaning.get("name"), find_variables(headers, places))


# --- values ---------------------------------------------------------------------------------------------------------


@singledispatch
def _plain(value: Any) -> _Scalar:
    """A value as a message can show it: what is not known, as UUIDs, intervals and addresses, as its text."""
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
    """A number to reckon with, as long as it is just the same number."""
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
    """Text, where that is what the bytes are: some columns give it so. Else hexadecimal digits."""
    try:
        decoded = bytes(value).decode().strip()
    except UnicodeDecodeError:
        return value.hex()
    return (decoded or None) if decoded.isprintable() else value.hex()


@_plain.register
def _(value: dict | list | tuple) -> _Scalar:  # type: ignore[type-arg]  # a register takes plain classes
    return json.dumps(value, ensure_ascii=False, default=str)


def _as_text(value: _Scalar) -> str:
    """A number or a name as text: a phone number may stand in a column of whole or of floating numbers."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


# --- errors ---------------------------------------------------------------------------------------------------------


@contextmanager
def _in_its_words(name: str, query: NamedQuery, values: Mapping[str, Any]) -> Iterator[None]:
    """Whatever goes wrong is a :class:`SourceError` that says which query, and what the database said."""
    try:
        yield
    except SourceError as error:
        raise SourceError(f"query {name!r}: {error}") from error
    except DBAPIError as error:
        raise SourceError(f"query {name!r}: {_clean(_words_of(error), query, values)}") from None
    except SQLAlchemyError as error:  # its text repeats the statement
        raise SourceError(f"query {name!r}: it cannot be run ({type(error).__name__})") from None


def _words_of(error: DBAPIError) -> str:
    """The database's own message: the drivers put the statement, codes and hints around it."""
    original: Any = error.orig
    if primary := getattr(getattr(original, "diag", None), "message_primary", None):
        return str(primary)
    arguments: tuple[Any, ...] = getattr(original, "args", ())
    if len(arguments) > 1 and isinstance(arguments[0], int):
        return str(arguments[1])
    return str(original)


def _clean(words: str, query: NamedQuery, values: Mapping[str, Any]) -> str:
    """A message without what is nobody's business: password, values, numbers."""
    words = _NEAR.sub("", words).partition("\n")[0].strip()
    for secret in _secrets_of(make_url(query.url.get_secret_value())):
        words = words.replace(secret, "…")
    for value in values.values():
        words = re.sub(rf"(?<!\w){re.escape(str(value))}(?!\w)", "…", words) if str(value) else words
    return blank_numbers(words)[:_LONGEST_WORDS] or "the database gave no reason"


def _secrets_of(url: URL) -> list[str]:
    hidden = [str(value) for key, value in url.query.items() if "pass" in key]
    return [secret for secret in (str(url.password or ""), *hidden) if secret]
