"""``blacklist``: who must not be messaged."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import rich_click as click

from host_litestar.cli.client import Client, given
from host_litestar.cli.contact_file import as_form, contact_file, reading_options
from host_litestar.cli.output import json_option, print_json, print_table
from wabroadcast_core.models.blacklist import BlacklistReport

reason_option = click.option("--reason", help="Why. [opted out]")
connection_option = click.option("--connection", help="Only on this connection.")


@click.group()
def blacklist() -> None:
    """See and change who must not be messaged."""


@blacklist.command("list")
@click.option("--search", "q", help="Part of a number.")
@click.option("--page", type=click.IntRange(1), default=1)
@json_option
def list_numbers(*, as_json: bool, **filters: Any) -> None:
    """List the numbers, the latest first."""
    with Client() as client:
        answer = client.call("GET", "/blacklist", params=given(filters))
    if as_json:
        print_json(answer)
        return
    rows = [(item["number"], item["connection"], item["reason"], item["source"]) for item in answer["items"]]
    print_table(("NUMBER", "CONNECTION", "REASON", "SOURCE"), rows)


@blacklist.command()
@click.argument("numbers", nargs=-1, required=True, metavar="NUMBER...")
@reason_option
@connection_option
def add(numbers: tuple[str, ...], **fields: str | None) -> None:
    """Never message these numbers again; what is under way to them stops too."""
    with Client() as client:
        for number in numbers:
            entry = client.call("POST", "/blacklist", json={"number": number, **given(fields)})
            click.echo(f"{entry['number']} is listed: {entry['reason']}")


@blacklist.command()
@click.argument("number")
@connection_option
def remove(number: str, **fields: str | None) -> None:
    """Allow a number again."""
    with Client() as client:
        client.call("DELETE", _path(number), params=given(fields))
    click.echo(f"{number} may be messaged again")


@blacklist.command("import")
@contact_file
@reading_options
@click.option("--region", help="Country of numbers without a country code, as ID.")
@reason_option
@connection_option
def import_numbers(file: Path, **fields: Any) -> int:
    """Never message the numbers of FILE (CSV or Excel) again.

    Exit status: 0 when every row was taken, 1 when some were not, 2 when it was refused.
    """
    with Client() as client, file.open("rb") as content:
        answer = client.call("POST", "/blacklist/import", data=as_form(fields), files={"file": (file.name, content)})
    found = BlacklistReport.model_validate(answer)
    if found.reason:
        click.echo(f"the file could not be read to its end: {found.reason}")
    click.echo(f"{found.rows} rows: {found.added} added, {found.known} known, {found.rejected} not taken")
    for row in found.rejections:
        click.echo(f"  row {row.row}: {row.reason}")
    return 1 if found.rejected or found.reason else 0


@blacklist.command()
@click.argument("number")
@json_option
def history(number: str, *, as_json: bool) -> None:
    """Show when a number opted out and in again, and who said so."""
    with Client() as client:
        answer = client.call("GET", f"{_path(number)}/history")
    if as_json:
        print_json(answer)
        return
    rows = [
        (item["at"][:19].replace("T", " "), item["act"], item["actor"], item["connection"], item["reason"])
        for item in answer["items"]
    ]
    print_table(("AT", "ACT", "ACTOR", "CONNECTION", "REASON"), rows)


def _path(number: str) -> str:
    return f"/blacklist/{quote(number, safe='')}"
