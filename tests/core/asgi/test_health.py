"""The probes as an ASGI application, for a host with a framework of its own."""

import asyncio

import httpx
import pytest
from pydantic import SecretStr

from tests.stores import ON_SQLITE
from wabroadcast_core import Settings, health_app
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.queue.embedded import EmbeddedValkey

pytestmark = ON_SQLITE


async def _get(broadcaster: Broadcaster, *places: str, root_path: str) -> list[httpx.Response]:
    transport = httpx.ASGITransport(health_app(broadcaster), root_path=root_path)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        return [await client.get(f"{root_path}{place}") for place in places]


@pytest.mark.parametrize("root_path", ["", "/health"])
def test_the_probes_answer_at_any_path_and_name_a_redis_that_is_away(
    settings: Settings, own_valkey: EmbeddedValkey, root_path: str
) -> None:
    with Broadcaster(settings.model_copy(update={"redis_url": SecretStr(own_valkey.url)})) as broadcaster:
        live, good, other = asyncio.run(_get(broadcaster, "/live", "/ready", "/nowhere", root_path=root_path))
        own_valkey.stop()
        [bad] = asyncio.run(_get(broadcaster, "/ready", root_path=root_path))

    assert [answer.status_code for answer in (live, good, other, bad)] == [200, 200, 404, 503]
    assert live.json() == {"status": "ok"}
    assert good.json()["checks"] == {"store": "ok", "redis": "ok"}
    assert "cannot be reached" in bad.json()["causes"]["redis"]
