"""Access to the store: migrations that match the tables, translated errors, transactions repeated after deadlocks."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from tests.core.store.bench import Bench
from tests.servers import PostgresCluster
from tests.stores import ON_POSTGRESQL
from wabroadcast_core.errors import SetupError, UnavailableError
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import database as database_module
from wabroadcast_core.store import receipts as receipt_store
from wabroadcast_core.store.database import Database, open_database
from wabroadcast_core.store.tables import metadata


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """An empty database that no other test gets, as tests here change tables."""
    if request.param == "sqlite":
        return None
    cluster: PostgresCluster = request.getfixturevalue("postgres")
    return cluster.new_database()


@pytest.fixture
def bench(database_url: str | None, tmp_path: Path) -> Iterator[Bench]:
    """A store whose migrations have just run."""
    database = open_database(database_url, sqlite_path=tmp_path / "bench.db")
    database.migrate()
    made = Bench(database)
    made.clear()
    yield made
    database.close()


# --- migrations ------------------------------------------------------------------------------------------------


def test_the_migrations_match_the_tables(bench: Bench) -> None:
    with bench.database.read() as conn:
        options = {"compare_type": True, "compare_server_default": True}
        differences = compare_metadata(MigrationContext.configure(conn, opts=options), metadata)

    assert differences == []


def test_the_migrations_create_exactly_the_indexes_of_the_tables(bench: Bench, tmp_path: Path) -> None:
    migrated = _definitions(bench.database)
    with bench.database.write() as conn:
        metadata.drop_all(conn)
        metadata.create_all(conn)

    assert migrated == _definitions(bench.database)


def _definitions(database: Database) -> dict[str, str]:
    """Return the indexes of the database with the conditions of partial ones, which alembic does not compare."""
    statement = (
        "SELECT name, coalesce(sql, '') FROM sqlite_master WHERE type = 'index'"
        if database.is_sqlite
        else "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    )
    with database.read() as conn:
        found = {name: definition.replace('"', "") for name, definition in conn.execute(text(statement))}
    return {name: definition for name, definition in found.items() if not name.startswith("alembic")}


def test_a_store_of_an_earlier_version_keeps_its_rows(bench: Bench) -> None:
    with bench.database.write() as conn:
        config = Config()
        config.set_main_option("script_location", "wabroadcast_core.store:migrations")
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = conn
        command.downgrade(config, "0002")
        columns = "connection_id, provider_id, kind, at, parked_at"
        conn.exec_driver_sql(f"INSERT INTO parked_receipts ({columns}) VALUES (1, 'a', 'read', 1, 1)")

    bench.database.migrate()

    with bench.database.write() as conn:
        taken = receipt_store.take_parked(conn, keys=[], provider_ids=["a"], connection_id=1)
    assert [(row["kind"], row["opt_out"]) for row in taken] == [("read", False)]


def test_several_processes_may_migrate_at_once(database_url: str | None, tmp_path: Path) -> None:
    databases = [open_database(database_url, sqlite_path=tmp_path / "new.db") for _ in range(4)]
    failures: list[BaseException] = []

    def migrate(database: Database) -> None:
        try:
            database.migrate()
        except BaseException as error:  # noqa: BLE001 - the test's own thread checks it
            failures.append(error)

    threads = [threading.Thread(target=migrate, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in databases:
        database.close()

    assert failures == []


def test_a_database_of_a_newer_version_is_refused(bench: Bench) -> None:
    with bench.database.write() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = 'from_the_future'"))

    with pytest.raises(SetupError, match="newer version"):
        bench.database.migrate()


# --- translated errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("not a url", id="no-url"),
        pytest.param("carrier-pigeon://s3cret@loft/1", id="no-dialect"),
        pytest.param("mysql://me:s3cret@host/db", id="an-unsupported-database"),
        pytest.param("postgresql+pg8000://me:s3cret@host/db", id="a-missing-driver"),
    ],
)
def test_an_invalid_url_is_refused_without_repeating_it(url: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError) as refusal:
        open_database(url, sqlite_path=tmp_path / "unused.db")

    assert "s3cret" not in str(refusal.value)


def test_a_directory_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SetupError, match="file"):
        open_database(None, sqlite_path=tmp_path / "file" / "data" / "new.db")


def test_a_server_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    database = open_database("postgresql://me:s3cret@127.0.0.1:1/db", sqlite_path=tmp_path / "unused.db")

    with pytest.raises(UnavailableError) as failure:
        database.migrate()
    database.close()

    assert "s3cret" not in str(failure.value)


@pytest.mark.parametrize("content", [b"no database at all, only some text", b"SQLite format 3\0" + b"\xff" * 4_096])
def test_a_damaged_file_is_unavailable(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.db"
    path.write_bytes(content)
    database = open_database(None, sqlite_path=path)

    with pytest.raises(UnavailableError):
        database.migrate()
    database.close()


def test_a_file_that_is_damaged_while_it_is_in_use_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "damaged.db"
    database = open_database(None, sqlite_path=path)
    database.migrate()
    database.close()
    path.write_bytes(b"no database at all, only some text" * 200)
    damaged = open_database(None, sqlite_path=path)

    with pytest.raises(UnavailableError), damaged.write():
        pass
    damaged.close()


def test_a_store_that_another_process_keeps_locked_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "LOCK_WAIT_SECONDS", 0.1)
    database = open_database(None, sqlite_path=tmp_path / "locked.db")
    database.migrate()
    other = sqlite3.connect(tmp_path / "locked.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(UnavailableError, match="locked"), database.write():
        pass
    with database.read() as conn:  # readers are not affected
        found = conn.execute(text("SELECT count(*) FROM messages")).scalar_one()
    other.close()
    database.close()

    assert found == 0


@ON_POSTGRESQL
def test_a_closed_database_connection_is_unavailable_and_the_next_one_works(bench: Bench) -> None:
    with pytest.raises(UnavailableError), bench.database.write() as conn:
        conn.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with bench.database.read() as conn:
        assert conn.execute(text("SELECT 1")).scalar_one() == 1


@ON_POSTGRESQL
def test_a_user_without_the_right_to_create_tables_is_an_error_that_says_so(bench: Bench, tmp_path: Path) -> None:
    with bench.database.write() as conn:
        metadata.drop_all(conn)
        conn.execute(text("DROP TABLE alembic_version"))
        conn.execute(text("DROP ROLE IF EXISTS guest"))
        conn.execute(text("CREATE ROLE guest LOGIN"))
    url = bench.database.db_engine.url.set(username="guest").render_as_string(hide_password=False)
    database = open_database(url, sqlite_path=tmp_path / "unused.db")

    with pytest.raises(SetupError, match="may not create tables"):
        database.migrate()
    database.close()


def test_a_bug_is_not_reported_as_unavailable(bench: Bench) -> None:
    def insert_twice(conn: Connection) -> None:
        for _ in range(2):
            conn.execute(text("INSERT INTO tags (name) VALUES ('vip')"))

    with pytest.raises(IntegrityError):
        bench.database.transact(insert_twice)


# --- transactions ----------------------------------------------------------------------------------------------


@ON_POSTGRESQL
def test_work_that_is_rolled_back_by_a_deadlock_is_run_again(bench: Bench) -> None:
    keys = [bench.add_broadcast(), bench.add_broadcast()]
    meeting = threading.Barrier(2)

    def rename(name: str, order: list[int]) -> None:
        first_time = True

        def work(conn: Connection) -> None:
            nonlocal first_time
            for place, key in enumerate(order):
                broadcast_store.update_broadcast(conn, key, name=name)
                if place == 0 and first_time:
                    first_time = False
                    meeting.wait(10)

        bench.database.transact(work)

    threads = [
        threading.Thread(target=rename, args=("a", keys)),
        threading.Thread(target=rename, args=("b", keys[::-1])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    names = {bench.broadcast(key)["name"] for key in keys}
    assert len(names) == 1
    assert names <= {"a", "b"}


def test_a_failed_transaction_changes_nothing(bench: Bench) -> None:
    key = bench.add_broadcast()

    def break_off(conn: Connection) -> None:
        broadcast_store.update_broadcast(conn, key, name="half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        bench.database.transact(break_off)

    assert bench.broadcast(key)["name"] == "Test"
