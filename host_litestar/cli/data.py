"""``wabroadcast data``: what is kept of what was handed in, how much of it, and until when."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from host_litestar.cli.errors import RefusedError
from host_litestar.cli.local_store import open_local_store
from host_litestar.cli.server import data_dir_option, read_settings

if TYPE_CHECKING:
    from wabroadcast_core.settings import Settings

Amount = tuple[int, int, float | None]
"""Number, bytes and the oldest time."""


@click.command()
@data_dir_option
def data(data_dir: Path | None) -> None:
    """Show what is kept of what was handed in, how much, and until when. Needs no server; reads the store."""
    settings = read_settings(data_dir=data_dir)
    for kind, (amount, size, oldest) in _read_amounts(settings).items():
        since = "" if oldest is None else f", the oldest from {datetime.fromtimestamp(oldest, UTC):%Y-%m-%d %H:%M} UTC"
        click.echo(f"{kind}: {amount:,} with {size:,} bytes{since}")
    days = f"{settings.keep_files_days:g} days"
    click.echo(
        f"Each is deleted {days} after the last broadcast or import that needs it (WABROADCAST_KEEP_FILES_DAYS)."
    )
    click.echo("Webhook calls are deleted when they are processed, or after 3 days.")
    click.echo(
        "Contacts and messages are kept until a person is erased with `wabroadcast contacts erase NUMBER`,"
        " entries of the blacklist until they are removed with `wabroadcast blacklist remove NUMBER`."
    )


def _read_amounts(settings: "Settings") -> dict[str, Amount]:
    """Return by kind how much is kept. Nothing is created or migrated.

    :raises RefusedError: there is no store, or one of another version.
    """
    from wabroadcast_core.store import retention as retention_store
    from wabroadcast_core.store.schema import read_schema

    if settings.database_url is None and not settings.sqlite_path.exists():
        raise RefusedError(
            f"there is no store at {settings.sqlite_path.resolve()}: name its directory with --data-dir, or start"
            " `wabroadcast serve`"
        )
    with open_local_store(settings) as database, database.read() as conn:
        if not read_schema(conn).is_current:
            raise RefusedError("the store has no tables of this version: see `wabroadcast doctor`")
        return retention_store.summary(conn)
