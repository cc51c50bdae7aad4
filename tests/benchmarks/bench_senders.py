"""One worker process that sends through the Cloud API, and raw HTTP clients in the same run.

The provider is on loopback, in a process of its own, plain and with TLS. A worker process does all that a message
needs, from the claim to the record; a raw client only posts the same bodies. Both are measured as whole processes.
"""

import importlib.util
import itertools
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import processes
from tests.benchmarks import uvloop_worker
from tests.benchmarks.bench_engine import cpu_seconds, submit_prepared
from tests.benchmarks.quick_provider import QuickProvider
from tests.benchmarks.raw_clients import Cost, measure_client
from tests.certificates import Certificates, make_certificates
from tests.processes import WorkerProcess, start_worker
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
MESSAGES = 50_000
WARM_UP = 5_000
AT_ONCE = (64, 200, 400)  # a worker has about 400 here
TARGET = 2_000  # messages a second
ROUNDS = 5
WORKERS = {"asyncio": processes.main, "uvloop": uvloop_worker.main}


@pytest.fixture
def certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    made = make_certificates(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))  # the worker process trusts it
    return made


def _send_all(broadcaster: Broadcaster, settings: Settings, url: str, *, loop: str = "asyncio") -> Cost:
    """Measure a broadcast from its first connection to the provider on."""
    job_id, _ = submit_prepared(broadcaster, MESSAGES, name="cloud", draft=_cloud_draft(url))
    with start_worker(settings, program=WORKERS[loop]) as worker:
        return _measure(broadcaster, worker, job_id, lambda: broadcaster.connections.resume("cloud"))


def _send_all_warm(broadcaster: Broadcaster, settings: Settings, url: str) -> Cost:
    """Measure a broadcast that follows another one, as the raw clients are measured: their connections are open."""
    warm_up, _ = submit_prepared(broadcaster, WARM_UP, name="cloud", draft=_cloud_draft(url), first=MESSAGES)
    broadcaster.connections.resume("cloud")
    job_id, _ = submit_prepared(broadcaster, MESSAGES, name="cloud", draft=_cloud_draft(url))
    broadcaster.pause(job_id)
    with start_worker(settings) as worker:
        broadcaster.connections.resume("cloud")
        wait_for(lambda: broadcaster.status(warm_up).status == "completed", what="the warm-up")
        return _measure(broadcaster, worker, job_id, lambda: broadcaster.resume(job_id))


def _cloud_draft(url: str) -> dict[str, object]:
    settings = {"baseUrl": url, "phoneNumberId": "1055", "accessToken": "not-a-real-one"}
    return {"sender": "whatsapp-cloud", "settings": settings, "rate": None}


def _measure(broadcaster: Broadcaster, worker: WorkerProcess, job_id: str, begin: Callable[[], object]) -> Cost:
    began, busy = time.perf_counter(), cpu_seconds(worker.pid)
    begin()
    wait_for(lambda: broadcaster.status(job_id).status == "completed", seconds=300, every=0.1)
    took, busy = time.perf_counter() - began, cpu_seconds(worker.pid) - busy
    assert broadcaster.status(job_id).counts.sent == MESSAGES
    return Cost(busy / MESSAGES * 1e6, MESSAGES / took)


@pytest.mark.parametrize("loop", WORKERS)
@pytest.mark.parametrize("latency", [0.0, 0.2])
def test_cloud_api(broadcaster: Broadcaster, settings: Settings, latency: float, loop: str) -> None:
    if loop == "uvloop" and importlib.util.find_spec("uvloop") is None:
        pytest.skip("uvloop is not installed")
    with QuickProvider(latency=latency) as provider:
        cost = _send_all(broadcaster, settings, provider.url, loop=loop)

    print(f"\n{loop}, {latency * 1_000:.0f} ms of latency: {cost}")
    assert cost.rate > TARGET or loop != "asyncio"


def test_where_everybody_has_an_id_of_whatsapps(broadcaster: Broadcaster, settings: Settings) -> None:
    with QuickProvider(latency=0, user_ids=True) as provider:
        print(f"\neverybody has an id: {_send_all(broadcaster, settings, provider.url)}")


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_what_a_worker_costs_beside_raw_clients(
    broadcaster: Broadcaster, settings: Settings, certificates: Certificates, *, tls: bool
) -> None:
    pytest.importorskip("aiohttp", reason="the raw client that is compared with is not installed (group bench)")
    costs: dict[str, list[Cost]] = defaultdict(list)
    with QuickProvider(latency=0, certificate=certificates.server_file if tls else None) as provider:
        url, authority = f"{provider.url}/v25.0/1055/messages", certificates.authority
        for _ in range(ROUNDS):  # in turns, because the speed of a machine changes from one second to the next
            costs["a worker"].append(_send_all_warm(broadcaster, settings, provider.url))
            for at_once, client in itertools.product(AT_ONCE, ("aiohttp", "wabroadcast")):
                cost = measure_client(client, url, authority=authority, at_once=at_once)
                costs[f"{client} alone, {at_once} at once"].append(cost)

    print(f"\n{'TLS' if tls else 'plain'}, medians of {ROUNDS}:")
    worker = Cost.median(costs["a worker"])
    for what, measured in costs.items():
        cost = Cost.median(measured)
        print(
            f"{what}: {cost}; the worker has {worker.cpu / cost.cpu:.2f} of its CPU, {worker.rate / cost.rate:.2f}"
            " of its rate"
        )
