"""Access to the store: migrations that match the tables, translated errors, transactions repeated after deadlocks."""

import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from tests.core.store.harness import StoreHarness
from tests.servers import PostgresCluster
from tests.stores import ON_POSTGRESQL
from wabroadcast_core.errors import SetupError, UnavailableError
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import installation as installation_store
from wabroadcast_core.store import receipts as receipt_store
from wabroadcast_core.store import tags as tag_store
from wabroadcast_core.store.database import Database, open_database, waiting_at_most
from wabroadcast_core.store.tables import VERSION_TABLE, metadata


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """An empty database that no other test gets, as tests here change tables."""
    if request.param == "sqlite":
        return None
    cluster: PostgresCluster = request.getfixturevalue("postgres")
    return cluster.new_database()


@pytest.fixture
def harness(database_url: str | None, tmp_path: Path) -> Iterator[StoreHarness]:
    """A store whose migrations have just run."""
    database = open_database(database_url, sqlite_path=tmp_path / "harness.db")
    database.migrate()
    made = StoreHarness(database)
    made.clear()
    yield made
    database.close()


# --- migrations ------------------------------------------------------------------------------------------------


def test_the_migrations_match_the_tables(harness: StoreHarness) -> None:
    with harness.database.read() as conn:
        options = {
            "compare_type": True,
            "compare_server_default": True,
            "version_table": VERSION_TABLE,
            "include_object": lambda found, *_: is_compared(found, conn.dialect.name),
        }
        differences = compare_metadata(MigrationContext.configure(conn, opts=options), metadata)

    assert differences == []


def is_compared(found: Any, dialect: str) -> bool:
    """Return whether a part of the schema can be compared: the text of a generated column is changed by PostgreSQL."""
    return found.info.get("dialect", dialect) == dialect and getattr(found, "computed", None) is None


def test_the_migrations_create_exactly_the_indexes_of_the_tables(harness: StoreHarness, tmp_path: Path) -> None:
    migrated = _definitions(harness.database)
    with harness.database.write() as conn:
        metadata.drop_all(conn)
        metadata.create_all(conn)

    assert migrated == _definitions(harness.database)


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


def test_a_store_of_an_earlier_version_keeps_its_rows(harness: StoreHarness) -> None:
    with harness.database.write() as conn:
        downgrade(conn, "0002")
        columns = "connection_id, provider_id, kind, at, parked_at"
        conn.exec_driver_sql(f"INSERT INTO parked_receipts ({columns}) VALUES (1, 'a', 'read', 1, 1)")

    harness.database.migrate()

    with harness.database.write() as conn:
        taken = receipt_store.take_parked(conn, keys=[], provider_ids=["a"], connection_id=1)
    assert [(row["kind"], row["opt_out"]) for row in taken] == [("read", False)]


def test_spellings_of_a_tag_in_an_earlier_version_become_the_first_of_them(harness: StoreHarness) -> None:
    with harness.database.write() as conn:
        downgrade(conn, "0007")
        names = ["vip", "staff", "VIP", "\uff36\uff29\uff30"]  # the last one is full-width
        for key, name in enumerate(names, 1):
            conn.execute(
                text("INSERT INTO tags (id, name, contacts) VALUES (:key, :name, 2)"), {"key": key, "name": name}
            )
        for key in range(1, 5):
            values = {"key": key, "number": f"+62812000000{key}"}
            conn.execute(
                text(
                    "INSERT INTO contacts (id, number, variables, created_at, updated_at)"
                    " VALUES (:key, :number, '{}', 1, 1)"
                ),
                values,
            )
        for tag_id, contact_id in [(1, 1), (1, 2), (2, 1), (2, 4), (3, 2), (3, 3), (4, 3), (4, 4)]:
            conn.exec_driver_sql(f"INSERT INTO contact_tags (tag_id, contact_id) VALUES ({tag_id}, {contact_id})")

    harness.database.migrate()

    with harness.database.read() as conn:
        assert tag_store.list_tags(conn) == [("staff", 2), ("vip", 4)]
        assert tag_store.tags_of(conn, [1, 2, 3, 4]) == {
            1: ["staff", "vip"],
            2: ["vip"],
            3: ["vip"],
            4: ["staff", "vip"],
        }


def downgrade(conn: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", "wabroadcast_core.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    command.downgrade(config, revision)


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


def test_a_database_of_a_newer_version_is_refused(harness: StoreHarness) -> None:
    with harness.database.write() as conn:
        conn.execute(text("UPDATE wabroadcast_version SET version_num = 'from_the_future'"))

    with pytest.raises(SetupError, match="newer version"):
        harness.database.migrate()


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


def test_a_wait_for_another_writer_ends_as_soon_as_its_caller_allows(
    harness: StoreHarness, database_url: str | None, tmp_path: Path
) -> None:
    database = harness.database
    other = open_database(database_url, sqlite_path=tmp_path / "harness.db")  # as another process has
    with database.write() as conn:
        installation_store.write(conn, probed_at=1.0)

    with other.write() as locking:
        installation_store.write(locking, probed_at=2.0)
        started = time.monotonic()
        with pytest.raises(UnavailableError), waiting_at_most(0.2), database.write() as conn:
            installation_store.write(conn, probed_at=3.0)
        took = time.monotonic() - started
    with database.write() as conn:
        installation_store.write(conn, probed_at=4.0)
    other.close()

    assert 0.1 < took < 10  # without it: 30 s on SQLite, 20 s on PostgreSQL


def test_a_store_that_another_process_keeps_locked_is_unavailable(tmp_path: Path) -> None:
    database = open_database(None, sqlite_path=tmp_path / "locked.db")
    database.migrate()
    other = sqlite3.connect(tmp_path / "locked.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(UnavailableError, match="an open transaction of this program"), database.write(lock_seconds=0.1):
        pass
    with database.read() as conn:  # readers are not affected
        found = conn.execute(text("SELECT count(*) FROM messages")).scalar_one()
    other.close()
    database.close()

    assert found == 0


@ON_POSTGRESQL
def test_a_closed_database_connection_is_unavailable_and_the_next_one_works(harness: StoreHarness) -> None:
    with pytest.raises(UnavailableError), harness.database.write() as conn:
        conn.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with harness.database.read() as conn:
        assert conn.execute(text("SELECT 1")).scalar_one() == 1


@ON_POSTGRESQL
def test_a_user_without_the_right_to_create_tables_is_an_error_that_says_so(
    harness: StoreHarness, tmp_path: Path
) -> None:
    with harness.database.write() as conn:
        metadata.drop_all(conn)
        conn.execute(text("DROP TABLE wabroadcast_version"))
        conn.execute(text("DROP ROLE IF EXISTS guest"))
        conn.execute(text("CREATE ROLE guest LOGIN"))
    url = harness.database.db_engine.url.set(username="guest").render_as_string(hide_password=False)
    database = open_database(url, sqlite_path=tmp_path / "unused.db")

    with pytest.raises(SetupError, match="may not create tables"):
        database.migrate()
    database.close()


def test_a_bug_is_not_reported_as_unavailable(harness: StoreHarness) -> None:
    def insert_twice(conn: Connection) -> None:
        for _ in range(2):
            conn.execute(text("INSERT INTO tags (name) VALUES ('vip')"))

    with pytest.raises(IntegrityError):
        harness.database.transact(insert_twice)


# --- transactions ----------------------------------------------------------------------------------------------


@ON_POSTGRESQL
def test_work_that_is_rolled_back_by_a_deadlock_is_run_again(harness: StoreHarness) -> None:
    keys = [harness.add_broadcast(), harness.add_broadcast()]
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

        harness.database.transact(work)

    threads = [
        threading.Thread(target=rename, args=("a", keys)),
        threading.Thread(target=rename, args=("b", keys[::-1])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    names = {harness.broadcast(key)["name"] for key in keys}
    assert len(names) == 1
    assert names <= {"a", "b"}


def test_a_failed_transaction_changes_nothing(harness: StoreHarness) -> None:
    key = harness.add_broadcast()

    def break_off(conn: Connection) -> None:
        broadcast_store.update_broadcast(conn, key, name="half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        harness.database.transact(break_off)

    assert harness.broadcast(key)["name"] == "Test"


def test_a_transaction_that_outlasts_the_close_leaves_no_connection_open(
    database_url: str | None, tmp_path: Path
) -> None:
    database = open_database(database_url, sqlite_path=tmp_path / "closed.db")

    with database.read() as conn:
        driver: Any = conn.connection.driver_connection
        database.close()
        assert conn.execute(text("SELECT 1")).scalar_one() == 1

    with pytest.raises(driver_errors(driver), match="closed"):
        driver.execute("SELECT 1")


def driver_errors(driver: Any) -> type[Exception]:
    """Return the base class of the errors of a connection's driver."""
    module = sys.modules[type(driver).__module__.partition(".")[0]]
    errors: type[Exception] = module.Error
    return errors
