"""``import`` and ``contacts``: fill, list, tag, export and clean the contact book."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import rich_click as click

from host_litestar.cli.answers import read_model
from host_litestar.cli.client import Client, without_none
from host_litestar.cli.contact_file import as_form, contact_file, reading_options
from host_litestar.cli.output import file_format, json_option, page_option, print_json, print_notes, print_table
from wabroadcast_core.models.amounts import count_of

if TYPE_CHECKING:
    from wabroadcast_core.models.contact import ImportReport

POLL_SECONDS = 1.0

number_argument = click.argument("number")
tag_option = click.option("--tag", help="Only contacts with this tag.")
search_option = click.option("--search", "q", help="Only contacts with this text in the name or the number.")


@click.command("import")
@contact_file
@click.option("--tag", "tags", multiple=True, help="Tag for all contacts of the file; may be repeated.")
@reading_options
@click.option("--dry-run", is_flag=True, help="Store nothing; show how the file would be read.")
@click.option(
    "--errors",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the rejected rows with their reasons to this CSV file, to be corrected and imported again.",
)
def import_contacts(file: Path, tags: tuple[str, ...], errors: Path | None, *, dry_run: bool, **choices: Any) -> int:
    """Import the contacts of FILE (CSV or Excel).

    Exit status: 0 if every row was accepted, 1 if some rows were rejected, 2 if the command failed.
    """
    from wabroadcast_core.models.contact import OPEN_IMPORTS, ImportReport

    if dry_run and errors is not None:
        raise click.UsageError("--dry-run stores nothing, so there is no file of rejected rows: leave out --errors")
    form = {"tags": ",".join(tags), "dryRun": str(dry_run).lower(), **as_form(choices)}
    with Client() as client, file.open("rb") as content:
        response = client.call("POST", "/contacts/import", data=form, files={"file": (file.name, content)})
        while (report := read_model(ImportReport, response)).status in OPEN_IMPORTS and not dry_run:
            time.sleep(POLL_SECONDS)
            response = client.call("GET", f"/contacts/imports/{report.import_id}")
        if errors is not None and report.rejected:
            client.download(f"/contacts/imports/{report.import_id}/errors", errors)
    if dry_run:
        _print_reading(report)
    _print_report(report, errors=errors)
    return 1 if report.rejected or report.status == "failed" else 0


def _print_reading(report: "ImportReport") -> None:
    from wabroadcast_core.models.contact import OPEN_IMPORTS

    reading = report.reading.model_dump(exclude_none=True, by_alias=False) if report.reading else {}
    for name, value in reading.items():
        click.echo(f"{name.replace('_', ' ')}: {value!r}")
    print_table(("COLUMN", "MEANING"), list(report.columns.items()))
    variables = list(dict.fromkeys(name for sample in report.samples for name in sample.variables))
    rows = [
        (sample.number, sample.name, ", ".join(sample.tags), *(sample.variables.get(name) for name in variables))
        for sample in report.samples
    ]
    print_table(("NUMBER", "NAME", "TAGS", *variables), rows)
    if report.status in OPEN_IMPORTS:
        click.echo("the file is long: only its first rows were read")


def _print_report(report: "ImportReport", *, errors: Path | None) -> None:
    if report.reason:
        click.echo(f"the file could not be read to its end: {report.reason}")
    rows = count_of(report.rows, "row")
    click.echo(f"{rows}: {report.created} created, {report.updated} updated, {report.rejected} rejected")
    print_notes(report.notes)
    for row in report.rejections:
        place = f"row {row.row}" if row.column is None else f"row {row.row}, {row.column}"
        click.echo(f"  {place}: {row.reason}")
    if report.rejected and errors is not None:
        click.echo(f"the rejected rows were written to {errors}: correct them there and import that file")
    elif report.import_id and report.rejected > len(report.rejections):
        click.echo("  and more: --errors FILE writes all rejected rows to a file")


@click.group()
def contacts() -> None:
    """List, show, tag, export, delete and erase contacts."""


@contacts.command("list")
@tag_option
@search_option
@page_option
@json_option
def list_contacts(*, as_json: bool, **filters: Any) -> None:
    """List contacts in the order in which they were created."""
    with Client() as client:
        response = client.call("GET", "/contacts", params=without_none(filters))
    if as_json:
        print_json(response)
        return
    rows = [
        (item["number"], item["name"], ", ".join(item["tags"]), item["source"], item["createdAt"][:10])
        for item in response["items"]
    ]
    print_table(("NUMBER", "NAME", "TAGS", "SOURCE", "CREATED"), rows)


@contacts.command()
@number_argument
@json_option
def show(number: str, *, as_json: bool) -> None:
    """Show a contact, with its source and its variables."""
    with Client() as client:
        contact = client.call("GET", _path(number))
    if as_json:
        print_json(contact)
        return
    fields = [
        ("number", contact["number"]),
        ("name", contact["name"]),
        ("tags", ", ".join(contact["tags"])),
        ("source", contact["source"]),
        ("created (UTC)", contact["createdAt"][:19].replace("T", " ")),
        *contact["variables"].items(),
    ]
    print_table(("FIELD", "VALUE"), fields)


@contacts.command()
@number_argument
def delete(number: str) -> None:
    """Delete a contact from the contact book. Messages to it are kept."""
    with Client() as client:
        client.call("DELETE", _path(number))
    click.echo(f"{number} was deleted from the contact book")


@contacts.command()
@number_argument
def erase(number: str) -> None:
    """Erase a person from the contact book, all messages and the audiences of drafts. Messages that wait are cancelled.

    This also works for a number that is not in the contact book. An entry on the blacklist stays, so that the opt-out
    still holds. Other uploaded files are deleted some days after their last use: "wabroadcast data" says when.
    """
    with Client() as client:
        erased = client.call("DELETE", _path(number), params={"erase": "true"})
    click.echo(f"erased from {count_of(erased['messages'], 'message')}, {erased['cancelled']} of them cancelled")
    if erased["underWay"]:
        sending = count_of(erased["underWay"], "message was", several="messages were")
        click.echo(f"{sending} being sent: what had not left yet is dropped")
    if erased["drafts"]:
        found = count_of(erased["drafts"], "draft is a list", several="drafts are lists")
        click.echo(f"the audience of {found} without the person now")
    if erased["unreadDrafts"]:
        unread = count_of(erased["unreadDrafts"], "draft has", several="drafts have")
        click.echo(f"{unread} an audience that cannot be read: delete it if the person may be in it")
    if erased["pending"]:
        keeping = count_of(erased["pending"], "message keeps", several="messages keep")
        click.echo(f"{keeping} the number until the audience is read: run the command again then")


@contacts.command()
@click.argument("numbers", nargs=-1, metavar="[NUMBER]...")
@click.option("--add", multiple=True, help="Tag to add; may be repeated.")
@click.option("--remove", multiple=True, help="Tag to remove; may be repeated.")
@tag_option
@search_option
@click.option("--everyone", is_flag=True, help="All contacts.")
def tag(
    numbers: tuple[str, ...], add: tuple[str, ...], remove: tuple[str, ...], *, everyone: bool, **filters: str | None
) -> None:
    """Add and remove tags of contacts: those with the given numbers, or all that match --tag and --search."""
    given_filters = without_none(filters)
    if bool(numbers) == bool(given_filters or everyone):
        raise click.UsageError("choose the contacts either by numbers, or by --tag, --search or --everyone")
    chosen: dict[str, Any] = {"numbers": numbers} if numbers else {"filter": given_filters}
    body = {"add": add, "remove": remove, **chosen}
    with Client() as client:
        report = client.call("POST", "/contacts/tag", json=body)
    contacts, added = count_of(report["contacts"], "contact"), count_of(report["added"], "tag")
    click.echo(f"{contacts}: {added} added, {report['removed']} removed")
    if report["unknown"]:
        click.echo(f"{count_of(report['unknown'], 'number is', several='numbers are')} not in the contact book")


@contacts.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@tag_option
@search_option
def export(file: Path, **filters: str | None) -> None:
    """Export contacts to FILE, whose name ends in .csv or .xlsx. `import` can read the file again."""
    kind = file_format(file)
    with Client() as client:
        client.download("/contacts/export", file, params={"format": kind, **without_none(filters)})
    click.echo(f"contacts were written to {file}")


def _path(number: str) -> str:
    return f"/contacts/{quote(number, safe='')}"
