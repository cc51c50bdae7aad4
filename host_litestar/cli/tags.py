"""``tags``: the tags of contacts."""

from urllib.parse import quote

import rich_click as click

from host_litestar.cli.client import Client
from host_litestar.cli.output import json_option, print_json, print_table


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def tags(context: click.Context, *, as_json: bool) -> None:
    """List the tags with how many contacts have them; rename, merge and delete them."""
    if context.invoked_subcommand is not None:
        return
    with Client() as client:
        answer = client.call("GET", "/contacts/tags")
    if as_json:
        print_json(answer)
        return
    print_table(("TAG", "CONTACTS"), [(item["name"], item["contacts"]) for item in answer["items"]])


@tags.command()
@click.argument("tag")
@click.argument("name")
def rename(tag: str, name: str) -> None:
    """Give TAG another NAME."""
    with Client() as client:
        _print_tag(client.call("PUT", _path(tag), json={"name": name}))


@tags.command()
@click.argument("tag")
@click.argument("others", nargs=-1, required=True, metavar="OTHER...")
def merge(tag: str, others: tuple[str, ...]) -> None:
    """Let everyone with one of the OTHER tags have TAG instead."""
    with Client() as client:
        _print_tag(client.call("POST", f"{_path(tag)}/merge", json={"from": others}))


@tags.command()
@click.argument("tag")
def delete(tag: str) -> None:
    """Take TAG off everyone; the contacts stay."""
    with Client() as client:
        client.call("DELETE", _path(tag))
    click.echo(f"{tag} is gone")


def _print_tag(tag: dict[str, object]) -> None:
    click.echo(f"{tag['name']}: {tag['contacts']} contacts")


def _path(tag: str) -> str:
    """The server finds its routes by the plain path: a slash of the tag's own is escaped twice."""
    return f"/contacts/tags/{quote(tag.replace('/', '%2F'), safe='')}"
