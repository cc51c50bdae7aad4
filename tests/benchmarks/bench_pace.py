"""How well the pace is kept and used, at the provider's door, and how soon control and priority are felt."""

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.processes import running_workers
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.testing.gateway import Gateway, most_in_window

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SECONDS = 15


def people(amount: int, *, first: int) -> Iterator[dict[str, str]]:
    return ({"number": f"0812{place:08d}"} for place in range(first, first + amount))


def submit(broadcaster: Broadcaster, amount: int, *, connection: str = "main", first: int = 0, **draft: object) -> str:
    message = {"type": "text", "text": "Halo"}
    fields = {"name": "bench", "connection": connection, "message": message, **draft}
    return broadcaster.submit(fields, people(amount, first=first)).job_id


def times_of(gateway: Gateway, connection: str = "main") -> list[float]:
    return [arrival.at for arrival in gateway.arrivals() if arrival.connection == connection]


@pytest.mark.parametrize("processes", [1, 2, 4])
@pytest.mark.parametrize("rate", [1, 20, 80, 1_000])
def test_pace(broadcaster: Broadcaster, settings: Settings, gateway: Gateway, rate: int, processes: int) -> None:
    connection = {"sender": "gateway", "settings": {"url": gateway.url}, "rate": {"messages": rate}, "lanes": processes}
    broadcaster.connections.save("main", connection)
    job_id = submit(broadcaster, rate * SECONDS)
    with running_workers(settings, processes):
        wait_for(lambda: broadcaster.status(job_id).status == "completed", seconds=6 * SECONDS, every=0.2)
    times = sorted(times_of(gateway))
    middle = times[len(times) // 10 : -(len(times) // 10) or None]
    use = (len(middle) - 1) / (middle[-1] - middle[0]) / rate

    print(f"\n{rate} per second, {processes} processes: use {use:.1%}, worst window {most_in_window(times, 1.0)}")


def test_two_hundred_connections_at_one_a_second(
    broadcaster: Broadcaster, settings: Settings, gateway: Gateway
) -> None:
    names = [f"c{n}" for n in range(200)]
    for name in names:
        connection = {"sender": "gateway", "settings": {"url": gateway.url}, "rate": {"messages": 1}}
        broadcaster.connections.save(name, connection)
    jobs = [submit(broadcaster, SECONDS, connection=name, first=place * SECONDS) for place, name in enumerate(names)]
    with running_workers(settings, 2):
        wait_for(lambda: all(broadcaster.status(job).status == "completed" for job in jobs), seconds=120, every=1)
    paces = []
    for name in names:
        times = sorted(times_of(gateway, name))
        paces.append((len(times) - 1) / (times[-1] - times[0]))

    print(f"\n200 connections at 1 a second, 2 processes: {min(paces):.3f} to {max(paces):.3f} a second")


def test_pause_and_preemption(broadcaster: Broadcaster, settings: Settings, gateway: Gateway) -> None:
    connection = {"sender": "gateway", "settings": {"url": gateway.url}, "rate": {"messages": 80}}
    broadcaster.connections.save("main", connection)
    low = submit(broadcaster, 20_000, priority="low")
    with running_workers(settings, 1):
        wait_for(lambda: len(times_of(gateway)) > 100)
        waits = []
        for place in range(5):
            began = time.monotonic()
            high = submit(broadcaster, 5, first=1_000_000 + 5 * place, priority="high")
            wait_for(lambda: broadcaster.status(high).status == "completed")  # noqa: B023 - asked at once
            first = next(arrival.at for arrival in gateway.arrivals() if arrival.message_id.startswith(high))
            waits.append(first - began)
        pauses = []
        for _ in range(5):
            broadcaster.pause(low)
            paused = time.monotonic()
            wait_for(lambda: broadcaster.status(low).counts.processing == 0)
            pauses.append(max(times_of(gateway)[-1] - paused, 0))
            broadcaster.resume(low)
            seen = len(times_of(gateway))
            wait_for(lambda: len(times_of(gateway)) > seen + 20)  # noqa: B023 - asked at once

    print(f"\nfrom the submit of a high broadcast to its first arrival: median {statistics.median(waits):.3f} s")
    print(f"from pause to the last arrival: at most {max(pauses):.3f} s")


def test_schedules(broadcaster: Broadcaster, settings: Settings, gateway: Gateway) -> None:
    broadcaster.connections.save("main", {"sender": "gateway", "settings": {"url": gateway.url}})
    with running_workers(settings, 2):
        wanted = {}
        for place in range(10):
            at = datetime.now(UTC) + timedelta(seconds=3 + place % 5 * 0.7)
            wanted[submit(broadcaster, 1, first=place, scheduledAt=at.isoformat())] = at.timestamp()
        offset = time.time() - time.monotonic()
        wait_for(lambda: len(times_of(gateway)) == len(wanted))
    late = [arrival.at + offset - wanted[arrival.message_id.rpartition("-")[0]] for arrival in gateway.arrivals()]

    most, median = max(late), statistics.median(late)
    print(f"\nlateness of {len(late)} scheduled broadcasts: median {median:.2f} s, most {most:.2f} s")
