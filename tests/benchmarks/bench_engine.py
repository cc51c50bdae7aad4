"""The engine alone: a sender that answers at once, no pace; claim, blacklist, render, record."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.processes import running_workers, start_worker
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.status import BroadcastStatus

MESSAGES = 200_000
NULL = {"sender": "null"}
CONNECTIONS = 500
TEXT = {"type": "text", "text": "Halo {{ name }}, kode Anda {{ code }}"}


def people(amount: int, *, first: int = 0) -> Iterator[dict[str, object]]:
    places = range(first, first + amount)
    return ({"number": f"0812{n:08d}", "name": f"Orang {n}", "variables": {"code": f"A{n}"}} for n in places)


def submit_prepared(
    broadcaster: Broadcaster,
    amount: int,
    *,
    name: str | None = None,
    draft: Mapping[str, object] = NULL,
    first: int = 0,
) -> tuple[str, float]:
    """A broadcast whose audience is stored, on a paused connection.

    :param first: the place of the first person, so that other broadcasts have other people.
    :returns: the broadcast, and the seconds of preparing.
    """
    name = name or f"null-{amount}"
    broadcaster.connections.save(name, draft)
    broadcaster.connections.pause(name)
    job_id = broadcaster.submit(
        {"name": "bench", "connection": name, "message": TEXT}, people(amount, first=first)
    ).job_id
    broadcaster.context.redis.delete(broadcaster.tasks.huey.storage.queue_key)
    with broadcaster.context.database.read() as conn:
        key = conn.exec_driver_sql("SELECT max(id) FROM broadcasts").scalar_one()
    began = time.perf_counter()
    broadcaster.handlers.prepare(key)
    return job_id, time.perf_counter() - began


def test_engine(broadcaster: Broadcaster, settings: Settings, database_url: str | None) -> None:
    job_id, prepared = submit_prepared(broadcaster, MESSAGES)
    calls = _redis_calls(broadcaster)
    with start_worker(settings) as worker:
        wait_for(lambda: _redis_calls(broadcaster) > calls + 20, what="the worker's start")
        before, began, busy = _redis_calls(broadcaster), time.perf_counter(), cpu_seconds(worker.pid)
        broadcaster.connections.resume(f"null-{MESSAGES}")
        wait_for(lambda: broadcaster.status(job_id).status == "completed", seconds=300, every=0.1)
        took, busy = time.perf_counter() - began, cpu_seconds(worker.pid) - busy
        redis_calls = _redis_calls(broadcaster) - before
        resident = _resident_megabytes(worker.pid)

    store = "PostgreSQL" if database_url else "SQLite"
    assert broadcaster.status(job_id).counts.sent == MESSAGES
    print(f"\n{store}: prepare {MESSAGES / prepared:,.0f} recipients a second")
    print(f"{store}: engine alone {MESSAGES / took:,.0f} messages a second, {busy / MESSAGES * 1e6:.1f} us of CPU each")
    print(f"{store}: {redis_calls / MESSAGES:.4f} Redis calls a message, worker peak {resident:.0f} MB resident")


def test_two_processes(broadcaster: Broadcaster, settings: Settings, database_url: str | None) -> None:
    """A broadcast of its own connection for each of two worker processes, which may both begin in the same one."""
    jobs = [submit_prepared(broadcaster, MESSAGES // 2 + place) for place in range(2)]
    calls = _redis_calls(broadcaster)
    with running_workers(settings, 2) as workers:
        wait_for(lambda: _redis_calls(broadcaster) > calls + 40, what="the workers' start")
        began, before = time.perf_counter(), [cpu_seconds(worker.pid) for worker in workers]
        for place in range(2):
            broadcaster.connections.resume(f"null-{MESSAGES // 2 + place}")
        for job_id, _ in jobs:
            wait_for(lambda: broadcaster.status(job_id).status == "completed", seconds=300, every=0.1)  # noqa: B023 - called at once
        took = time.perf_counter() - began
        busy = [cpu_seconds(worker.pid) - used for worker, used in zip(workers, before, strict=True)]

    store, shares = "PostgreSQL" if database_url else "SQLite", [f"{share / sum(busy):.0%}" for share in busy]
    print(
        f"\n{store}: two processes {MESSAGES / took:,.0f} messages a second, of which they sent {' and '.join(shares)}"
    )


def test_turns(broadcaster: Broadcaster, settings: Settings, database_url: str | None) -> None:
    """Each connection has one message and a worker has not seen it before: what hardly more than a turn costs."""
    names = [f"c{place}" for place in range(CONNECTIONS)]
    for name in names:
        broadcaster.connections.save(name, {"sender": "null", "rate": {"messages": 1}})
    for key, name in enumerate(names, 1):
        broadcaster.submit({"name": "bench", "connection": name, "message": TEXT}, people(1))
        broadcaster.handlers.prepare(key)
    broadcaster.context.redis.delete(broadcaster.tasks.huey.storage.queue_key)
    with start_worker(settings) as worker:
        began, busy = time.perf_counter(), cpu_seconds(worker.pid)
        for key in range(1, CONNECTIONS + 2):  # the first one is the sandbox
            broadcaster.tasks.turn(key, rank=1)
        wait_for(lambda: broadcaster.list(status=BroadcastStatus.COMPLETED).total == CONNECTIONS, seconds=120)
        took, busy = time.perf_counter() - began, cpu_seconds(worker.pid) - busy

    store = "PostgreSQL" if database_url else "SQLite"
    print(f"\n{store}: {CONNECTIONS / took:,.0f} turns a second, {busy / CONNECTIONS * 1e3:.1f} ms of CPU each")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_redis_holds_a_constant_amount(broadcaster: Broadcaster) -> None:
    keys = {}
    for amount in (1_000, 100_000):
        submit_prepared(broadcaster, amount)
        names = broadcaster.context.redis.keys(f"*{broadcaster.settings.namespace}*")
        keys[amount] = sum(broadcaster.context.redis.memory_usage(name) or 0 for name in names)

    print(f"\nbytes in Redis with 1,000 and with 100,000 messages more waiting: {keys[1_000]:,} and {keys[100_000]:,}")


def _redis_calls(broadcaster: Broadcaster) -> int:
    return int(broadcaster.context.redis.info("stats")["total_commands_processed"])


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _resident_megabytes(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
