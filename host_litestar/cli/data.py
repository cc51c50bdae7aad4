"""``wabroadcast data``: what is kept of what was handed in, how much of it, and until when."""

from datetime import UTC, datetime
from pathlib import Path

import rich_click as click

from host_litestar.cli.server import data_dir_option, read_settings


@click.command()
@data_dir_option
def data(data_dir: Path | None) -> None:
    """Show what is kept of what was handed in, how much, and until when. Needs no server; reads the store."""
    from wabroadcast_core.opening import open_store
    from wabroadcast_core.store import retention as retention_store

    settings = read_settings(data_dir=data_dir)
    database = open_store(settings, None)
    try:
        with database.read() as conn:
            found = retention_store.summary(conn)
    finally:
        database.close()
    for kind, (amount, size, oldest) in found.items():
        since = "" if oldest is None else f", the oldest from {datetime.fromtimestamp(oldest, UTC):%Y-%m-%d %H:%M} UTC"
        click.echo(f"{kind}: {amount:,} with {size:,} bytes{since}")
    days = f"{settings.keep_files_days:g} days"
    click.echo(
        f"Each is deleted {days} after the last broadcast or import that needs it (WABROADCAST_KEEP_FILES_DAYS)."
    )
    click.echo("Webhook calls are deleted when they are processed, or after 3 days.")
    click.echo(
        "Contacts, messages and the blacklist are kept until they are deleted: DELETE /contacts/{number}?erase=true"
    )
