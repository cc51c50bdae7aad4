"""A worker that starts beside others: it is in the store before it has a lease, and is not taken for dead."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
import redis.asyncio

from tests.core.fakes import FakeGroupCommit
from tests.core.store.harness import StoreHarness
from wabroadcast_core.clock import RedisClock
from wabroadcast_core.keys import Keys
from wabroadcast_core.recovery.intents import Intents
from wabroadcast_core.recovery.lease import WorkerLease
from wabroadcast_core.recovery.recover import Recovery
from wabroadcast_core.settings import Settings
from wabroadcast_core.store import workers as worker_store

SIBLING = 1_000


class OldKeys(Intents):
    """Intents in a Redis that has had its keys for long."""

    async def keys_age(self) -> float:
        return 1e6


class SlowStart(OldKeys):
    """The intents of a worker between whose registration and first lease something happens."""

    meanwhile: Callable[[], Awaitable[None]]

    async def open(self, worker_id: int) -> None:
        await self.meanwhile()
        await super().open(worker_id)


class Starting:
    """A worker that starts, and the recovery of its sibling."""

    def __init__(self, client: redis.asyncio.Redis, settings: Settings, store: StoreHarness) -> None:
        self.store = store
        commits: Any = FakeGroupCommit(store)
        context: Any = SimpleNamespace(settings=settings, clock=SimpleNamespace(now=lambda: store.now))
        self.clock, keys = RedisClock(), Keys(settings.namespace)
        self.intents = SlowStart(client, keys, self.clock)
        self._recovery = Recovery(
            context,
            commits,
            OldKeys(client, keys, RedisClock()),
            snapshot_of=lambda *_: None,
            leases_count=lambda: True,
        )
        self.lease = WorkerLease(context, commits, self.intents, self.clock)
        self.settle = self._recovery.settle_worker

    async def find_dead(self) -> list[int]:
        """Return the workers that the sibling takes for dead; the rest of its recovery needs a queue."""
        return await self._recovery._dead_workers(SIBLING)

    def register(self, *, age: float) -> int:
        with self.store.database.write() as conn:
            return worker_store.insert_worker(conn, now=self.store.now - age)


Run = Callable[[Callable[[Starting], Awaitable[None]]], None]


@pytest.fixture
def starting(settings: Settings, harness: StoreHarness) -> Run:
    """Returns a function that runs a test with a worker that starts."""

    def run(test: Callable[[Starting], Awaitable[None]]) -> None:
        async def with_client() -> None:
            address = settings.redis_url
            assert address is not None
            async with redis.asyncio.Redis.from_url(address.get_secret_value()) as client:
                await test(Starting(client, settings, harness))

        asyncio.run(with_client())

    return run


def test_a_sibling_that_recovers_before_the_first_lease_leaves_the_worker_alone(starting: Run) -> None:
    async def test(one: Starting) -> None:
        found: list[int] = []

        async def recover() -> None:
            found.extend(await one.find_dead())

        one.intents.meanwhile = recover
        await one.lease.begin()

        assert found == []
        assert await one.find_dead() == []

    starting(test)


def test_a_worker_that_died_before_its_first_lease_is_settled_later_and_without_a_warning(
    starting: Run, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def test(one: Starting) -> None:
        grace = settings.lease_seconds + 2 * settings.heartbeat_seconds
        young, old = one.register(age=grace / 2), one.register(age=grace + 60)

        assert await one.find_dead() == [old]
        await one.settle(old)
        assert await one.find_dead() == []
        with one.store.database.read() as conn:
            assert worker_store.open_workers(conn) == [young]

    starting(test)

    assert [record.levelname for record in caplog.records if "is dead" in record.getMessage()] == ["INFO"]
