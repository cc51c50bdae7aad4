"""``import``: put a contact file into the contact book."""

import json
import time
from pathlib import Path

import rich_click as click

from host_litestar.cli.client import Client
from host_litestar.cli.send import ColumnType, contact_file
from wabroadcast_core.models.contact import OPEN_IMPORTS, ImportReport

LOOK_SECONDS = 1.0


@click.command("import")
@contact_file
@click.option("--tag", "tags", multiple=True, help="Tag for all of them; may be repeated.")
@click.option("--column", "columns", type=ColumnType(), multiple=True, help='What a column is, as "HP Ibu=number".')
@click.option("--region", help="Country of numbers without a country code, as ID.")
def import_contacts(file: Path, tags: tuple[str, ...], columns: tuple[tuple[str, str], ...], region: str | None) -> int:
    """Import the contacts of FILE (CSV or Excel).

    Exit status: 0 when every row was taken, 1 when some were not, 2 when it was refused.
    """
    form = {"tags": ",".join(tags), "mapping": json.dumps(dict(columns)) if columns else "", "region": region or ""}
    with Client() as client, file.open("rb") as content:
        answer = client.call("POST", "/contacts/import", data=form, files={"file": (file.name, content)})
        while (found := ImportReport.model_validate(answer)).status in OPEN_IMPORTS:
            time.sleep(LOOK_SECONDS)
            answer = client.call("GET", f"/contacts/imports/{found.import_id}")
    _print_report(found)
    return 1 if found.rejected or found.status == "failed" else 0


def _print_report(found: ImportReport) -> None:
    if found.reason:
        click.echo(f"the file could not be read to its end: {found.reason}")
    click.echo(f"{found.rows} rows: {found.created} new, {found.updated} known, {found.rejected} not taken")
    for row in found.rejections:
        place = f"row {row.row}" if row.column is None else f"row {row.row}, {row.column}"
        click.echo(f"  {place}: {row.reason}")
    if found.rejected > len(found.rejections):
        click.echo(f"  all of them as CSV: GET /contacts/imports/{found.import_id}/errors")


COMMANDS = (import_contacts,)
