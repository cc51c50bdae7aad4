"""All processes are killed and the write-ahead log of SQLite loses its end: no message is sent twice."""

import os
from pathlib import Path

import pytest

from tests.core.recovery.test_recover import BEGUN_SECONDS, await_end, check_none_lost_or_duplicated, submit_paced
from tests.processes import start_worker
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import SetupError
from wabroadcast_core.testing import gateway as gateway_plugin
from wabroadcast_core.testing.gateway import Gateway

pytestmark = [pytest.mark.slow, ON_SQLITE]

RATE = 100
AMOUNT = 120
BEGUN = int(RATE * BEGUN_SECONDS)


def _broadcaster(settings: Settings) -> Broadcaster:
    return Broadcaster(settings, plugins=[gateway_plugin])


def _kill_in_the_middle(settings: Settings, gateway: Gateway) -> str:
    """Send half of a broadcast and kill the only process that has the store open."""
    with _broadcaster(settings) as broadcaster:
        job_id = submit_paced(broadcaster, gateway, amount=AMOUNT, rate=RATE)
        worker = start_worker(settings)
    wait_for(lambda: len(gateway.arrivals()) >= AMOUNT // 2, what="the first half")
    worker.kill()
    return job_id


def _cut_log(settings: Settings) -> Path:
    """Cut off the last third of the log; return its index."""
    log = Path(f"{settings.sqlite_path}-wal")
    os.truncate(log, log.stat().st_size * 2 // 3)
    return Path(f"{settings.sqlite_path}-shm")


def test_a_store_that_lost_its_newest_writes_is_not_used(settings: Settings, gateway: Gateway) -> None:
    job_id = _kill_in_the_middle(settings, gateway)
    index = _cut_log(settings)
    with pytest.raises(SetupError, match=r"delete .*-shm, start .*--workers 0.*cancel"):
        _broadcaster(settings).start()

    index.unlink()  # as the error says
    with _broadcaster(settings) as broadcaster:
        broadcaster.cancel(job_id)
        with start_worker(settings):
            wait_for(lambda: broadcaster.status(job_id).counts.processing == 0, what="the end of the claims")

        assert set(gateway.counts().values()) == {1}
        assert broadcaster.status(job_id).status == "cancelled"


def test_what_a_crash_left_behind_the_last_commit_is_harmless(settings: Settings, gateway: Gateway) -> None:
    job_id = _kill_in_the_middle(settings, gateway)
    with Path(f"{settings.sqlite_path}-wal").open("ab") as log:
        log.write(b"\xa5" * 10_000)

    with _broadcaster(settings) as broadcaster, start_worker(settings):
        await_end(broadcaster, job_id)
        check_none_lost_or_duplicated(broadcaster, gateway, job_id, in_flight=BEGUN)
