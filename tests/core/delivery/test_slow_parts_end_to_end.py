"""Every recipient gets the message once, and no faster than the pace, where the store, a blacklist or Redis is slow."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.scripted import ScriptedProvider, SleepyBlacklist, people, text_to
from tests.slow_parts import SlowCommits, distant
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.testing.gateway import most_in_window
from wabroadcast_core.worker import Worker

pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]

RATE = 50
SECONDS = 6


@contextlib.contextmanager
def at_work(settings: Settings, *plugins: object) -> Iterator[Broadcaster]:
    with Broadcaster(settings, plugins=plugins) as broadcaster:
        worker = Worker(broadcaster)
        worker.start()
        try:
            yield broadcaster
        finally:
            worker.stop()


def send_all(broadcaster: Broadcaster, provider: ScriptedProvider) -> None:
    """Send a broadcast of some seconds to its end, and judge that none is missing or doubled and none too early."""
    amount = RATE * SECONDS
    broadcaster.connections.save("main", {"sender": "scripted", "rate": {"messages": RATE}})
    job_id = broadcaster.submit(text_to("main"), people(amount)).job_id
    wait_for(lambda: broadcaster.status(job_id).status == "completed", seconds=60, what="the end")

    assert provider.counts() == {one["number"]: 1 for one in people(amount)}
    assert broadcaster.status(job_id).counts.sent == amount
    assert most_in_window([start.moment for start in provider.starts], 1.0) <= RATE


def test_a_store_whose_commits_are_slow_neither_loses_nor_hurries_messages(
    settings: Settings, provider: ScriptedProvider
) -> None:
    with at_work(settings, provider) as broadcaster:
        slow = SlowCommits(broadcaster.context.database.db_engine, base=0.002, spike=0.15, every=20)
        send_all(broadcaster, provider)

    assert slow.commits > 0


def test_a_slow_blacklist_neither_loses_nor_hurries_messages(settings: Settings, provider: ScriptedProvider) -> None:
    with at_work(settings, provider, SleepyBlacklist(0.3)) as broadcaster:
        send_all(broadcaster, provider)


def test_a_distant_redis_neither_loses_nor_hurries_messages(
    settings: Settings, provider: ScriptedProvider, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    with distant(str(valkey.socket_path), tmp_path, round_trip=0.05) as path:
        far = settings.model_copy(update={"redis_url": SecretStr(f"unix://{path}")})
        with at_work(far, provider) as broadcaster:
            send_all(broadcaster, provider)
