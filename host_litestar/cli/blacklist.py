"""``blacklist``: the numbers that must not be messaged."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import rich_click as click

from host_litestar.cli.answers import read_model
from host_litestar.cli.client import Client, without_none
from host_litestar.cli.contact_file import as_form, contact_file, reading_options
from host_litestar.cli.errors import RefusedError, UnreachableError
from host_litestar.cli.output import json_option, page_option, print_json, print_notes, print_table
from wabroadcast_core.models.amounts import count_of

reason_option = click.option("--reason", help="Reason for the entry. [default: opted out]")
connection_option = click.option("--connection", help="Only for this connection. [default: all]")


@click.group()
def blacklist() -> None:
    """List and change the numbers that must not be messaged."""


@blacklist.command("list")
@click.option("--search", "q", help="Only entries with this text in the number or the reason.")
@page_option
@json_option
def list_numbers(*, as_json: bool, **filters: Any) -> None:
    """List the numbers on the blacklist, the newest first."""
    with Client() as client:
        response = client.call("GET", "/blacklist", params=without_none(filters))
    if as_json:
        print_json(response)
        return
    rows = [(item["number"], item["connection"], item["reason"], item["source"]) for item in response["items"]]
    print_table(("NUMBER", "CONNECTION", "REASON", "SOURCE"), rows)


@blacklist.command()
@click.argument("numbers", nargs=-1, required=True, metavar="NUMBER...")
@reason_option
@connection_option
def add(numbers: tuple[str, ...], **fields: str | None) -> None:
    """Put numbers on the blacklist. Messages to them that have not left yet are not sent."""
    with Client() as client:
        for place, number in enumerate(numbers, 1):
            entry = _block(client, {"number": number, **without_none(fields)}, place=place)
            click.echo(f"{entry['number']} is on the blacklist: {entry['reason']}")


def _block(client: Client, body: dict[str, Any], *, place: int) -> dict[str, Any]:
    """Put one number on the blacklist.

    :param place: which of the numbers of the command it is, from 1.
    :raises RefusedError: the server refuses it.
    """
    try:
        return client.call("POST", "/blacklist", json=body)
    except UnreachableError:
        raise
    except RefusedError as error:
        raise RefusedError(f"NUMBER {place} was not added: {error}") from error


@blacklist.command()
@click.argument("number")
@connection_option
def remove(number: str, **fields: str | None) -> None:
    """Remove a number from the blacklist."""
    with Client() as client:
        client.call("DELETE", _path(number), params=without_none(fields))
    click.echo(f"{number} was removed from the blacklist")


@blacklist.command("import")
@contact_file
@reading_options
@reason_option
@connection_option
def import_numbers(file: Path, **fields: Any) -> int:
    """Put the numbers in FILE (CSV or Excel) on the blacklist.

    Exit status: 0 if every row was accepted, 1 if some rows were rejected, 2 if the command failed.
    """
    from wabroadcast_core.models.blacklist import BlacklistReport

    with Client() as client, file.open("rb") as content:
        response = client.call("POST", "/blacklist/import", data=as_form(fields), files={"file": (file.name, content)})
    report = read_model(BlacklistReport, response)
    if report.reason:
        click.echo(f"the file could not be read to its end: {report.reason}")
    rows = count_of(report.rows, "row")
    click.echo(f"{rows}: {report.added} added, {report.known} already listed, {report.rejected} rejected")
    print_notes(report.notes)
    for row in report.rejections:
        click.echo(f"  row {row.row}: {row.reason}")
    return 1 if report.rejected or report.reason else 0


@blacklist.command()
@click.argument("number")
@json_option
def history(number: str, *, as_json: bool) -> None:
    """Show when a number opted out and in again, and who recorded it."""
    with Client() as client:
        response = client.call("GET", f"{_path(number)}/history")
    if as_json:
        print_json(response)
        return
    rows = [
        (item["at"][:19].replace("T", " "), item["act"], item["actor"], item["connection"], item["reason"])
        for item in response["items"]
    ]
    print_table(("TIME (UTC)", "ACTION", "ACTOR", "CONNECTION", "REASON"), rows)


def _path(number: str) -> str:
    return f"/blacklist/{quote(number, safe='')}"
