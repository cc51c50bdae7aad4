"""The operator's queries: valid and invalid files, and the parameters that a broadcast may give."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from tests.query_files import write_queries
from wabroadcast_core import InvalidInputError, NamedQuery, Settings, SetupError
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.queries import load_queries

URL = "sqlite:////srv/shop.db"
UNKNOWN_QUERY = "there is no query '{}': give the name of one that the operator has set up"
GOOD = {
    "url": URL,
    "sql": "SELECT phone, full_name FROM customers WHERE city = :city",
    "parameters": {"city": "text"},
    "columns": {"phone": "number", "full_name": "name"},
}


def make_query(**changes: Any) -> NamedQuery:
    return NamedQuery.model_validate(GOOD | changes)


# --- the file ------------------------------------------------------------------------------------------------------


def test_a_file_gives_its_queries_by_name(tmp_path: Path) -> None:
    everyone = {"url": URL, "sql": "SELECT phone FROM customers;", "columns": {"phone": "number"}, "seconds": 5}

    queries = load_queries(write_queries(tmp_path / "q.toml", in_city=GOOD, everyone=everyone), environment={})

    assert list(queries) == ["in_city", "everyone"]
    assert queries["in_city"].parameters == {"city": "text"}
    assert (queries["in_city"].seconds, queries["everyone"].seconds) == (300, 5)


def test_a_file_without_queries_gives_none(tmp_path: Path) -> None:
    (tmp_path / "q.toml").touch()

    assert load_queries(tmp_path / "q.toml", environment={}) == {}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        pytest.param({"limit": 5}, "queries.shop.limit: there is no such field", id="an-unknown-key"),
        pytest.param({"columns": {"full_name": "name"}}, 'columns: no column is "number"', id="no-number"),
        pytest.param({"columns": {}}, 'columns: no column is "number"', id="no-column"),
        pytest.param({"columns": {"a": "number", "b": "number"}}, "columns: 2 columns", id="two-numbers"),
        pytest.param({"columns": {"a": "number", "b": "No. Kamar"}}, "columns: 'No. Kamar' is no valid", id="no-name"),
        pytest.param({"parameters": {}}, "sql: the parameter :city is not declared", id="an-undeclared-parameter"),
        pytest.param(
            {"parameters": {"city": "text", "age": "integer"}}, "sql: the parameter age is declared", id="an-unused-one"
        ),
        pytest.param(
            {"parameters": {"city": "txt"}}, "parameters.city: unknown value: give 'text'", id="an-unknown-type"
        ),
        pytest.param({"sql": "SELECT :city; SELECT 2"}, "sql: there are several statements", id="several-statements"),
        pytest.param({"sql": " -- nothing\n;"}, "sql: there is no statement", id="no-statement"),
        pytest.param({"seconds": 0}, "seconds: too small: give more than 0", id="no-time"),
        pytest.param({"url": "s3cret"}, "url: not a database URL", id="no-url"),
        pytest.param({"url": "pigeon://me:s3cret@loft/1"}, "url: not a database URL", id="no-dialect"),
        pytest.param({"url": "mysql://me:s3cret@host:s3cret/db"}, "url: not a database URL", id="no-port"),
        pytest.param(
            {"url": "postgresql+pg8000://me:s3cret@host/db"}, "url: the driver pg8000 is missing", id="no-driver"
        ),
        pytest.param({"url": "sqlite://"}, "url: the SQLite URL has no file path", id="sqlite-in-memory"),
        pytest.param({"url": "sqlite://shop.db"}, "url: the SQLite URL has no file path", id="sqlite-too-few-slashes"),
        pytest.param({"url": "mysql://me:${S3CRET}@host/db"}, "url: the environment variable S3CRET", id="no-variable"),
    ],
)
def test_an_invalid_query_is_named_with_its_fault_on_one_line(
    tmp_path: Path, changes: dict[str, Any], fault: str
) -> None:
    path = write_queries(tmp_path / "q.toml", fine=GOOD, shop=GOOD | changes)

    with pytest.raises(SetupError) as refusal:
        load_queries(path, environment={})

    said = str(refusal.value)
    assert f"{path}: queries.shop." in said
    assert fault in said
    assert "\n" not in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param(b"[queries.a\n", "not valid TOML", id="no-toml"),
        pytest.param(b"\xff\xfe", "not valid TOML", id="no-text"),
        pytest.param(b"[querys.a]\n", "querys: there is no such field", id="another-table"),
        pytest.param(b"[queries.'a b']\n", "queries.a b.", id="a-name-with-a-space"),
        pytest.param(b"queries = 1\n", "queries: not an object", id="no-table"),
    ],
)
def test_a_file_with_other_content_is_refused(tmp_path: Path, content: bytes, fault: str) -> None:
    (tmp_path / "q.toml").write_bytes(content)

    with pytest.raises(SetupError) as refusal:
        load_queries(tmp_path / "q.toml", environment={})

    assert fault in str(refusal.value)
    assert "q.toml" in str(refusal.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"gone\.toml cannot be read: No such file"):
        load_queries(tmp_path / "gone.toml", environment={})


@pytest.mark.parametrize(
    ("sql", "several"),
    [
        pytest.param("SELECT 1 ; \n", False, id="an-end"),
        pytest.param("SELECT ';' AS a, \"b;\", `c;`", False, id="in-quotes"),
        pytest.param("SELECT 'it''s; fine'", False, id="behind-a-doubled-quote"),
        pytest.param(r"SELECT 'it\'s; fine'", False, id="behind-an-escaped-quote"),
        pytest.param("SELECT 1 -- this; that\n", False, id="in-a-comment"),
        pytest.param("SELECT 1 /* this; that */", False, id="in-a-long-comment"),
        pytest.param("SELECT $a$ this; 'that' $a$", False, id="in-dollar-quotes"),
        pytest.param("SELECT 1; DROP TABLE customers", True, id="two"),
        pytest.param("SELECT '1'; DROP TABLE customers -- '", True, id="with-a-quote-in-a-comment"),
        pytest.param("SELECT 1;;SELECT 2", True, id="two-and-an-empty-one"),
    ],
)
def test_several_statements_are_recognised(sql: str, several: bool) -> None:  # noqa: FBT001 - a table's column
    try:
        make_query(sql=sql, parameters={})
    except ValueError as error:
        refused = "several statements" in str(error)
    else:
        refused = False

    assert refused == several


# --- the address and its secrets -----------------------------------------------------------------------------------

PASSWORD = "p@ss:w/rd%41 ${X}"


@pytest.mark.parametrize(
    ("url", "environment"),
    [
        pytest.param("mysql://app:${WORD}@db/shop", {"WORD": PASSWORD}, id="the-password-alone"),
        pytest.param(
            "${KIND}://${USER}:${WORD}@${HOST}:${PORT}/${NAME}",
            {"KIND": "mysql", "USER": "app", "WORD": PASSWORD, "HOST": "db", "PORT": "3306", "NAME": "shop"},
            id="every-part",
        ),
        pytest.param("${ALL}", {"ALL": "mysql://app:p%40ss%3Aw%2Frd%2541%20${X}@db/shop"}, id="the-whole"),
    ],
)
def test_variables_of_the_environment_fill_a_url(url: str, environment: dict[str, str]) -> None:
    query = NamedQuery.model_validate(GOOD | {"url": url}, context=environment)

    found = make_url(query.url.get_secret_value())
    assert (found.drivername, found.username, found.password) == ("mysql+pymysql", "app", PASSWORD)
    assert (found.host, found.database) == ("db", "shop")


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("postgres://h/d", "postgresql+psycopg"),
        ("postgresql://h/d", "postgresql+psycopg"),
        ("mysql://h/d", "mysql+pymysql"),
        ("mariadb://h/d", "mariadb+pymysql"),
        (URL, "sqlite"),
    ],
)
def test_a_url_without_a_driver_gets_the_one_we_install(given: str, driver: str) -> None:
    assert make_url(make_query(url=given).url.get_secret_value()).drivername == driver


def test_a_query_never_shows_where_it_runs() -> None:
    query = make_query(url="mysql://app:s3cret@db.inside/shop")

    shown = f"{query!r} {query} {query.model_dump_json()}"
    assert "s3cret" not in shown
    assert "db.inside" not in shown


# --- parameters ----------------------------------------------------------------------------------------------------


def with_parameter(kind: str) -> NamedQuery:
    return make_query(sql="SELECT :p", parameters={"p": kind})


@pytest.mark.parametrize(
    ("kind", "value", "bound"),
    [
        ("text", "Bandung", "Bandung"),
        ("text", "", ""),
        ("integer", -(2**63), -(2**63)),
        ("number", 5, 5.0),
        ("number", 0.5, 0.5),
        ("boolean", False, False),
        ("date", "2026-12-01", date(2026, 12, 1)),
        ("date", date(2026, 12, 1), date(2026, 12, 1)),
    ],
)
def test_a_parameter_accepts_values_of_its_type(kind: str, value: object, bound: object) -> None:
    found = with_parameter(kind).bind({"p": value})["p"]

    assert (found, type(found)) == (bound, type(bound))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", 5),
        ("text", None),
        ("text", "\ud800"),
        ("integer", "5"),
        ("integer", 5.0),
        ("integer", True),
        ("integer", 2**63),
        ("number", "5"),
        ("number", True),
        ("number", float("nan")),
        ("boolean", 1),
        ("boolean", "true"),
        ("date", 20261201),
        ("date", "01-12-2026"),
        ("date", "2026-12-01T00:00:00"),
        ("text", ["Bandung"]),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_path(kind: str, value: object) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        with_parameter(kind).bind({"p": value})

    assert [fault.path for fault in refusal.value.faults] == ["parameters.p"]
    assert "Bandung" not in str(refusal.value)


def test_missing_and_unknown_parameters_are_all_named() -> None:
    query = make_query(sql="SELECT :a, :b", parameters={"a": "text", "b": "date"})

    with pytest.raises(InvalidInputError) as refusal:
        query.bind({"c": 1, "a": 2})

    assert {fault.path: fault.message for fault in refusal.value.faults} == {
        "parameters.c": "the query has no such parameter",
        "parameters.a": "not a text: write it in quotation marks",
        "parameters.b": "missing: give a value of type date",
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
TYPES = {"text": str, "integer": int, "number": float, "boolean": bool, "date": date}


@given(kind=st.sampled_from(sorted(TYPES)), value=JSON)
def test_any_value_is_bound_as_its_type_or_refused(kind: str, value: object) -> None:
    try:
        bound = with_parameter(kind).bind({"p": value})
    except InvalidInputError:
        return  # anything else that it raises is a fault

    assert type(bound["p"]) is TYPES[kind]


# --- in the broadcaster --------------------------------------------------------------------------------------------


@pytest.fixture
def database_url() -> None:
    """Use SQLite only."""


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    path = write_queries(tmp_path / "q.toml", in_city=GOOD | {"description": "Customers of a city"})
    return settings.model_copy(update={"queries": path})


def test_the_broadcaster_lists_its_queries_without_url_and_sql(broadcaster: Broadcaster) -> None:
    (query,) = broadcaster.queries.list()

    assert query.model_dump() == {
        "name": "in_city",
        "description": "Customers of a city",
        "parameters": {"city": "text"},
    }


def test_the_broadcaster_does_not_start_with_an_invalid_file(settings: Settings, tmp_path: Path) -> None:
    broken = write_queries(tmp_path / "broken.toml", in_city=GOOD | {"columns": {}})

    with pytest.raises(SetupError, match=r"queries\.in_city\.columns"):
        Broadcaster(settings.model_copy(update={"queries": broken, "data_dir": tmp_path / "new"})).start()

    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        pytest.param({"query": "gone"}, {"source.query": UNKNOWN_QUERY.format("gone")}, id="no-such-query"),
        pytest.param(
            {"query": "in_city"},
            {"source.parameters.city": "missing: give a value of type text"},
            id="a-missing-parameter",
        ),
        pytest.param(
            {"query": "in_city", "parameters": {"city": 5, "sql": "DROP"}},
            {
                "source.parameters.city": "not a text: write it in quotation marks",
                "source.parameters.sql": "the query has no such parameter",
            },
            id="a-mistyped-and-an-unknown-one",
        ),
        pytest.param(
            {"query": "in_city", "sql": "SELECT 1"},
            {"source.sql": "there is no such field: correct its name, or remove it"},
            id="a-statement-of-its-own",
        ),
        pytest.param({}, {"source.query": "missing: give a value"}, id="no-query"),
    ],
)
def test_a_submit_that_does_not_match_its_query_is_refused_with_paths(
    broadcaster: Broadcaster, source: dict[str, Any], faults: dict[str, str]
) -> None:
    draft = {"name": "Promo", "message": {"type": "text", "text": "Halo"}, "source": {"type": "database", **source}}

    with pytest.raises(InvalidInputError) as refusal:
        broadcaster.submit(draft)

    assert {fault.path: fault.message for fault in refusal.value.faults} == faults


def test_a_query_that_is_removed_before_the_preparation_fails_the_broadcast(
    broadcaster: Broadcaster, settings: Settings
) -> None:
    source = {"type": "database", "query": "in_city", "parameters": {"city": "Bandung"}}
    draft = {"name": "Promo", "message": {"type": "text", "text": "Halo"}, "source": source}
    job = broadcaster.submit(draft)
    broadcaster.context.queries = {}

    broadcaster.handlers.prepare(1)

    found = broadcaster.get(job.job_id)
    assert (found.status, found.status_reason) == ("failed", f"source.query: {UNKNOWN_QUERY.format('in_city')}")
