"""Redis that lost its newest writes: no message is sent twice, and what cannot be known is unknown."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.core.recovery.history import Copy, Past, Replica
from tests.core.recovery.test_recover import (
    BEGUN_SECONDS,
    await_end,
    check_none_lost_or_duplicated,
    submit_paced,
)
from tests.processes import running_workers
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.testing import gateway as gateway_plugin
from wabroadcast_core.testing.gateway import Gateway

pytestmark = pytest.mark.slow

RATE = 50
LATENCY = 0.1
BEGUN = int(RATE * BEGUN_SECONDS)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    made = EmbeddedValkey(tmp_path / "own")
    made.start()
    yield made
    made.stop()


@pytest.fixture(params=[pytest.param(Copy, id="restored-copy"), pytest.param(Replica, id="replica-that-is-behind")])
def past(request: pytest.FixtureRequest, server: EmbeddedValkey, tmp_path: Path) -> Iterator[Past]:
    made: Copy | Replica = request.param(server, tmp_path)
    yield made
    if isinstance(made, Replica):
        made.stop()


@pytest.fixture
def settings(settings: Settings, server: EmbeddedValkey) -> Settings:
    return settings.model_copy(update={"redis_url": SecretStr(server.url)})


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    (tmp_path / "gw").mkdir()
    with Gateway(tmp_path / "gw", latency=LATENCY) as running:
        yield running


@pytest.fixture
def broadcaster(settings: Settings) -> Iterator[Broadcaster]:
    with Broadcaster(settings, plugins=[gateway_plugin]) as started:
        yield started


def await_arrivals(gateway: Gateway, amount: int) -> None:
    wait_for(lambda: len(gateway.arrivals()) >= amount, what=f"{amount} arrivals")


@ON_SQLITE
@pytest.mark.parametrize("away", [0.0, 2.5], ids=["at-once", "after-the-leases-have-expired"])
def test_living_workers_send_nothing_twice_when_redis_goes_back(
    broadcaster: Broadcaster,
    settings: Settings,
    server: EmbeddedValkey,
    gateway: Gateway,
    past: Past,
    away: float,
) -> None:
    job_id = submit_paced(broadcaster, gateway, amount=200, rate=RATE)
    with running_workers(settings, 2):
        await_arrivals(gateway, 40)
        past.remember()
        await_arrivals(gateway, len(gateway.arrivals()) + RATE)  # a second later
        server.kill()
        time.sleep(away)  # Redis is away for so long
        past.restore()
        await_end(broadcaster, job_id)

    check_none_lost_or_duplicated(broadcaster, gateway, job_id, in_flight=0)


@ON_SQLITE
def test_workers_that_died_with_a_redis_that_goes_back_leave_unknown_messages_and_no_doubled_ones(
    broadcaster: Broadcaster,
    settings: Settings,
    server: EmbeddedValkey,
    gateway: Gateway,
    past: Past,
) -> None:
    job_id = submit_paced(broadcaster, gateway, amount=250, rate=RATE)
    with running_workers(settings, 2) as workers:
        await_arrivals(gateway, 40)
        past.remember()
        await_arrivals(gateway, len(gateway.arrivals()) + RATE)
        for worker in workers:
            worker.kill()
        server.kill()
    past.restore()
    with running_workers(settings, 2):
        await_end(broadcaster, job_id)

    check_none_lost_or_duplicated(broadcaster, gateway, job_id, in_flight=150)  # all that was claimed


@ON_SQLITE
def test_workers_that_died_with_redis_leave_only_requests_in_flight_unknown_where_redis_lost_nothing(
    broadcaster: Broadcaster, settings: Settings, server: EmbeddedValkey, gateway: Gateway
) -> None:
    job_id = submit_paced(broadcaster, gateway, amount=200, rate=RATE)
    with running_workers(settings, 2) as workers:
        await_arrivals(gateway, 80)
        for worker in workers:
            worker.kill()
        server.kill()
    server.start()
    with running_workers(settings, 1):
        await_end(broadcaster, job_id)

    check_none_lost_or_duplicated(broadcaster, gateway, job_id, in_flight=BEGUN)


@ON_SQLITE
def test_a_worker_that_was_frozen_while_redis_went_back_sends_nothing_that_others_took(
    broadcaster: Broadcaster, settings: Settings, server: EmbeddedValkey, gateway: Gateway, past: Past
) -> None:
    job_id = submit_paced(broadcaster, gateway, amount=250, rate=RATE)
    with running_workers(settings, 2) as workers:
        await_arrivals(gateway, 40)
        past.remember()
        await_arrivals(gateway, len(gateway.arrivals()) + RATE)
        os.kill(workers[0].pid, signal.SIGSTOP)
        server.kill()
        past.restore()
        time.sleep(5)  # longer than the grace after a restart: the other worker settles the claims
        os.kill(workers[0].pid, signal.SIGCONT)
        await_end(broadcaster, job_id)

    check_none_lost_or_duplicated(broadcaster, gateway, job_id, in_flight=150)
