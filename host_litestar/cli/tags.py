"""``tags``: the tags of contacts."""

from typing import Any
from urllib.parse import quote

import rich_click as click

from host_litestar.cli.client import Client
from host_litestar.cli.output import json_option, print_json, print_table
from wabroadcast_core.models.amounts import count_of


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def tags(context: click.Context, *, as_json: bool) -> None:
    """List tags with the number of their contacts; rename, merge and delete tags."""
    if context.invoked_subcommand is not None:
        return
    with Client() as client:
        response = client.call("GET", "/contacts/tags")
    if as_json:
        print_json(response)
        return
    print_table(("TAG", "CONTACTS"), [(item["name"], item["contacts"]) for item in response["items"]])


@tags.command()
@click.argument("tag")
@click.argument("name")
def rename(tag: str, name: str) -> None:
    """Rename TAG to NAME."""
    with Client() as client:
        _print_tag(client.call("PUT", _path(tag), json={"name": name}))


@tags.command()
@click.argument("tag")
@click.argument("others", nargs=-1, required=True, metavar="OTHER...")
def merge(tag: str, others: tuple[str, ...]) -> None:
    """Merge the OTHER tags into TAG: their contacts get TAG instead."""
    with Client() as client:
        _print_tag(client.call("POST", f"{_path(tag)}/merge", json={"from": others}))


@tags.command()
@click.argument("tag")
def delete(tag: str) -> None:
    """Delete TAG. Its contacts stay in the contact book."""
    with Client() as client:
        client.call("DELETE", _path(tag))
    click.echo(f"tag {tag} was deleted")


def _print_tag(tag: dict[str, Any]) -> None:
    click.echo(f"{tag['name']}: {count_of(tag['contacts'], 'contact')}")


def _path(tag: str) -> str:
    """Return the path of a tag.

    A slash in the tag is escaped twice, because the server decodes the path before it looks for the route.
    """
    return f"/contacts/tags/{quote(tag.replace('/', '%2F'), safe='')}"
