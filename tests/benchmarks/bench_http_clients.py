"""HTTP clients beside each other, and why a quick one cannot be used.

pyreqwest costs as little as our client. But it reports a request that the server has read as a failure to connect,
so such a message would be sent twice.
"""

import asyncio
import importlib
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.quick_provider import QuickProvider
from tests.benchmarks.raw_clients import measure_client
from tests.certificates import make_certificates
from tests.core.transport.misbehaving import Conversation, MisbehavingServer, Script


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("at_once", [64, 200])
def test_cost_of_a_post(tmp_path: Path, at_once: int, *, tls: bool) -> None:
    for name in ("aiohttp", "pyreqwest"):
        pytest.importorskip(name, reason=f"{name} is not installed (group bench)")
    certificates = make_certificates(tmp_path)
    with QuickProvider(latency=0, certificate=certificates.server_file if tls else None) as provider:
        for client in ("aiohttp", "pyreqwest", "wabroadcast"):
            cost = measure_client(client, f"{provider.url}/x", authority=certificates.authority, at_once=at_once)
            print(f"\n{'TLS' if tls else 'plain'}, {at_once} at once, {client}: {cost}", end="")


def _post_with_pyreqwest(url: str) -> Any:
    client_module = importlib.import_module("pyreqwest.client")

    async def post() -> Any:
        async with client_module.ClientBuilder().no_proxy().build() as client:
            return await client.post(url).body_bytes(b"{}").build().send()

    return asyncio.run(post())


@pytest.mark.parametrize("end", [Conversation.close, Conversation.reset])
def test_pyreqwest_calls_a_lost_answer_a_failure_to_connect(end: Script) -> None:
    """If this fails, that has changed: then weigh pyreqwest anew."""
    errors = pytest.importorskip("pyreqwest.exceptions", reason="pyreqwest is not installed (group bench)")

    def read_and_leave(conversation: Conversation) -> None:
        conversation.read_request()
        end(conversation)

    with MisbehavingServer(read_and_leave) as server:
        with pytest.raises(errors.ConnectError):
            _post_with_pyreqwest(server.url)
        assert server.requests == 1
