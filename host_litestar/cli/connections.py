"""``connections``: the accounts that send."""

import json
from typing import IO
from urllib.parse import quote

import rich_click as click

from host_litestar.cli.client import Client
from host_litestar.cli.errors import RefusedError
from host_litestar.cli.output import json_option, print_json, print_table


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def connections(context: click.Context, *, as_json: bool) -> None:
    """List the connections; create, change, test, pause and resume them."""
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


@connections.command("set")
@click.argument("name")
@click.argument("file", type=click.File("rb"))
def save(name: str, file: IO[bytes]) -> None:
    """Create or change a connection from a JSON FILE (- for standard input), as PUT /connections takes it.

    Secrets that are left out of a change keep their values.
    """
    try:
        document = json.load(file)
    except ValueError as error:
        raise RefusedError(f"{file.name} is not JSON: {error}") from None
    with Client() as client:
        answer = client.call("PUT", _path(name), json=document)
    click.echo(f"{answer['name']} ({answer['sender']}) is {answer['state']}")


@connections.command()
@click.argument("name")
def show(name: str) -> None:
    """Show a connection as JSON, without its secrets."""
    with Client() as client:
        print_json(client.call("GET", _path(name)))


@connections.command()
@click.argument("name")
def test(name: str) -> int:
    """Ask the provider whether a connection can send; nothing is sent. Exit status 1 where it cannot."""
    with Client() as client:
        answer = client.call("POST", f"{_path(name)}/test")
    click.echo(f"{name} is {answer['state']}: {answer['reason']}")
    return int(answer["state"] == "down")


@connections.command()
@click.argument("name")
def delete(name: str) -> None:
    """Forget a connection that no broadcast names."""
    with Client() as client:
        client.call("DELETE", _path(name))
    click.echo(f"{name} is gone")


@connections.command()
@json_option
def kinds(*, as_json: bool) -> None:
    """List the kinds of sender that are installed, with their settings."""
    with Client() as client:
        answer = client.call("GET", "/connections/kinds")
    if as_json:
        print_json(answer)
        return
    rows = [(kind["kind"], ", ".join(kind["settingsSchema"].get("properties", ()))) for kind in answer["items"]]
    print_table(("KIND", "SETTINGS"), rows)


def _path(name: str) -> str:
    return f"/connections/{quote(name, safe='')}"


def _steer(act: str, name: str) -> None:
    with Client() as client:
        answer = client.call("POST", f"{_path(name)}/{act}")
    click.echo(f"{answer['name']} is {answer['state']}")


def _rate(connection: dict[str, dict[str, float]]) -> str:
    rate = connection["rate"]
    return f"{rate['messages']:g} in {rate['perSeconds']:g} s" if rate else ""
