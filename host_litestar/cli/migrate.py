"""``wabroadcast migrate``: the tables of the store, before the processes of a new version start."""

from pathlib import Path

import rich_click as click

from host_litestar.cli.local_store import open_local_store
from host_litestar.cli.server import data_dir_option, read_settings


@click.command()
@data_dir_option
def migrate(data_dir: Path | None) -> None:
    """Create or migrate the tables of the store.

    Each start does so too, unless WABROADCAST_MIGRATE is off. Stop all processes of an older version before.
    """
    from wabroadcast_core.store.schema import read_schema

    with open_local_store(read_settings(data_dir=data_dir)) as database:
        database.migrate()
        with database.read() as conn:
            click.echo(f"the tables have the schema {read_schema(conn).present}")
