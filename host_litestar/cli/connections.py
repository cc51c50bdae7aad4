"""``connections``: the accounts that send."""

from urllib.parse import quote

import rich_click as click

from host_litestar.cli.client import Client
from host_litestar.cli.output import json_option, print_json, print_table


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def connections(context: click.Context, *, as_json: bool) -> None:
    """List the connections, or pause and resume one."""
    if context.invoked_subcommand is not None:
        return
    with Client() as client:
        answer = client.call("GET", "/connections")
    if as_json:
        print_json(answer)
        return
    rows = [(item["name"], item["sender"], item["state"], _rate(item), item["stateReason"]) for item in answer["items"]]
    print_table(("NAME", "SENDER", "STATE", "RATE", "REASON"), rows)


@connections.command()
@click.argument("name")
def pause(name: str) -> None:
    """Let nothing leave through a connection until it is resumed."""
    _steer("pause", name)


@connections.command()
@click.argument("name")
def resume(name: str) -> None:
    """Let a connection send again."""
    _steer("resume", name)


def _steer(act: str, name: str) -> None:
    with Client() as client:
        answer = client.call("POST", f"/connections/{quote(name, safe='')}/{act}")
    click.echo(f"{answer['name']} is {answer['state']}")


def _rate(connection: dict[str, dict[str, float]]) -> str:
    rate = connection["rate"]
    return f"{rate['messages']:g} in {rate['perSeconds']:g} s" if rate else ""
