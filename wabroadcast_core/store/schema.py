"""The schema of the store: which version of the tables it has, and the migration to the newest one."""

from dataclasses import dataclass

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from wabroadcast_core.errors import SetupError


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
    present = MigrationContext.configure(conn).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    return Schema(present, scripts.get_current_head(), present is None or present in known)


def upgrade_schema(conn: Connection) -> None:
    """Migrate the tables to the newest schema.

    :raises SetupError: the database was used by a newer version.
    """
    schema = read_schema(conn)
    if schema.is_current:
        return
    if not schema.is_known:
        raise SetupError(
            f"the database was used by a newer version of wabroadcast (schema {schema.present}): "
            "install that version again"
        )
    command.upgrade(_configuration(conn), "head")


def _configuration(conn: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "wabroadcast_core.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    return config
