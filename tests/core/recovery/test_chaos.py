"""Broadcasts on several workers while workers, Valkey and the store are killed at random; then all invariants hold.

The long form (``nox -s chaos``) takes ten minutes and chooses a random seed; ``WABROADCAST_TEST_CHAOS_SEED`` sets it.
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
from sqlalchemy import Engine

from tests.processes import WorkerProcess, main, start_worker
from tests.servers import PostgresCluster
from tests.slow_parts import SlowCommits
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
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
TOLERANCE = 0.05  # seconds by which the gateway may note an arrival too late while processes start and die
IN_FLIGHT = 25  # requests whose outcome one kill may hide: rate times latency, and those that start meanwhile

pytestmark = [pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(SECONDS * 4 + 240)]


class Chaos:
    """An installation whose processes are killed at random."""

    def __init__(
        self,
        settings: Settings,
        valkey: EmbeddedValkey,
        postgres: PostgresCluster | None,
        gateway: Gateway,
        *,
        seed: int,
        program: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._program = program
        self._valkey = valkey
        self._postgres = postgres
        self._gateway = gateway
        self._random = random.Random(seed)
        self._workers: list[WorkerProcess] = []
        self.jobs: list[str] = []
        self.kills = 0

    def run(self, broadcaster: Broadcaster, *, seconds: float) -> None:
        actions: list[Callable[[Broadcaster], None]] = [
            self._submit,
            self._kill_worker,
            self._kill_valkey,
            self._delete_keys,
            self._pause_and_resume,
        ]
        if self._postgres is not None:
            actions.append(self._kill_store)
        self._workers = [start_worker(self._settings, program=self._program) for _ in range(2)]
        self._submit(broadcaster)
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            seen = len(self._gateway.arrivals())
            more = self._random.randrange(1, 60)
            with contextlib.suppress(pytest.fail.Exception):  # act also if no message arrives
                wait_for(lambda: len(self._gateway.arrivals()) >= seen + more, seconds=4)  # noqa: B023 - called before the next loop
            with contextlib.suppress(UnavailableError):
                self._random.choice(actions)(broadcaster)

    def end(self, broadcaster: Broadcaster) -> None:
        """Wait until all broadcasts have ended, then stop the workers."""
        for job_id in self.jobs:
            wait_for(lambda: self._has_ended(broadcaster, job_id), seconds=120, what=f"the end of {job_id}")  # noqa: B023 - called before the next loop
        self.stop()

    def stop(self) -> None:
        for worker in self._workers:
            worker.kill()

    def _submit(self, broadcaster: Broadcaster) -> None:
        number = len(self.jobs)
        people = [
            {"number": f"08{12 + number % 80}{n:08d}"} for n in range(self._random.randrange(20, 400 if LONG else 150))
        ]
        draft = {
            "name": f"Promo {number}",
            "connection": self._random.choice(["one", "two", ["one", "two"]]),
            "priority": self._random.choice(["high", "normal", "low"]),
            "message": {"type": "text", "text": "Halo"},
        }
        self.jobs.append(broadcaster.submit(draft, people).job_id)

    def _kill_worker(self, _: Broadcaster) -> None:
        victim = self._random.randrange(len(self._workers))
        self._workers[victim].kill()
        self.kills += 1
        self._workers[victim] = start_worker(self._settings, program=self._program)

    def _kill_valkey(self, _: Broadcaster) -> None:
        self._valkey.kill()
        self._valkey.start()

    def _delete_keys(self, _: Broadcaster) -> None:
        redis.Redis.from_url(self._valkey.url).flushall()

    def _kill_store(self, _: Broadcaster) -> None:
        if self._postgres is not None:
            self._postgres.kill()
            self._postgres.start()

    def _pause_and_resume(self, broadcaster: Broadcaster) -> None:
        job_id = self._random.choice(self.jobs)
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


def work_on_a_slow_store() -> None:
    """Run a worker whose commits are slow."""
    SlowCommits(Engine, seed=os.getpid())
    main()


def test_random_kills_violate_no_invariant(
    settings: Settings, database_url: str | None, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    postgres: PostgresCluster | None = request.getfixturevalue("postgres") if database_url else None
    _run_chaos(settings, postgres, tmp_path, program=main)


@ON_SQLITE
def test_random_kills_violate_no_invariant_where_commits_are_slow(settings: Settings, tmp_path: Path) -> None:
    _run_chaos(settings, None, tmp_path, program=work_on_a_slow_store)


def _run_chaos(
    settings: Settings, postgres: PostgresCluster | None, directory: Path, *, program: Callable[[], None]
) -> None:
    seed = int(os.environ.get("WABROADCAST_TEST_CHAOS_SEED", "0")) or (random.randrange(1, 10**6) if LONG else 7)
    print(f"seed {seed}")
    (directory / "gw").mkdir()
    valkey = EmbeddedValkey(directory / "own")
    valkey.start()
    mine = settings.model_copy(update={"redis_url": SecretStr(valkey.url)})
    with (
        Gateway(directory / "gw", latency=LATENCY) as gateway,
        Broadcaster(mine, plugins=[gateway_plugin]) as broadcaster,
    ):
        for name in ("one", "two"):
            connection = {"sender": "gateway", "settings": {"url": gateway.url}, "rate": {"messages": RATE}}
            broadcaster.connections.save(name, connection)
        chaos = Chaos(mine, valkey, postgres, gateway, seed=seed, program=program)
        try:
            chaos.run(broadcaster, seconds=SECONDS)
            chaos.end(broadcaster)
            _check_all(broadcaster, gateway, chaos)
        finally:
            chaos.stop()
            valkey.stop()


def _check_all(broadcaster: Broadcaster, gateway: Gateway, chaos: Chaos) -> None:
    duplicates = {key: n for key, n in gateway.counts().items() if n > 1}
    assert duplicates == {}
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
        assert most_in_window(times, 1.0 - TOLERANCE) <= RATE
