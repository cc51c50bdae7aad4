"""Broadcasts on several workers while whatever there is gets killed at random; then every invariant is checked.

The long form (``nox -s chaos``) takes ten minutes and a seed of its own; ``WABROADCAST_TEST_CHAOS_SEED`` repeats one.
"""

import contextlib
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from tests.conftest import PostgresCluster, wait_for
from tests.processes import WorkerProcess, start_worker
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import ConflictError, UnavailableError
from wabroadcast_core.models.status import ENDED_BROADCASTS, BroadcastStatus
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.testing import gateway as gateway_plugin
from wabroadcast_core.testing.gateway import Gateway, most_in_window

LONG = os.environ.get("WABROADCAST_TEST_CHAOS") == "long"
SECONDS = 600 if LONG else 8
RATE = 60  # per second and connection
LATENCY = 0.05  # seconds
JUDGE_LATE = 0.05  # seconds that the gateway itself may be kept waiting while so much starts and dies
IN_FLIGHT = 25  # requests that one kill may hide the outcome of: rate times latency, and what starts meanwhile

pytestmark = [pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(SECONDS * 4 + 240)]


class Chaos:
    """An installation under attack."""

    def __init__(
        self, settings: Settings, valkey: EmbeddedValkey, postgres: PostgresCluster | None, gateway: Gateway, seed: int
    ) -> None:
        self._settings = settings
        self._valkey = valkey
        self._postgres = postgres
        self._gateway = gateway
        self._chance = random.Random(seed)
        self._workers: list[WorkerProcess] = []
        self.jobs: list[str] = []
        self.kills = 0

    def run(self, broadcaster: Broadcaster, *, seconds: float) -> None:
        acts: list[Callable[[Broadcaster], None]] = [
            self._submit,
            self._kill_worker,
            self._kill_valkey,
            self._forget_keys,
            self._pause_and_resume,
        ]
        if self._postgres is not None:
            acts.append(self._kill_store)
        self._workers = [start_worker(self._settings) for _ in range(2)]
        self._submit(broadcaster)
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            seen = len(self._gateway.arrivals())
            more = self._chance.randrange(1, 60)
            with contextlib.suppress(pytest.fail.Exception):  # a quiet moment is a good one to strike as well
                wait_for(lambda: len(self._gateway.arrivals()) >= seen + more, seconds=4)  # noqa: B023 - asked at once
            with contextlib.suppress(UnavailableError):
                self._chance.choice(acts)(broadcaster)

    def end(self, broadcaster: Broadcaster) -> None:
        """Let what is left be sent, then stop."""
        for job_id in self.jobs:
            wait_for(lambda: self._has_ended(broadcaster, job_id), seconds=120, what=f"the end of {job_id}")  # noqa: B023 - asked at once
        self.stop()

    def stop(self) -> None:
        for worker in self._workers:
            worker.kill()

    def _submit(self, broadcaster: Broadcaster) -> None:
        number = len(self.jobs)
        people = [
            {"number": f"08{12 + number % 80}{n:08d}"} for n in range(self._chance.randrange(20, 400 if LONG else 150))
        ]
        draft = {
            "name": f"Promo {number}",
            "connection": self._chance.choice(["one", "two", ["one", "two"]]),
            "priority": self._chance.choice(["high", "normal", "low"]),
            "message": {"type": "text", "text": "Halo"},
        }
        self.jobs.append(broadcaster.submit(draft, people).job_id)

    def _kill_worker(self, _: Broadcaster) -> None:
        victim = self._chance.randrange(len(self._workers))
        self._workers[victim].kill()
        self.kills += 1
        self._workers[victim] = start_worker(self._settings)

    def _kill_valkey(self, _: Broadcaster) -> None:
        self._valkey.kill()
        self._valkey.start()

    def _forget_keys(self, _: Broadcaster) -> None:
        redis.Redis.from_url(self._valkey.url).flushall()

    def _kill_store(self, _: Broadcaster) -> None:
        if self._postgres is not None:
            self._postgres.kill()
            self._postgres.start()

    def _pause_and_resume(self, broadcaster: Broadcaster) -> None:
        job_id = self._chance.choice(self.jobs)
        with contextlib.suppress(ConflictError):
            broadcaster.pause(job_id)
            broadcaster.resume(job_id)

    def _has_ended(self, broadcaster: Broadcaster, job_id: str) -> bool:
        with contextlib.suppress(UnavailableError, ConflictError):
            status = broadcaster.status(job_id).status
            if status == BroadcastStatus.PAUSED:  # the store died between pause and resume
                broadcaster.resume(job_id)
            return status in ENDED_BROADCASTS
        return False


def test_no_promise_is_broken_by_killing_at_random(
    settings: Settings, database_url: str | None, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    seed = int(os.environ.get("WABROADCAST_TEST_CHAOS_SEED", "0")) or (random.randrange(1, 10**6) if LONG else 7)
    print(f"seed {seed}")
    postgres: PostgresCluster | None = request.getfixturevalue("postgres") if database_url else None
    (tmp_path / "gw").mkdir()
    valkey = EmbeddedValkey(tmp_path / "own")
    valkey.start()
    mine = settings.model_copy(update={"redis_url": SecretStr(valkey.url)})
    with (
        Gateway(tmp_path / "gw", latency=LATENCY) as gateway,
        Broadcaster(mine, plugins=[gateway_plugin]) as broadcaster,
    ):
        for name in ("one", "two"):
            connection = {"sender": "gateway", "settings": {"url": gateway.url}, "rate": {"messages": RATE}}
            broadcaster.connections.save(name, connection)
        chaos = Chaos(mine, valkey, postgres, gateway, seed)
        try:
            chaos.run(broadcaster, seconds=SECONDS)
            chaos.end(broadcaster)
            _check_all(broadcaster, gateway, chaos)
        finally:
            chaos.stop()
            valkey.stop()


def _check_all(broadcaster: Broadcaster, gateway: Gateway, chaos: Chaos) -> None:
    doubled = {key: n for key, n in gateway.counts().items() if n > 1}
    assert doubled == {}
    unknown = 0
    for job_id in chaos.jobs:
        progress = broadcaster.status(job_id)
        counts = progress.counts
        assert counts.sent + counts.unknown + counts.failed + counts.skipped == progress.total, job_id
        assert counts.sent <= sum(key.startswith(job_id) for key in gateway.counts())
        unknown += counts.unknown
    assert unknown <= chaos.kills * IN_FLIGHT
    for name in ("one", "two"):
        times = [arrival.at for arrival in gateway.arrivals() if arrival.connection == name]
        assert most_in_window(times, 1.0 - JUDGE_LATE) <= RATE
