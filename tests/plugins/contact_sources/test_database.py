"""The database source, run against real databases of each supported kind."""

import datetime as dt
import gc
import math
import re
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from sqlalchemy import NullPool, create_engine, inspect, make_url, text

from tests.query_files import write_queries
from tests.servers import MariaServer
from tests.waiting import wait_for
from wabroadcast_core import (
    LONGEST_ROW,
    AudienceRow,
    ContactSource,
    NamedQuery,
    Settings,
    SourceError,
    hookimpl,
    parse_number,
)
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.testing import source_context
from wabroadcast_plugins.contact_sources import database
from wabroadcast_plugins.contact_sources.database import DatabaseSettings, DatabaseSource

COLUMNS = {
    "phone": "VARCHAR(32)",
    "whole_phone": "BIGINT",
    "full_name": "VARCHAR(200)",
    "city": "VARCHAR(200)",
    "active": "BOOLEAN",
    "joined": "DATE",
    "total": "NUMERIC(15, 2)",
}
TABLE = f"CREATE TABLE customers ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})"
INSERT = f"INSERT INTO customers VALUES ({', '.join(f':{name}' for name in COLUMNS)})"
PEOPLE: list[dict[str, Any]] = [
    dict(zip(COLUMNS, values, strict=True))
    for values in (
        ("0812-3456-7890", 6281234567890, "Budi", "Bandung", True, "2024-01-31", 150000),
        ("0812-3456-7891", 6281234567891, "Siti", "Bandung", False, "2025-02-28", 12.5),
        ("0812-3456-7892", 6281234567892, "Rahma", "Medan", True, "2026-03-01", 0),
    )
]
MEANINGS = {"phone": "number", "full_name": "name"}


class Shop:
    """A database with customers, with the access that its owner has."""

    def __init__(self, kind: str, url: str) -> None:
        self.kind = kind
        self.url = url
        self._db_engine = create_engine(url, poolclass=NullPool)

    def reset(self) -> None:
        """Create the table anew with the customers that the tests expect."""
        with self._db_engine.begin() as conn:
            conn.execute(text("DROP TABLE IF EXISTS customers"))
            conn.execute(text(TABLE))
            conn.execute(text(INSERT), PEOPLE)

    def execute(self, statement: str, **values: Any) -> None:
        with self._db_engine.begin() as conn:
            conn.execute(text(statement), values)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with self._db_engine.connect() as conn:
            return [tuple(row) for row in conn.execute(text(statement))]

    def tables(self) -> list[str]:
        with self._db_engine.connect() as conn:
            return inspect(conn).get_table_names()

    def add(self, phone: str, *, city: str = "", name: str = "") -> None:
        self.execute("INSERT INTO customers (phone, city, full_name) VALUES (:p, :c, :n)", p=phone, c=city, n=name)

    def source(self, sql: str, given: dict[str, Any] | None = None, **fields: Any) -> DatabaseSource:
        """Return a source for the query ``shop``, with the columns ``phone`` and ``full_name`` unless fields differ."""
        query = NamedQuery.model_validate({"url": self.url, "sql": sql, "columns": MEANINGS, **fields})
        settings = DatabaseSettings(query="shop", parameters=given or {})
        return DatabaseSource(settings, source_context(queries={"shop": query}))

    def numbers(self, sql: str, given: dict[str, Any] | None = None, **fields: Any) -> list[str]:
        return [row.number for row in self.source(sql, given, columns={"phone": "number"}, **fields).read()]


@pytest.fixture(scope="module")
def shops() -> dict[str, Shop]:
    return {}


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def shop(request: pytest.FixtureRequest, shops: dict[str, Shop], tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Return a database of each kind; all tests share it, because creating one is slow, and each resets the table."""
    kind = request.param
    if kind not in shops:
        directory = tmp_path_factory.mktemp("shop")
        fixture = {"postgresql": "postgres", "mariadb": "mariadb"}
        is_file = kind == "sqlite"
        url = f"sqlite:///{directory / 'a%3F.db'}" if is_file else request.getfixturevalue(fixture[kind]).new_database()
        shops[kind] = Shop(kind, url)
    shops[kind].reset()
    return shops[kind]


def on(*kinds: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("shop", kinds, indirect=True)


def on_each(names: str, **values: Any) -> pytest.MarkDecorator:
    """Parametrize a test with one row for each kind of database; the kind is its first value."""
    rows = [(kind, *(value if isinstance(value, tuple) else (value,))) for kind, value in values.items()]
    return pytest.mark.parametrize(f"shop, {names}", rows, indirect=["shop"], ids=list(values))


def failure(source: DatabaseSource) -> str:
    with pytest.raises(SourceError) as caught:
        list(source.read())
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- reading -------------------------------------------------------------------------------------------------------


def test_the_rows_of_a_query_are_recipients(shop: Shop) -> None:
    source = shop.source(
        "SELECT phone, full_name, city, total FROM customers WHERE city = :city ORDER BY phone",
        {"city": "Bandung"},
        parameters={"city": "text"},
    )

    assert list(source.read()) == [
        AudienceRow("0812-3456-7890", "Budi", {"city": "Bandung", "total": 150000}),
        AudienceRow("0812-3456-7891", "Siti", {"city": "Bandung", "total": 12.5}),
    ]


@pytest.mark.parametrize(
    "column",
    [
        pytest.param("phone", id="text"),
        pytest.param("whole_phone", id="whole-numbers"),
        pytest.param("CAST(whole_phone AS DECIMAL(20, 2))", id="decimals"),
        pytest.param("whole_phone * 1.0e0", id="floating-numbers"),
    ],
)
def test_numbers_are_read_from_columns_of_any_type(shop: Shop, column: str) -> None:
    numbers = shop.numbers(f"SELECT {column} AS phone FROM customers ORDER BY 1")

    assert [parse_number(number, region="ID") for number in numbers] == [f"+{one['whole_phone']}" for one in PEOPLE]


def test_parameters_of_each_type_are_bound(shop: Shop) -> None:
    sql = """SELECT phone FROM customers WHERE city = :city AND whole_phone > :above AND total > :total
             AND active = :active AND joined >= :since AND city LIKE 'Ban%' AND 7 % 4 = 3"""
    kinds = {"city": "text", "above": "integer", "total": "number", "active": "boolean", "since": "date"}
    fitting = {"city": "Bandung", "above": 6281234567890, "total": 12.25, "active": False, "since": "2025-02-28"}
    others = {"city": "Medan", "above": 6281234567891, "total": 12.75, "active": True, "since": "2025-03-01"}

    assert shop.numbers(sql, fitting, parameters=kinds) == ["0812-3456-7891"]
    for name, other in others.items():
        assert shop.numbers(sql, fitting | {name: other}, parameters=kinds) == []


@pytest.mark.parametrize(
    "value",
    [
        "'; DROP TABLE customers; --",
        "' OR '1'='1",
        r"\' OR 1=1 -- ",
        '" OR ""="',
        "%s %(v)s %%",
        ":v ? $1",
        "\\",
        "Büdi 🙂",
    ],
)
def test_a_value_is_never_taken_for_sql(shop: Shop, value: str) -> None:
    shop.add("0899", city=value)

    numbers = shop.numbers("SELECT phone FROM customers WHERE city = :v", {"v": value}, parameters={"v": "text"})

    assert numbers == ["0899"]


def test_columns_become_variables_by_the_rule_for_files(shop: Shop) -> None:
    sql = """SELECT phone, city AS "No. Kamar", city AS "a", city AS a_, full_name AS name, 1 AS secret, 2 AS fee
             FROM customers WHERE full_name = 'Budi'"""
    source = shop.source(
        sql.replace('"', "`") if shop.kind == "mariadb" else sql,
        columns={"phone": "number", "secret": "", "fee": "biaya"},
    )

    (row,) = source.read()

    assert row.name is None
    assert row.variables == {"no_kamar": "Bandung", "a": "Bandung", "a_2": "Bandung", "name_2": "Budi", "biaya": 2}


def test_texts_are_trimmed_and_an_empty_text_is_no_variable(shop: Shop) -> None:
    shop.add(" 0899 ", city="  ", name=" Ani ")

    (row,) = shop.source("SELECT phone, full_name, city, total FROM customers WHERE phone = ' 0899 '").read()

    assert row == AudienceRow("0899", "Ani", {})


def test_the_error_names_a_column_that_the_result_does_not_have(shop: Shop) -> None:
    source = shop.source("SELECT phone AS tel, city FROM customers")

    assert failure(source) == "query 'shop': its result has no column 'phone': it has tel, city"


def test_a_row_over_the_size_limit_is_refused(shop: Shop) -> None:
    repeated = "replace(hex(zeroblob(:length)), '00', 'x')" if shop.kind == "sqlite" else "repeat('x', :length)"
    sql = f"SELECT '0812' AS phone, 'A' AS full_name, {repeated} AS description"
    kinds = {"length": "integer"}

    longest = LONGEST_ROW - len("0812A")
    assert len(list(shop.source(sql, {"length": longest}, parameters=kinds).read())) == 1
    assert failure(shop.source(sql, {"length": longest + 1}, parameters=kinds)).endswith(
        "is longer than 1,024 KiB: select fewer columns"
    )


# --- values --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (7.5, 7.5),
        (math.nan, None),
        (math.inf, None),
        (" Budi ", "Budi"),
        (" ", None),
        (Decimal("15000.00"), 15000),
        (Decimal("1E+3"), 1000),
        (Decimal("12.50"), 12.5),
        (Decimal("0.1234567890123456789"), "0.1234567890123456789"),
        (Decimal("NaN"), None),
        (dt.date(2026, 12, 1), "2026-12-01"),
        (dt.datetime(2026, 12, 1, 8, 0, 0, 999), "2026-12-01 08:00:00"),  # noqa: DTZ001 - most columns have no zone
        (dt.datetime(2026, 12, 1, 8, tzinfo=dt.timezone(dt.timedelta(hours=7))), "2026-12-01 08:00:00+07:00"),
        (dt.time(8, 30), "08:30:00"),
        (dt.timedelta(hours=8, minutes=30), "8:30:00"),
        ("Büdi".encode(), "Büdi"),
        (b"", None),
        (b"\x00\xff", "00ff"),
        (b"\x01", "01"),
        (memoryview(b"Budi"), "Budi"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        ({"kota": "Bändung", "n": [1, None]}, '{"kota": "Bändung", "n": [1, null]}'),
        ([1, Decimal("2.5")], '[1, "2.5"]'),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_converted_to_what_a_message_shows(value: object, expected: object) -> None:
    found = database._plain(value)

    assert (found, type(found)) == (expected, type(expected))


@given(
    st.one_of(
        st.decimals(),
        st.floats(),
        st.integers(),
        st.binary(),
        st.text(),
        st.datetimes(timezones=st.none() | st.timezones()),
        st.timedeltas(),
        st.uuids(),
        st.ip_addresses(),
        st.lists(st.decimals() | st.dates()),
    )
)
def test_every_value_is_plain(value: object) -> None:
    found = database._plain(value)

    assert found is None or isinstance(found, (str, int, float))
    assert not isinstance(found, float) or math.isfinite(found)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20))
def test_a_decimal_is_never_rounded(value: Decimal) -> None:
    assert Decimal(str(database._plain(value))) == value


POSTGRESQL_VALUES = [
    ("12.50::numeric", 12.5),
    ("'NaN'::numeric", None),
    ("'infinity'::float8", None),
    ("DATE '2026-12-01'", "2026-12-01"),
    ("TIMESTAMP '2026-12-01 08:00:00.5'", "2026-12-01 08:00:00"),
    ("TIME '08:30'", "08:30:00"),
    ("INTERVAL '1 day 2 hours'", "1 day, 2:00:00"),
    ("TRUE", True),
    ("NULL::text", None),
    ("'Budi'::char(10)", "Budi"),
    (r"'\x4275646900'::bytea", "4275646900"),
    ("'00000000-0000-0000-0000-000000000005'::uuid", "00000000-0000-0000-0000-000000000005"),
    ('\'{"kota": "Bandung"}\'::jsonb', '{"kota": "Bandung"}'),
    ("'5'::json", 5),
    ("ARRAY[1, 2]", "[1, 2]"),
    ("'10.0.0.1'::inet", "10.0.0.1"),
]
MARIADB_VALUES = [
    ("CAST(12.50 AS DECIMAL(10, 2))", 12.5),
    ("CAST('2026-12-01' AS DATE)", "2026-12-01"),
    ("CAST('2026-12-01 08:00:00' AS DATETIME)", "2026-12-01 08:00:00"),
    ("CAST('08:30' AS TIME)", "8:30:00"),
    ("TRUE", 1),
    ("NULL", None),
    ("CAST('Budi' AS BINARY)", "Budi"),
    ("UNHEX('00FF')", "00ff"),
    ("b'1'", "01"),
    ("JSON_OBJECT('kota', 'Bandung')", '{"kota": "Bandung"}'),
]
SQLITE_VALUES = [
    ("12.5", 12.5),
    ("9e999", None),
    ("x'00ff'", "00ff"),
    ("NULL", None),
    ("date('2026-12-01')", "2026-12-01"),
]


@on_each("values", sqlite=SQLITE_VALUES, postgresql=POSTGRESQL_VALUES, mariadb=MARIADB_VALUES)
def test_the_types_of_each_database_are_shown(shop: Shop, values: Sequence[tuple[str, object]]) -> None:
    columns = ", ".join(f"{expression} AS v{index}" for index, (expression, _) in enumerate(values))
    sql = f"SELECT '0812' AS phone, 'A' AS full_name, {columns}"

    (row,) = shop.source(re.sub(r"(?<!:):(?!:)", r"\\:", sql)).read()

    assert row.variables == {
        f"v{index}": expected for index, (_, expected) in enumerate(values) if expected is not None
    }


# --- writing -------------------------------------------------------------------------------------------------------

NO_WRITE = {
    "sqlite": "attempt to write a readonly database|no transaction is active",
    "postgresql": "read-only transaction|syntax error|must not contain data-modifying",
    "mariadb": "Cannot execute statement in a READ ONLY transaction|returns no rows",
}


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM customers",
        "DELETE FROM customers RETURNING phone, full_name",
        "INSERT INTO customers (phone) VALUES ('1') RETURNING phone, full_name",
        "UPDATE customers SET phone = '1'",
        "DROP TABLE customers",
        "CREATE TABLE other (a INT)",
        "COMMIT",
    ],
)
def test_a_query_that_writes_fails_with_the_databases_message_and_writes_nothing(shop: Shop, sql: str) -> None:
    before = shop.query("SELECT * FROM customers ORDER BY phone")

    assert re.search(NO_WRITE[shop.kind], failure(shop.source(sql)))

    assert shop.tables() == ["customers"]
    assert shop.query("SELECT * FROM customers ORDER BY phone") == before


@on_each(
    "function",
    postgresql="() RETURNS INT LANGUAGE plpgsql AS $$ BEGIN DELETE FROM customers; RETURN 1; END $$",
    mariadb="() RETURNS INT MODIFIES SQL DATA BEGIN DELETE FROM customers; RETURN 1; END",
)
def test_a_function_that_writes_fails_too(shop: Shop, function: str) -> None:
    shop.execute(f"CREATE OR REPLACE FUNCTION wipe{function}")

    assert re.search(NO_WRITE[shop.kind], failure(shop.source("SELECT phone, full_name, wipe() FROM customers")))

    assert shop.query("SELECT count(*) FROM customers") == [(3,)]


@on("postgresql")
def test_a_part_of_a_query_that_writes_fails_too(shop: Shop) -> None:
    sql = "WITH gone AS (DELETE FROM customers RETURNING phone, full_name) SELECT * FROM gone"

    assert re.search(NO_WRITE[shop.kind], failure(shop.source(sql)))

    assert shop.query("SELECT count(*) FROM customers") == [(3,)]


@on("sqlite")
def test_a_missing_file_is_an_error_and_is_not_created(shop: Shop, tmp_path: Path) -> None:
    source = shop.source("SELECT 1", url=f"sqlite:///{tmp_path / 'gone.db'}")

    assert failure(source) == "query 'shop': unable to open database file"
    assert not (tmp_path / "gone.db").exists()


# --- errors --------------------------------------------------------------------------------------------------------


@on_each(
    "message",
    sqlite="no such column: shoe_size",
    postgresql='column "shoe_size" does not exist',
    mariadb="Unknown column 'shoe_size' in '(field list|SELECT)'",
)
def test_an_error_is_only_the_message_of_the_database(shop: Shop, message: str) -> None:
    source = shop.source("SELECT shoe_size FROM customers WHERE city = :v", {"v": "Bandung"}, parameters={"v": "text"})

    assert re.fullmatch(f"query 'shop': {message}", failure(source))


@on_each("user, quote", postgresql=("postgres", '"'), mariadb=("app", "`"))
def test_a_password_in_an_error_is_blanked(shop: Shop, user: str, quote: str, request: pytest.FixtureRequest) -> None:
    if shop.kind == "mariadb":
        server: MariaServer = request.getfixturevalue("mariadb")
        server.execute("CREATE OR REPLACE USER app@localhost IDENTIFIED BY 's3cret-word'")
        server.execute("GRANT ALL ON *.* TO app@localhost")
    sql = f"SELECT phone FROM {quote}s3cret-word{quote}"
    url = make_url(shop.url).set(username=user, password="s3cret-word").render_as_string(hide_password=False)

    assert "s3cret-word" in failure(shop.source(sql))
    error = failure(shop.source(sql, url=url))

    assert re.search("….* (does not|doesn't) exist", error)
    assert "s3cret-word" not in error


@on("mariadb")
def test_a_refused_login_is_reported_without_its_password(shop: Shop) -> None:
    url = make_url(shop.url).set(username="nobody", password="s3cret-word").render_as_string(hide_password=False)

    assert failure(shop.source("SELECT 1", url=url)).startswith("query 'shop': Access denied for user 'nobody'")


@pytest.mark.parametrize("url", ["postgresql://a:s3cret@127.0.0.1:1/shop", "mysql://a:s3cret@127.0.0.1:1/shop"])
@on("sqlite")
def test_an_unreachable_server_is_reported(shop: Shop, url: str) -> None:
    error = failure(shop.source("SELECT 1", url=url))

    assert re.search("refused|Can't connect", error)
    assert "s3cret" not in error


@on_each(
    "sql, message",
    sqlite=("SELECT phone, json_extract('{}', :v) FROM customers", "'…'"),
    postgresql=("SELECT CAST(CAST(:v AS TEXT) AS INTEGER)", 'invalid input syntax for type integer: "…"'),
    mariadb=("SELECT phone FROM customers WHERE city = :v AND", "the right syntax to use at line 1"),
)
def test_a_value_in_an_error_is_blanked(shop: Shop, sql: str, message: str) -> None:
    error = failure(shop.source(sql, {"v": "Bandung"}, parameters={"v": "text"}))

    assert error.endswith(message)
    assert "Bandung" not in error
    assert "customers" not in error


@on("postgresql")
def test_a_phone_number_in_an_error_is_blanked(shop: Shop) -> None:
    error = failure(shop.source("SELECT CAST(phone AS INTEGER) FROM customers"))

    assert error == "query 'shop': invalid input syntax for type integer: \"…\""


@on_each(
    "sql, message",
    sqlite=(
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
        "interrupted",
    ),
    postgresql=("SELECT pg_sleep(60)", "statement timeout"),
    mariadb=("SELECT SLEEP(60)", "max_statement_time exceeded"),
)
@pytest.mark.timeout(30)
def test_a_query_that_takes_too_long_is_ended(shop: Shop, sql: str, message: str) -> None:
    assert message in failure(shop.source(sql, seconds=0.1))


MANY = {
    "sqlite": "SELECT phone, full_name FROM customers",
    "postgresql": "SELECT i AS phone, NULL AS full_name FROM generate_series(1, 50000) AS i",
    "mariadb": "SELECT seq AS phone, NULL AS full_name FROM seq_1_to_50000",
}
LOST = {
    "postgresql": "terminating connection due to administrator command",
    "mariadb": "Lost connection to MySQL server during query",
}


def readers(shop: Shop) -> list[int]:
    """Return the database sessions that run a query, without those that are closing."""
    statement = {
        "postgresql": "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        "mariadb": """SELECT id FROM information_schema.processlist
                      WHERE db = database() AND id <> connection_id() AND command = 'Query'""",
    }
    return [session for (session,) in shop.query(statement[shop.kind])]


def end_readers(shop: Shop) -> None:
    """End these sessions, as an administrator does."""
    ending = {"postgresql": "SELECT pg_terminate_backend({})", "mariadb": "KILL CONNECTION {}"}
    for session in readers(shop):
        shop.execute(ending[shop.kind].format(session))


@on("postgresql", "mariadb")
def test_a_session_lost_while_rows_are_read_is_an_error(shop: Shop) -> None:
    rows = shop.source(MANY[shop.kind]).read()
    next(rows)
    end_readers(shop)

    with pytest.raises(SourceError, match=f"query 'shop': {LOST[shop.kind]}"):
        list(rows)
    gc.collect()  # warnings about unclosed resources of the driver appear now, if at all


@pytest.mark.timeout(30)  # reading all 100 million rows would take longer
@on("mariadb")
def test_closing_the_source_skips_the_remaining_rows(shop: Shop) -> None:
    rows = shop.source("SELECT seq AS phone, NULL AS full_name FROM seq_1_to_100000000").read()
    next(rows)

    rows.close()
    gc.collect()

    wait_for(lambda: not readers(shop), what="the end of the session")


# --- in a worker ---------------------------------------------------------------------------------------------------


class WatchedSource(DatabaseSource):
    """Calls ``call`` after 5,000 rows."""

    kind: ClassVar[str] = "watched"
    Settings: ClassVar[type[BaseModel]] = DatabaseSettings
    call: ClassVar[Callable[[], None]]

    def read(self) -> Generator[AudienceRow, None, None]:
        for index, row in enumerate(super().read()):
            if index == 5_000:
                type(self).call()
            yield row


class WatchedSourcePlugin:
    @hookimpl
    def wab_contact_sources(self) -> list[type[ContactSource]]:
        return [WatchedSource]


@pytest.fixture
def broadcaster(shop: Shop, tmp_path: Path, valkey: EmbeddedValkey) -> Iterator[Broadcaster]:
    """Return a broadcaster whose operator set up the queries ``customers`` and ``many``."""
    customers = "SELECT phone, full_name, city FROM customers WHERE city = :city"
    path = write_queries(
        tmp_path / "queries.toml",
        customers={"url": shop.url, "sql": customers, "parameters": {"city": "text"}, "columns": MEANINGS},
        many={"url": shop.url, "sql": MANY[shop.kind], "columns": MEANINGS},
    )
    settings = Settings(
        data_dir=tmp_path / "data", redis_url=valkey.url, namespace=f"t{abs(hash(tmp_path))}", queries=path
    )
    with Broadcaster(settings, plugins=[WatchedSourcePlugin()]) as started:
        yield started


def submit(broadcaster: Broadcaster, **source: Any) -> str:
    message = {"type": "text", "text": "Halo {{ name }} di {{ city }}"}
    return broadcaster.submit({"name": "Promo", "message": message, "source": source}).job_id


def test_the_rows_of_a_query_are_the_recipients_of_a_broadcast(broadcaster: Broadcaster) -> None:
    job_id = submit(broadcaster, type="database", query="customers", parameters={"city": "Bandung"})

    broadcaster.handlers.prepare(1)

    found = {message.number: message.name for message in broadcaster.messages(job_id).items}
    assert found == {"+6281234567890": "Budi", "+6281234567891": "Siti"}


@on("postgresql", "mariadb")
def test_an_audience_that_cannot_be_read_to_its_end_leaves_no_messages_and_no_upload(
    broadcaster: Broadcaster, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WatchedSource, "call", lambda: end_readers(shop), raising=False)
    job_id = submit(broadcaster, type="watched", query="many")

    broadcaster.handlers.prepare(1)

    found = broadcaster.get(job_id)
    assert (found.status, found.status_reason) == ("failed", f"query 'many': {LOST[shop.kind]}")
    assert (found.total, broadcaster.messages(job_id).items) == (0, [])
    with broadcaster.context.database.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM uploads")).scalar_one() == 0
