"""What 300 listeners on ten running broadcasts cost a web process: its share of a core, its memory."""

import asyncio
import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.host.programs import Served

BROADCASTS = 10
LISTENERS = 300
PEOPLE = 3_000
SETTLE_SECONDS = 5.0
SECONDS = 30.0
MOST_SHARE = 0.05
MOST_GROWTH = 4.0  # MB of the web process, while it serves the listeners


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    running = Served(tmp_path, "--port", "0", "--workers", "1")
    yield running
    running.stop()


def _submit(url: str, number: int) -> str:
    connection = {"sender": "sandbox", "settings": {"latencySeconds": 0.05}, "rate": {"messages": 5}}
    httpx.put(f"{url}/connections/c{number}", json=connection).raise_for_status()
    people = [{"number": f"0812{number:02d}{person:06d}", "name": "Budi"} for person in range(PEOPLE)]
    message = {"type": "text", "text": "Halo {{ name }}"}
    body = {"name": "Promo", "message": message, "recipients": people, "connection": f"c{number}"}
    return str(httpx.post(f"{url}/broadcast", json=body, timeout=60).raise_for_status().json()["jobId"])


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _megabytes(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1_024


async def _listen(url: str, path: str, events: list[float]) -> None:
    """Write down when each event came."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        while line := await reader.readline():
            if line.startswith(b"data: "):
                events.append(time.monotonic())
    finally:
        writer.close()


async def _measure(url: str, pid: int, paths: list[str]) -> tuple[float, float, list[list[float]]]:
    """Return the share of a core, the growth of the memory, and the times of the events of each listener."""
    received: list[list[float]] = [[] for _ in paths]
    async with asyncio.TaskGroup() as group:
        listening = [group.create_task(_listen(url, path, times)) for path, times in zip(paths, received, strict=True)]
        await asyncio.sleep(SETTLE_SECONDS)
        began, worked, held = time.monotonic(), _cpu_seconds(pid), _megabytes(pid)
        for times in received:
            times.clear()
        await asyncio.sleep(SECONDS)
        share = (_cpu_seconds(pid) - worked) / (time.monotonic() - began)
        growth = _megabytes(pid) - held
        for task in listening:
            task.cancel()
    return share, growth, received


def test_300_listeners_on_ten_broadcasts(served: Served) -> None:
    [web] = served.children("web")
    jobs = [_submit(served.url, number) for number in range(BROADCASTS)]
    paths = [f"/broadcast/{jobs[number % BROADCASTS]}/events" for number in range(LISTENERS)]
    time.sleep(SETTLE_SECONDS)
    worked = _cpu_seconds(web)
    time.sleep(SETTLE_SECONDS)
    idle = (_cpu_seconds(web) - worked) / SETTLE_SECONDS
    before = _megabytes(web)

    share, growth, received = asyncio.run(_measure(served.url, web, paths))

    rates = [len(times) / SECONDS for times in received]
    print(f"\nweb process: {share:.1%} of a core with {LISTENERS} listeners, {idle:.1%} without")
    print(f"memory: {before:.1f} MB before, {_megabytes(web):.1f} MB after, {growth:+.1f} MB while it served them")
    print(f"events a second of a listener: median {statistics.median(rates):.2f}, most {max(rates):.2f}")
    assert min(rates) > 0
    assert max(rates) <= 2
    assert share - idle < MOST_SHARE
    assert growth < MOST_GROWTH
