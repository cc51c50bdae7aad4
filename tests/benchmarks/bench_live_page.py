"""How far the page of a broadcast is behind the provider: 10,000 people, the page asked for all the time.

At each sample the numbers add up, and none goes backwards. ``WABROADCAST_BENCH_PEOPLE`` sets another amount.
"""

import os
import re
import time
from collections.abc import Iterator

import pytest
from litestar.testing import TestClient

from host_litestar.app import create_app
from tests.benchmarks.bench_engine import TEXT, people
from tests.host.dashboard.pages import FormBrowser, ShownPage
from tests.host.installations import HERE, Api
from tests.scripted import ScriptedProvider
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.status import MessageStatus

pytestmark = pytest.mark.timeout(900)
PEOPLE = int(os.environ.get("WABROADCAST_BENCH_PEOPLE", "10000"))
RATE = {"messages": 200, "perSeconds": 1}
GOAL_SECONDS = 1.0
PAUSE_SECONDS = 0.1  # between two samples, which take the processor from the worker


@pytest.fixture
def provider() -> ScriptedProvider:
    return ScriptedProvider()


@pytest.fixture
def broadcaster(settings: Settings, provider: ScriptedProvider) -> Broadcaster:
    return Broadcaster(settings, plugins=[provider])


@pytest.fixture
def api(broadcaster: Broadcaster) -> Iterator[Api]:
    with TestClient(create_app(broadcaster, work=True), base_url=HERE) as client:
        yield client


def test_a_page_follows_the_provider(broadcaster: Broadcaster, api: Api, provider: ScriptedProvider) -> None:
    broadcaster.connections.save("toko", {"sender": "scripted", "rate": RATE})
    draft = {"name": "bench", "connection": "toko", "message": TEXT}
    job_id = broadcaster.submit(draft, people(PEOPLE)).job_id
    began, sent, lags = time.monotonic(), 0, []

    while sent < PEOPLE:
        asked = time.monotonic()
        counts = _counts_of(FormBrowser(api).open(f"/ui/broadcasts/{job_id}"))
        total = counts.pop("total")
        assert sum(counts[status] for status in MessageStatus) == total <= PEOPLE
        assert sent <= counts["sent"] <= len(provider.starts)
        sent = counts["sent"]
        starts = provider.starts[sent : sent + 1]  # the first one that the page does not show
        lags.append(max(0.0, asked - starts[0].moment) if starts else 0.0)
        time.sleep(PAUSE_SECONDS)
    took = time.monotonic() - began

    assert len(provider.starts) == PEOPLE
    lags.sort()
    print(f"\n{PEOPLE:,} people in {took:.0f} s, {len(lags)} samples whose numbers all add up; goal {GOAL_SECONDS} s")
    print(f"the page is behind the provider by {lags[len(lags) * 95 // 100]:.2f} s (95 %), {lags[-1]:.2f} s at most")


def _counts_of(page: ShownPage) -> dict[str, int]:
    """Return the numbers of a page by status, and the total."""
    tiles = {str(tile["data-live"]).removeprefix("counts."): tile for tile in page.soup.select(".tile [data-live]")}
    tiles["total"] = page.find('.pace [data-live="total"]')
    return {name: int(re.sub(r"\D", "", tile.get_text()) or 0) for name, tile in tiles.items()}
