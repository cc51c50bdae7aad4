"""Sending goes on within two seconds of Redis working again, whatever kept it from working."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
import redis
from pydantic import SecretStr

from tests.core.recovery.test_recover import submit_paced
from tests.processes import start_worker
from tests.silent_network import SilentNetwork
from tests.slow_parts import PRODUCTION
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.testing import gateway as gateway_plugin
from wabroadcast_core.testing.gateway import Gateway

pytestmark = [ON_SQLITE, pytest.mark.slow, pytest.mark.timed]

SECONDS = 2  # in which sending goes on
TURN = 1.0
AWAY = 2.5  # longer than a turn: no turn is left when Redis is back
SILENT = 3.5  # longer than the longest call waits for an answer, too


def _kill_clients(server: redis.Redis) -> None:
    for kind in ("normal", "pubsub"):
        server.client_kill_filter(_type=kind, skipme=True)


@contextlib.contextmanager
def _clients_are_killed(server: redis.Redis) -> Iterator[None]:
    _kill_clients(server)
    yield


@contextlib.contextmanager
def _clients_are_killed_for_long(server: redis.Redis) -> Iterator[None]:
    ends_at = time.monotonic() + AWAY
    while time.monotonic() < ends_at:
        _kill_clients(server)
        time.sleep(0.05)
    yield


@contextlib.contextmanager
def _idle_clients_are_closed(server: redis.Redis) -> Iterator[None]:
    server.config_set("timeout", 1)
    time.sleep(AWAY)
    server.config_set("timeout", 0)
    yield


@contextlib.contextmanager
def _memory_is_full(server: redis.Redis) -> Iterator[None]:
    server.config_set("maxmemory", 1)
    time.sleep(AWAY)
    server.config_set("maxmemory", 0)
    yield


@contextlib.contextmanager
def _read_only(server: redis.Redis) -> Iterator[None]:
    server.replicaof("127.0.0.1", "1")
    time.sleep(AWAY)
    server.replicaof("NO", "ONE")
    yield


@contextlib.contextmanager
def _frozen(server: redis.Redis) -> Iterator[None]:
    pid = server.info("server")["process_id"]
    os.kill(pid, signal.SIGSTOP)
    time.sleep(SILENT)
    os.kill(pid, signal.SIGCONT)
    yield


@contextlib.contextmanager
def _without_permission(server: redis.Redis) -> Iterator[None]:
    server.execute_command("ACL", "SETUSER", "default", "-evalsha")  # type: ignore[no-untyped-call]  # untyped in redis-py
    time.sleep(AWAY)
    server.execute_command("ACL", "SETUSER", "default", "+evalsha")  # type: ignore[no-untyped-call]
    yield


Disturbance = Callable[[redis.Redis], contextlib.AbstractContextManager[None]]


@pytest.mark.parametrize(
    "disturbance",
    [
        pytest.param(_clients_are_killed, id="clients-killed"),
        pytest.param(_clients_are_killed_for_long, id="clients-killed-for-long"),
        pytest.param(_idle_clients_are_closed, id="idle-clients-closed"),
        pytest.param(_memory_is_full, id="memory-full"),
        pytest.param(_read_only, id="read-only"),
        pytest.param(_frozen, id="frozen"),
        pytest.param(_without_permission, id="without-permission"),
    ],
)
def test_sending_goes_on_soon(
    settings: Settings, own_valkey: EmbeddedValkey, gateway: Gateway, disturbance: Disturbance
) -> None:
    server = redis.Redis.from_url(own_valkey.url)
    with server, _sending(settings, own_valkey.url, gateway), disturbance(server):
        _expect_arrival(gateway)


@pytest.mark.parametrize("with_data", [True, False], ids=["with-its-data", "empty"])
def test_sending_goes_on_soon_after_a_restart(
    settings: Settings, own_valkey: EmbeddedValkey, gateway: Gateway, *, with_data: bool
) -> None:
    with _sending(settings, own_valkey.url, gateway):
        own_valkey.kill()
        time.sleep(AWAY)
        if not with_data:
            (own_valkey.directory / "appendonlydir").rename(own_valkey.directory / "gone")
        own_valkey.start()
        _expect_arrival(gateway)


def test_sending_goes_on_soon_after_the_network_dropped_everything(
    settings: Settings, own_valkey: EmbeddedValkey, gateway: Gateway
) -> None:
    with SilentNetwork(own_valkey.socket_path) as network, _sending(settings, network.url, gateway):
        network.cut()
        time.sleep(SILENT)
        network.mend()
        _expect_arrival(gateway)


@contextlib.contextmanager
def _sending(settings: Settings, url: str, gateway: Gateway) -> Iterator[None]:
    """A worker process that is sending a long broadcast."""
    mine = settings.model_copy(update={"redis_url": SecretStr(url), "turn_seconds": TURN, **PRODUCTION})
    with Broadcaster(mine, plugins=[gateway_plugin]) as broadcaster:
        submit_paced(broadcaster, gateway, amount=1_000, rate=50)
        with start_worker(mine):
            wait_for(lambda: len(gateway.arrivals()) >= 20, what="the first arrivals")
            yield


def _expect_arrival(gateway: Gateway) -> None:
    before = len(gateway.arrivals())
    wait_for(lambda: len(gateway.arrivals()) > before + 10, seconds=SECONDS, what="that sending goes on")
