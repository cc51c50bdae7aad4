"""How long the server takes for each page of the dashboard, in a store with a million messages.

``WABROADCAST_BENCH_MESSAGES`` sets another amount.
"""

import os
import time
from collections.abc import Iterator

import pytest
from litestar.testing import TestClient

from host_litestar.app import create_app
from tests.benchmarks.full_store import BROADCASTS, FullStore
from tests.host.installations import HERE, Api
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.testing import senders as null_plugin

pytestmark = pytest.mark.timeout(3_600)
MESSAGES = int(os.environ.get("WABROADCAST_BENCH_MESSAGES", "1000000")) // BROADCASTS  # of each broadcast
CALLS = 40
GOAL_MILLISECONDS = 100


@pytest.fixture
def broadcaster(settings: Settings) -> Broadcaster:
    return Broadcaster(settings, plugins=[null_plugin])


@pytest.fixture
def api(broadcaster: Broadcaster) -> Iterator[Api]:
    with TestClient(create_app(broadcaster), base_url=HERE) as client:
        yield client


def test_pages_of_a_full_store(broadcaster: Broadcaster, api: Api) -> None:
    waiting = FullStore(broadcaster, messages=MESSAGES).fill()
    job_id, number = waiting["rate"], f"0{81_200_000_000 + MESSAGES // 2}"
    draft = api.post(f"/broadcast/{job_id}/copy").json()["draftId"]
    print(f"\n{BROADCASTS * MESSAGES:,} messages; the goal is {GOAL_MILLISECONDS} ms for 95 of 100 calls")
    for path in (
        "/",
        "/ui/broadcasts",
        f"/ui/broadcasts/{job_id}",
        f"/ui/broadcasts/{job_id}?status=sent",
        f"/ui/broadcasts/{job_id}?q={number}",
        f"/ui/broadcasts/{job_id}/people/{job_id}-2",
        f"/ui/search?q={number}",
        "/ui/contacts",
        "/ui/opt-outs",
        "/ui/connections",
        "/ui/connections/rate",
        "/ui/activity",
        "/ui/settings",
        f"/ui/drafts/{draft}",
    ):
        _measure(api, path, path.replace(job_id, "…").replace(draft, "…"))


def _measure(api: Api, path: str, name: str) -> None:
    """Print how long the server takes for a page, with the client of the test in the same process."""
    assert api.get(path).status_code == 200, path
    walls, worked = [], time.process_time()
    for _ in range(CALLS):
        began = time.perf_counter()
        api.get(path)
        walls.append(1_000 * (time.perf_counter() - began))
    cpu = 1_000 * (time.process_time() - worked) / CALLS
    walls.sort()
    print(f"{name:<48} median {walls[CALLS // 2]:6.1f} ms, p95 {walls[-CALLS // 20]:6.1f} ms, CPU {cpu:6.1f} ms")
