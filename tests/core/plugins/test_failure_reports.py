"""What plugins failed at in the workers is read by the operator's command, of all workers together."""

import asyncio
from collections.abc import Iterator

import pytest
import redis
import redis.asyncio

from wabroadcast_core.plugins.failure_reports import read_failures, report_failures
from wabroadcast_core.plugins.failures import Failures
from wabroadcast_core.queue.embedded import EmbeddedValkey

KEY = "reports:plugin-failures"


async def report(url: str, failures: Failures, *, worker: int, now: float) -> None:
    client = redis.asyncio.Redis.from_url(url)
    await report_failures(client, KEY, failures.list(), worker=worker, now=now, interval=30)
    await client.aclose()


@pytest.fixture
def client(valkey: EmbeddedValkey) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey.url) as made:
        made.delete(KEY)
        yield made
        made.delete(KEY)


def test_the_failures_of_all_living_workers_are_added_up(client: redis.Redis, valkey: EmbeddedValkey) -> None:

    first, second, gone = Failures(lambda: 1.0), Failures(lambda: 2.0), Failures(lambda: 0.0)
    first.add("crm", "wab_inbound", "LookupError at crm.py:1")
    second.add("crm", "wab_inbound", "ValueError at crm.py:2")
    gone.add("old", "wab_inbound", "LookupError")

    asyncio.run(report(valkey.url, gone, worker=1, now=900.0))
    asyncio.run(report(valkey.url, first, worker=2, now=1_000.0))
    asyncio.run(report(valkey.url, second, worker=3, now=1_010.0))

    (failures,) = read_failures(client, KEY, now=1_020.0, interval=30)
    assert (failures.plugin, failures.hook, failures.count) == ("crm", "wab_inbound", 2)
    assert failures.last == "ValueError at crm.py:2"
    assert client.hlen(KEY) == 2
    assert read_failures(client, KEY, now=1_200.0, interval=30) == []
