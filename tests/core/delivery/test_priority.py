"""Priority at a connection, and the independence of connections."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.processes import running_workers
from tests.stalls import StallWatch
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.testing.gateway import Arrival, Gateway, most_in_window
from wabroadcast_core.worker import Worker

pytestmark = [pytest.mark.timed, pytest.mark.slow]


def people(amount: int, *, ending: str = "") -> Iterator[dict[str, str]]:
    return ({"number": f"0812{n:06d}{ending or n % 100:0>2}"} for n in range(amount))


def connect(broadcaster: Broadcaster, gateway: Gateway, *names: str, **limits: object) -> None:
    for name in names:
        broadcaster.connections.save(name, {"sender": "gateway", "settings": {"url": gateway.url}, **limits})


def submit(
    broadcaster: Broadcaster, amount: int, *, connection: str = "main", ending: str = "", **draft: object
) -> str:
    message = {"type": "text", "text": "Halo"}
    whole = {"name": "Promo", "connection": connection, "message": message, **draft}
    return broadcaster.submit(whole, people(amount, ending=ending)).job_id


def of_job(arrivals: Sequence[Arrival], job_id: str) -> list[Arrival]:
    return [arrival for arrival in arrivals if arrival.message_id.startswith(f"{job_id}-")]


def await_arrivals(gateway: Gateway, amount: int, *, job_id: str = "", seconds: float = 30) -> None:
    wait_for(
        lambda: len(of_job(gateway.arrivals(), job_id) if job_id else gateway.arrivals()) >= amount,
        seconds=seconds,
        what=f"the sending of {amount}",
        every=0.05,
    )


def test_a_high_broadcast_overtakes_a_low_one_at_once(
    broadcaster: Broadcaster, worker: Worker, gateway: Gateway
) -> None:
    connect(broadcaster, gateway, "main", rate={"messages": 50})
    low = submit(broadcaster, 2_000, priority="low")
    await_arrivals(gateway, 20)

    before = len(gateway.arrivals())
    high = submit(broadcaster, 60, priority="high")
    await_arrivals(gateway, 60, job_id=high)

    arrivals = gateway.arrivals()
    ranks = [arrival.message_id.startswith(f"{high}-") for arrival in arrivals]
    first, last = ranks.index(True), len(ranks) - 1 - ranks[::-1].index(True)
    assert arrivals[first].at - arrivals[before].at < 1
    assert ranks[first : last + 1].count(False) <= 12  # at most the messages that were claimed already
    broadcaster.cancel(low)


def test_broadcasts_of_one_rank_share_a_connection_evenly_at_every_moment(
    broadcaster: Broadcaster, worker: Worker, gateway: Gateway
) -> None:
    connect(broadcaster, gateway, "main", rate={"messages": 100})
    jobs = [submit(broadcaster, 1_000) for _ in range(3)]
    await_arrivals(gateway, 1, job_id=jobs[-1])
    begun = len(gateway.arrivals())
    await_arrivals(gateway, begun + 240)

    counts = dict.fromkeys(jobs, 0)
    for arrival in gateway.arrivals()[begun:]:
        counts[arrival.message_id.rpartition("-")[0]] += 1
        assert max(counts.values()) - min(counts.values()) <= 25, (
            counts
        )  # one claim: a message that is late starts in the next
    for job_id in jobs:
        broadcaster.cancel(job_id)


def test_a_small_broadcast_does_not_wait_for_the_end_of_a_large_one(
    broadcaster: Broadcaster, worker: Worker, gateway: Gateway
) -> None:
    connect(broadcaster, gateway, "main", rate={"messages": 100})
    big = submit(broadcaster, 2_000)
    await_arrivals(gateway, 50)

    small = submit(broadcaster, 50)
    wait_for(lambda: broadcaster.status(small).status == "completed", seconds=10, what="the end of the small broadcast")

    arrivals = gateway.arrivals()
    mine = of_job(arrivals, small)
    between = [arrival for arrival in of_job(arrivals, big) if mine[0].at < arrival.at < mine[-1].at]
    assert len(between) == pytest.approx(len(mine), abs=20)
    broadcaster.cancel(big)


@ON_SQLITE
def test_a_connection_does_not_wait_for_one_that_is_slow_hangs_or_fails(
    broadcaster: Broadcaster, settings: Settings, tmp_path: Path
) -> None:
    rules = {"77": "hang", "66": "temporary"}
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    with Gateway(tmp_path / "good") as good, Gateway(tmp_path / "bad", latency=2.0, rules=rules) as bad:
        connect(broadcaster, good, "good", rate={"messages": 40})
        connect(broadcaster, bad, "slow", "hanging", "failing", rate={"messages": 100})
        for name, ending in {"slow": "", "hanging": "77", "failing": "66"}.items():
            submit(broadcaster, 400, connection=name, ending=ending, retry={"intervalSeconds": 1})

        with running_workers(settings, 1), StallWatch() as stalls:
            await_arrivals(bad, 300)
            started = time.monotonic()
            job_id = submit(broadcaster, 120, connection="good")
            await_arrivals(good, 120, job_id=job_id)

        times = [arrival.at for arrival in good.arrivals()]
        assert times[0] - started < 1.5
        assert most_in_window(times, 1 - stalls.slack) <= 40
        assert times[-1] - times[0] < 4 or not stalls.is_calm


@ON_SQLITE
def test_many_slow_connections_all_keep_their_pace(
    broadcaster: Broadcaster, settings: Settings, gateway: Gateway
) -> None:
    names = [f"slow-{number}" for number in range(40)]
    connect(broadcaster, gateway, *names, rate={"messages": 1})
    for name in names:
        submit(broadcaster, 30, connection=name)

    with running_workers(settings, 2), StallWatch() as stalls:
        await_arrivals(gateway, 6 * len(names))

    by_connection: dict[str, list[float]] = {name: [] for name in names}
    for arrival in gateway.arrivals():
        by_connection[arrival.connection].append(arrival.at)
    for times in by_connection.values():
        assert most_in_window(times, 1 - stalls.slack) <= 1
        assert (times[-1] - times[0]) / (len(times) - 1) < 1.05 or not stalls.is_calm


@ON_SQLITE
def test_two_lanes_work_at_one_connection_from_two_processes(
    broadcaster: Broadcaster, settings: Settings, gateway: Gateway
) -> None:
    connect(broadcaster, gateway, "main", rate={"messages": 200}, lanes=2)

    with running_workers(settings, 2), StallWatch() as stalls:
        job_id = submit(broadcaster, 800)
        wait_for(lambda: broadcaster.status(job_id).status == "completed", every=0.2, what="completion")

    counts = gateway.counts()
    assert len(counts) == 800
    assert set(counts.values()) == {1}
    assert most_in_window([arrival.at for arrival in gateway.arrivals()], 1 - stalls.slack) <= 200
