"""``reasons``: what the codes of failures, of waiting and of problems mean, and what to do."""

from typing import Any

import rich_click as click

from host_litestar.cli.client import Client, without_none
from host_litestar.cli.output import json_option, print_json, print_table


@click.command()
@click.argument("code", required=False)
@click.option("--sender", metavar="KIND", help="The kind of sender that gave the code.")
@click.option("--lang", metavar="LANGUAGE", help="Language of the texts: en or id.")
@json_option
def reasons(code: str | None, *, sender: str | None, lang: str | None, as_json: bool) -> None:
    """Show what a code means and what to do, or list all codes.

    Of a code that several senders have, all meanings are shown, each with the kind of sender.
    """
    parameters = without_none({"code": code, "sender": sender, "lang": lang})
    with Client() as client:
        response = client.call("GET", "/reasons", params=parameters)
    if as_json:
        print_json(response)
    elif code is None:
        print_table(("CODE", "SENDER", "MEANING"), [_row(entry) for entry in response["items"]])
    else:
        for entry in response["items"]:
            click.echo("\n".join(explain(entry)))


def explain(entry: dict[str, Any]) -> list[str]:
    """Return an entry of the catalogue as lines: the code with its origin, what it means, and what to do."""
    origin = entry["sender"] or ("wabroadcast" if entry["known"] else "")
    owner = f" ({origin})" if origin else ""
    return [f"{entry['code']}{owner}", f"  {entry['meaning']}", f"  {entry['action']}"]


def _row(entry: dict[str, Any]) -> tuple[object, ...]:
    return entry["code"], entry["sender"], entry["meaning"]
