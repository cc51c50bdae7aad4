"""The examination of a server over its API: what it says of its store, Redis, workers and connections."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from host_litestar.cli.answers import read_json
from host_litestar.cli.client import Client, without_userinfo
from host_litestar.cli.errors import RefusedError
from host_litestar.doctor.findings import Finding, Level, fault, fault_of, ok, warning
from host_litestar.doctor.texts import say

_WORKERS = re.compile(r"^wabroadcast_workers_alive (\S+)$", re.MULTILINE)


def examine_server(client: Client) -> Iterator[Finding]:
    """Yield what a server says of its installation."""
    try:
        client.call("GET", "/health/live")
    except RefusedError as error:
        yield fault_of("server", str(error))
        return
    yield ok("server", say("server_answers", url=without_userinfo(client.url)))
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
        yield ok(part, say("takes_writes")) if state == "ok" else fault_of(part, ready["causes"].get(part, state))
    for name, reason in ready["quarantined"].items():
        yield warning("plugins", say("plugin_quarantined", name=name, detail=reason), say("list_plugins"))


def _workers(client: Client) -> Iterator[Finding]:
    found = _WORKERS.search(client.get("/metrics").text)
    if found is not None and float(found[1]):
        yield ok("workers", say("workers_alive", n=round(float(found[1]))))
    else:
        yield fault("workers", say("no_workers"), say("start_workers_see_log"))


def _connection(client: Client, connection: dict[str, Any], *, testable: bool) -> Iterator[Finding]:
    name = connection["name"]
    part = f"connection {name}"
    if connection["state"] != "active":
        yield warning(part, say("connection_paused"), say("resume_connection", name=name))
    if not testable:
        yield ok(part, say("connection_untestable", sender=connection["sender"]))
        return
    test = client.call("POST", f"/connections/{quote(name, safe='')}/test")
    levels = {"up": Level.OK, "down": Level.FAULT}
    fact = say(f"account_{test['state']}", detail=test["reason"])
    remedy = "" if test["state"] == "up" else say("test_connection", name=name)
    yield Finding(part, levels.get(test["state"], Level.WARNING), fact, remedy)
