"""One worker process that sends through the Cloud API: to a provider on loopback, in a process of its own."""

import importlib.util
import time

import pytest

from tests import processes
from tests.benchmarks import uvloop_worker
from tests.benchmarks.bench_engine import cpu_seconds, submit_prepared
from tests.benchmarks.quick_provider import QuickProvider
from tests.processes import start_worker
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
MESSAGES = 50_000
TARGET = 2_000  # messages a second
WORKERS = {"asyncio": processes.main, "uvloop": uvloop_worker.main}


@pytest.mark.parametrize("loop", WORKERS)
@pytest.mark.parametrize("latency", [0.0, 0.2])
def test_cloud_api(broadcaster: Broadcaster, settings: Settings, latency: float, loop: str) -> None:
    if loop == "uvloop" and importlib.util.find_spec("uvloop") is None:
        pytest.skip("uvloop is not installed")
    with QuickProvider(latency=latency) as provider:
        draft = {
            "sender": "whatsapp-cloud",
            "settings": {"baseUrl": provider.url, "phoneNumberId": "1055", "accessToken": "not-a-real-one"},
            "rate": None,
        }
        job_id, _ = submit_prepared(broadcaster, MESSAGES, name="cloud", draft=draft)
        with start_worker(settings, program=WORKERS[loop]) as worker:
            began, busy = time.perf_counter(), cpu_seconds(worker.pid)
            broadcaster.connections.resume("cloud")
            wait_for(lambda: broadcaster.status(job_id).status == "completed", seconds=300, every=0.1)
            took, busy = time.perf_counter() - began, cpu_seconds(worker.pid) - busy

    speed, cost = MESSAGES / took, busy / MESSAGES * 1e6
    assert broadcaster.status(job_id).counts.sent == MESSAGES
    print(f"\n{loop}, {latency * 1_000:.0f} ms of latency: {speed:,.0f} messages a second, {cost:.0f} us of CPU each")
    assert speed > TARGET or loop != "asyncio"
