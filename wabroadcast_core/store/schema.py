"""The schema of the store: which version of the tables it has, and the migration to the newest one.

The database may also hold the tables of a host, and the host may migrate those with an Alembic of its own. So our
version is in a table of ours.

Alembic is imported when there is something to migrate: every start of every process reads the version, few migrate.
"""

import contextlib
import functools
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, column, inspect, select, table, text

from wabroadcast_core.errors import SetupError
from wabroadcast_core.store.tables import FORMER_VERSION_TABLE, VERSION_TABLE, metadata

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).with_name("migrations")
_OURS = {"job_id", "prepared_rows", "released_batch"}  # columns of our broadcasts in every version


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema of a store."""

    present: str | None  # None: there are no tables yet
    newest: str  # of this version of the program
    is_known: bool  # to this version of the program

    @property
    def is_current(self) -> bool:
        """Whether nothing is to be migrated."""
        return self.present == self.newest


def read_schema(conn: Connection) -> Schema:
    """Return the schema of the store."""
    known = known_versions()
    present = _read_version(conn)
    return Schema(present, known[-1], present is None or present in known)


@functools.cache
def known_versions() -> tuple[str, ...]:
    """Return the versions that this program can migrate to, the oldest first.

    The name of the file of a migration begins with its version.
    """
    return tuple(sorted(path.name.partition("_")[0] for path in MIGRATIONS.glob("versions/[0-9]*.py")))


def upgrade_schema(conn: Connection) -> None:
    """Migrate the tables to the newest schema.

    :raises SetupError: the database was used by a newer version, or has tables of the same names that are not ours.
    """
    schema = read_schema(conn)
    if not schema.is_known:
        raise SetupError(
            f"the database was used by a newer version of wabroadcast (schema {schema.present}): "
            "install that version again"
        )
    if schema.present is None:
        _check_names(conn)
    if _has_former_version(conn):
        conn.execute(text(f"ALTER TABLE {FORMER_VERSION_TABLE} RENAME TO {VERSION_TABLE}"))
    if not schema.is_current:
        with _without_log_of_alembic():
            from alembic import command

            command.upgrade(_configuration(conn), "head")


@contextlib.contextmanager
def _without_log_of_alembic() -> Iterator[None]:
    """Keep what Alembic reports of its steps out of the log of a host, but not what other threads do with it."""
    thread = threading.get_ident()

    def is_shown(record: logging.LogRecord) -> bool:
        return record.thread != thread or record.levelno > logging.INFO

    loggers = [logging.getLogger(f"alembic.runtime.{name}") for name in ("migration", "plugins")]
    for logger in loggers:
        logger.addFilter(is_shown)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_shown)


def check_schema(conn: Connection) -> None:
    """Check that the tables have the newest schema, where they are not migrated at the start.

    :raises SetupError: they do not.
    """
    schema = read_schema(conn)
    if not schema.is_current:
        raise SetupError(
            f"the tables are not those of this version of wabroadcast (schema {schema.present or 'none'}, needed "
            f"{schema.newest}), and WABROADCAST_MIGRATE is off: run `wabroadcast migrate`"
        )


def _read_version(conn: Connection) -> str | None:
    """Return the version of the tables; None if there are none yet."""
    name = FORMER_VERSION_TABLE if _has_former_version(conn) else VERSION_TABLE
    if not inspect(conn).has_table(name, schema=_place(conn)):
        return None
    versions = table(name, column("version_num"), schema=_place(conn))
    version: str | None = conn.execute(select(versions.c.version_num)).scalar_one_or_none()
    return version


def _has_former_version(conn: Connection) -> bool:
    """Return whether our version is in the table that earlier versions shared with every Alembic."""
    tables = set(inspect(conn).get_table_names(schema=_place(conn)))
    if VERSION_TABLE in tables or not {FORMER_VERSION_TABLE, "broadcasts"} <= tables:
        return False
    columns = {column["name"] for column in inspect(conn).get_columns("broadcasts", schema=_place(conn))}
    return columns >= _OURS


def _check_names(conn: Connection) -> None:
    """Check that no table has the name of one of ours.

    :raises SetupError: there are such tables.
    """
    if taken := sorted(metadata.tables.keys() & set(inspect(conn).get_table_names(schema=_place(conn)))):
        way_out = (
            "use a database file of its own"
            if conn.dialect.name == "sqlite"
            else "set WABROADCAST_DATABASE_SCHEMA to a schema of its own"
        )
        raise SetupError(f"the database has tables of others with the names of ours ({', '.join(taken)}): {way_out}")


def _place(conn: Connection) -> str | None:
    """Return the PostgreSQL schema in which tables are created; None for other databases and if it does not exist."""
    if conn.dialect.name == "sqlite":
        return None
    name: str | None = conn.execute(text("SELECT current_schema()")).scalar_one()
    return name


def _configuration(conn: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "wabroadcast_core.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    return config
