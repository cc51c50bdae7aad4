"""The examination of a server over its API: what it says of its store, Redis, workers and connections."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from host_litestar.cli.answers import read_json
from host_litestar.cli.client import Client, without_userinfo
from host_litestar.cli.errors import RefusedError
from host_litestar.doctor.findings import Finding, Level, fault, fault_of, ok, warning

_WORKERS = re.compile(r"^wabroadcast_workers_alive (\S+)$", re.MULTILINE)


def examine_server(client: Client) -> Iterator[Finding]:
    """Yield what a server says of its installation."""
    try:
        client.call("GET", "/health/live")
    except RefusedError as error:
        yield fault_of("server", str(error))
        return
    yield ok("server", f"it answers at {without_userinfo(client.url)}")
    try:
        yield from _readiness(client)
        connections = client.call("GET", "/connections")["items"]
        yield from _workers(client)
        kinds = client.call("GET", "/connections/kinds")["items"]
        testable = {kind["kind"] for kind in kinds if kind["reportsState"]}
        for connection in connections:
            yield from _connection(client, connection, testable=connection["sender"] in testable)
    except RefusedError as error:
        yield fault_of("server", str(error))


def _readiness(client: Client) -> Iterator[Finding]:
    ready = read_json(client.get("/health/ready"))
    for part, state in ready["checks"].items():
        yield ok(part, "it takes writes") if state == "ok" else fault_of(part, ready["causes"].get(part, state))
    for name, reason in ready["quarantined"].items():
        yield warning(
            "plugins", f"{name} is quarantined: {reason}", "run `wabroadcast plugins` on the server's machine"
        )


def _workers(client: Client) -> Iterator[Finding]:
    found = _WORKERS.search(client.get("/metrics").text)
    if found is not None and float(found[1]):
        yield ok("workers", f"{float(found[1]):.0f} alive")
    else:
        yield fault("workers", "none is alive", "start `wabroadcast worker` or `wabroadcast serve`, and see its log")


def _connection(client: Client, connection: dict[str, Any], *, testable: bool) -> Iterator[Finding]:
    name = connection["name"]
    part = f"connection {name}"
    if connection["state"] != "active":
        yield warning(part, "it is paused", f"`wabroadcast connections resume {name}`")
    if not testable:
        yield ok(part, f"it cannot be tested: the sender {connection['sender']} cannot report the state of its account")
        return
    test = client.call("POST", f"/connections/{quote(name, safe='')}/test")
    levels = {"up": Level.OK, "down": Level.FAULT}
    remedy = "" if test["state"] == "up" else f"`wabroadcast connections test {name}` tests it again"
    yield Finding(part, levels.get(test["state"], Level.WARNING), f"{test['state']}: {test['reason']}", remedy)
