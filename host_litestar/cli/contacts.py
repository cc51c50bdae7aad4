"""``import`` and ``contacts``: people into the contact book, out of it, and what is known of them."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import rich_click as click

from host_litestar.cli.client import Client, given
from host_litestar.cli.contact_file import as_form, contact_file, reading_options
from host_litestar.cli.output import json_option, print_json, print_table
from wabroadcast_core.models.contact import OPEN_IMPORTS, ImportReport

LOOK_SECONDS = 1.0
FORMATS = {".csv": "csv", ".xlsx": "xlsx"}

number_argument = click.argument("number")
tag_option = click.option("--tag", help="Only those who have it.")
search_option = click.option("--search", "q", help="Part of a name or a number.")


@click.command("import")
@contact_file
@click.option("--tag", "tags", multiple=True, help="Tag for all of them; may be repeated.")
@reading_options
@click.option("--region", help="Country of numbers without a country code, as ID.")
@click.option("--dry-run", is_flag=True, help="Store nothing: show how the file is understood.")
def import_contacts(file: Path, tags: tuple[str, ...], *, dry_run: bool, **choices: Any) -> int:
    """Import the contacts of FILE (CSV or Excel).

    Exit status: 0 when every row was taken, 1 when some were not, 2 when it was refused.
    """
    form = {"tags": ",".join(tags), "dryRun": str(dry_run).lower(), **as_form(choices)}
    with Client() as client, file.open("rb") as content:
        answer = client.call("POST", "/contacts/import", data=form, files={"file": (file.name, content)})
        while (found := ImportReport.model_validate(answer)).status in OPEN_IMPORTS and not dry_run:
            time.sleep(LOOK_SECONDS)
            answer = client.call("GET", f"/contacts/imports/{found.import_id}")
    if dry_run:
        _print_understood(found)
    _print_report(found)
    return 1 if found.rejected or found.status == "failed" else 0


def _print_understood(found: ImportReport) -> None:
    reading = found.reading.model_dump(exclude_none=True, by_alias=False) if found.reading else {}
    for name, value in reading.items():
        click.echo(f"{name.replace('_', ' ')}: {value!r}")
    print_table(("COLUMN", "IS TAKEN FOR"), list(found.columns.items()))
    variables = list(dict.fromkeys(name for sample in found.samples for name in sample.variables))
    rows = [
        (sample.number, sample.name, ", ".join(sample.tags), *(sample.variables.get(name) for name in variables))
        for sample in found.samples
    ]
    print_table(("NUMBER", "NAME", "TAGS", *variables), rows)
    if found.status in OPEN_IMPORTS:
        click.echo("the file is long: this is what its first rows say")


def _print_report(found: ImportReport) -> None:
    if found.reason:
        click.echo(f"the file could not be read to its end: {found.reason}")
    click.echo(f"{found.rows} rows: {found.created} new, {found.updated} known, {found.rejected} not taken")
    for row in found.rejections:
        place = f"row {row.row}" if row.column is None else f"row {row.row}, {row.column}"
        click.echo(f"  {place}: {row.reason}")
    if found.import_id and found.rejected > len(found.rejections):
        click.echo(f"  all of them as CSV: GET /contacts/imports/{found.import_id}/errors")


@click.group()
def contacts() -> None:
    """Look at the contact book, tag people, take them out."""


@contacts.command("list")
@tag_option
@search_option
@click.option("--page", type=click.IntRange(1), default=1)
@json_option
def list_contacts(*, as_json: bool, **filters: Any) -> None:
    """List contacts in the order in which they came in."""
    with Client() as client:
        answer = client.call("GET", "/contacts", params=given(filters))
    if as_json:
        print_json(answer)
        return
    rows = [
        (item["number"], item["name"], ", ".join(item["tags"]), item["source"], item["createdAt"][:10])
        for item in answer["items"]
    ]
    print_table(("NUMBER", "NAME", "TAGS", "CAME IN BY", "SINCE"), rows)


@contacts.command()
@number_argument
@json_option
def show(number: str, *, as_json: bool) -> None:
    """Show what is known of a contact, and how it came in."""
    with Client() as client:
        contact = client.call("GET", _path(number))
    if as_json:
        print_json(contact)
        return
    facts = [
        ("number", contact["number"]),
        ("name", contact["name"]),
        ("tags", ", ".join(contact["tags"])),
        ("came in by", contact["source"]),
        ("came in at", contact["createdAt"][:19].replace("T", " ")),
        *contact["variables"].items(),
    ]
    print_table(("WHAT", "VALUE"), facts)


@contacts.command()
@number_argument
def delete(number: str) -> None:
    """Take a contact out of the book; messages to it are kept."""
    with Client() as client:
        client.call("DELETE", _path(number))
    click.echo(f"{number} is out of the contact book")


@contacts.command()
@number_argument
def erase(number: str) -> None:
    """Erase a person, in the book or not: from the book and all messages; what still waits is cancelled.

    The blacklist keeps its entry, if there is one: it holds the promise of silence.
    """
    with Client() as client:
        erased = client.call("DELETE", _path(number), params={"erase": "true"})
    click.echo(f"erased from {erased['messages']} messages, {erased['cancelled']} of them cancelled")
    if erased["underWay"]:
        click.echo(f"{erased['underWay']} were just being sent: they are dropped unless they had left")
    if erased["pending"]:
        click.echo(f"{erased['pending']} keep the number until their audience is read: erase again then")


@contacts.command()
@click.argument("numbers", nargs=-1, metavar="[NUMBER]...")
@click.option("--add", multiple=True, help="Tag to put on them; may be repeated.")
@click.option("--remove", multiple=True, help="Tag to take off them; may be repeated.")
@tag_option
@search_option
@click.option("--everyone", is_flag=True, help="All contacts there are.")
def tag(
    numbers: tuple[str, ...], add: tuple[str, ...], remove: tuple[str, ...], *, everyone: bool, **filters: str | None
) -> None:
    """Tag the contacts with these numbers, or all that a list with --tag and --search shows."""
    wanted = given(filters)
    body: dict[str, Any] = {"add": add, "remove": remove}
    body |= {"numbers": numbers} if numbers else {}
    body |= {"filter": wanted} if wanted or everyone else {}
    with Client() as client:
        done = client.call("POST", "/contacts/tag", json=body)
    click.echo(f"{done['contacts']} contacts: {done['added']} tags added, {done['removed']} removed")
    if done["unknown"]:
        click.echo(f"{done['unknown']} numbers are not in the contact book")


@contacts.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@tag_option
@search_option
def export(file: Path, **filters: str | None) -> None:
    """Write contacts to FILE, which ends in .csv or .xlsx; `import` reads it back."""
    kind = FORMATS.get(file.suffix.lower())
    if kind is None:
        raise click.UsageError(f"{file.name}: the name ends in .csv or .xlsx")
    with Client() as client:
        client.download("/contacts/export", file, params={"format": kind, **given(filters)})
    click.echo(f"written to {file}")


def _path(number: str) -> str:
    return f"/contacts/{quote(number, safe='')}"


COMMANDS = (import_contacts, contacts)
