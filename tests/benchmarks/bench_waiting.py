"""How long a status takes, with why the broadcast waits, one message, and the search for a number, in a full store.

Ten broadcasts share ten million messages; ``WABROADCAST_BENCH_MESSAGES`` sets another amount.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.benchmarks.full_store import BROADCASTS, FullStore
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.testing import senders as null_plugin

pytestmark = pytest.mark.timeout(3_600)
MESSAGES = int(os.environ.get("WABROADCAST_BENCH_MESSAGES", "10000000")) // BROADCASTS  # of each broadcast
CALLS = 50
MOST_MILLISECONDS = 20


@pytest.fixture
def broadcaster(settings: Settings) -> Iterator[Broadcaster]:
    with Broadcaster(settings, plugins=[null_plugin]) as started:
        yield started


def _measure(name: str, call: Callable[[], object]) -> float:
    """Print how long a call takes.

    :returns: by how much its own CPU time is over the most, in ms: the wall time of a busy machine is not judged.
    """
    call()
    walls, cpus = [], []
    for _ in range(CALLS):
        began, worked = time.perf_counter(), time.thread_time()
        call()
        walls.append(time.perf_counter() - began)
        cpus.append(time.thread_time() - worked)
    median, least, cpu = (1_000 * figure for figure in (statistics.median(walls), min(walls), statistics.median(cpus)))
    print(f"{name:<36} median {median:6.1f} ms, least {least:6.1f} ms, of its own CPU time {cpu:5.1f} ms")
    return max(0.0, cpu - MOST_MILLISECONDS)


def test_reads_of_a_full_store(broadcaster: Broadcaster) -> None:
    began = time.monotonic()
    waiting = FullStore(broadcaster, messages=MESSAGES).fill()
    print(f"\n{BROADCASTS * MESSAGES:,} messages, stored in {time.monotonic() - began:,.0f} s")

    over = {}
    for connection, job_id in waiting.items():
        progress = broadcaster.status(job_id)
        print(f"{connection}: waits for {progress.waiting_for and progress.waiting_for.code}")
        over[connection, "status"] = _measure("status", partial(broadcaster.status, job_id))
        over[connection, "connection"] = _measure("the connection", partial(broadcaster.connections.get, connection))
    for name, call in _reads_of(broadcaster, waiting["rate"]).items():
        over["rate", name] = _measure(name, call)

    assert not {name: excess for name, excess in over.items() if excess}


def _reads_of(broadcaster: Broadcaster, job_id: str) -> dict[str, Callable[[], object]]:
    """Return calls that read one message, of each kind, that search for a number, and that read a page of a list."""
    number, sent, queued, retried = f"0{81_200_000_000 + MESSAGES // 2}", 2, 4, 1
    return {
        "one message that was sent": partial(broadcaster.message, job_id, f"{job_id}-{sent}"),
        "one message that waits": partial(broadcaster.message, job_id, f"{job_id}-{queued}"),
        "one message to be tried again": partial(broadcaster.message, job_id, f"{job_id}-{retried}"),
        "a number, over all broadcasts": partial(broadcaster.messages_to, number),
        "a number, in one broadcast": partial(broadcaster.messages_to, number, job_id=job_id),
        "a number that has no message": partial(broadcaster.messages_to, "+6281399999999"),
        "a page of 50 messages": partial(broadcaster.messages, job_id, limit=50),
    }
