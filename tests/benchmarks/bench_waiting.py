"""How long a status takes, with why the broadcast waits, one message, and the search for a number, in a full store.

Ten broadcasts share ten million messages; ``WABROADCAST_BENCH_MESSAGES`` sets another amount.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from tests.scripted import people, text_to
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.store import workers as worker_store
from wabroadcast_core.testing import senders as null_plugin

pytestmark = pytest.mark.timeout(3_600)
BROADCASTS = 10
MESSAGES = int(os.environ.get("WABROADCAST_BENCH_MESSAGES", "10000000")) // BROADCASTS  # of each broadcast
CALLS = 50
MOST_MILLISECONDS = 20
DAY = 86_400.0
LIMITS: dict[str, dict[str, Any]] = {  # of the connections of the broadcasts that wait
    "no-limit": {},
    "used-quota-that-redis-forgot": {"quotas": [{"messages": 1_000, "perSeconds": DAY}]},
    "rate": {"rate": {"messages": 80}, "quotas": [{"messages": 90_000, "perSeconds": DAY}]},
}
_NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)",
    "postgresql": "WITH n AS (SELECT i FROM generate_series(1, :rows) AS i)",
}
# A quarter of the messages of a broadcast is queued, and one is to be tried again; of one that has ended all are sent.
_FILL = """
    INSERT INTO messages (id, broadcast_id, batch, route, status, number, name, attempts, due_at, reason, connection_id,
      provider_id, sent_at)
    {numbers} SELECT ({key} * 4294967296) + i, {key}, i / 1000, 0,
      CASE WHEN {ended} OR i % 4 > 1 THEN 'sent' WHEN i % 4 = 0 THEN 'queued' ELSE 'retry' END,
      '+62' || (81200000000 + i), 'Orang ' || i, 1,
      CASE WHEN i % 4 = 1 AND NOT {ended} THEN {now} + 3600 END,
      CASE WHEN i % 4 = 1 AND NOT {ended} THEN 'busy' END,
      {connection}, CASE WHEN {ended} OR i % 4 > 1 THEN 'wamid.{key}.' || i END, {now} - i
    FROM n
    """
_SPANS = """
    INSERT INTO connection_starts (connection_id, ended_at, messages)
    {numbers} SELECT {connection}, CAST({now} AS BIGINT) / 10 * 10 - 10 * i, 7 FROM n
    """
_RUNNING = "status = 'processing', queued = :quarter, retry = :quarter, sent = :all - 2 * :quarter"
_ENDED = "status = 'completed', queued = 0, retry = 0, sent = :all"


@pytest.fixture
def broadcaster(settings: Settings) -> Iterator[Broadcaster]:
    with Broadcaster(settings, plugins=[null_plugin]) as started:
        yield started


class _FullStore:
    """Fills the store of a broadcaster: the first broadcasts wait, one for each connection, the others have ended."""

    def __init__(self, broadcaster: Broadcaster) -> None:
        self._broadcaster = broadcaster
        self._database = broadcaster.context.database
        self._numbers = _NUMBERS["sqlite" if self._database.is_sqlite else "postgresql"]
        self._now = time.time()

    def fill(self) -> dict[str, str]:
        """Store everything, and a worker that is alive.

        :returns: the broadcasts that wait, by the names of their connections.
        """
        for name, limits in LIMITS.items():
            self._broadcaster.connections.save(name, {"sender": "null", **limits})
        waiting = {name: self._add_broadcast(name, ended=False) for name in LIMITS}
        for place in range(BROADCASTS - len(LIMITS)):
            self._add_broadcast(list(LIMITS)[place % len(LIMITS)], ended=True)
        self._add_worker()
        self._analyze()
        return waiting

    def _add_broadcast(self, connection: str, *, ended: bool) -> str:
        body = text_to(connection, batching={"size": 1_000, "intervalSeconds": 600})
        job_id = self._broadcaster.submit(body, people(1)).job_id
        counts = {"job": job_id, "now": self._now, "all": MESSAGES, "quarter": MESSAGES // 4}
        begun = f"started_at = :now, prepared = true, total = :all, {_ENDED if ended else _RUNNING}"
        with self._database.write() as conn:
            key = conn.execute(text("SELECT id FROM broadcasts WHERE job_id = :job"), {"job": job_id}).scalar_one()
            find = text("SELECT id FROM connections WHERE name = :name")
            connection_id = conn.execute(find, {"name": connection}).scalar_one()
            parts = {"numbers": self._numbers, "key": key, "connection": connection_id, "now": self._now}
            conn.execute(text(_FILL.format(**parts, ended="true" if ended else "false")), {"rows": MESSAGES})
            if not ended:
                conn.execute(text(_SPANS.format(**parts)), {"rows": 8_640})
            conn.execute(text(f"UPDATE broadcasts SET {begun} WHERE job_id = :job"), counts)
        return job_id

    def _add_worker(self) -> None:
        context = self._broadcaster.context
        with self._database.write() as conn:
            worker = worker_store.insert_worker(conn, now=self._now)
        context.redis.set(context.keys.worker(worker), f"{self._now + DAY:.6f}")

    def _analyze(self) -> None:
        if not self._database.is_sqlite:
            with self._database.db_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
                conn.execute(text("VACUUM ANALYZE"))


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
    waiting = _FullStore(broadcaster).fill()
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
