"""``keys``: the API keys of callers, over the API or, with ``--local``, in the store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import rich_click as click

from host_litestar.cli.client import Client
from host_litestar.cli.local_store import open_local_store
from host_litestar.cli.output import describe_time_of, json_option, print_json, print_table
from host_litestar.cli.server import data_dir_option, read_settings

if TYPE_CHECKING:
    from wabroadcast_core.services.api_keys import ApiKeys

SCOPES = ("read", "operate", "admin")

local_option = click.option(
    "--local", is_flag=True, help="Work on the store of this machine's settings, without a server and without a key."
)


@click.group()
def keys() -> None:
    """Create, list and revoke API keys. From the first key on, every call to the server needs one.

    To make the first key of a server that other machines reach, use --local: it needs no key.
    """


@keys.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    required=True,
    help="read: see everything; operate: also send and change contacts; admin: also connections and keys. Repeatable.",
)
@local_option
@data_dir_option
@json_option
def create(name: str, scopes: tuple[str, ...], data_dir: Path | None, *, local: bool, as_json: bool) -> None:
    """Create a key. Its NAME is the actor of all that is done with it.

    The key is shown only now, alone on the standard output.
    """
    draft = {"name": name, "scopes": list(scopes)}
    response = _create_locally(draft, data_dir) if local else _call("POST", "/keys", json=draft)
    if as_json:
        print_json(response)
        return
    click.echo(response["key"])
    click.echo(
        f"key {name} with the scope {', '.join(response['scopes'])}: store it now, it is not shown again", err=True
    )


@keys.command("list")
@click.option("--revoked", is_flag=True, help="List the revoked keys too.")
@local_option
@data_dir_option
@json_option
def list_keys(data_dir: Path | None, *, revoked: bool, local: bool, as_json: bool) -> None:
    """List the keys by name, without the keys themselves."""
    response = _list_locally(data_dir, revoked=revoked) if local else _list(revoked=revoked)
    if as_json:
        print_json(response)
        return
    titles = ("NAME", "SCOPES", "BEGINS WITH", "CREATED", "BY", "LAST USED", *(("REVOKED",) if revoked else ()))
    print_table(titles, [_row(item, revoked=revoked) for item in response["items"]])


@keys.command()
@click.argument("name")
@local_option
@data_dir_option
def revoke(name: str, data_dir: Path | None, *, local: bool) -> None:
    """Revoke a key: within two seconds the server does not accept it any more. Its NAME becomes free."""
    if local:
        with _local_keys(data_dir) as found:
            found.revoke(name, actor=_local_actor())
    else:
        _call("DELETE", f"/keys/{quote(name, safe='')}")
    click.echo(f"key {name} was revoked")


def _call(method: str, path: str, **options: Any) -> Any:
    with Client() as client:
        return client.call(method, path, **options)


def _list(*, revoked: bool) -> Any:
    return _call("GET", "/keys", params={"revoked": str(revoked).lower()})


def _list_locally(data_dir: Path | None, *, revoked: bool) -> dict[str, Any]:
    with _local_keys(data_dir) as found:
        items = [key.model_dump(mode="json") for key in found.list(revoked=revoked)]
    return {"items": items, "total": len(items)}


def _create_locally(draft: dict[str, Any], data_dir: Path | None) -> dict[str, Any]:
    with _local_keys(data_dir) as found:
        return found.create(draft, actor=_local_actor()).model_dump(mode="json")


@contextmanager
def _local_keys(data_dir: Path | None) -> Iterator["ApiKeys"]:
    """Open the keys in the store of the settings. The store is created or migrated if needed and allowed."""
    from wabroadcast_core.clock import SystemClock
    from wabroadcast_core.services.api_keys import ApiKeys

    settings = read_settings(data_dir=data_dir)
    with open_local_store(settings) as database:
        database.ensure_schema(migrate=settings.migrate)
        yield ApiKeys(database, SystemClock())


def _local_actor() -> str:
    from wabroadcast_core.models.api_key import LOCAL_ACTOR

    return LOCAL_ACTOR


def _row(key: dict[str, Any], *, revoked: bool) -> tuple[object, ...]:
    shown = (
        *(key["name"], ", ".join(key["scopes"]), key["start"], describe_time_of(key["createdAt"]), key["createdBy"]),
        describe_time_of(key["lastUsedAt"]) or "never",
    )
    return (*shown, describe_time_of(key["revokedAt"])) if revoked else shown
