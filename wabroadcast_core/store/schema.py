"""The schema of the store: which version of the tables it has, and the migration to the newest one.

The database may also hold the tables of a host, and the host may migrate those with an Alembic of its own. So our
version is in a table of ours.
"""

from dataclasses import dataclass

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from wabroadcast_core.errors import SetupError
from wabroadcast_core.store.tables import FORMER_VERSION_TABLE, VERSION_TABLE, metadata

_OURS = {"job_id", "prepared_rows", "released_batch"}  # columns of our broadcasts in every version


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema of a store."""

    present: str | None  # None: there are no tables yet
    newest: str | None  # of this version of the program
    is_known: bool  # to this version of the program

    @property
    def is_current(self) -> bool:
        """Whether nothing is to be migrated."""
        return self.present == self.newest


def read_schema(conn: Connection) -> Schema:
    """Return the schema of the store."""
    scripts = ScriptDirectory.from_config(_configuration(conn))
    table = FORMER_VERSION_TABLE if _has_former_version(conn) else VERSION_TABLE
    options = {"version_table": table, "version_table_schema": _place(conn)}
    present = MigrationContext.configure(conn, opts=options).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    return Schema(present, scripts.get_current_head(), present is None or present in known)


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
        command.upgrade(_configuration(conn), "head")


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


def _configuration(conn: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "wabroadcast_core.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    return config
