"""``keys``: on the store without a server, and over the API of a server that reaches other machines."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from host_litestar.cli.keys import SCOPES
from tests.host.programs import Served
from wabroadcast_core.models.api_key import Scope

Command = Callable[..., Any]


def test_each_scope_can_be_chosen() -> None:  # the command does not import the models: it starts faster so
    assert list(SCOPES) == list(Scope)


def test_keys_are_made_listed_and_revoked_without_a_server(command: Command, tmp_path: Path) -> None:
    where = {"cwd": tmp_path, "WABROADCAST_URL": "http://127.0.0.1:9"}

    made = command("keys", "create", "shop", "--scope", "operate", "--local", **where)
    again = command("keys", "create", "shop", "--scope", "read", "--local", **where)
    listed = command("keys", "list", "--local", **where)
    revoked = command("keys", "revoke", "shop", "--local", **where)
    left = command("keys", "list", "--local", **where)

    assert re.fullmatch(r"wab_[0-9a-f]{64}\n", made.stdout)
    assert "not shown again" in made.stderr
    assert (again.returncode, "there is a key 'shop' already" in again.stderr) == (2, True)
    name, scopes, start, _, creator, used = listed.stdout.splitlines()[1].split("\t")
    assert (name, scopes, creator, used) == ("shop", "operate", "cli", "never")
    assert made.stdout.startswith(start)
    assert revoked.stdout == "key shop was revoked\n"
    assert len(left.stdout.splitlines()) == 1


def test_a_server_with_a_stored_key_serves_other_machines(
    command: Command, serve: Callable[..., Served], tmp_path: Path
) -> None:
    refused = serve("--host", "0.0.0.0")
    made = command(
        "keys", "create", "boss", "--scope", "admin", "--local", cwd=tmp_path, WABROADCAST_DATA_DIR=str(refused.data)
    )
    key = made.stdout.strip()

    server = serve("--host", "0.0.0.0", WABROADCAST_DATA_DIR=str(refused.data))
    shop = server.command("keys", "create", "shop", "--scope", "read", WABROADCAST_API_KEY=key)
    without = server.command("jobs")
    narrow = server.command("keys", "list", WABROADCAST_API_KEY=shop.stdout.strip())
    revoked = server.command("keys", "revoke", "shop", WABROADCAST_API_KEY=key)
    listed = server.command("keys", "list", "--revoked", WABROADCAST_API_KEY=key)

    assert refused.process.poll() == 2
    assert "wabroadcast keys create" in refused.log.read_text()
    assert "with an API key" in server.output.read_text()
    assert shop.stdout.startswith("wab_")
    assert without.returncode == 2
    assert "does not have the scope admin" in narrow.stderr
    assert revoked.stdout == "key shop was revoked\n"
    assert [line.split("\t")[0] for line in listed.stdout.splitlines()] == ["NAME", "boss", "shop"]
