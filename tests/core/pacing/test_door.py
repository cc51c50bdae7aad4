"""The limits of a connection as the provider measures them, over real worker processes.

On a busy machine the gateway wakes late and its times are wrong by that. So windows are checked with a length that is
reduced by the measured stalls of the test process, and the use of a rate is checked only if there were nearly none.
"""

import itertools
import os
import signal
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from tests.pace_use import DISKS, share_used
from tests.processes import running_workers
from tests.stalls import StallWatch
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.testing import gateway as gateway_plugin
from wabroadcast_core.testing.gateway import Gateway, most_in_window

pytestmark = [
    pytest.mark.slow,
    pytest.mark.door,
    pytest.mark.parametrize(
        "database_url", [pytest.param(None, id="sqlite")]
    ),  # the limiter does not depend on the store
]


def people(amount: int) -> Iterator[dict[str, str]]:
    return ({"number": f"0812{n:08d}"} for n in range(amount))


def submit(broadcaster: Broadcaster, amount: int, *, connection: str = "main", **draft: object) -> str:
    message = {"type": "text", "text": "Halo"}
    return broadcaster.submit(
        {"name": "Promo", "connection": connection, "message": message, **draft}, people(amount)
    ).job_id


def await_end(broadcaster: Broadcaster, *job_ids: str, seconds: float = 40) -> None:
    def ended() -> bool:
        return all(broadcaster.status(job_id).status == "completed" for job_id in job_ids)

    wait_for(ended, seconds=seconds, every=0.2, what="completion")


def arrivals(gateway: Gateway, connection: str = "main") -> list[float]:
    return [arrival.at for arrival in gateway.arrivals() if arrival.connection == connection]


def await_arrivals(gateway: Gateway, amount: int) -> None:
    wait_for(lambda: len(arrivals(gateway)) >= amount, what=f"sending of {amount}")


@pytest.mark.parametrize("processes", [1, 2])
def test_a_rate_is_kept_in_every_window_and_used(
    broadcaster: Broadcaster, settings: Settings, gateway: Gateway, processes: int
) -> None:
    lanes = {20: 1, 200: processes}
    for rate, amount in lanes.items():
        connection = {"sender": "gateway", "settings": {"url": gateway.url}, "rate": {"messages": rate}}
        broadcaster.connections.save(f"per-second-{rate}", {**connection, "lanes": amount})

    with running_workers(settings, processes):
        for _ in range(2):
            seen = {rate: len(arrivals(gateway, f"per-second-{rate}")) for rate in lanes}
            with StallWatch() as stalls:
                jobs = [submit(broadcaster, 4 * rate, connection=f"per-second-{rate}") for rate in lanes]
                await_end(broadcaster, *jobs)
            times = {rate: arrivals(gateway, f"per-second-{rate}")[count:] for rate, count in seen.items()}
            for rate in lanes:
                assert most_in_window(times[rate], 1 - stalls.slack) <= rate
            if stalls.is_calm:
                break

    uses = {rate: share_used(times[rate], rate) for rate in lanes}
    assert min(uses.values()) >= 0.97 or not stalls.is_calm, uses


@pytest.mark.parametrize("disk", DISKS)
def test_the_pace_is_used_on_each_disk(settings: Settings, capsys: pytest.CaptureFixture[str], disk: str) -> None:
    with StallWatch() as stalls:
        measured = DISKS[disk](settings, rate=50)

    with capsys.disabled():
        print(f"\n{disk}, 50 a second: {measured}")
    assert most_in_window(measured.starts, 1 - stalls.slack) <= 50
    assert measured.share >= 0.97 or not stalls.is_calm


def test_a_quota_has_a_rolling_window_and_is_used(
    broadcaster: Broadcaster, settings: Settings, gateway: Gateway
) -> None:
    limits = {"rate": {"messages": 200}, "quotas": [{"messages": 60, "perSeconds": 2}]}
    broadcaster.connections.save("main", {"sender": "gateway", "settings": {"url": gateway.url}, **limits})

    with running_workers(settings, 2), StallWatch() as stalls:
        await_end(broadcaster, submit(broadcaster, 180))

    times = sorted(arrivals(gateway))
    assert most_in_window(times, 2 - stalls.slack) <= 60
    assert times[60] - times[0] < 2.2 or not stalls.is_calm
    assert times[120] - times[60] < 2.2 or not stalls.is_calm


def test_a_stalled_process_gives_up_its_slots_and_sends_no_burst(
    broadcaster: Broadcaster, settings: Settings, gateway: Gateway
) -> None:
    connection = {"sender": "gateway", "settings": {"url": gateway.url}, "rate": {"messages": 100}}
    broadcaster.connections.save("main", connection)

    with running_workers(settings, 1) as [worker], StallWatch() as stalls:
        job_id = submit(broadcaster, 300)
        for share in (60, 150):
            await_arrivals(gateway, share)
            os.kill(worker.pid, signal.SIGSTOP)
            time.sleep(0.6)  # the stall itself
            os.kill(worker.pid, signal.SIGCONT)
        await_end(broadcaster, job_id)

    times = arrivals(gateway)
    assert len(times) == 300
    assert most_in_window(times, 1 - stalls.slack) <= 100
    assert most_in_window(times, 0.1) <= 15 or not stalls.is_calm
    assert statistics.median(later - sooner for sooner, later in itertools.pairwise(times)) > 0.009


def test_rate_and_quota_are_kept_when_redis_loses_its_keys(
    settings: Settings, tmp_path: Path, gateway: Gateway
) -> None:
    valkey = EmbeddedValkey(tmp_path / "own")
    valkey.start()
    settings = settings.model_copy(update={"redis_url": SecretStr(valkey.url)})
    limits = {"rate": {"messages": 50}, "quotas": [{"messages": 60, "perSeconds": 2}]}

    with (
        Broadcaster(settings, plugins=[gateway_plugin]) as broadcaster,
        running_workers(settings, 2),
        StallWatch() as stalls,
    ):
        broadcaster.connections.save("main", {"sender": "gateway", "settings": {"url": gateway.url}, **limits})
        job_id = submit(broadcaster, 120)
        for share in (20, 50, 90):
            await_arrivals(gateway, share)
            with redis.Redis.from_url(valkey.url) as client:
                client.flushall()
        await_end(broadcaster, job_id)
    valkey.stop()

    times = arrivals(gateway)
    assert len(times) == 120
    assert most_in_window(times, 1 - stalls.slack) <= 50
    assert most_in_window(times, 2 - stalls.slack) <= 60
