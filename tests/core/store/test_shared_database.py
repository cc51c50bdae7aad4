"""The store in a database that a host uses too: tables beside its tables, versions beside those of its Alembic."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text

from tests.servers import PostgresCluster
from tests.stores import ON_SQLITE
from wabroadcast_core import TABLE_NAMES, Broadcaster, Settings
from wabroadcast_core.errors import SetupError
from wabroadcast_core.store.database import Database, open_database
from wabroadcast_core.store.schema import MIGRATIONS, known_versions, read_schema

ON_A_SERVER = pytest.mark.parametrize("url", ["postgresql"], indirect=True)
HOSTS_TABLES = (
    "CREATE TABLE contacts (id INTEGER PRIMARY KEY, email TEXT)",
    "INSERT INTO contacts VALUES (1, 'budi@shop.example')",
    "CREATE TABLE alembic_version (version_num TEXT)",
    "INSERT INTO alembic_version VALUES ('0003')",
)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of a host, with tables of its own and with a version of its own that is also one of ours."""
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path / 'host.db'}"
    else:
        cluster: PostgresCluster = request.getfixturevalue("postgres")
        address = cluster.new_database()
    engine = create_engine(address)
    with engine.begin() as conn:
        for statement in HOSTS_TABLES:
            conn.exec_driver_sql(statement)
    engine.dispose()
    return address


@pytest.fixture
def host(url: str) -> Iterator[Engine]:
    engine = create_engine(url)
    yield engine
    engine.dispose()


def drop_contacts(host: Engine) -> None:
    with host.begin() as conn:
        conn.exec_driver_sql("DROP TABLE contacts")


def hosts_rows(host: Engine) -> list[tuple[str, ...]]:
    with host.connect() as conn:
        statements = ("SELECT email FROM contacts", "SELECT version_num FROM alembic_version")
        return [tuple(conn.exec_driver_sql(statement).scalars()) for statement in statements]


def test_tables_with_the_names_of_ours_are_named_and_left_alone(url: str, host: Engine, tmp_path: Path) -> None:
    database = open_database(url, sqlite_path=tmp_path / "unused.db")

    with pytest.raises(SetupError, match=r"tables of others with the names of ours \(contacts\): (set|use) "):
        database.migrate()
    database.close()

    assert hosts_rows(host) == [("budi@shop.example",), ("0003",)]
    assert set(inspect(host).get_table_names()) == {"contacts", "alembic_version"}


def test_our_version_is_beside_that_of_the_hosts_alembic(
    url: str, host: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    drop_contacts(host)
    database = open_database(url, sqlite_path=tmp_path / "unused.db")

    database.migrate()

    assert [record.name for record in caplog.records if record.name.startswith("alembic")] == []
    with database.read() as conn:
        assert read_schema(conn).is_current
    database.close()
    assert set(inspect(host).get_table_names()) == {*TABLE_NAMES, "alembic_version"}
    with host.connect() as conn:
        assert conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "0003"


@ON_A_SERVER
@pytest.mark.parametrize("owned", [pytest.param(True, id="own-engine"), pytest.param(False, id="engine-of-the-host")])
def test_a_schema_of_our_own_keeps_both_apart(url: str, host: Engine, tmp_path: Path, *, owned: bool) -> None:
    if owned:
        database = open_database(url, sqlite_path=tmp_path / "unused.db", schema="wab")
    else:
        database = Database(host, owned=False, schema="wab")

    database.migrate()
    database.migrate()
    with database.write() as conn:
        conn.execute(text("INSERT INTO contacts (number, created_at, updated_at) VALUES ('+62811', 1, 1)"))

    with database.read() as conn:
        assert read_schema(conn).is_current
        assert conn.execute(text("SELECT number FROM contacts")).scalars().all() == ["+62811"]
    assert hosts_rows(host) == [("budi@shop.example",), ("0003",)]
    assert set(inspect(host).get_table_names("wab")) == TABLE_NAMES
    database.close()


@ON_A_SERVER
def test_options_in_the_url_are_kept(url: str, tmp_path: Path) -> None:
    database = open_database(f"{url}&options=-csearch_path%3Dpg_temp", sqlite_path=tmp_path / "unused.db")

    with database.read() as conn:
        shown = [conn.execute(text(f"SHOW {name}")).scalar() for name in ("search_path", "lock_timeout")]
    database.close()

    assert shown == ["pg_temp", "20s"]


def test_sqlite_has_no_schemas(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="WABROADCAST_DATABASE_SCHEMA"):
        open_database(None, sqlite_path=tmp_path / "new.db", schema="wab")


# --- versions ----------------------------------------------------------------------------------------------------


def test_the_versions_that_are_known_are_those_of_the_migrations() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))

    assert list(known_versions()) == [script.revision for script in scripts.walk_revisions()][::-1]
    assert known_versions()[-1] == scripts.get_current_head()


def test_a_store_of_an_earlier_version_keeps_its_version(url: str, host: Engine, tmp_path: Path) -> None:
    drop_contacts(host)
    database = open_database(url, sqlite_path=tmp_path / "unused.db")
    database.migrate()
    with database.write() as conn:
        newest = read_schema(conn).present
        conn.execute(text("DROP TABLE alembic_version"))
        conn.execute(text("ALTER TABLE wabroadcast_version RENAME TO alembic_version"))

    database.migrate()

    with database.read() as conn:
        assert read_schema(conn).present == newest
    assert set(inspect(host).get_table_names()) == TABLE_NAMES
    database.close()


@ON_SQLITE
def test_without_migrations_at_the_start_a_store_of_another_version_is_refused(settings: Settings) -> None:
    fixed = settings.model_copy(update={"migrate": False})
    with Broadcaster(fixed) as broadcaster, broadcaster.context.database.write() as conn:
        conn.execute(text("UPDATE wabroadcast_version SET version_num = '0005'"))

    with pytest.raises(SetupError, match=r"schema 0005, needed \d+\), and WABROADCAST_MIGRATE is off: run"):
        Broadcaster(fixed).start()
