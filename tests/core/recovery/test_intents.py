"""The script of the intents, on a real server that may have lost writes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio

from wabroadcast_core.clock import RedisClock
from wabroadcast_core.keys import Keys
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.recovery.intents import Intents, IntentsLostError, SealedError

WORKER = 7


class Server:
    """A server of the test's own, which may be restarted."""

    def __init__(self, directory: Path) -> None:
        self.valkey = EmbeddedValkey(directory)
        self.keys = Keys("intents-test")

    @asynccontextmanager
    async def intents(self) -> AsyncIterator[Intents]:
        """Yield the intents of one process."""
        async with redis.asyncio.Redis.from_url(self.valkey.url) as self._client:
            yield Intents(self._client, self.keys, RedisClock())

    async def dump(self, client: redis.asyncio.Redis) -> bytes:
        found = await client.dump(self.keys.intents(WORKER))
        assert found is not None
        return found

    async def restart(self) -> None:
        await self._client.connection_pool.disconnect()
        self.valkey.kill()
        self.valkey.start()


def run(directory: Path, work: Callable[[Server], Coroutine[Any, Any, None]]) -> None:
    server = Server(directory)
    server.valkey.start()
    try:
        asyncio.run(work(server))
    finally:
        server.valkey.stop()


def test_intents_of_the_same_run_are_complete(tmp_path: Path) -> None:
    async def work(server: Server) -> None:
        async with server.intents() as mine:
            await mine.open(WORKER)
            await mine.mark(WORKER, [1, 2])
            await mine.mark(WORKER, [3])
            mine.forget([3])
            await mine.mark(WORKER, [4])

            assert (await mine.beat(WORKER, lease_seconds=9)).complete
            sealed = await mine.seal(WORKER)

        assert (sealed.exist, sealed.is_same_run, sealed.latest) == (True, True, 3)
        assert sealed.message_keys == {1, 2, 4}

    run(tmp_path, work)


def test_a_restart_begins_the_epoch_again_and_the_worker_writes_its_intents_again(tmp_path: Path) -> None:
    async def work(server: Server) -> None:
        async with server.intents() as mine:
            await mine.open(WORKER)
            await mine.mark(WORKER, [1])
            before = await mine.beat(WORKER, lease_seconds=9)
            await asyncio.sleep(1.1)  # the epoch is counted in seconds
            await server.restart()

            with pytest.raises(IntentsLostError):
                await mine.mark(WORKER, [2])
            after = await mine.beat(WORKER, lease_seconds=9)
            await mine.open(WORKER)

            assert after.epoch > before.epoch
            assert not after.complete
            assert (await mine.beat(WORKER, lease_seconds=9)).complete
            assert (await mine.seal(WORKER)).message_keys == {1, 2}

    run(tmp_path, work)


def test_the_age_of_the_keys_begins_again_with_a_restart_before_any_heartbeat(tmp_path: Path) -> None:
    async def work(server: Server) -> None:
        async with server.intents() as mine:
            assert await mine.keys_age() is None
            await mine.beat(WORKER, lease_seconds=9)
            await asyncio.sleep(2.1)
            old = await mine.keys_age()
            await server.restart()

            assert old is not None
            assert old >= 2
            assert (await mine.keys_age() or 0) <= 1

    run(tmp_path, work)


def test_intents_that_went_back_within_one_run_are_not_complete(tmp_path: Path) -> None:
    """The run is the same where the keys were restored while the server ran."""

    async def work(server: Server) -> None:
        async with server.intents() as mine, redis.asyncio.Redis.from_url(server.valkey.url) as client:
            await mine.open(WORKER)
            await mine.mark(WORKER, [1])
            old = await server.dump(client)
            await mine.mark(WORKER, [2])
            await client.restore(server.keys.intents(WORKER), 0, old, replace=True)

            with pytest.raises(IntentsLostError):
                await mine.mark(WORKER, [3])
            assert not (await mine.beat(WORKER, lease_seconds=9)).complete

    run(tmp_path, work)


def test_what_an_old_copy_has_beyond_the_present_intents_is_dropped(tmp_path: Path) -> None:
    async def work(server: Server) -> None:
        async with server.intents() as mine, redis.asyncio.Redis.from_url(server.valkey.url) as client:
            await mine.open(WORKER)
            await mine.mark(WORKER, [1])
            old = await server.dump(client)
            mine.forget([1])
            await mine.mark(WORKER, [2])
            await client.restore(server.keys.intents(WORKER), 0, old, replace=True)
            await mine.open(WORKER)

            assert (await mine.seal(WORKER)).message_keys == {2}

    run(tmp_path, work)


def test_a_sealed_worker_writes_no_intents(tmp_path: Path) -> None:
    async def work(server: Server) -> None:
        async with server.intents() as mine, server.intents() as others:
            await mine.open(WORKER)
            await others.seal(WORKER)

            with pytest.raises(SealedError):
                await mine.mark(WORKER, [1])
            with pytest.raises(SealedError):
                await mine.open(WORKER)
            assert (await mine.beat(WORKER, lease_seconds=9)).sealed

    run(tmp_path, work)


@pytest.mark.parametrize(
    ("setting", "value", "survives"),
    [
        pytest.param("appendfsync", "always", True, id="each-write-on-disk"),
        pytest.param("appendfsync", "everysec", False, id="each-second"),
        pytest.param("appendonly", "no", False, id="no-file"),
    ],
)
def test_only_a_server_that_writes_each_command_to_disk_survives_restarts(
    tmp_path: Path, setting: str, value: str, *, survives: bool
) -> None:
    async def work(server: Server) -> None:
        async with server.intents() as mine, redis.asyncio.Redis.from_url(server.valkey.url) as client:
            await client.config_set(setting, value)

            assert await mine.survive_restarts() is survives

    run(tmp_path, work)
