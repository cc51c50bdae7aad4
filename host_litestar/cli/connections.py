"""``connections``: the WhatsApp accounts that send."""

import json
import os
from typing import IO, Any, NoReturn
from urllib.parse import quote

import rich_click as click

from host_litestar.cli.client import Client
from host_litestar.cli.errors import RefusedError, UnreachableError
from host_litestar.cli.output import json_option, print_json, print_table
from host_litestar.cli.server import read_settings
from host_litestar.cli.settings_schema import print_settings
from host_litestar.cli.waiting import describe_cause


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def connections(context: click.Context, *, as_json: bool) -> None:
    """List connections; create, change, test, pause, resume and delete them."""
    if context.invoked_subcommand is not None:
        return
    with Client() as client:
        response = client.call("GET", "/connections")
    if as_json:
        print_json(response)
        return
    print_table(("NAME", "SENDER", "STATE", "RATE", "DEFAULT", "REASON"), map(_row, response["items"]))


@connections.command()
@click.argument("name")
def pause(name: str) -> None:
    """Pause a connection: no message starts through it until it is resumed."""
    _control("pause", name)


@connections.command()
@click.argument("name")
def resume(name: str) -> None:
    """Resume a paused connection, so that it sends again."""
    _control("resume", name)


@connections.command("set")
@click.argument("name")
@click.argument("file", type=click.File("rb"))
def save(name: str, file: IO[bytes]) -> None:
    """Create or change a connection from a JSON FILE (- for standard input), which is the body of PUT /connections.

    Secrets that are left out of a change keep their values.
    """
    try:
        document = json.load(file)
    except ValueError as error:
        raise RefusedError(f"{file.name} is not JSON: {error}") from None
    with Client() as client:
        before = _default_of(client)
        response = client.call("PUT", _path(name), json=document)
        after = _default_of(client)
        kinds = client.call("GET", "/connections/kinds")["items"]
    click.echo(f"{response['name']} ({response['sender']}) is {response['state']}")
    if any(kind["kind"] == response["sender"] and kind["takesWebhooks"] for kind in kinds):
        click.echo(
            f"its webhook is /webhooks/{response['name']} at the address by which the provider reaches this server"
        )
    if after != before:
        click.echo(_describe_default(after))


def _default_of(client: Client) -> str | None:
    """Return the name of the default connection; None if there is none."""
    found = client.call("GET", "/connections")["items"]
    return next((connection["name"] for connection in found if connection["default"]), None)


def _describe_default(name: str | None) -> str:
    if name is not None:
        return f"{name} is now the default connection"
    return "there is no default connection now: choose one with `wabroadcast connections default NAME`"


@connections.command()
@click.argument("name")
def show(name: str) -> None:
    """Show a connection as JSON, without its secrets."""
    with Client() as client:
        print_json(client.call("GET", _path(name)))


@connections.command()
@click.argument("name")
def test(name: str) -> int:
    """Check with the provider whether a connection can send. No message is sent.

    Exit status: 0 if it can send, 1 if it cannot, 2 if the command failed.
    """
    with Client() as client:
        response = client.call("POST", f"{_path(name)}/test")
    click.echo(f"{name} is {response['state']}: {response['reason']}")
    if response["paused"] is not None:
        click.echo(f"it sends nothing: {describe_cause(response['paused'])}")
    return int(response["state"] == "down" or response["paused"] is not None)


@connections.command()
@click.argument("name")
def delete(name: str) -> None:
    """Delete a connection that no unfinished broadcast uses. The history of ended ones is kept."""
    with Client() as client:
        client.call("DELETE", _path(name))
    click.echo(f"connection {name} was deleted")


@connections.command("default")
@click.argument("name")
def set_default(name: str) -> None:
    """Make a connection the default: broadcasts that name no connection use it."""
    with Client() as client:
        response = client.call("POST", f"{_path(name)}/default")
    click.echo(f"{response['name']} is the default connection")


@connections.command()
@click.argument("kind", required=False)
@click.option("--local", is_flag=True, help="Show the kinds that are installed here, without a server.")
@json_option
def kinds(kind: str | None, *, local: bool, as_json: bool) -> None:
    """List the installed kinds of sender, or show the settings of one KIND: required, secret, default.

    Where WABROADCAST_URL is not set and no server runs here, they are those that are installed here.
    """
    items = _installed_kinds() if local else _kinds_of_server()
    if kind is not None:
        items = [item for item in items if item["kind"] == kind] or _refuse_kind(kind, items)
    if as_json:
        print_json(items if kind is None else items[0])
    elif kind is None:
        rows = [(item["kind"], ", ".join(item["settingsSchema"].get("properties", ()))) for item in items]
        print_table(("KIND", "SETTINGS"), rows)
    else:
        print_settings(items[0]["settingsSchema"])


def _kinds_of_server() -> list[dict[str, Any]]:
    try:
        with Client() as client:
            return list(client.call("GET", "/connections/kinds")["items"])
    except UnreachableError:
        if os.environ.get("WABROADCAST_URL"):
            raise
        click.echo("no server runs here: these are the kinds that are installed here", err=True)
        return _installed_kinds()


def _installed_kinds() -> list[dict[str, Any]]:
    from wabroadcast_core.plugins import build_plugins
    from wabroadcast_core.services.connection_kinds import describe_kinds

    settings = read_settings().model_copy(update={"plugins_strict": False})
    plugins = build_plugins(settings=settings, blocked=settings.blocked_plugins)
    return [each.model_dump(mode="json", by_alias=True) for each in describe_kinds(plugins.senders)]


def _refuse_kind(kind: str, items: list[dict[str, Any]]) -> NoReturn:
    known = ", ".join(item["kind"] for item in items)
    raise RefusedError(f"there is no kind of sender {kind!r}: choose one of {known}, or install its plugin")


def _path(name: str) -> str:
    return f"/connections/{quote(name, safe='')}"


def _control(verb: str, name: str) -> None:
    with Client() as client:
        response = client.call("POST", f"{_path(name)}/{verb}")
    click.echo(f"{response['name']} is {response['state']}")


def _row(connection: dict[str, Any]) -> tuple[object, ...]:
    rate = connection["rate"]
    pace = f"{rate['messages']:g} in {rate['perSeconds']:g} s" if rate else ""
    default = "default" if connection["default"] else ""
    return connection["name"], connection["sender"], connection["state"], pace, default, connection["stateReason"]
