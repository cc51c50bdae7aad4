"""Crashes of workers, Valkey and the store: no message is lost or sent twice, and only those in flight are unknown."""

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from tests.processes import start_worker
from tests.servers import PostgresCluster
from tests.stores import ON_POSTGRESQL, ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.broadcast import BroadcastProgress
from wabroadcast_core.models.message import MessageView
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.testing import gateway as gateway_plugin
from wabroadcast_core.testing.gateway import Gateway

pytestmark = pytest.mark.slow

TEXT = {"type": "text", "text": "Halo {{ name }}"}
RATE = 100  # messages a second
BEGUN_SECONDS = 0.5  # of sending that a kill may hide: requests, answers not recorded, intents written ahead of slots
BEGUN = int(RATE * BEGUN_SECONDS)


def people(amount: int) -> list[dict[str, str]]:
    return [{"number": f"0812{n:08d}", "name": f"Orang {n}"} for n in range(amount)]


def submit_paced(broadcaster: Broadcaster, gateway: Gateway, *, amount: int, rate: int) -> str:
    connection = {"sender": "gateway", "settings": {"url": gateway.url}, "rate": {"messages": rate, "perSeconds": 1}}
    broadcaster.connections.save("main", connection)
    draft = {"name": "Promo", "connection": "main", "message": TEXT}
    return broadcaster.submit(draft, people(amount)).job_id


def await_end(broadcaster: Broadcaster, job_id: str, *, seconds: float = 60) -> BroadcastProgress:
    wait_for(lambda: broadcaster.status(job_id).status == "completed", seconds=seconds, what="completion")
    return broadcaster.status(job_id)


def check_none_lost_or_duplicated(broadcaster: Broadcaster, gateway: Gateway, job_id: str, *, in_flight: int) -> None:
    """Compare the gateway's log with the store: at most one request for each message, and each sent one arrived."""
    progress = broadcaster.status(job_id)
    counts = gateway.counts()
    duplicates = {key: n for key, n in counts.items() if n > 1}
    assert duplicates == {}
    statuses = {view.message_id: view.status for view in _all_messages(broadcaster, job_id)}
    assert sum(status is MessageStatus.SENT for status in statuses.values()) == progress.counts.sent
    assert progress.counts.sent + progress.counts.unknown == progress.total
    assert progress.counts.unknown <= in_flight
    missing = [key for key, status in statuses.items() if status is MessageStatus.SENT and key not in counts]
    assert missing == []


def _all_messages(broadcaster: Broadcaster, job_id: str) -> Iterator[MessageView]:
    cursor: str | None = None
    while True:
        page = broadcaster.messages(job_id, cursor=cursor, limit=500)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


@pytest.mark.timed
def test_after_a_worker_is_killed_only_requests_in_flight_are_unknown(
    broadcaster: Broadcaster, settings: Settings, tmp_path: Path
) -> None:
    rng = random.Random(3)
    with Gateway(_made(tmp_path / "gw"), latency=0.05) as gateway:
        job_id = submit_paced(broadcaster, gateway, amount=240, rate=RATE)
        kills = 2
        for _ in range(kills):
            with start_worker(settings) as worker:
                before = len(gateway.arrivals())
                target = before + rng.randrange(20, 60)
                _await_arrivals(gateway, target)
                worker.kill()
        with start_worker(settings):
            await_end(broadcaster, job_id)
        check_none_lost_or_duplicated(broadcaster, gateway, job_id, in_flight=kills * BEGUN)


@pytest.mark.timed
def test_when_one_of_two_workers_is_killed_the_other_continues(
    broadcaster: Broadcaster, settings: Settings, tmp_path: Path
) -> None:
    with Gateway(_made(tmp_path / "gw"), latency=0.05) as gateway:
        job_id = submit_paced(broadcaster, gateway, amount=200, rate=RATE)
        with start_worker(settings) as first, start_worker(settings):
            _await_arrivals(gateway, 60)
            first.kill()
            await_end(broadcaster, job_id)
        check_none_lost_or_duplicated(broadcaster, gateway, job_id, in_flight=BEGUN)


@ON_POSTGRESQL
def test_a_worker_at_work_forgets_the_blocks_of_claims_that_have_ended(
    broadcaster: Broadcaster, settings: Settings, tmp_path: Path
) -> None:
    def has_blocks() -> bool:
        with broadcaster.context.database.read() as conn:
            return bool(conn.exec_driver_sql("SELECT count(*) FROM claimed_blocks").scalar_one())

    with Gateway(_made(tmp_path / "gw")) as gateway, start_worker(settings):
        job_id = submit_paced(broadcaster, gateway, amount=60, rate=RATE)
        await_end(broadcaster, job_id)
        wait_for(lambda: not has_blocks(), seconds=10, what="the end of the blocks")


@ON_POSTGRESQL  # SQLite's lock may be frozen with the worker
@pytest.mark.timed
def test_a_frozen_worker_sends_no_message_that_another_worker_took(
    broadcaster: Broadcaster, settings: Settings, tmp_path: Path
) -> None:
    with Gateway(_made(tmp_path / "gw"), latency=0.2) as gateway:
        job_id = submit_paced(broadcaster, gateway, amount=200, rate=RATE)
        with start_worker(settings) as frozen:
            _await_arrivals(gateway, 50)
            os.kill(frozen.pid, signal.SIGSTOP)
            with start_worker(settings):
                _await_arrivals(gateway, 100)
                os.kill(frozen.pid, signal.SIGCONT)
                await_end(broadcaster, job_id)
        check_none_lost_or_duplicated(broadcaster, gateway, job_id, in_flight=40)


def test_a_worker_that_is_stopped_leaves_no_message_unknown(
    broadcaster: Broadcaster, settings: Settings, tmp_path: Path
) -> None:
    with Gateway(_made(tmp_path / "gw"), latency=0.2) as gateway:
        job_id = submit_paced(broadcaster, gateway, amount=200, rate=RATE)
        with start_worker(settings) as first:
            _await_arrivals(gateway, 50)
            first.stop()
        stopped = broadcaster.status(job_id)
        assert stopped.counts.processing == 0
        assert stopped.counts.unknown == 0
        with start_worker(settings):
            await_end(broadcaster, job_id)
        check_none_lost_or_duplicated(broadcaster, gateway, job_id, in_flight=0)


@ON_SQLITE
@pytest.mark.parametrize("with_file", [True, False], ids=["data-file-kept", "data-file-deleted"])
def test_a_killed_valkey_loses_and_duplicates_no_message(
    settings: Settings, own_valkey: EmbeddedValkey, tmp_path: Path, *, with_file: bool
) -> None:
    mine = settings.model_copy(update={"redis_url": _secret(own_valkey.url)})
    with Broadcaster(mine, plugins=[gateway_plugin]) as broadcaster, Gateway(_made(tmp_path / "gw")) as gateway:
        job_id = submit_paced(broadcaster, gateway, amount=200, rate=RATE)
        with start_worker(mine):
            _await_arrivals(gateway, 80)
            own_valkey.kill()
            if not with_file:
                _remove_files(own_valkey.directory)
            own_valkey.start()
            await_end(broadcaster, job_id)
        check_none_lost_or_duplicated(broadcaster, gateway, job_id, in_flight=0)


@ON_SQLITE
def test_no_message_is_sent_while_redis_is_away_and_all_are_sent_when_it_is_back(
    settings: Settings, own_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    mine = settings.model_copy(update={"redis_url": _secret(own_valkey.url)})
    with Broadcaster(mine, plugins=[gateway_plugin]) as broadcaster, Gateway(_made(tmp_path / "gw")) as gateway:
        job_id = submit_paced(broadcaster, gateway, amount=200, rate=RATE)
        with start_worker(mine):
            _await_arrivals(gateway, 50)
            own_valkey.stop()
            submitted = broadcaster.submit({"name": "B", "connection": "main", "message": TEXT}, people(20)).job_id
            sent = len(gateway.arrivals())
            wait_for(lambda: broadcaster.check()["redis"] != "ok", what="the check to report Redis")
            assert len(gateway.arrivals()) <= sent + 2
            own_valkey.start()
            await_end(broadcaster, job_id)
            await_end(broadcaster, submitted)
        check_none_lost_or_duplicated(broadcaster, gateway, job_id, in_flight=0)
        check_none_lost_or_duplicated(broadcaster, gateway, submitted, in_flight=0)


@ON_SQLITE
def test_work_is_queued_again_when_all_redis_keys_are_deleted(
    settings: Settings, own_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    mine = settings.model_copy(update={"redis_url": _secret(own_valkey.url), "lease_seconds": 10.0})
    with Broadcaster(mine, plugins=[gateway_plugin]) as broadcaster, Gateway(_made(tmp_path / "gw")) as gateway:
        job_id = submit_paced(broadcaster, gateway, amount=200, rate=RATE)
        with start_worker(mine), start_worker(mine):
            for target in (40, 80, 120):
                _await_arrivals(gateway, target)
                redis.Redis.from_url(own_valkey.url).flushall()
            await_end(broadcaster, job_id)
        check_none_lost_or_duplicated(broadcaster, gateway, job_id, in_flight=0)


@ON_POSTGRESQL
def test_outcomes_are_recorded_after_the_store_was_away(
    settings: Settings, tmp_path: Path, postgres: PostgresCluster
) -> None:
    gateway = Gateway(_made(tmp_path / "gw"), latency=0.3)
    with gateway, Broadcaster(settings, plugins=[gateway_plugin]) as broadcaster:
        job_id = submit_paced(broadcaster, gateway, amount=200, rate=RATE)
        with start_worker(settings):
            _await_arrivals(gateway, 60)
            postgres.kill()
            postgres.start()
            await_end(broadcaster, job_id)
        check_none_lost_or_duplicated(broadcaster, gateway, job_id, in_flight=0)


def _await_arrivals(gateway: Gateway, amount: int) -> None:
    wait_for(lambda: len(gateway.arrivals()) >= amount, what=f"{amount} arrivals")


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def _secret(url: str) -> SecretStr:
    return SecretStr(url)


def _remove_files(directory: Path) -> None:
    for path in directory.rglob("*"):
        if path.is_file() and path.suffix not in {".lock", ".conf", ".log"}:
            path.unlink()
